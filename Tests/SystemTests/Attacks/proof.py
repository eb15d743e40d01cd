"""D: signatures and proofs that cost much, prove too much, or prove something else."""

import base64
import os
import struct
import time

import dns.dnssec
import dns.flags
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.RRSIG import RRSIG
from rig import addresses, ask, ede, name, rcode, rr, soa


def colliding(tag, count, bits=1024):
    """RSA keys with one key tag: none of them ever signed anything."""
    keys = []
    while len(keys) < count:
        body = bytearray(b"\3\1\0\1" + b"\xc1" + os.urandom(bits // 8 - 2) + b"\1")
        record = DNSKEY(1, 48, 256, 3, 8, bytes(body))
        # Move two octets in the middle so that the checksum comes out at `tag`.
        for _ in range(4):
            difference = (tag - dns.dnssec.key_id(record)) % 65536
            place = 60
            value = (struct.unpack("!H", body[place:place + 2])[0] + difference) % 65536
            body[place:place + 2] = struct.pack("!H", value)
            record = DNSKEY(1, 48, 256, 3, 8, bytes(body))
        if dns.dnssec.key_id(record) == tag:
            keys.append(record)
    return keys


def false_signature(zone, kind, labels, algorithm, tag, size):
    now = int(time.time())
    return RRSIG(1, 46, kind, algorithm, labels, 300, now + 86400, now - 3600, tag, zone, os.urandom(size))


def d1(stage):
    """KeyTrap: hundreds of keys with one tag times hundreds of signatures: SERVFAIL, below 100 ms of CPU."""
    servers, tree = stage.servers, stage.tree
    key = stage.key("d1.example.")
    many = stage.key("ds.d1x.example.")
    tree.delegate("d1.example.", "127.68.1.1", key)
    # Hundreds of DS records that match no key.
    tag = dns.dnssec.key_id(many.record)
    tree.delegate("d1x.example.", "127.68.1.2", ds=[DS(1, 43, tag, 13, 2, os.urandom(32)) for _ in range(300)])
    trap = colliding(4711, 250)
    keys = dns.rrset.from_rdata(key.zone, 300, key.record, *trap)
    signed_keys = key.sign(keys)
    wrong = [false_signature(key.zone, 1, 3, 8, 4711, 128) for _ in range(300)]

    def serve(q):
        if q.kind == "DNSKEY":
            return q.reply(signed_keys)
        if q.kind == "A":
            return q.reply([rr("%s 300 A 192.0.2.1" % q.name), dns.rrset.from_rdata(q.name, 300, *wrong)])
        return q.negative("d1.example.", 0)
    others = dns.rrset.from_rdata(name("d1x.example."), 300, *[DNSKEY(1, 48, 257, 3, 13, os.urandom(64)) for _ in range(250)])
    servers.on("127.68.1.1", serve)
    servers.on("127.68.1.2", lambda q: q.reply(many.sign(others)) if q.kind == "DNSKEY" else q.reply([rr("%s 300 A 192.0.2.1" % q.name)]))
    with stage.daemon() as daemon:
        ask("warm.good.example.")
        for target in ("www.d1.example.", "www.d1x.example."):
            cpu = daemon.cpu
            answer = ask(target)
            cost = daemon.cpu - cpu
            stage.figure("CPU ms for " + target, cost * 1000)
            stage.check(rcode(answer) == "SERVFAIL" and ede(answer), "%s %s %s" % (target, rcode(answer), ede(answer)))
            stage.check(cost <= (0.1 if stage.is_optimised else 0.5), "%.0f ms of CPU for %s" % (cost * 1000, target))
        fired = daemon.counter("limit_verifications", "limit_failed_verifications", "limit_keys_per", "limit_signatures")
        stage.figure("limits", fired)
        stage.check(fired > 0, "no counter rose")
        stage.innocent()


class Hashed:
    """NSEC3 records of a zone, made as they are asked for."""

    def __init__(self, key, iterations, flags=0):
        self.key, self.iterations, self.flags = key, iterations, flags

    def digest(self, owner):
        return dns.dnssec.nsec3_hash(owner, "aabb", self.iterations, "SHA1")

    def record(self, owner_hash, next_hash, types):
        return self.key.sign(rr("%s.%s 60 NSEC3 1 %d %d aabb %s %s" % (owner_hash, self.key.zone, self.flags, self.iterations, next_hash, types)))

    @staticmethod
    def shift(digest, step):
        """The digest `step` further on the ring."""
        alphabet = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        number = (int.from_bytes(base64.b32decode(digest.upper().encode().translate(alphabet)), "big") + step) % (1 << 160)
        back = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")
        return base64.b32encode(number.to_bytes(20, "big")).translate(back).decode()

    def match(self, owner, types):
        digest = self.digest(owner)
        return self.record(digest, self.shift(digest, 1), types)

    def cover(self, owner, width=1):
        digest = self.digest(owner)
        return self.record(self.shift(digest, -width), self.shift(digest, width), "")


def d2(stage):
    """NSEC3 with 65,535 iterations, for names and for referrals: insecure with EDE 27, without the hashing."""
    servers, tree = stage.servers, stage.tree
    key = stage.key("d2.example.")
    tree.delegate("d2.example.", "127.68.1.3", key)
    hashed = Hashed(key, 65535)
    apex = hashed.match("d2.example.", "NS SOA RRSIG DNSKEY NSEC3PARAM")
    cut = hashed.match("sub.d2.example.", "NS")
    other = [hashed.cover("x%d.d2.example." % i) for i in range(8)]

    def serve(q):
        if q.kind == "DNSKEY":
            return q.reply(key.sign(key.set))
        if b"sub" in q.name.labels and q.kind != "DS":
            return q.refer("sub.d2.example.", ["ns.sub.d2.example."], ["ns.sub.d2.example. 300 A 127.68.1.4"], cut)
        if b"sub" in q.name.labels:
            return q.reply(authority=key.sign(soa("d2.example.")) + cut)
        return q.reply(authority=key.sign(soa("d2.example.")) + apex + sum(other, []), rcode=3)
    servers.on("127.68.1.3", serve)
    servers.on("127.68.1.4", lambda q: q.reply([rr("%s 300 A 192.0.2.2" % q.name)]) if q.kind == "A" else q.negative("sub.d2.example.", 0))
    with stage.daemon() as daemon:
        ask("warm.good.example.")
        cpu = daemon.cpu
        answer = ask("a.b.c.d.e.f.g.d2.example.", dnssec=True)
        stage.check(rcode(answer) in ("NXDOMAIN", "SERVFAIL") and 27 in ede(answer), "name: %s %s" % (rcode(answer), ede(answer)))
        stage.check(not answer.flags & dns.flags.AD, "AD on an answer that was not proved")
        answer = ask("www.sub.d2.example.")
        stage.check(addresses(answer) == ["192.0.2.2"], "below the cut: %s %s" % (rcode(answer), ede(answer)))
        cost = daemon.cpu - cpu
        stage.figure("CPU ms", cost * 1000)
        stage.check(cost <= (0.1 if stage.is_optimised else 0.3), "%.0f ms of CPU" % (cost * 1000))
        stage.check(daemon.counter("limit_nsec3_iterations") > 0 or daemon.counter("limit_n_s_e_c3_iterations") > 0, "no counter rose")
        stage.innocent()


def d3(stage):
    """A negative answer padded with proofs: the limit applies, the work is bounded."""
    servers, tree = stage.servers, stage.tree
    key = stage.key("d3.example.")
    tree.delegate("d3.example.", "127.68.1.5", key)
    hashed = Hashed(key, 10)
    padding = [hashed.cover("pad%d.d3.example." % i) for i in range(250)]

    def serve(q):
        if q.kind == "DNSKEY":
            return q.reply(key.sign(key.set))
        return q.reply(authority=key.sign(soa("d3.example.")) + sum(padding, []), rcode=3)
    servers.on("127.68.1.5", serve)
    with stage.daemon() as daemon:
        ask("warm.good.example.")
        cpu = daemon.cpu
        answer = ask("a.b.c.d.e.f.g.h.i.j.k.d3.example.")
        cost = daemon.cpu - cpu
        stage.figure("CPU ms", cost * 1000)
        stage.check(rcode(answer) == "SERVFAIL", rcode(answer))
        stage.check(cost <= (0.1 if stage.is_optimised else 0.6), "%.0f ms of CPU" % (cost * 1000))
        stage.figure("limits", daemon.counter("limit_denial", "limit_verifications", "limit_failed_verifications"))
        stage.check(daemon.counter("limit_denial", "limit_verifications", "limit_failed_verifications") > 0, "no counter rose")
        stage.innocent()


def d4(stage):
    """Signatures with too few labels, and wildcards across a zone cut, are bogus."""
    servers, tree = stage.servers, stage.tree
    key, child = stage.key("d4.example."), stage.key("child.d4.example.")
    tree.delegate("d4.example.", "127.68.1.6", key)
    cut = key.sign(dns.rrset.from_rdata(child.zone, 300, child.ds()))

    def expand(signer, wildcard, owner):
        wild = signer.sign(rr("%s 300 A 203.0.113.66" % wildcard))
        return [rr("%s 300 A 203.0.113.66" % owner), dns.rrset.from_rdata(owner, 300, wild[1][0])]

    def parent(q):
        if q.kind == "DNSKEY":
            return q.reply(key.sign(key.set))
        if q.name.is_subdomain(child.zone):
            if q.kind == "DS" and q.name == child.zone:
                return q.reply(cut)
            return q.refer("child.d4.example.", ["ns.child.d4.example."], ["ns.child.d4.example. 300 A 127.68.1.7"], cut)
        if q.kind == "A" and q.name.labels[0] == b"root":
            # A wildcard of the root's, as if its owner's zone could sign it: labels below the signer's.
            return q.reply(expand(key, "*.example.", q.name))
        lie = key.nsec(q.name.to_text(), "\\000." + q.name.to_text(), "RRSIG NSEC")
        return q.reply(authority=key.sign(soa("d4.example.")) + lie)

    def below(q):
        if q.kind == "DNSKEY":
            return q.reply(child.sign(child.set))
        if q.kind == "A" and q.name.labels[0] == b"cross":
            # The parent's wildcard and the parent's NSEC of the cut, for a name in the child.
            proof = key.nsec("child.d4.example.", "zz.d4.example.", "NS DS RRSIG NSEC")
            return q.reply(expand(key, "*.d4.example.", q.name), proof)
        if q.kind == "A" and q.name.labels[0] == b"plain":
            return q.reply(child.sign(rr("%s 300 A 192.0.2.4" % q.name)))
        lie = child.nsec(q.name.to_text(), "\\000." + q.name.to_text(), "RRSIG NSEC")
        return q.reply(authority=child.sign(soa("child.d4.example.")) + lie)
    servers.on("127.68.1.6", parent)
    servers.on("127.68.1.7", below)
    with stage.daemon():
        for target in ("root.d4.example.", "cross.child.d4.example."):
            answer = ask(target)
            stage.check(rcode(answer) == "SERVFAIL", "%s: %s %s" % (target, rcode(answer), addresses(answer)))
        answer = ask("plain.child.d4.example.", dnssec=True)
        stage.check(addresses(answer) == ["192.0.2.4"] and answer.flags & dns.flags.AD, "the child's own: %s" % rcode(answer))
        stage.innocent()


def d5(stage):
    """NSEC records that reach beyond their zone, and a parent's records for a child's names, take nothing away from the
    victim, aggressive use or not."""
    servers, tree = stage.servers, stage.tree
    key, victim, hashed_key = stage.key("d5.example."), stage.key("sub.d5.example."), stage.key("d5h.example.")
    tree.delegate("d5.example.", "127.68.1.8", key)
    tree.delegate("d5h.example.", "127.68.1.10", hashed_key)
    tree.delegate("d6victim.example.", "127.68.1.9")
    cut = key.sign(dns.rrset.from_rdata(victim.zone, 300, victim.ds()))
    wide = Hashed(hashed_key, 0)

    def evil(q):
        if q.kind == "DNSKEY":
            return q.reply(key.sign(key.set))
        if q.name.is_subdomain(victim.zone):
            if q.kind == "DS" and q.name == victim.zone:
                return q.reply(cut)
            return q.refer("sub.d5.example.", ["ns.sub.d5.example."], ["ns.sub.d5.example. 300 A 127.68.1.9"], cut)
        proof = key.nsec("d5.example.", "zzzz.example.", "NS SOA RRSIG NSEC DNSKEY") + key.nsec("a.d5.example.", "zz.d5.example.", "A") \
            + key.nsec("sub.d5.example.", "zz.d5.example.", "NS DS RRSIG NSEC")
        return q.reply(authority=key.sign(soa("d5.example.")) + proof, rcode=3)

    def hashes(q):
        if q.kind == "DNSKEY":
            return q.reply(hashed_key.sign(hashed_key.set))
        if q.name.is_subdomain(name("sub.d5h.example.")):
            cover = wide.cover("sub.d5h.example.", 1 << 150)
            if q.kind == "DS":
                proof = wide.match("d5h.example.", "NS SOA RRSIG DNSKEY NSEC3PARAM") + wide.match("sub.d5h.example.", "NS")
                return q.reply(authority=hashed_key.sign(soa("d5h.example.")) + proof)
            return q.refer("sub.d5h.example.", ["ns.sub.d5h.example."], ["ns.sub.d5h.example. 300 A 127.68.1.9"], cover)
        proof = wide.match("d5h.example.", "NS SOA RRSIG DNSKEY NSEC3PARAM") + wide.cover(q.name.to_text()) + wide.cover("*.d5h.example.")
        return q.reply(authority=hashed_key.sign(soa("d5h.example.")) + proof, rcode=3)

    def serve(q):
        if q.name.is_subdomain(victim.zone):
            if q.kind == "DNSKEY":
                return q.reply(victim.sign(victim.set))
            if q.kind == "A":
                return q.reply(victim.sign(rr("%s 300 A 192.0.2.5" % q.name)))
            lie = victim.nsec(q.name.to_text(), "\\000." + q.name.to_text(), "A RRSIG NSEC")
            return q.reply(authority=victim.sign(soa("sub.d5.example.")) + lie)
        return q.reply([rr("%s 300 A 192.0.2.5" % q.name)]) if q.kind == "A" else q.negative("d6victim.example.", 0)
    servers.on("127.68.1.8", evil)
    servers.on("127.68.1.9", serve)
    servers.on("127.68.1.10", hashes)
    with stage.daemon() as daemon:
        for i in range(5):
            ask("n%d.d5.example." % i)
            ask("sun%d.d5.example." % i)
            ask("m%d.d5h.example." % i)
        for target in ("www.d6victim.example.", "www.sub.d5.example.", "x.www.sub.d5.example.", "www.sub.d5h.example.",
                       "other.good.example."):
            got = addresses(ask(target))
            stage.check(bool(got), "%s does not resolve any more" % target)
        stage.figure("answers from proofs", daemon.counter("aggressive"))


def d6(stage):
    """A negative answer whose SOA is no ancestor of the name: refused at once, not in a loop."""
    servers, tree = stage.servers, stage.tree
    key = stage.key("d6.example.")
    tree.delegate("d6.example.", "127.68.1.11", key)
    tree.delegate("d6u.example.", "127.68.1.12")

    def serve(q):
        if q.kind == "DNSKEY":
            return q.reply(key.sign(key.set))
        foreign = "other.d6.example." if q.name.labels[0] == b"a" else "x.%s" % q.name
        return q.reply(authority=key.sign(soa(foreign)) + key.nsec("d6.example.", "\\000.d6.example.", "NS SOA RRSIG NSEC DNSKEY"), rcode=3)
    servers.on("127.68.1.11", serve)
    servers.on("127.68.1.12", lambda q: q.reply(authority=[soa("elsewhere.example.")], rcode=3 if q.name.labels[0] == b"a" else 0))
    with stage.daemon() as daemon:
        for target in ("a.d6.example.", "b.d6.example."):
            mark, started = servers.mark(), time.monotonic()
            answer = ask(target)
            stage.check(rcode(answer) == "SERVFAIL", "%s %s" % (target, rcode(answer)))
            stage.check(time.monotonic() - started < 2 and len(servers.since(mark)) <= 12, "%s took %d questions" % (target, len(servers.since(mark))))
        for target in ("a.d6u.example.", "b.d6u.example."):
            mark = servers.mark()
            answer = ask(target)
            stage.figure(target, rcode(answer))
            stage.check(answer is not None and len(servers.since(mark)) <= 12, "%s took %d questions" % (target, len(servers.since(mark))))
        stage.figure("CPU", daemon.cpu)
        stage.innocent()


def d7(stage):
    """DS records of unknown algorithms beside known ones do not make a zone insecure."""
    servers, tree = stage.servers, stage.tree
    keys = {}
    for i, kind in enumerate(("mixed", "unknown", "digest", "sha1")):
        zone = kind + ".d7.example."
        keys[zone] = key = stage.key(zone)
        strange = DNSKEY(1, 48, 257, 3, 99, os.urandom(32))
        strange_ds = DS(1, 43, dns.dnssec.key_id(strange), 99, 2, os.urandom(32))
        good = key.ds()
        records = {
            "mixed": [good, strange_ds], "unknown": [strange_ds],
            "digest": [DS(1, 43, good.key_tag, 13, 200, os.urandom(32)), good],
            "sha1": [dns.dnssec.make_ds(key.zone, key.record, "SHA1", validating=True), DS(1, 43, good.key_tag, 13, 2, os.urandom(32))],
        }[kind]
        tree.delegate(zone, "127.68.2.%d" % (i + 1), ds=records)

        def serve(q, zone=zone, key=key, strange=strange):
            # Signed with the unknown algorithm only; the key set is what it should be.
            if q.kind == "DNSKEY":
                return q.reply(key.sign(dns.rrset.from_rdata(key.zone, 300, key.record, strange)))
            target = rr("%s 300 A 192.0.2.9" % q.name)
            false = false_signature(key.zone, 1, len(q.name) - 1, 99, dns.dnssec.key_id(strange), 64)
            if q.kind != "A":
                return q.negative(zone, 0)
            return q.reply([target, dns.rrset.from_rdata(q.name, 300, false)])
        servers.on("127.68.2.%d" % (i + 1), serve)
    with stage.daemon():
        for kind, wanted in (("mixed", "SERVFAIL"), ("unknown", "NOERROR"), ("digest", "SERVFAIL"), ("sha1", "SERVFAIL")):
            answer = ask("www.%s.d7.example." % kind, dnssec=True)
            stage.check(rcode(answer) == wanted, "%s: %s %s" % (kind, rcode(answer), ede(answer)))
            stage.check(not answer.flags & dns.flags.AD, "%s: AD" % kind)
            stage.figure(kind, "%s %s" % (rcode(answer), ede(answer)))
        stage.innocent()


def d8(stage):
    """A policy does not turn a bogus answer into a good one."""
    servers, tree = stage.servers, stage.tree
    key, wrong = stage.key("d8.example."), stage.key("d8.example.")
    tree.delegate("d8.example.", "127.68.1.13", key)
    servers.on("127.68.1.13", lambda q: q.reply(wrong.sign(wrong.set)) if q.kind == "DNSKEY" else
               q.reply(wrong.sign(rr("%s 300 A 192.0.2.88" % q.name))) if q.kind == "A" else q.negative("d8.example.", 0))
    policy = "$TTL 60\n@ SOA ns h 1 3600 900 604800 60\n@ NS ns\n32.88.2.0.192.rpz-ip A 203.0.113.80\nns.d8.example.rpz-nsdname A 203.0.113.81\n"
    folder = os.path.join("/tmp", "torii-rpz-%d" % os.getpid())
    with open(folder, "w") as file:
        file.write(policy)
    try:
        with stage.daemon("rpz: [ { zone: rpz.test., file: %s } ]" % folder):
            for _ in range(2):
                answer = ask("www.d8.example.")
                stage.check(rcode(answer) == "SERVFAIL", "%s %s" % (rcode(answer), addresses(answer)))
            stage.figure("bogus", "%s %s" % (rcode(answer), ede(answer)))
            stage.innocent()
    finally:
        os.unlink(folder)


def d9(stage):
    """A clock that is ten years off is a clear error, and no longer one when it is set right."""
    clock = stage.clock(10 * 365 * 86400)
    with stage.daemon(preload=clock.library, environment=clock.environment) as daemon:
        answer = ask("www.good.example.")
        stage.check(rcode(answer) == "SERVFAIL" and 7 in ede(answer), "%s %s" % (rcode(answer), ede(answer)))
        clock.map[:8] = struct.pack("=q", 0)
        recovered = None
        for turn in range(30):
            clock.advance(5)
            if addresses(ask("www.good.example.")) == ["192.0.2.1"]:
                recovered = (turn + 1) * 5
                break
        stage.figure("recovered after s", recovered)
        stage.check(recovered is not None, "never recovered")
        stage.check("signature expired" in daemon.log(), "the log does not say what is wrong")


CASES = {f.__name__.upper(): f for f in (d1, d2, d3, d4, d5, d6, d7, d8, d9)}


def s1(stage):
    """RFC 8198: verified proofs and wildcards answer for other names without a question; what came unverified beside
    them is not learnt from."""
    servers, tree = stage.servers, stage.tree
    plain, hashed_key, stranger = stage.key("s1.example."), stage.key("s1h.example."), stage.key("s1.example.")
    tree.delegate("s1.example.", "127.68.3.1", plain)
    tree.delegate("s1h.example.", "127.68.3.2", hashed_key)
    hashed = Hashed(hashed_key, 0)

    def expansion(key, wildcard, owner, address):
        wild = key.sign(rr("%s 300 A %s" % (wildcard, address)))
        return [rr("%s 300 A %s" % (owner, address)), dns.rrset.from_rdata(owner, 300, wild[1][0])]

    def nsec(q):
        if q.kind == "DNSKEY":
            return q.reply(plain.sign(plain.set))
        if q.name.labels[0] == b"keep":
            return q.reply(plain.sign(rr("%s 300 A 192.0.2.31" % q.name)))
        if q.name.is_subdomain(name("wild.s1.example.")) and q.name != name("wild.s1.example."):
            proof = plain.nsec("*.wild.s1.example.", "zzz.s1.example.", "A RRSIG NSEC")
            return q.reply(expansion(plain, "*.wild.s1.example.", q.name, "192.0.2.32"), proof)
        proof = plain.nsec("b.s1.example.", "e.s1.example.", "A RRSIG NSEC") + plain.nsec("s1.example.", "b.s1.example.", "NS SOA RRSIG NSEC DNSKEY")
        # Signed by nobody: it would take "keep" away.
        forged = stranger.nsec("f.s1.example.", "v.s1.example.", "A RRSIG NSEC")
        return q.reply(authority=plain.sign(soa("s1.example.")) + proof + forged, rcode=3)

    apex = hashed.match("s1h.example.", "NS SOA RRSIG DNSKEY NSEC3PARAM")
    wide = hashed.record(hashed.shift(hashed.digest("s1h.example."), 1), hashed.digest("s1h.example."), "")

    def nsec3(q):
        if q.kind == "DNSKEY":
            return q.reply(hashed_key.sign(hashed_key.set))
        # One span from the apex round to itself: there is nothing but the apex.
        return q.reply(authority=hashed_key.sign(soa("s1h.example.")) + apex + wide, rcode=3)
    servers.on("127.68.3.1", nsec)
    servers.on("127.68.3.2", nsec3)
    with stage.daemon() as daemon:
        def asked(text, kind="A"):
            mark = servers.mark()
            answer = ask(text, kind, dnssec=True)
            return len([q for q in servers.since(mark) if q.kind not in ("DS", "DNSKEY")]), answer
        asked("c.s1.example.")
        asked("one.s1h.example.")
        asked("x.wild.s1.example.")
        for text in ("d.s1.example.", "x.y.d.s1.example.", "two.s1h.example.", "a.b.three.s1h.example."):
            count, answer = asked(text)
            stage.check(rcode(answer) == "NXDOMAIN" and answer.flags & dns.flags.AD, "%s: %s" % (text, rcode(answer)))
            stage.check(count == 0, "%s took %d questions" % (text, count))
        count, answer = asked("b.s1.example.", "TXT")
        stage.check(count == 0 and rcode(answer) == "NOERROR", "b TXT: %s after %d questions" % (rcode(answer), count))
        count, answer = asked("keep.s1.example.")
        stage.check(addresses(answer) == ["192.0.2.31"], "a forged proof took a name away: %s" % rcode(answer))
        count, answer = asked("y.wild.s1.example.")
        stage.check(addresses(answer) == ["192.0.2.32"] and answer.flags & dns.flags.AD, "wildcard: %s" % rcode(answer))
        stage.figure("questions for a second name of the wildcard", count)
        stage.check(count == 0, "the wildcard took %d questions" % count)
        stage.figure("from proofs", daemon.counter("aggressive_answers"))
        stage.figure("from wildcards", daemon.counter("aggressive_wildcards"))
        stage.innocent()


CASES["S1"] = s1
