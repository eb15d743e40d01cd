"""P: answers that are forged, foreign, junk, or too late to be believed."""

import os
import random
import re
import select
import socket
import struct
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.rrset
from rig import PORT, SCALE, addresses, ask, name, query, rcode, rr, soa

FORGED = "203.0.113.66"


class Spoofer:
    """Sends UDP datagrams from any address and port."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, source, target, payload):
        length = 28 + len(payload)
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, socket.inet_aton(source[0]), socket.inet_aton(target[0]))
        try:
            self.sock.sendto(header + struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload, (target[0], 0))
        except OSError:
            pass


def forge(q, ident=None, question=None):
    """A forged answer to `q`."""
    message = dns.message.make_response(q.message)
    message.id = q.id if ident is None else ident
    if question:
        message.question = [dns.rrset.RRset(name(question), 1, 1)]
    message.flags |= dns.flags.AA
    message.answer = [rr("%s 3600 A %s" % (message.question[0].name, FORGED))]
    return message.to_wire()


def p1(stage):
    """A blind flood of wrong IDs and ports: nothing is believed, the counter rises, the question goes over TCP."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("p1.example.", "127.67.1.1")
    spoofer, held = Spoofer(), []

    def slow(q):
        if not q.is_tcp:
            held.append(q)
            return [(1.5, q.reply([rr("%s 60 A 192.0.2.11" % q.name)]))]
        return q.reply([rr("%s 60 A 192.0.2.11" % q.name)])
    servers.on("127.67.1.1", slow)
    with stage.daemon() as daemon:
        answers = []
        asking = threading.Thread(target=lambda: answers.append(ask("www.p1.example.")))
        asking.start()
        while not held:
            time.sleep(0.005)
        q, count = held[0], 20000 * SCALE
        wire = bytearray(forge(q))
        for i in range(count):
            ident = random.getrandbits(16)
            if ident == q.id:
                continue
            wire[0:2] = struct.pack("!H", ident)
            # A few at the right port, as the one in 64,512 that a blind attacker hits; the rest anywhere.
            port = q.peer[1] if i % 100 == 0 else random.randrange(1024, 65536)
            spoofer.send(("127.67.1.1", 53), (q.peer[0], port), bytes(wire))
        asking.join()
        wrong = daemon.counter("wrong_responses")
        stage.figure("spoofed", count)
        stage.figure("counted", wrong)
        stage.check(addresses(answers[0]) == ["192.0.2.11"], "answer %s" % addresses(answers[0]))
        stage.check(addresses(ask("www.p1.example.")) == ["192.0.2.11"], "the forged answer is cached")
        stage.check(wrong > 0, "the counter did not rise")
        stage.check(any(q.is_tcp for q in servers.since(0)), "no change to TCP")
        stage.check(daemon.counter("spoofing_suspicions") > 0, "no suspicion counted")


def p2(stage):
    """500 questions for one name with other CD, DO, case and subnets: one question to the servers."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("p2.example.", "127.67.1.2")
    servers.on("127.67.1.2", lambda q: [(0.15, q.reply([rr("%s 60 A 192.0.2.12" % q.name)]))])
    with stage.daemon():
        ask("warm.p2.example.")
        time.sleep(0.1)
        mark, sock = servers.mark(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.settimeout(3)
        wires = []
        for i in range(500):
            text = "".join(c.upper() if random.random() < 0.5 else c for c in "target.p2.example.")
            subnet = [dns.edns.ECSOption("198.51.%d.0" % (i % 256), 24)] if i % 3 == 0 else []
            wires.append(query(text, dnssec=i % 2 == 0, cd=i % 5 == 0, options=subnet).to_wire())
        for wire in wires:
            sock.sendto(wire, ("127.0.0.1", PORT))
        got, refused = 0, 0
        try:
            while got < 500:
                answer = dns.message.from_wire(sock.recv(65535))
                got += 1
                refused += answer.rcode() != 0
        except (TimeoutError, socket.timeout):
            pass
        upstream = [q for q in servers.since(mark) if q.name == name("target.p2.example.")]
        stage.figure("upstream", len(upstream))
        stage.figure("answered", "%d, %d over the bound" % (got, refused))
        stage.check(len(upstream) == 1, "%d questions upstream" % len(upstream))
        stage.check(got == 500, "%d answers" % got)


def p3(stage):
    """Records that nobody asked for, in every section: none of them is served afterwards."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("p3.example.", "127.67.1.3")
    tree.delegate("victim3.example.", "127.67.1.4")
    servers.on("127.67.1.4", lambda q: q.reply([rr("%s 300 A 192.0.2.13" % q.name)]) if q.kind == "A" else q.negative("victim3.example.", 0))
    alien = ["www.victim3.example. 3600 A " + FORGED, "extra.victim3.example. 3600 A " + FORGED]

    def generous(q):
        if q.kind not in ("A", "TXT"):
            return q.negative("p3.example.", 0)
        label = q.name.labels[0]
        answer = [rr("%s 300 A 192.0.2.33" % q.name)]
        authority, additional = [], []
        if label == b"answer":
            answer += [rr(a) for a in alien]
        elif label == b"authority":
            authority = [rr("victim3.example. 3600 NS ns.p3.example."), rr("example. 3600 NS ns.p3.example."),
                         rr(". 3600 NS ns.p3.example.")]
            additional = [rr("ns.p3.example. 3600 A 127.67.1.3")]
        elif label == b"additional":
            additional = [rr(a) for a in alien] + [rr("ns0.victim3.example. 3600 A 127.67.1.3")]
        elif label == b"dname":
            answer = [rr("example. 3600 DNAME p3.example."), rr("%s 3600 CNAME dname.p3.p3.example." % q.name)] + answer
        elif label == b"sibling":
            authority = [rr("p3.example. 3600 NS ns0.victim3.example.")]
            additional = [rr("ns0.victim3.example. 3600 A 127.67.1.3")]
        elif label == b"cname":
            answer = [rr("%s 300 CNAME www.victim3.example." % q.name), rr(alien[0])]
        elif label == b"refer":
            return q.refer("victim3.example.", ["ns.p3.example."], ["ns.p3.example. 3600 A 127.67.1.3"])
        elif label == b"up":
            return q.refer(".", ["ns.p3.example."], ["ns.p3.example. 3600 A 127.67.1.3"])
        return q.reply(answer, authority, additional)
    servers.on("127.67.1.3", generous)
    with stage.daemon() as daemon:
        for label in ("answer", "authority", "additional", "dname", "sibling", "cname", "refer", "up"):
            ask(label + ".p3.example.")
            got = addresses(ask("x%s.victim3.example." % label))
            stage.check(got == ["192.0.2.13"], "after %s: x.victim3.example. %s" % (label, got))
        for text in ("www.victim3.example.", "extra.victim3.example.", "ns0.victim3.example."):
            got = addresses(ask(text))
            stage.check(got == ["192.0.2.13"], "%s %s" % (text, got))
        stage.figure("dropped", daemon.counter("out_of_bailiwick"))
        stage.check(daemon.counter("out_of_bailiwick") > 0, "no counter rose")
        stage.innocent()


def p4(stage):
    """We offer 1,232 octets, forbid fragments, and do not take larger datagrams."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("p4.example.", "127.67.1.5")
    text = " ".join('"%s"' % ("y" * 200) for _ in range(8))

    def large(q):
        if q.kind != "TXT":
            return q.negative("p4.example.", 0)
        if q.is_tcp:
            return q.reply([rr('%s 60 TXT "whole"' % q.name)])
        offered, q.size = q.size, 65535
        wire = q.reply([rr("%s 60 TXT %s" % (q.name, text))])
        q.size = offered
        return wire
    servers.on("127.67.1.5", large)
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    capture.bind(("lo", 0))
    capture.setblocking(False)
    with stage.daemon():
        answer = ask("big.p4.example.", "TXT")
        sizes = {q.size for q in servers.log if not q.is_tcp}
        flags = []
        while select.select([capture], [], [], 0)[0]:
            packet = capture.recv(65535)
            if packet[9] == 17 and len(packet) > 24 and packet[22:24] == b"\0\x35" and packet[12:16] != b"\x7f\0\0\1":
                flags.append(packet[6] >> 5)
            elif packet[9] == 17 and packet[22:24] == b"\0\x35":
                flags.append(packet[6] >> 5)
        stage.figure("offered", sorted(sizes))
        stage.figure("datagrams with DF", "%d of %d" % (sum(1 for f in flags if f & 2), len(flags)))
        stage.check(max(sizes) <= 1232, "offered %s" % sizes)
        stage.check(flags and all(f & 2 for f in flags), "datagrams without DF")
        got = [d.to_text() for s in answer.answer for d in s] if answer else None
        stage.figure("larger datagram", "not taken" if got == ['"whole"'] else got and got[0][:10])
        stage.check(got == ['"whole"'], "a larger datagram was taken: %s" % (got and got[0][:20]))


def p5(stage):
    """Ports and IDs of questions are spread as chance spreads them, each and together."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("p5.example.", "127.67.1.6")
    servers.on("127.67.1.6", lambda q: q.reply([rr("%s 60 A 192.0.2.15" % q.name)]))
    with stage.daemon():
        ask("warm.p5.example.")
        count, sock = 4000 * SCALE, stage.sender()
        mark = servers.mark()
        for i in range(count):
            sock.send(query("n%d.p5.example." % i).to_wire())
            if i % 20 == 0:
                time.sleep(0.02)
        time.sleep(1)
        seen = [q for q in servers.since(mark) if not q.is_tcp]
        ports, idents = [q.peer[1] for q in seen], [q.id for q in seen]
        low, high = min(ports), max(ports)

        def chi(values, buckets, first, last):
            """Chi-square over equal buckets, as standard deviations from what is expected."""
            counts = [0] * buckets
            for value in values:
                counts[min(buckets - 1, (value - first) * buckets // (last - first + 1))] += 1
            expected = len(values) / buckets
            return (sum((c - expected) ** 2 / expected for c in counts) - (buckets - 1)) / (2 * (buckets - 1)) ** 0.5
        stage.figure("questions", len(seen))
        stage.figure("different ports", len(set(ports)))
        stage.figure("ports", "%d-%d" % (low, high))
        scores = {"ports": chi(ports, 32, low, high), "port low bits": chi([p % 64 for p in ports], 64, 0, 63),
                  "ids": chi(idents, 64, 0, 65535), "id low bits": chi([i % 64 for i in idents], 64, 0, 63),
                  "port and id": chi([(p ^ i) % 64 for p, i in zip(ports, idents)], 64, 0, 63)}
        repeats = sum(1 for a, b in zip(ports, ports[1:]) if a == b)
        for what, score in scores.items():
            stage.figure(what, score)
            stage.check(abs(score) < 6, "%s: %.1f standard deviations" % (what, score))
        stage.check(len(seen) >= count * 9 // 10, "only %d questions" % len(seen))
        stage.check(repeats <= len(seen) // 100 + 5, "%d ports in a row" % repeats)


def p6(stage):
    """TuDoor: junk that comes first does not end the wait; the good answer, 50 ms later, is used."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("p6.example.", "127.67.1.7")

    def junk(q):
        good = q.reply([rr("%s 60 A 192.0.2.16" % q.name)])
        if q.kind != "A" or q.is_tcp:
            return good
        question = q.wire[12:12 + len(q.name.to_wire()) + 4]
        bad = {
            b"short": q.wire[:7], b"empty": b"", b"garbage": os.urandom(60), b"noqr": q.wire,
            b"othername": forge(q, question="other.p6.example."), b"otherid": forge(q, ident=q.id ^ 1),
            b"noquestion": struct.pack("!HHHHHH", q.id, 0x8401, 0, 0, 0, 0),
            b"counts": struct.pack("!HHHHHH", q.id, 0x8400, 1, 65535, 9, 9) + question,
            b"opcode": struct.pack("!HHHHHH", q.id, 0xA800, 1, 0, 0, 0) + question,
            b"othertype": struct.pack("!HHHHHH", q.id, 0x8400, 1, 0, 0, 0) + question[:-4] + b"\0\x10\0\1",
            b"loop": struct.pack("!HHHHHH", q.id, 0x8400, 1, 1, 0, 0) + question
                     + struct.pack("!H", 0xC000 | (12 + len(question))) + b"\0\1\0\1\0\0\0\1\0\4\1\1\1\1",
            b"formerr": struct.pack("!HHHHHH", q.id ^ 0x5555, 0x8401, 1, 0, 0, 0) + question,
        }[q.name.labels[0]]
        return [(0, bad), (0, bad), (0.05, good)]
    servers.on("127.67.1.7", junk)
    with stage.daemon() as daemon:
        for kind in ("short", "empty", "garbage", "noqr", "othername", "otherid", "noquestion", "counts", "opcode", "othertype",
                     "loop", "formerr"):
            mark = servers.mark()
            got = addresses(ask(kind + ".p6.example."))
            stage.check(got == ["192.0.2.16"], "%s: %s" % (kind, got))
            asked = len([q for q in servers.since(mark) if q.name.labels[0].decode() == kind])
            # Once; on a busy machine the good answer may be later than the server's usual time.
            stage.check(asked <= (1 if stage.is_optimised else 3), "%s: asked %d times" % (kind, asked))
        stage.figure("counted", daemon.counter("wrong_responses"))


def p7(stage):
    """A prober learns nothing about open ports: probes of an open and of a closed port have the same fate."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("p7.example.", "127.67.1.8")
    held = []

    def slow(q):
        held.append(q)
        return [(0.35, q.reply([rr("%s 60 A 192.0.2.17" % q.name)]))]
    servers.on("127.67.1.8", slow)
    with stage.daemon():
        asking = threading.Thread(target=ask, args=("www.p7.example.",))
        asking.start()
        while not held:
            time.sleep(0.002)
        open_port = held[0].peer[1]

        def refused(port):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.67.1.99", 53))
                probe.connect((held[0].peer[0], port))
                probe.send(b"probe")
                probe.settimeout(0.1)
                try:
                    probe.recv(1)
                except ConnectionRefusedError:
                    return True
                except (TimeoutError, socket.timeout):
                    return False
        fates = (refused(open_port), refused(open_port ^ 1))
        asking.join()
        stage.figure("open, closed refused", fates)
        stage.check(fates[0] == fates[1], "an open port is told from a closed one: %s" % (fates,))


def p8(stage):
    """Ghost domains: what a zone says of itself does not keep it alive after its parent has let it go."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("ghost.example.", "127.67.1.9", ttl=60)

    def ghost(q):
        own = rr("ghost.example. 86400 NS ns0.ghost.example.")
        glue = rr("ns0.ghost.example. 86400 A 127.67.1.9")
        if q.kind == "NS":
            return q.reply([own], additional=[glue])
        if q.kind == "A" and q.name == name("ns0.ghost.example."):
            return q.reply([glue], [own])
        if q.kind != "A":
            return q.negative("ghost.example.", 0)
        return q.reply([rr("%s 5 A 192.0.2.18" % q.name)], [own], [glue])
    servers.on("127.67.1.9", ghost)
    clock = stage.clock()
    with stage.daemon("cache: { serve-stale: { enabled: false } }", preload=clock.library, environment=clock.environment):
        stage.check(addresses(ask("www.ghost.example.")) == ["192.0.2.18"], "never alive")
        del tree.zones[name("ghost.example.")]
        life = 0
        for turn in range(12):
            clock.advance(10)
            ask("ghost.example.", "NS")
            ask("ns0.ghost.example.")
            if rcode(ask("t%d.ghost.example." % turn)) == "NOERROR" and addresses(ask("t%d.ghost.example." % turn)):
                life = (turn + 1) * 10
        stage.figure("alive s after removal", life)
        stage.check(life <= 60, "alive %d s after the parent let go, TTL 60 s" % life)


def p9(stage):
    """Glue of 0.0.0.0, multicast and broadcast is not asked; private addresses are taken out of answers."""
    servers, tree = stage.servers, stage.tree
    tree.delegate("p9.example.", "127.67.1.10")

    def nasty(q):
        if b"sub" in q.name.labels:
            zone = "sub.p9.example."
            hosts = ["h%d.%s" % (i, zone) for i in range(5)]
            bad = ["0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.2.3", "127.67.1.11"]
            return q.refer(zone, hosts, ["%s 300 A %s" % pair for pair in zip(hosts, bad)])
        if q.kind == "A" and q.name.labels[0] == b"mixed":
            return q.reply([dns.rrset.from_text(q.name, 60, "IN", "A", "10.1.2.3", "192.0.2.19", "127.0.0.1")])
        if q.kind == "A":
            return q.reply([rr("%s 60 A 10.1.2.3" % q.name)])
        return q.negative("p9.example.", 0)
    servers.on("127.67.1.10", nasty)
    servers.on("127.67.1.11", lambda q: q.reply([rr("%s 60 A 192.0.2.19" % q.name)]))
    with stage.daemon(recursion="private-addresses: [ 10.0.0.0/8, 127.0.0.0/8 ]") as daemon:
        stage.check(addresses(ask("www.sub.p9.example.")) == ["192.0.2.19"], "the one good server")
        stage.check(addresses(ask("inside.p9.example.")) == [], "a private address came through")
        stage.check(addresses(ask("mixed.p9.example.")) == ["192.0.2.19"], "mixed")
        stage.figure("removed", daemon.counter("private_addresses_removed"))
        stage.innocent()


def p10(stage):
    """An expired signed answer is not brought back by the replay of a wildcard that covered another name."""
    servers, tree = stage.servers, stage.tree
    key = stage.key("p10.example.")
    tree.delegate("p10.example.", "127.67.1.12", key)
    replay = []

    def zone(q):
        if q.kind == "DNSKEY":
            return q.reply(key.sign(key.set))
        if q.kind == "A" and q.name == name("www.p10.example."):
            if replay:
                # The wildcard's signature over another name, as if www were made from it: no proof that www is not there.
                wild = key.sign(rr("*.p10.example. 60 A " + FORGED))
                forged = rr("www.p10.example. 60 A " + FORGED)
                signature = dns.rrset.from_rdata(forged.name, 60, wild[1][0])
                return q.reply([forged, signature])
            return q.reply(key.sign(rr("www.p10.example. 10 A 192.0.2.20")))
        lie = key.nsec(q.name.to_text(), "\\000." + q.name.to_text(), "A RRSIG NSEC")
        return q.reply(authority=key.sign(soa("p10.example.")) + lie)
    servers.on("127.67.1.12", zone)
    clock = stage.clock()
    with stage.daemon(preload=clock.library, environment=clock.environment):
        stage.check(addresses(ask("www.p10.example.")) == ["192.0.2.20"], "never right")
        replay.append(True)
        clock.advance(30)
        for _ in range(3):
            got = ask("www.p10.example.", dnssec=True)
            stage.check(FORGED not in (addresses(got) or []), "the replay is served")
            clock.advance(20)
        stage.figure("after expiry", "%s %s" % (rcode(got), addresses(got)))


CASES = {f.__name__.upper(): f for f in (p1, p2, p3, p4, p5, p6, p7, p8, p9, p10)}
