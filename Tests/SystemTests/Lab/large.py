#!/usr/bin/env python3
"""large.py SERVER NAME ADDRESS: registers NAME by one UPDATE of 3 kB over UDP, which travels in fragments; prints the response code."""
import ipaddress, os, socket, struct, sys


def wire(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l) + b"\0"


def record(owner, kind, data):
    return wire(owner) + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


server, name, address = sys.argv[1], sys.argv[2], ipaddress.ip_address(sys.argv[3])
zone = name.split(".", 1)[1]
records = [record("padding%d.%s" % (n, zone), 16, b"\xff" + b"x" * 255) for n in range(11)]
records.append(record(name, 1 if address.version == 4 else 28, address.packed))
message = (os.urandom(2) + b"\x28\0" + struct.pack("!HHHH", 1, 0, len(records), 0) + wire(zone) + b"\0\6\0\1" + b"".join(records))
s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.sendto(message, (server, 53))
print(s.recv(4096)[3] & 15)
