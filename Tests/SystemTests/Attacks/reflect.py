"""W8: queries whose source is a service that answers anything, or the server itself; nothing may go round.

usage: reflect.py PORT   in a namespace of its own, as root: it writes whole IP packets and listens to all of the loopback
"""
import sys
from wire import *

port = int(sys.argv[1])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
tap.bind(("lo", 0))
tap.settimeout(0.3)


def send(source, source_port, octets):
    udp = struct.pack("!HHHH", source_port, port, 8 + len(octets), 0) + octets
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton("127.0.0.1"))
    raw.sendto(ip + udp, ("127.0.0.1", 0))


def sent_by_server(to):
    """UDP packets from the server to a port, until it is quiet."""
    count = 0
    try:
        for _ in range(100_000):
            packet, where = tap.recvfrom(65535)
            if where[2] == 4 or packet[9] != 17:  # outgoing copies
                continue
            start = (packet[0] & 15) * 4
            if struct.unpack("!HH", packet[start:start + 4]) == (port, to):
                count += 1
    except socket.timeout:
        pass
    return count


# The last one is what such a service says: no DNS, and not a response either.
for where in (0, 7, 13, 17, 19):
    for octets in (query("www.example.net"), query("www.example.net")[:20], b"\0" * 12, bytes(range(32, 104)) + b"\r\n"):
        for _ in range(5):
            send("127.0.0.1", where, octets)
    check(f"W8 source port {where}: silence", sent_by_server(where) == 0)
for octets in (query("www.example.net"), b"\0" * 12, query("www.example.net")[:20]):
    for _ in range(20):
        send("127.0.0.1", 53, octets)
    check("W8 source port 53: at most one answer each", sent_by_server(53) <= 20)
    for _ in range(20):
        send("127.0.0.1", port, octets)
    # The packets themselves are seen once each; an answer to itself would be seen too.
    check("W8 the server's own address: nothing goes round", sent_by_server(port) <= 40)
answer = ask(port, query("www.example.net"))
check("W8 still there", answer and answer.rcode == NOERROR)
done()
