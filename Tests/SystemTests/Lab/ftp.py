#!/usr/bin/env python3
"""ftp.py serve | ftp.py get ADDRESS passive|active: a small FTP server on port 21 with one file, and its client.

The server tells its own, private address in its passive replies, as servers behind a NAT do.
"""
import ftplib, socket, sys, threading

CONTENT = b"the file from behind the router\r\n" * 100


def session(control, address):
    data, target = None, None

    def say(text):
        control.sendall((text + "\r\n").encode())

    def transfer():
        if data:
            connection = data.accept()[0]
        else:
            connection = socket.create_connection(target, timeout=3)
        with connection:
            connection.sendall(CONTENT)
    say("220 ready")
    for line in control.makefile("r", newline="\r\n"):
        verb, _, rest = line.strip().partition(" ")
        verb = verb.upper()
        if verb == "PASV":
            data = socket.create_server((address, 0))
            port = data.getsockname()[1]
            say("227 Entering Passive Mode (%s,%d,%d)" % (address.replace(".", ","), port >> 8, port & 255))
        elif verb == "PORT":
            parts = rest.split(",")
            target = (".".join(parts[:4]), int(parts[4]) << 8 | int(parts[5]))
            say("200 ok")
        elif verb == "RETR":
            say("150 here it comes")
            try:
                transfer()
                say("226 done")
            except OSError as error:
                say("425 %s" % error)
        elif verb == "QUIT":
            say("221 bye")
            return
        else:
            say({"USER": "331 password", "PASS": "230 in", "TYPE": "200 ok"}.get(verb, "502 no"))


def serve():
    listener = socket.create_server(("0.0.0.0", 21))
    while True:
        control, _ = listener.accept()
        threading.Thread(target=session, args=(control, control.getsockname()[0]), daemon=True).start()


if sys.argv[1] == "serve":
    serve()
got = []
try:
    client = ftplib.FTP(timeout=4)
    client.connect(sys.argv[2], 21)
    client.trust_server_pasv_ipv4_address = True
    client.login()
    client.set_pasv(sys.argv[3] == "passive")
    client.retrbinary("RETR file", got.append)
    client.quit()
    print("got %d octets" % len(b"".join(got)) if b"".join(got) == CONTENT else "got something else")
except (OSError, EOFError, ftplib.Error) as error:
    print("failed: %s" % error)
