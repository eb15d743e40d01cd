#!/usr/bin/env python3
"""spoof.py SOURCE SPORT DESTINATION DPORT HEX: one UDP packet with a forged source. Root."""
import socket, struct, sys

source, sport, destination, dport, data = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), bytes.fromhex(sys.argv[5])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source),
                 socket.inet_aton(destination))
s.sendto(ip + udp, (destination, 0))
