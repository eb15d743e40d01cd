"""A primary that sends zones no good server would, over UDP (SOA) and TCP (AXFR), until it is ended (W4, U6, U7, F5).

usage: primary.py [KEY]   prints its port, then the names of its zones: `good NAME` or `bad NAME REASON`
"""
import signal, socketserver, sys, threading
from wire import *
from forms import *

KEY = sys.argv[1] if len(sys.argv) > 1 else None
SOA = name("ns.example.org") + name("admin.example.org") + struct.pack("!IIIII", 7, 3600, 900, 1209600, 60)
zones, verdicts = {}, {}


def zone(label_, extra, verdict, soa=None, last=None, split=False, unsigned=()):
    apex = f"{label_}.example"
    first = record(apex, 6, ttl=60, rdata=SOA if soa is None else soa)
    middle = [record(apex, 2, ttl=60, rdata=name("ns.example.org"))] + [x if isinstance(x, bytes) else x(apex) for x in extra]
    closing = first if last is None else last(apex)
    zones[name(apex).lower()] = ([first], middle, [closing], split, unsigned)
    verdicts[apex] = verdict


if not KEY:
    count = 0
    for rtype, data, certain in bent():
        if certain and rtype != 6:
            count += 1
            zone(f"bad{count}", [lambda a, t=rtype, d=data: record(f"x.{a}", t, ttl=60, rdata=d)], f"bad type {rtype} {data.hex()[:40]}")
    zone("good-types", [lambda a, t=t, d=d: record(f"t{t}.{a}", t, ttl=60, rdata=d) for t, d in GOOD.items() if t not in (24, 46, 47, 50, 51)], "good")
    zone("good-labels", [lambda a, o=o: record(label(o, a), 1, ttl=60, rdata=bytes([192, 0, 2, 1])) for o in ODD]
         + [lambda a, i=i, o=o: record(f"mx{i}.{a}", 15, ttl=60, rdata=U16(1) + label(o, a)) for i, o in enumerate(ODD)]
         + [lambda a, i=i, o=o: record(f"txt{i}.{a}", 16, ttl=60, rdata=bytes([len(o)]) + o) for i, o in enumerate(ODD_TEXTS)], "good")
    zone("outside", [record(label(b"x.outside", "example"), 1, ttl=60, rdata=bytes(4)), record("www.example.com", 1, ttl=60, rdata=bytes(4))], "bad out of zone")
    zone("cname", [lambda a: record(f"x.{a}", 5, ttl=60, rdata=TARGET), lambda a: record(f"x.{a}", 1, ttl=60, rdata=bytes(4))], "bad CNAME beside data")
    zone("two-dnames", [lambda a: record(f"x.{a}", 39, ttl=60, rdata=TARGET), lambda a: record(f"x.{a}", 39, ttl=60, rdata=name("other.example"))], "bad two DNAMEs")
    zone("two-soas", [lambda a: record(a, 6, ttl=60, rdata=SOA[:-1] + b"\x01")], "bad two SOAs")
    zone("other-last", [], "bad last SOA differs", last=lambda a: record(a, 6, ttl=60, rdata=SOA[:-20] + U32(8) + SOA[-16:]))
    zone("class", [lambda a: record(f"x.{a}", 1, 3, 60, bytes(4))], "bad class")
    zone("meta", [lambda a: record(f"x.{a}", 255, 1, 60, b"")], "bad meta type")
    zone("opt", [lambda a: record(f"x.{a}", 41, 1232, 0, b"")], "bad OPT in the answer")
    zone("length", [lambda a: record(f"x.{a}", 1, 1, 60, bytes(4), length=400)], "bad length")
    zone("compress", [lambda a: record(f"n{i}." + ".".join(["a"] * 112) + "." + a, 1, ttl=60, rdata=bytes(4)) for i in range(500)], "good")
    # W2: messages of 3,000 records whose owner is a pointer, in all but the first to a name of 125 labels.
    tail = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4)
    zone("pointers", [tail + struct.pack("!I", i) for i in range(2998)]
         + [lambda a, m=m, i=i: record(f"m{m}." + ".".join(["a"] * 111) + "." + a, 1, ttl=60, rdata=struct.pack("!I", i)) if i == 0
            else tail + struct.pack("!I", i) for m in range(5) for i in range(3000)], "good", split=3000)
else:
    # U6: a transfer in which only some messages are signed (RFC 8945 5.3.1 bids at most 99 unsigned; the last must be).
    many = [lambda a, i=i: record(f"n{i}.{a}", 1, ttl=60, rdata=bytes(4)) for i in range(300)]
    zone("all-signed", many, "good", split=True)
    zone("last-unsigned", many, "bad last message unsigned", split=True, unsigned=("last",))
    zone("first-unsigned", many, "bad first message unsigned", split=True, unsigned=("first",))
    zone("none-signed", many, "bad no message signed", split=True, unsigned=("first", "middle", "last"))
    zone("spoiled", many, "bad one MAC wrong", split=True, unsigned=("spoiled",))
    zone("hundred", many, "bad more than 99 unsigned in a row", split=True, unsigned=("middle",))


def answers(octets, stream):
    """The responses to one query."""
    ident = struct.unpack("!H", octets[:2])[0]
    at = 12
    while octets[at]:
        at += 1 + octets[at]
    at += 1
    apex, asked = octets[12:at].lower(), octets[12:at + 4]
    qtype = struct.unpack("!H", octets[at:at + 2])[0]
    if apex not in zones:
        return [message(ident, 0x8400 | REFUSED, [asked])]
    first, middle, last, split, unsigned = zones[apex]
    if qtype == 6 or not stream:
        reply = message(ident, 0x8400, [asked], first)
        return [sign(reply, KEY, prior=struct.pack("!H", len(mac_of(octets))) + mac_of(octets))] if KEY else [reply]
    records = first + middle + last
    step = {True: 2, False: 100}.get(split, split)
    parts = [records[i:i + step] for i in range(0, len(records), step)]
    out, prior, pending = [], struct.pack("!H", len(mac_of(octets))) + mac_of(octets), b""
    for index, part in enumerate(parts):
        reply = message(ident, 0x8400, [asked] if index == 0 else [], part)
        role = "first" if index == 0 else "last" if index == len(parts) - 1 else "middle"
        if not KEY:
            out.append(reply)
            continue
        if role in unsigned:
            pending += reply
            out.append(reply)
            continue
        signed = sign_next(reply, prior, pending, index == 0 or not prior, "spoiled" in unsigned and index == 50)
        prior, pending = struct.pack("!H", len(mac_of(signed))) + mac_of(signed), b""
        out.append(signed)
    return out


def sign_next(octets, prior, pending, whole, spoil):
    """RFC 8945 5.3.1: the first message with all variables, later ones with the time only."""
    if whole:
        return sign(octets, KEY, prior=prior, spoil=spoil)
    when, fudge = int(time.time()), 300
    timers = struct.pack("!HIH", when >> 32, when & 0xffffffff, fudge)
    mac = hmac.new(base64.b64decode(SECRET), prior + pending + octets + timers, hashlib.sha256).digest()
    if spoil:
        mac = bytes([mac[0] ^ 1]) + mac[1:]
    rdata = name("hmac-sha256") + timers + struct.pack("!H", len(mac)) + mac + octets[:2] + struct.pack("!HH", 0, 0)
    return octets[:10] + struct.pack("!H", struct.unpack("!H", octets[10:12])[0] + 1) + octets[12:] + record(KEY, 250, 255, 0, rdata)


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        for reply in answers(self.request[0], False):
            self.request[1].sendto(reply, self.client_address)


class Stream(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while True:
                head = self.request.recv(2)
                if len(head) < 2:
                    return
                octets = self.request.recv(struct.unpack("!H", head)[0])
                for reply in answers(octets, True):
                    self.request.sendall(struct.pack("!H", len(reply)) + reply)
        except OSError:
            pass


class TCP(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 256


tcp = TCP(("127.0.0.1", 0), Stream)
udp = socketserver.ThreadingUDPServer(tcp.server_address, Datagram)
for server in (tcp, udp):
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(tcp.server_address[1])
for apex, verdict in verdicts.items():
    print(verdict.split(" ")[0], apex, verdict)
print("ready", flush=True)
signal.pause()
