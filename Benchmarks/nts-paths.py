#!/usr/bin/env python3
"""The parts of the comparison of ways to a host behind a NAT (Benchmarks/nts-paths).

    nts-paths.py serve PORT                          on the private host: sends as many octets as it is asked for
    nts-paths.py relay PUBLIC INSIDE                 a relay: pairs who comes to PUBLIC with a connection kept at INSIDE
    nts-paths.py keep RELAY INSIDE HOST PORT         beside the host: keeps connections to the relay's INSIDE port
    nts-paths.py visit SERVER NAME PORT OCTETS COUNT [PAUSE]   asks SERVER for NAME, connects, asks for OCTETS

A visit begins with the question and goes on with a TCP question when the answer is truncated. Prints milliseconds to the
answer and to the first octet: median, and of them all the largest.
"""
import os, queue, socket, struct, sys, threading, time


def pump(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def join(a, b):
    for s in (a, b):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=pump, args=(a, b), daemon=True).start()
    pump(b, a)


def serve(port):
    listener = socket.create_server(("0.0.0.0", port), backlog=256)
    block = b"x" * 65536

    def answer(s):
        with s:
            left = int(s.makefile("rb").readline())
            while left > 0:
                left -= s.send(block[:left])
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def relay(public, inside):
    waiting = queue.Queue()

    def homes():
        listener = socket.create_server(("0.0.0.0", inside), backlog=256)
        while True:
            waiting.put(listener.accept()[0])
    threading.Thread(target=homes, daemon=True).start()
    listener = socket.create_server(("0.0.0.0", public), backlog=256)
    while True:
        threading.Thread(target=lambda c: join(c, waiting.get()), args=(listener.accept()[0],), daemon=True).start()


def keep(server, inside, host, port):
    def one():
        while True:
            try:
                s = socket.create_connection((server, inside))
                first = s.recv(65536)
                if first:
                    home = socket.create_connection((host, port))
                    home.sendall(first)
                    threading.Thread(target=join, args=(home, s), daemon=True).start()
            except OSError:
                time.sleep(0.1)
    for _ in range(4):
        threading.Thread(target=one, daemon=True).start()
    time.sleep(3600)


def resolve(server, name):
    message = (os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
               + b"\0\0\1\0\1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.connect((server, 53))
        s.send(message)
        answer = s.recv(4096)
    if answer[2] & 2:
        with socket.create_connection((server, 53), 3) as s:
            s.sendall(struct.pack("!H", len(message)) + message)
            octets = s.makefile("rb")
            answer = octets.read(struct.unpack("!H", octets.read(2))[0])
    return socket.inet_ntoa(answer[-4:])


def visit(server, name, port, octets, count, pause):
    answers, firsts = [], []
    for _ in range(count):
        begin = time.perf_counter()
        address = resolve(server, name)
        answers.append(time.perf_counter() - begin)
        with socket.create_connection((address, port), 5) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sendall(b"%d\n" % octets)
            got = len(s.recv(65536))
            firsts.append(time.perf_counter() - begin)
            while got < octets:
                got += len(s.recv(65536)) or sys.exit("cut short")
        time.sleep(pause)
    middle = lambda v: sorted(v)[len(v) // 2] * 1000
    print("%.1f %.1f %.1f" % (middle(answers), middle(firsts), max(firsts) * 1000))


verb, words = sys.argv[1], sys.argv[2:]
if verb == "serve":
    serve(int(words[0]))
elif verb == "relay":
    relay(int(words[0]), int(words[1]))
elif verb == "keep":
    keep(words[0], int(words[1]), words[2], int(words[3]))
elif verb == "visit":
    visit(words[0], words[1], int(words[2]), int(words[3]), int(words[4]), float((words + ["0"])[5]))
