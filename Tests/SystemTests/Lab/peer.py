#!/usr/bin/env python3
"""peer.py serve NAME PORT | peer.py ask tcp|udp ADDRESS PORT [--parallel N] [--hold SECONDS] [--from-port P] [--timeout T]

The server says who it is and whom it sees, over HTTP, plain TCP lines and UDP, IPv4 and IPv6. The client prints what
it was told, or `refused`, `timeout`, `unreachable`. `--hold` keeps one TCP connection open, asks again every 200 ms and
prints the first and the last answer, and `broken` when it ended early. `--parallel` prints how many got which answer.
"""
import argparse, collections, errno, socket, sys, threading, time


def text(address):
    host = address[0][7:] if address[0].startswith("::ffff:") else address[0]
    return "[%s]:%d" % (host, address[1]) if ":" in host else "%s:%d" % (host, address[1])


def serve_client(name, connection, peer):
    said = "%s sees %s" % (name, text(peer))
    data = b""
    try:
        while True:
            piece = connection.recv(4096)
            if not piece:
                return
            data += piece
            if data.startswith(b"GET "):
                if b"\r\n\r\n" in data:
                    print("GET from", text(peer), flush=True)
                    body = (said + "\n").encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n"
                                       b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                    return
            elif data.endswith(b"\n"):
                connection.sendall((said + "\n").encode())
                data = b""
    except OSError:
        pass
    finally:
        connection.close()


def serve(name, port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    datagrams.bind(("::", port))

    def answer():
        while True:
            _, peer = datagrams.recvfrom(2048)
            datagrams.sendto(("%s sees %s\n" % (name, text(peer))).encode(), peer)
    threading.Thread(target=answer, daemon=True).start()
    while True:
        connection, peer = listener.accept()
        threading.Thread(target=serve_client, args=(name, connection, peer), daemon=True).start()


def word(error):
    if isinstance(error, socket.timeout):
        return "timeout"
    if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
        return "refused"
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return "unreachable"
    return "error %s" % error


def ask(a):
    family = socket.AF_INET6 if ":" in a.address else socket.AF_INET
    kind = socket.SOCK_STREAM if a.transport == "tcp" else socket.SOCK_DGRAM
    s = socket.socket(family, kind)
    s.settimeout(a.timeout)
    try:
        if a.from_port:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("", a.from_port))
        s.connect((a.address, a.port))
        s.sendall(b"who\n")
        first = s.recv(2048).decode().strip() or "refused"
        if not a.hold:
            return first
        print("first", first, flush=True)
        last, end = first, time.monotonic() + a.hold
        while time.monotonic() < end:
            time.sleep(0.2)
            try:
                s.sendall(b"who\n")
                last = s.recv(2048).decode().strip()
                if not last:
                    return "broken after " + first
            except OSError as error:
                return "broken (%s) after %s" % (word(error), first)
        return "last " + last
    except OSError as error:
        return word(error)
    finally:
        s.close()


def main():
    p = argparse.ArgumentParser()
    commands = p.add_subparsers(dest="command", required=True)
    c = commands.add_parser("serve")
    c.add_argument("name")
    c.add_argument("port", type=int)
    c = commands.add_parser("ask")
    c.add_argument("transport", choices=["tcp", "udp"])
    c.add_argument("address")
    c.add_argument("port", type=int)
    c.add_argument("--parallel", type=int, default=0)
    c.add_argument("--hold", type=float, default=0)
    c.add_argument("--from-port", type=int, default=0)
    c.add_argument("--timeout", type=float, default=2)
    a = p.parse_args()
    if a.command == "serve":
        serve(a.name, a.port)
    if not a.parallel:
        said = ask(a)
        print(said)
        sys.exit(0 if " sees " in said else 1)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(a).split(" ")[0])) for _ in range(a.parallel)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(" ".join("%s x%d" % item for item in sorted(collections.Counter(answers).items())))


main()
