#!/usr/bin/env python3
"""pieces.py SERVER NAME ADDRESS: an UPDATE over TCP, sent in pieces of three octets; prints nothing when it is taken."""
import socket, struct, sys, time

server, name, address = sys.argv[1:4]


def wire(n):
    return b"".join(bytes([len(l)]) + l.encode() for l in n.split(".") if l) + b"\0"


zone = name.split(".", 1)[1]
message = (b"\x12\x34\x28\0\0\x01\0\0\0\x01\0\0" + wire(zone) + b"\0\x06\0\x01" + wire(name)
           + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address))
s = socket.create_connection((server, 53), timeout=5)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
framed = struct.pack("!H", len(message)) + message
for at in range(0, len(framed), 3):
    s.sendall(framed[at:at + 3])
    time.sleep(0.002)
answer = b""
while len(answer) < 14:
    piece = s.recv(4096)
    if not piece:
        sys.exit("the connection ended")
    answer += piece
if answer[5] & 15:
    print("rcode", answer[5] & 15)
