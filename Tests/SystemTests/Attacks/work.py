"""W and R: messages that cost much to read, and zones that make a resolver work for them."""

import os
import random
import socket
import struct
import threading
import time

import dns.exception
from rig import SCALE, Latency, addresses, ask, name, p99, query, rcode, rr, soa, void_packets

def w2(stage):
    """A 64 KB response of 4,000 records whose owner points to a name of 125 labels costs less than 10 ms of CPU."""
    servers, tree = stage.servers, stage.tree
    deep = b"\1a" * 110 + name("w2.example.").to_wire()

    def burn(q):
        if not q.is_tcp:
            return q.reply(tc=True)
        question = q.wire[12:12 + len(q.name.to_wire()) + 4]
        header = struct.pack("!HHHHHH", q.id, 0x8400, 1, 3900, 0, 0)
        first = deep + struct.pack("!HHIH", 1, 1, 300, 4) + bytes([192, 0, 2, 1])
        pointer = struct.pack("!H", 0xC000 | (12 + len(question)))
        rest = b"".join(pointer + struct.pack("!HHIH", 1, 1, 300, 4) + struct.pack("!I", 0xC0000000 + i) for i in range(3899))
        return header + question + first + rest

    tree.delegate("w2.example.", "127.66.2.1")
    servers.on("127.66.2.1", burn)
    with stage.daemon("limits: { response-records: 4096 }") as daemon:
        ask("warm.good.example.")
        before, count = daemon.cpu, 20
        codes = {rcode(ask("q%d.w2.example." % i)) for i in range(count)}
        cost = (daemon.cpu - before) / count
        stage.figure("CPU ms a message", cost * 1000)
        stage.figure("rcodes", ",".join(sorted(codes)))
        stage.check(codes <= {"SERVFAIL", "NOERROR"}, "rcodes %s" % codes)
        # A debug build is many times slower; the figure itself is for an optimised one.
        stage.check(cost < (0.010 if stage.is_optimised else 0.2), "%.1f ms a message" % (cost * 1000))


MALFORMED = {
    "SVCB": ["", "0001", "000100ff", "00010000010002", "000100" + "00010003616263", "00010000040001aa00030002"],
    "HTTPS": ["", "0001", "00010000010002", "0001000004000100"],
    "APL": ["00", "00010a", "000120ff0a", "0003080201"],
    "NSEC": ["", "00", "000000", "00" + "0021" + "00" * 33, "000001" + "40" + "0000" + "ff"],
    "NSEC3": ["", "0100000000", "01000001ff00", "010000010014"],
    "DNSKEY": ["", "0100", "010003", "010103"],
    "DS": ["", "0001", "000108"],
    "RRSIG": ["", "0001080200", "00010802000000010000000200000003"],
    "LOC": ["", "00", "0012161300000000", "00" * 15],
    "CAA": ["", "00", "00ff61", "0005"],
    "MX": ["", "00", "0001", "0001ff", "000100aa"],
    "SOA": ["", "00", "0000", "0000" + "00" * 19, "0000" + "00" * 21],
    "TXT": ["", "05616263", "ff"],
    "A": ["", "c00002", "c000020100"],
    "AAAA": ["", "20010db8", "00" * 17],
    "NAPTR": ["", "00010001", "0001000105"],
    "SRV": ["", "00010001", "000100010035"],
    "HIP": ["", "0402", "ff0200ff"],
    "TLSA": ["", "03", "0301"],
    "SSHFP": ["", "01"],
    "IPSECKEY": ["", "0a01", "0a0302"],
    "CSYNC": ["", "0000", "000000010003ff"],
    "ZONEMD": ["", "00000001", "000000010101"],
    "TYPE64000": [""],
    "AMTRELAY": ["", "0a", "0a01c0"],
}


def w4(stage):
    """Record data that does not have its type's form is never handed on, type by type, and nothing falls over."""
    servers, tree = stage.servers, stage.tree
    kinds = [(k, i) for k, forms in MALFORMED.items() if k != "TYPE64000" for i in range(len(forms))]

    def broken(q):
        label = q.name.labels[0].decode()
        if q.kind not in MALFORMED or not label.startswith("m"):
            return q.negative("w4.example.", rcode=0)
        data = bytes.fromhex(MALFORMED[q.kind][int(label[1:])])
        question = q.wire[12:12 + len(q.name.to_wire()) + 4]
        number = struct.unpack("!H", question[-4:-2])[0]
        return (struct.pack("!HHHHHH", q.id, 0x8400, 1, 1, 0, 0) + question + b"\xc0\x0c"
                + struct.pack("!HHIH", number, 1, 300, len(data)) + data)

    tree.delegate("w4.example.", "127.66.2.4")
    servers.on("127.66.2.4", broken)
    with stage.daemon() as daemon:
        bad = []
        for kind, index in kinds:
            try:
                answer = ask("m%d.w4.example." % index, kind)
            except dns.exception.DNSException as error:
                bad.append("%s/%s handed on: %s" % (kind, MALFORMED[kind][index], error))
                continue
            if answer is None or answer.answer and not well_formed(kind, answer):
                bad.append("%s/%s %s" % (kind, MALFORMED[kind][index], answer and answer.answer))
        stage.figure("forms", len(kinds))
        stage.check(not bad, "; ".join(bad))
        stage.check(daemon.is_alive, "the daemon ended")


def well_formed(kind, answer):
    # dnspython has read the message; a record of the type in it had the type's form to dnspython.
    return kind in ("APL", "HIP", "NSEC", "LOC", "CAA", "TLSA", "IPSECKEY", "SSHFP", "DNSKEY", "ZONEMD", "CSYNC", "TXT", "DS", "AMTRELAY") \
        and all(len(d.to_wire()) > 0 for s in answer.answer for d in s)


def r1(stage):
    """NXNSAttack: a referral to 1,000 servers without address costs at most 30 packets."""
    servers, tree = stage.servers, stage.tree
    names = ["n%d.victim.example." % i for i in range(1000)]
    tree.delegate("r1.example.", "127.66.3.1")
    tree.delegate("victim.example.", "127.66.3.2")
    servers.on("127.66.3.1", lambda q: q.refer(q.name.split(4)[1].to_text(), names))
    servers.on("127.66.3.2", lambda q: q.negative("victim.example."))
    with stage.daemon() as daemon:
        worst = 0
        for i in range(10 * SCALE):
            mark = servers.mark()
            answer = ask("x%d.sub%d.r1.example." % (i, i))
            stage.check(rcode(answer) == "SERVFAIL", "rcode %s" % rcode(answer))
            worst = max(worst, len(servers.since(mark, besides=())))
        stage.figure("packets a query", worst)
        stage.check(worst <= 30, "%d packets" % worst)
        stage.check(daemon.counter("limit_address_lookups") > 0, "no counter rose")
        stage.innocent()


def r2(stage):
    """NRDelegation: referrals to 1,000 servers that do not respond leave the innocent alone."""
    servers, tree = stage.servers, stage.tree
    hosts = ["s%d.r2.example." % i for i in range(1000)]
    glue = ["%s 300 A 198.18.%d.%d" % (h, i // 250, i % 250 + 1) for i, h in enumerate(hosts)]
    tree.delegate("r2.example.", "127.66.3.3")

    # Every third has so many records that no limit lets it pass; the others fit. The records are made once.
    bodies = {}

    def refer(q):
        if not q.is_tcp:
            return q.reply(tc=True)
        zone = q.name.split(4)[1]
        count = 1000 if zone.labels[0][-1] % 3 == 0 else 400
        if count not in bodies:
            bodies[count] = b"".join(b"\0\0\2\0\1\0\0\1\x2c" + struct.pack("!H", len(w)) + w for w in (name(h).to_wire() for h in hosts[:count]))
            bodies[count] += b"".join(name(h).to_wire() + struct.pack("!HHIH", 1, 1, 300, 4) + socket.inet_aton(g.split()[3])
                                      for h, g in zip(hosts[:count], glue))
        question = q.wire[12:12 + len(q.name.to_wire()) + 4]
        pointer = struct.pack("!H", 0xC000 | (12 + len(q.name.to_wire()) - len(zone.to_wire())))
        body = bodies[count].replace(b"\0\0\2\0\1", pointer + b"\0\2\0\1")
        return struct.pack("!HHHHHH", q.id, 0x8000, 1, 0, count, count) + question + body
    servers.on("127.66.3.3", refer)
    with stage.daemon(apart=True) as daemon:
        idle = stage.idle()
        before, cpu, count = void_packets(), daemon.cpu, 40 * SCALE
        with Latency() as latency:
            flood = [threading.Thread(target=ask, args=("x.d%d.r2.example." % i,)) for i in range(count)]
            for thread in flood:
                thread.start()
            for thread in flood:
                thread.join()
        packets = (void_packets() - before) / count
        stage.figure("packets a query", packets)
        stage.figure("CPU ms a query", (daemon.cpu - cpu) / count * 1000)
        stage.latency(latency, idle)
        stage.check(packets <= 30, "%.1f packets a query" % packets)


def r3(stage, broken=False):
    """CAMP: aliases times servers without address times labels stay below one budget of 200 questions."""
    servers, tree = stage.servers, stage.tree
    zones = ["c%d-r3.example." % i for i in range(20)]

    def chain(q):
        index = zones.index(q.name.split(3)[1].to_text())
        if q.kind == "NS" or len(q.name) < 5:
            return q.negative(zones[index], rcode=0)
        if q.name.labels[0].startswith(b"t"):
            following = zones[(index + 1) % len(zones)]
            # Half of the names live in a zone below, whose servers are named elsewhere, deeply.
            deep = ["a.b.c.d.e.f.n%d.%s" % (i, zones[(index + 7) % 20]) for i in range(13)]
            if index % 2 and not q.is_tcp and q.kind != "CNAME":
                return q.refer(q.name.to_text(), deep)
            return q.reply([rr("%s 300 CNAME t%d.u.v.w.%s" % (q.name, index, following))])
        return q.negative(zones[index])
    for i, zone in enumerate(zones):
        tree.delegate(zone, "127.66.4.%d" % (i + 1))
        servers.on("127.66.4.%d" % (i + 1), chain)
    with stage.daemon() as daemon:
        worst, cpu = 0, daemon.cpu
        for i in range(5 * SCALE):
            mark = servers.mark()
            answer = ask("t%d.u.v.w.%s" % (i + 100, zones[i % 20]))
            worst = max(worst, len(servers.since(mark, besides=())))
            stage.check(rcode(answer) == "SERVFAIL", "rcode %s" % rcode(answer))
        stage.figure("packets a query", worst)
        stage.figure("CPU ms a query", (daemon.cpu - cpu) / 5 / SCALE * 1000)
        stage.check(worst <= 200, "%d packets" % worst)
        stage.innocent()


def r4(stage):
    """Many names with one address, glue that points at ourselves, servers named in a circle: each address once."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("r4.example.", "127.66.3.5")
    tree.delegate("around1.example.", "127.66.3.6")
    tree.delegate("around2.example.", "127.66.3.7")

    def refer(q):
        zone = q.name.split(4)[1].to_text()
        if zone.startswith("self"):
            return q.refer(zone, ["ns." + zone], ["ns.%s 300 A 127.0.0.1" % zone])
        hosts = ["h%d.%s" % (i, zone) for i in range(10)]
        return q.refer(zone, hosts, ["%s 300 A 127.66.3.8" % h for h in hosts])
    servers.on("127.66.3.5", refer)
    servers.on("127.66.3.6", lambda q: q.refer("x.around1.example.", ["ns.x.around2.example."]))
    servers.on("127.66.3.7", lambda q: q.refer("x.around2.example.", ["ns.x.around1.example."]))
    servers.on("127.66.3.8", lambda q: q.reply(rcode=5, aa=False))
    with stage.daemon(listen=[53]) as daemon:
        mark = servers.mark()
        stage.check(rcode(ask("www.shared.r4.example.")) == "SERVFAIL", "shared")
        shared = [q for q in servers.since(mark) if q.address == "127.66.3.8"]
        stage.figure("shared address asked", len(shared))
        stage.check(len(shared) == 1, "a shared address was asked %d times" % len(shared))
        started, cpu = time.monotonic(), daemon.cpu
        stage.check(rcode(ask("www.self.r4.example.")) == "SERVFAIL", "self")
        stage.figure("self-pointed glue s", time.monotonic() - started)
        mark = servers.mark()
        stage.check(rcode(ask("www.x.around1.example.")) == "SERVFAIL", "circle")
        around = servers.since(mark)
        stage.figure("circle packets", len(around))
        stage.check(len(around) <= 30, "%d packets in a circle" % len(around))
        stage.check(daemon.cpu - cpu < 1, "%.2f s of CPU" % (daemon.cpu - cpu))
        stage.innocent()


def r5(stage):
    """A server that always has another error, and two zones that name each other: a bounded number of tries, then a
    remembered failure (RFC 9520)."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("r5.example.", "127.66.3.9", "127.66.3.10")
    tree.delegate("tsu1.example.", "127.66.3.11")
    tree.delegate("tsu2.example.", "127.66.3.12")
    count = [0]

    def errors(q):
        count[0] += 1
        turn = count[0] % 7
        if turn == 0:
            return q.reply(tc=True)
        if turn == 1:
            return q.reply(rcode=1)
        if turn == 2:
            return q.reply(rcode=23)
        if turn == 3:
            return q.reply(rcode=16)
        return q.reply(rcode=(2, 4, 5)[turn % 3])
    servers.on("127.66.3.9", errors)
    servers.on("127.66.3.10", errors)
    servers.on("127.66.3.11", lambda q: q.refer("a.tsu1.example.", ["ns.b.tsu2.example."]))
    servers.on("127.66.3.12", lambda q: q.refer("b.tsu2.example.", ["ns.a.tsu1.example."]))
    with stage.daemon() as daemon:
        for target in ("www.r5.example.", "www.a.tsu1.example."):
            mark = servers.mark()
            stage.check(rcode(ask(target)) == "SERVFAIL", target)
            first = len(servers.since(mark))
            mark = servers.mark()
            again = [ask(target) for _ in range(5)]
            stage.check(all(rcode(a) == "SERVFAIL" for a in again), target)
            second = len(servers.since(mark))
            stage.figure("packets for " + target, "%d then %d" % (first, second))
            stage.check(first <= 30, "%d packets for %s" % (first, target))
            stage.check(second == 0, "%d packets while the failure is remembered" % second)
        stage.check("reason=unknown" not in daemon.log(), "a SERVFAIL without reason in the log")
        stage.innocent()


def r6(stage):
    """Random names below a signed zone with slow servers: memory stays flat, other zones stay quick."""
    servers, tree = stage.servers, stage.tree
    key = stage.key("r6.example.")
    tree.delegate("r6.example.", "127.66.3.13", key)

    def slow(q):
        if q.kind == "DNSKEY":
            return q.reply(key.sign(key.set))
        lie = key.nsec(q.name.to_text(), "\\000." + q.name.to_text(), "RRSIG NSEC")
        return [(0.3, q.reply(authority=key.sign(soa("r6.example.")) + lie))]
    servers.on("127.66.3.13", slow)
    with stage.daemon("cache: { size: 16MiB }", apart=True) as daemon:
        idle, count = stage.idle(), 1500 * SCALE
        # Not the innocent's address: what is bound for each client is bound for the flooder.
        send = stage.sender("127.0.0.9")
        for i in range(300):
            send.send(query("w%d.r6.example." % random.getrandbits(40)).to_wire())
        time.sleep(1)
        start = daemon.rss
        with Latency() as latency:
            for i in range(count):
                send.send(query("r%d.r6.example." % random.getrandbits(40)).to_wire())
                time.sleep(0.001)
            time.sleep(1)
        growth = daemon.rss - start
        stage.figure("names", count)
        stage.figure("RSS growth KiB", growth)
        stage.latency(latency, idle)
        stage.check(growth < 24 * 1024, "%d KiB more" % growth)


def r7(stage):
    """DNSBomb: answers that were held back do not go to one client in one burst."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("r7.example.", "127.66.3.14")
    release = [0.0]

    def hold(q):
        return [(max(0, release[0] - time.monotonic()), q.reply([rr("%s 300 A 192.0.2.7" % q.name)]))]
    servers.on("127.66.3.14", hold)
    with stage.daemon() as daemon:
        ask("one.r7.example.")
        victim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        victim.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        # The kernel's times of arrival: a busy client reads in bursts of its own.
        stamping = getattr(socket, "SO_TIMESTAMPNS", 35)
        victim.setsockopt(socket.SOL_SOCKET, stamping, 1)
        victim.bind(("127.0.0.77", 0))
        victim.connect(("127.0.0.1", 5300))
        victim.settimeout(7)
        count = 1000 * SCALE
        wires = [query("v%d.r7.example." % i).to_wire() for i in range(count)]
        release[0] = time.monotonic() + 1.2
        for i in range(count):
            victim.send(wires[i])
            if i % 50 == 0:
                time.sleep(0.04)
        is_in_time = time.monotonic() < release[0] - 0.2
        behind = time.time() - time.monotonic()
        stamps = []
        try:
            while True:
                for level, kind, data in victim.recvmsg(65535, 256)[1]:
                    if (level, kind) == (socket.SOL_SOCKET, stamping):
                        seconds, rest = struct.unpack("@qq", data[:16])
                        stamps.append(seconds + rest / 1e9 - behind)
                victim.settimeout(2)
        except (TimeoutError, socket.timeout):
            pass
        late = [t for t in stamps if t > release[0] - 0.1]
        burst = max((sum(1 for u in late if t <= u < t + 0.1) for t in late[::10]), default=0)
        stage.figure("asked", count)
        stage.figure("answers in the worst 100 ms", burst)
        # The bound is 64 in each tenth of a second; a busy machine may send several of them together.
        stage.check(burst <= (150 if stage.is_optimised else 400), "%d answers at once" % burst)
        stage.check(daemon.counter("late_answers") > 0 or not is_in_time, "no counter rose")
        stage.innocent()


def r8(stage):
    """Servers with delays of 10 s on most names: what is cached or quick is still served."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("slow.example.", "127.66.3.15")
    servers.on("127.66.3.15", lambda q: [(10, q.reply([rr("%s 300 A 192.0.2.8" % q.name)]))])
    limits = "limits: { outstanding-queries: 400, queries-per-zone: 200 }"
    with stage.daemon(limits, apart=True) as daemon:
        idle = stage.idle()
        send = stage.sender()
        with Latency() as latency:
            for i in range(1500 * SCALE):
                send.send(query("s%d.d%d.slow.example." % (i, i % 50)).to_wire())
                time.sleep(0.002)
        stage.figure("jammed", daemon.counter("limit_questions_per_zone") + daemon.counter("limit_concurrent"))
        stage.latency(latency, idle)


def r9(stage):
    """SVCB and HTTPS aliases are not chased without end."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("r9.example.", "127.66.3.16")
    servers.on("127.66.3.16", lambda q: q.reply([rr("%s 300 HTTPS 0 x%d.r9.example." % (q.name, random.getrandbits(30)))])
               if q.kind == "HTTPS" else q.negative("r9.example.", rcode=0))
    with stage.daemon():
        mark = servers.mark()
        answer = ask("start.r9.example.", "HTTPS")
        count = len(servers.since(mark))
        stage.figure("packets", count)
        stage.check(rcode(answer) == "NOERROR" and count <= 30, "%s after %d packets" % (rcode(answer), count))
        stage.innocent()


def r10(stage):
    """Ten times more names than the cache holds: the hot name is always a hit, memory stays within its bound."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("r10.example.", "127.66.3.17")
    text = " ".join('"%s"' % ("x" * 200) for _ in range(4))
    servers.on("127.66.3.17", lambda q: q.reply([rr("%s 3600 TXT %s" % (q.name, text))]) if q.kind == "TXT"
               else q.negative("r10.example.", rcode=0))
    with stage.daemon("cache: { size: 2MiB }") as daemon:
        send = stage.sender()
        ask("hot.good.example.")

        def churn(number, first):
            for i in range(number):
                send.send(query("t%d.r10.example." % (first + i), "TXT").to_wire())
                if i % 8 == 0:
                    time.sleep(0.004)
                if i % 50 == 0:
                    mark = servers.mark()
                    answer = ask("hot.good.example.")
                    stage.check(addresses(answer) == ["192.0.2.1"], "the hot name failed")
                    stage.hot_misses += sum(1 for q in servers.log[mark:] if q.name == name("hot.good.example."))
        stage.hot_misses = 0
        churn(1200 * SCALE, 0)
        full = daemon.rss
        churn(2400 * SCALE, 1_000_000)
        growth = daemon.rss - full
        stage.figure("hot misses", stage.hot_misses)
        stage.figure("RSS growth after full KiB", growth)
        stage.check(stage.hot_misses <= 2, "%d misses of the hot name" % stage.hot_misses)
        # 10 % of the cache, and what a debug build's buffers take in steps.
        stage.check(growth < 2048 // 10 + 2560, "%d KiB more" % growth)


def r11(stage):
    """Validation that starts again does not renew the budget."""
    servers, tree = stage.servers, stage.tree
    keys = {}
    for i in range(12):
        zone = "b%d-r11.example." % i
        keys[zone] = stage.key(zone)
        tree.delegate(zone, *["127.66.5.%d" % (i * 4 + j + 1) for j in range(4)], keys[zone])

    def bogus(q):
        zone = q.name.split(3)[1].to_text()
        index, key = int(zone[1:zone.index("-")]), keys[zone]
        if q.kind == "DNSKEY":
            return q.reply(key.sign(key.set))
        if len(q.name) < 5:
            return q.reply(authority=key.sign(soa(zone)) + key.nsec(zone, "\\000." + zone, "NS SOA RRSIG NSEC DNSKEY"))
        link = rr("%s 300 CNAME t.u.v.b%d-r11.example." % (q.name, (index + 1) % 12))
        signed = key.sign(link)
        other = rr("%s 300 CNAME elsewhere.b%d-r11.example." % (q.name, (index + 1) % 12))
        return q.reply([other, signed[1]] if index % 4 == 3 else signed)
    for i in range(48):
        servers.on("127.66.5.%d" % (i + 1), bogus)
    with stage.daemon() as daemon:
        worst, cpu = 0, daemon.cpu
        for i in range(4):
            mark = servers.mark()
            answer = ask("t%d.u.v.b%d-r11.example." % (i, i))
            worst = max(worst, len(servers.since(mark, besides=())))
            stage.check(rcode(answer) == "SERVFAIL", rcode(answer))
        stage.figure("packets a query", worst)
        stage.figure("CPU ms a query", (daemon.cpu - cpu) / 4 * 1000)
        stage.check(worst <= 200, "%d packets" % worst)
        stage.innocent()


def o1(stage):
    """Overload: more misses than may be under way; those are shed, with SERVFAIL. What is cached or local and the control
    socket answer as ever: each one's p99 within three times the idle one, and what a busy machine adds."""
    servers, tree = stage.servers, stage.tree
    for number in range(40):
        tree.delegate("o1-%d.example." % number, "127.66.4.1")
    servers.on("127.66.4.1", lambda q: None)
    kinds = ("cached", "local", "control")
    extra = """limits: { outstanding-queries: 300, queries-per-zone: 100000 }
local: { data: [ "local.good.example. 300 IN A 192.0.2.1" ] }"""
    with stage.daemon(extra, apart=True) as daemon:
        ask("hot.good.example.")
        control = os.path.join(daemon.folder, "torii.sock")
        with Latency(0.002, kinds, control) as idle:
            time.sleep(1.5)
        send = stage.sender("127.0.0.9")
        is_over = threading.Event()

        def flood():
            while not is_over.is_set():
                for _ in range(10):
                    send.send(query("m%d.o1-%d.example." % (random.getrandbits(40), random.randrange(40))).to_wire())
                time.sleep(0.005)
        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        # From when misses are shed; asking for the figure takes its time.
        limit = time.monotonic() + 10
        while daemon.counter("limit_concurrent_questions") == 0 and time.monotonic() < limit:
            pass
        with Latency(0.002, kinds, control) as busy:
            time.sleep(3 * SCALE)
        is_over.set()
        thread.join()
        shed = daemon.counter("limit_concurrent_questions")
        stage.figure("misses shed", shed)
        stage.check(shed > 0, "nothing was shed")
        stage.check(busy.failed == 0, "%d of %d failed" % (busy.failed, len(busy.times)))
        for kind in kinds:
            before, now = p99(idle.by_kind[kind]), p99(busy.by_kind[kind])
            stage.figure("%s p99 ms" % kind, now * 1000)
            stage.figure("idle", before * 1000)
            if stage.is_optimised:
                stage.check(now <= 3 * before + 0.03, "%s p99 %.0f ms" % (kind, now * 1000))


CASES = {f.__name__.upper(): f for f in (w2, w4, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, o1)}
