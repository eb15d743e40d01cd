"""W1, W3, W5, W6: floods of malformed messages; memory stays, processor time is bounded, the server answers.

usage: flood.py PORT PID COUNT
"""
import sys
from wire import *

port, pid, count = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
SHORT = b"\0" + struct.pack("!HHIH", 250, 255, 0, 0)
OPT = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
WWW = question("www.example.net")


def cpu():
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def flood(what, kinds, total, code=FORMERR):
    """Sends the messages in turn, 64 outstanding; each is answered with `code`."""
    client = Client("udp", port)
    sent = answered = wrong = 0
    while answered < total:
        while sent - answered < 64 and sent < total:
            octets = kinds[sent % len(kinds)]
            client.send(struct.pack("!H", sent & 0xffff) + octets[2:])
            sent += 1
        try:
            reply = client.receive()
        except socket.timeout:
            break
        answered += 1
        wrong += reply[3] & 15 != code
    check(f"{what}: all answered", answered == total, f"{answered} of {total}")
    check(f"{what}: code {code}", wrong == 0, wrong)


three = message(1, 0, [WWW[:0] + question("")], [], [], [SHORT] * 3)
assert len(three) <= 60
W1 = [three, message(1, 0, [WWW], [], [], [SHORT, SHORT]), message(1, 0, [WWW], [], [], [OPT, OPT]),
      message(1, 0, [WWW], [], [], [SHORT, OPT]), message(1, 0, [WWW], [SHORT], [], [])]
flood("W1 warm", W1, 5000)
before, used = resident(pid), cpu()
flood("W1", W1, count)
check("W1 memory", resident(pid) - before < 1 << 20, f"{(resident(pid) - before) >> 10} KiB for {count} messages")
print(f"W1: {count} messages, memory {(resident(pid) - before) >> 10:+} KiB, {(cpu() - used) / count * 1e6:.1f} us each")

header = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0)
W3 = [header + b"\xc0\x0c\0\1\0\1", header + b"\xc0\x40\0\1\0\1", header + b"\x01a\xc0\x0c\0\1\0\1", header + b"\xc0\x0e\xc0\x0c\0\1\0\1",
      header + b"\x3f" + b"a" * 10, header + b"\x80\x00\0\1\0\1", header + (b"\x3f" + b"a" * 63) * 5 + b"\0\0\1\0\1",
      message(1, 5 << 11, [question("open.example.org", 6)], [], [record("x.open.example.org", 5, ttl=60, rdata=b"\xc0\xff")], []),
      message(1, 5 << 11, [question("open.example.org", 6)], [], [record("x.open.example.org", 15, ttl=60, rdata=b"\0\1\x3fabc")], [])]
flood("W3", W3, count // 10)

W6 = [struct.pack("!HHHHHH", 1, 0, 1, 65535, 65535, 65535) + WWW, struct.pack("!HHHHHH", 1, 0, 65535, 0, 0, 0) + WWW,
      struct.pack("!HHHHHH", 1, 5 << 11, 1, 65535, 65535, 0) + question("open.example.org", 6)]
flood("W6", W6, count // 10)
# 65535 records that are there, over TCP: duplicates of SOA, CNAME, DNAME in every section.
for rtype, data in ((6, name("a") * 2 + bytes(20)), (5, name("a")), (39, name("a"))):
    one = b"\xc0\x0c" + struct.pack("!HHIH", rtype, 1, 60, len(data)) + data
    many = min(65535, (65000 - 40) // len(one))
    octets = struct.pack("!HHHHHH", 7, 0, 1, many, 0, 0) + WWW + one * many
    used = cpu()
    answer = ask(port, octets, "tcp")
    check(f"W6 {many} records of type {rtype}", answer is None or answer.rcode in (NOERROR, FORMERR), answer and answer.rcode)
    check("W6 processor time", cpu() - used < 0.5, cpu() - used)

options = b"".join(struct.pack("!HH", 65001, 0) for _ in range(16000))
W5 = message(1, 0, [WWW], [], [], [b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(options)) + options])
used = cpu()
client = Client("tcp", port)
for _ in range(50):
    answer = client.ask(W5)
    check("W5 answer", answer and answer.rcode in (NOERROR, FORMERR) and len(answer.octets) < 1232)
check("W5 processor time", (cpu() - used) / 50 < 0.05, (cpu() - used) / 50)
check("still there", ask(port, query("www.example.net")).rcode == NOERROR)
check("memory in the end", resident(pid) - before < 8 << 20, f"{(resident(pid) - before) >> 10} KiB")
done()
