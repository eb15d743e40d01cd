#!/usr/bin/env python3
"""talk.py serve PORT | talk.py listen ADDRESS PORT SECONDS: a server that talks without being asked, every 20 ms.

The listener prints how long it still heard something, in tenths of a second.
"""
import socket, sys, threading, time


def talk(connection):
    try:
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)
    except OSError:
        connection.close()


if sys.argv[1] == "serve":
    listener = socket.create_server(("0.0.0.0", int(sys.argv[2])))
    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
begin = last = time.monotonic()
s = socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=2)
s.settimeout(0.2)
print("connected", flush=True)
while time.monotonic() < begin + float(sys.argv[4]):
    try:
        if not s.recv(100):
            break
        last = time.monotonic()
    except socket.timeout:
        pass
    except OSError:
        break
print("heard for %d" % ((last - begin) * 10))
