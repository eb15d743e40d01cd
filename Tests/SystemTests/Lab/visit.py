#!/usr/bin/env python3
"""visit.py MOMENT SERVER NAME PORT: at MOMENT (seconds since 1970) asks SERVER for NAME and connects at once, as a browser does.

One process from the question to the connection: what a program's start takes would count as the asker's dawdling.
Prints what the host there says of itself, or `refused`, `timeout`, `no answer`.
"""
import os, socket, struct, sys, time

moment, server, name, port = float(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
question = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0\0\x01\0\x01"
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.connect((server, 53))
asking.settimeout(5)
visiting = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
visiting.settimeout(3)
time.sleep(max(0, moment - time.time()))
asking.send(os.urandom(2) + b"\x01\0\0\x01\0\0\0\0\0\0" + question)
try:
    answer = asking.recv(4096)
    if struct.unpack("!H", answer[6:8])[0] == 0:
        sys.exit("no answer")
    visiting.connect((socket.inet_ntoa(answer[-4:]), port))
    visiting.sendall(b"who\n")
    print(visiting.recv(2048).decode().strip() or "refused")
except socket.timeout:
    print("timeout")
except OSError:
    print("refused")
