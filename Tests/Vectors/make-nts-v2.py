#!/usr/bin/env python3
"""Makes nts-v2.txt from the tables of docs/nts-protocol.md and RFC 2136, 8945, 3123; shares no code with Torii."""
import hashlib, hmac, ipaddress, struct

KEY, SECRET, TIME = "router1.example.", bytes(range(32)), 1800000000


def wire(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.rstrip(".").split(".") if l) + b"\0"


def record(owner, kind, ttl, data):
    return wire(owner) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def permission(host, gn, ttl):
    network = ipaddress.ip_network(gn)
    octets = network.network_address.packed
    if network.prefixlen == network.max_prefixlen:
        return record(host, 1 if network.version == 4 else 28, ttl, octets)
    short = octets.rstrip(b"\0")
    return record(host, 42, ttl, struct.pack("!HBB", 1 if network.version == 4 else 2, network.prefixlen, len(short)) + short)


def message(ident, flags, updates, additionals=()):
    return (struct.pack("!HHHHHH", ident, flags, 1, 0, len(updates), len(additionals)) + wire("nts") + struct.pack("!HH", 6, 1)
            + b"".join(updates) + b"".join(additionals))


def signed(plain, prior=b"", stamp=TIME, secret=SECRET, error=0):
    head = b"" if not prior else struct.pack("!H", len(prior)) + prior
    variables = (wire(KEY) + struct.pack("!HI", 255, 0) + wire("hmac-sha256") + struct.pack("!Q", stamp)[2:]
                 + struct.pack("!HHH", 300, error, 0))
    mac = hmac.new(secret, head + plain + variables, hashlib.sha256).digest()
    data = (wire("hmac-sha256") + struct.pack("!Q", stamp)[2:] + struct.pack("!HH", 300, 32) + mac + plain[:2]
            + struct.pack("!HH", error, 0))
    count = struct.unpack("!H", plain[10:12])[0] + 1
    return (plain[:10] + struct.pack("!H", count) + plain[12:] + wire(KEY)
            + struct.pack("!HHIH", 250, 255, 0, len(data)) + data), mac


print("# NTS v2 messages (docs/nts-protocol.md), made by make-nts-v2.py from the field tables.")
print("# Key %s, hmac-sha256, secret %s; signed at %d seconds since 1970, fudge 300." % (KEY, SECRET.hex(), TIME))
print("# request | hex | id | host | gn | lifetime")
print("# response | hex | code | granted lifetime (- for none) | ports, or -       answers the request above it")
print("# registration | hex | router | port | prefixes | lifetime")
print("# bad | hex | why")


def case(ident, host, gn, ttl, responses):
    plain = message(ident, 0x2800, [permission(host, gn, ttl)])
    octets, mac = signed(plain)
    print("request | %s | %d | %s | %s | %d" % (octets.hex(), ident, host, gn, ttl))
    for code, granted, ports in responses:
        extra = [record("_%d._tcp.%s" % (a, host), 33, 1, struct.pack("!HHH", 0, 0, b) + wire(host)) for a, b in ports]
        answer = message(ident, 0xa800 | code, [permission(host, gn, granted)], extra)
        print("response | %s | %d | %s | %s" % (signed(answer, mac)[0].hex(), code, granted if code == 0 else "-",
                                                " ".join("tcp/%d=%d" % p for p in ports) or "-"))


case(0x1234, "alice.example.net.", "192.0.2.10/32", 60, [(0, 60, []), (0, 0, []), (3, 0, []), (5, 0, []), (2, 0, [])])
case(0x0001, "a-name-that-is-longer-than-thirty-two-octets.example.net.", "2001:db8:0:2::10/128", 300, [(0, 120, [])])
case(0xffff, "alice.example.net.", "198.51.100.0/24", 60, [(0, 30, [])])
case(0x00ff, "alice.example.net.", "2001:db8::/32", 60, [(0, 30, [])])
case(0x8000, "alice.example.net.", "192.0.2.10/32", 60, [(0, 60, [(443, 40001), (8080, 40002)])])
prefix = permission("router.nts.", "2001:db8:1::/48", 3600)
target = struct.pack("!HHH", 0, 0, 20053) + wire("router.nts.")
updates = [permission("router.nts.", "203.0.113.1/32", 3600), record("router.nts.", 33, 3600, target), prefix]
print("registration | %s | 203.0.113.1 | 20053 | 2001:db8:1::/48 | 3600" % signed(message(7, 0x2800, updates))[0].hex())
plain = message(0x1234, 0x2800, [permission("alice.example.net.", "192.0.2.10/32", 60)])
good = signed(plain)[0]
print("bad | %s | unsigned" % plain.hex())
print("bad | %s | signed with another secret" % signed(plain, secret=b"x" * 32)[0].hex())
print("bad | %s | signed 301 seconds earlier" % signed(plain, stamp=TIME - 301)[0].hex())
print("bad | %s | signed 301 seconds later" % signed(plain, stamp=TIME + 301)[0].hex())
at = good.index(b"\xc0\0\2\x0a")
print("bad | %s | another GN than was signed" % (good[:at] + b"\xc0\0\2\x0b" + good[at + 4:]).hex())
print("bad | %s | another id than was signed, in the TSIG record too" % (b"\x12\x35" + good[2:-6] + b"\x12\x35" + good[-4:]).hex())
print("bad | %s | another zone" % signed(plain.replace(b"\3nts\0", b"\3ntx\0"))[0].hex())
print("bad | %s | the type of the zone record is not SOA" % signed(plain.replace(b"\3nts\0\0\6", b"\3nts\0\0\1"))[0].hex())
print("bad | %s | no permission's type" % signed(message(1, 0x2800, [record("alice.example.net.", 16, 60, b"\1x")]))[0].hex())
print("bad | %s | an address of five octets" % signed(message(1, 0x2800, [record("alice.example.net.", 1, 60, b"\1\2\3\4\5")]))[0].hex())
print("bad | %s | a negated prefix" % signed(message(1, 0x2800, [record("alice.example.net.", 42, 60, b"\0\1\x18\x83\xc6\x33\x64")]))[0].hex())
print("bad | %s | octets after the signature" % (good + b"\0").hex())
print("bad | %s | seventeen permissions" % signed(message(1, 0x2800, [permission("a.example.", "192.0.2.%d/32" % n, 60) for n in range(17)]))[0].hex())
