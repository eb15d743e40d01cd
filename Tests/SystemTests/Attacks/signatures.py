"""U1: every fault of a TSIG, over every transport: the right code, the TSIG error record, and nothing changes.

usage: signatures.py PORT TLSPORT
"""
import sys
from wire import *

port, tls = int(sys.argv[1]), int(sys.argv[2])
ZONE, KEY = "example.net", "update.example"
BADSIG, BADKEY, BADTIME, BADTRUNC = 16, 17, 18, 22
now = int(time.time())
number = 0


def change():
    global number
    number += 1
    owner = f"u1-{number}.{ZONE}"
    return owner, update(ZONE, [record(owner, 1, ttl=60, rdata=bytes([192, 0, 2, 1]))], ident=number)


FAULTS = [
    # what, arguments of sign, code, TSIG error (None: no TSIG in the response), whether the response is signed
    ("unknown key", dict(key="nobody.example"), NOTAUTH, BADKEY, False),
    ("known key, other algorithm", dict(key=KEY, algorithm="hmac-sha512"), NOTAUTH, BADKEY, False),
    ("unknown algorithm", dict(key=KEY, named="hmac-nonsense"), NOTAUTH, BADKEY, False),
    ("algorithm by its long name for another", dict(key=KEY, named="hmac-md5.sig-alg.reg.int"), NOTAUTH, BADKEY, False),
    ("wrong MAC", dict(key=KEY, spoil=True), NOTAUTH, BADSIG, False),
    ("wrong secret", dict(key=KEY, secret="d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldCB3cm9uZyE="), NOTAUTH, BADSIG, False),
    ("an hour ago", dict(key=KEY, when=now - 3600), NOTAUTH, BADTIME, True),
    ("in an hour", dict(key=KEY, when=now + 3600), NOTAUTH, BADTIME, True),
    ("48 bits of time", dict(key=KEY, when=(1 << 48) - 1), NOTAUTH, BADTIME, True),
    ("fudge of zero, a minute ago", dict(key=KEY, when=now - 60, fudge=0), NOTAUTH, BADTIME, True),
    ("MAC of nine octets", dict(key=KEY, size=9), FORMERR, None, False),
    ("MAC of less than half", dict(key=KEY, size=15), FORMERR, None, False),
    ("no MAC", dict(key=KEY, size=0), FORMERR, None, False),
    ("MAC longer than the digest", dict(key=KEY, size=33), FORMERR, None, False),
    ("truncated and wrong", dict(key=KEY, size=16, spoil=True), NOTAUTH, BADSIG, False),
]

for transport, at in (("udp", port), ("tcp", port), ("tls", tls)):
    before = serial(port, ZONE)
    for what, arguments, code, error, signed in FAULTS:
        owner, octets = change()
        answer = ask(at, sign(octets, **arguments), transport)
        label = f"U1 {transport} {what}:"
        check(label, answer is not None, "silence")
        if answer is None:
            continue
        check(label + " code", answer.rcode == code, answer.rcode)
        check(label + " TSIG", (answer.tsig or {}).get("error") == error, answer.tsig)
        if answer.tsig:
            check(label + " MAC", bool(answer.tsig["mac"]) == signed, answer.tsig)
            check(label + " time", error != BADTIME or len(answer.tsig["other"]) == 6, answer.tsig)
        check(label + " nothing changed", ask(port, query(owner)).rcode == NXDOMAIN)
    check(f"U1 {transport}: serial", serial(port, ZONE) == before)

    # A MAC cut to half its length counts (RFC 8945 5.2.2.1); the key's name is compared without case.
    for what, arguments in (("half a MAC", dict(key=KEY, size=16)), ("another case", dict(key="UPDATE.Example"))):
        owner, octets = change()
        answer = ask(at, sign(octets, **arguments), transport)
        check(f"U1 {transport} {what}: done", answer and answer.rcode == NOERROR and answer.tsig and answer.tsig["mac"])
        check(f"U1 {transport} {what}: there", ask(port, query(owner)).rcode == NOERROR)

    # A copy from elsewhere is refused and does nothing; the sender's own repetition gets the first response again.
    owner, octets = change()
    first = sign(octets, KEY)
    client = Client(transport, at)
    answer = client.ask(first)
    check(f"U1 {transport} before the copy", answer and answer.rcode == NOERROR)
    again = client.ask(first)
    check(f"U1 {transport} repetition: the same response", again and again.rcode == NOERROR and again.tsig["mac"])
    gone = update(ZONE, [record(owner, 255, 255)], ident=7)
    check(f"U1 {transport} deletion", ask(port, sign(gone, KEY)).rcode == NOERROR)
    held = serial(port, ZONE)
    check(f"U1 {transport} repetition after the deletion", client.ask(first).rcode == NOERROR)
    client.close()
    copy = ask(at, first, transport)
    check(f"U1 {transport} copy: NOTAUTH, BADTIME, signed",
          copy and copy.rcode == NOTAUTH and copy.tsig["error"] == BADTIME and copy.tsig["mac"], copy and copy.tsig)
    cut = sign(octets, KEY, size=16)
    check(f"U1 {transport} copy with a shorter MAC", ask(at, cut, transport).rcode == NOTAUTH)
    check(f"U1 {transport} copies change nothing", ask(port, query(owner)).rcode == NXDOMAIN and serial(port, ZONE) == held)

    # Forms (RFC 8945 5.1): two, not last, in another section, wrong class or TTL, octets after its data.
    owner, octets = change()
    good = sign(octets, KEY)
    tsig = good[len(octets):]
    def bent(sections):
        return message(9, 5 << 11, [question(ZONE, 6)], *sections)
    adding = record(owner, 1, ttl=60, rdata=bytes([192, 0, 2, 1]))
    address = record("x.example.net", 1, ttl=60, rdata=bytes([192, 0, 2, 1]))
    for what, bad in (
        ("two", bent([[], [adding], [tsig, tsig]])), ("not last", bent([[], [adding], [tsig, address]])),
        ("among the updates", bent([[], [adding, tsig], []])), ("among the prerequisites", bent([[tsig], [adding], []])),
        ("class IN", good[:-len(tsig)] + tsig.replace(struct.pack("!HH", 250, 255), struct.pack("!HH", 250, 1), 1)),
        ("data cut short", bent([[], [adding], [record(KEY, 250, 255, 0, tsig[len(name(KEY)) + 10:-3])]])),
        ("octets after its data", bent([[], [adding], [record(KEY, 250, 255, 0, tsig[len(name(KEY)) + 10:] + b"xx")]])),
    ):
        answer = ask(at, bad, transport)
        check(f"U1 {transport} {what}: FORMERR", answer and answer.rcode in (FORMERR, NOTAUTH), answer and answer.rcode)
        check(f"U1 {transport} {what}: nothing changed", ask(port, query(owner)).rcode == NXDOMAIN)

# EDE tells the authenticated client, and only that one, why (RFC 8914).
owner, octets = change()
with_opt = octets[:10] + struct.pack("!H", 1) + octets[12:] + b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
answer = ask(port, sign(with_opt, "useless.example"))
check("U1 reason for who is known", answer.rcode == REFUSED and any("useless.example" in x[1] for x in answer.texts), answer.texts)
answer = ask(port, with_opt)
check("U1 none for strangers", answer.rcode == REFUSED and not any(x[1] for x in answer.texts), answer.texts)
done()
