"""W4 and U7 by UPDATE: malformed record data of every type, odd labels and texts; then the export must read back equal.

usage: records.py PORT
"""
import sys
from wire import *
from forms import *

port, ZONE = int(sys.argv[1]), "open.example.org"
client = Client("tcp", port)
number = 0


def send(*updates):
    global number
    number += 1
    answer = client.ask(update(ZONE, updates, ident=number & 0xffff))
    return answer.rcode if answer else None


before = serial(port, ZONE)
for rtype, data, certain in bent():
    owner = f"w4-{rtype}-{number}.{ZONE}"
    code = send(record(owner, rtype, ttl=60, rdata=data))
    label_ = f"W4 type {rtype} data {data.hex()[:60]}"
    check(label_, code == FORMERR or (not certain and code in (NOERROR, REFUSED)), code)
    # As a prerequisite and as a deletion it is the same (RFC 2136 3.2, 3.4.1.2).
    if certain:
        number += 1
        answer = client.ask(update(ZONE, [], [record(owner, rtype, ttl=0, rdata=data)], ident=number & 0xffff))
        check(label_ + " prerequisite", answer and answer.rcode == FORMERR, answer and answer.rcode)
        check(label_ + " deletion", send(record(owner, rtype, 254, 0, data)) == FORMERR)
# The record's length against the message's end.
for length in (0, 3, 5, 0x1000, 0xffff):
    number += 1
    answer = client.ask(update(ZONE, [record(f"len.{ZONE}", 1, ttl=60, rdata=bytes(4), length=length)], ident=number & 0xffff))
    check(f"W4 length {length}", answer and answer.rcode == FORMERR, answer and answer.rcode)
for rtype, data in sorted(GOOD.items()):
    code = send(record(f"good-{rtype}.{ZONE}", rtype, ttl=60, rdata=data))
    check(f"W4 good type {rtype}", code == NOERROR, code)
for index, octets in enumerate(ODD):
    code = send(record(label(octets, ZONE), 1, ttl=60, rdata=bytes([192, 0, 2, 1])),
                record(f"to-{index}.{ZONE}", 15, ttl=60, rdata=U16(1) + label(octets, "example.org")))
    check(f"U7 label {octets!r}", code == NOERROR, code)
for index, octets in enumerate(ODD_TEXTS):
    code = send(record(f"text-{index}.{ZONE}", 16, ttl=60, rdata=bytes([len(octets)]) + octets))
    check(f"U7 text {octets[:9]!r}", code == NOERROR, code)
check("U7 out of zone", send(record(label(b"open.example.org", "example.com"), 1, ttl=60, rdata=bytes(4))) == NOTZONE)
done()
