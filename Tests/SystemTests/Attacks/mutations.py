"""Responses of a sound server with one thing changed, chosen by the question: what a validator must judge by itself."""

import hashlib
import socket
import struct

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset

MUTABLE = ["nsec", "nsec3", "optout", "plain"] * 3
SOA, NS, CNAME, RRSIG, NSEC, DNSKEY, NSEC3, DNAME = 6, 2, 5, 46, 47, 48, 50, 39


def covered(rrset):
    return rrset[0].type_covered if rrset.rdtype == RRSIG else None


def without(message, section, drops):
    setattr(message, section, [s for s in getattr(message, section) if not drops(s)])


def no_signatures(m):
    without(m, "answer", lambda s: s.rdtype == RRSIG)


def no_authority_signatures(m):
    without(m, "authority", lambda s: s.rdtype == RRSIG)


def no_authority(m):
    m.authority = []


def no_soa(m):
    without(m, "authority", lambda s: s.rdtype == SOA or covered(s) == SOA)


def no_proof(m):
    without(m, "authority", lambda s: s.rdtype in (NSEC, NSEC3) or covered(s) in (NSEC, NSEC3))


def half_proof(m):
    proofs = sorted({s.name for s in m.authority if s.rdtype in (NSEC, NSEC3)})
    if proofs:
        without(m, "authority", lambda s: s.name == proofs[0] and (s.rdtype in (NSEC, NSEC3) or covered(s) in (NSEC, NSEC3)))


def other_half(m):
    proofs = sorted({s.name for s in m.authority if s.rdtype in (NSEC, NSEC3)})
    if proofs:
        without(m, "authority", lambda s: s.name == proofs[-1] and (s.rdtype in (NSEC, NSEC3) or covered(s) in (NSEC, NSEC3)))


def flip(m, sections):
    for section in sections:
        changed = []
        for s in getattr(m, section):
            if s.rdtype == RRSIG:
                records = [d.replace(signature=bytes([d.signature[0] ^ 1]) + d.signature[1:]) for d in s]
                s = dns.rrset.from_rdata(s.name, s.ttl, *records)
            changed.append(s)
        setattr(m, section, changed)


def bad_answer_signatures(m):
    flip(m, ["answer"])


def bad_authority_signatures(m):
    flip(m, ["authority"])


def name_error(m):
    m.set_rcode(3)


def no_error(m):
    m.set_rcode(0)


def not_authoritative(m):
    m.flags &= ~dns.flags.AA


def recursive(m):
    m.flags |= dns.flags.RA
    m.flags &= ~dns.flags.AA


def empty(m):
    m.answer, m.authority, m.additional = [], [], []


def empty_name_error(m):
    empty(m)
    m.set_rcode(3)


def failure(m):
    empty(m)
    m.set_rcode(2)


def refused(m):
    empty(m)
    m.set_rcode(5)


def more_data(m):
    for s in m.answer:
        if s.rdtype == 1:
            s.add(dns.rdata.from_text(1, 1, "203.0.113.66"))


def only_first_alias(m):
    m.answer = [s for s in m.answer if s.name == m.question[0].name]


def no_dname(m):
    without(m, "answer", lambda s: s.rdtype == DNAME or covered(s) == DNAME)


def no_synthesised(m):
    if any(s.rdtype == DNAME for s in m.answer):
        without(m, "answer", lambda s: s.rdtype == CNAME)


def reversed_order(m):
    m.answer.reverse()
    m.authority.reverse()


def junk(m):
    m.answer.append(dns.rrset.from_text("junk.example.", 300, "IN", "A", "203.0.113.66"))
    m.authority.append(dns.rrset.from_text("junk.example.", 300, "IN", "NS", "ns.junk.example."))
    m.additional.append(dns.rrset.from_text("www.junk.example.", 300, "IN", "A", "203.0.113.66"))


def short_lived(m):
    for s in m.answer + m.authority:
        s.ttl = 7


def long_lived(m):
    for s in m.answer + m.authority:
        s.ttl = 864000


def upper_case(m):
    for section in ("answer", "authority"):
        setattr(m, section, [dns.rrset.from_rdata(dns.name.from_text(s.name.to_text().upper()), s.ttl, *s) for s in getattr(m, section)])


def apex_ns_added(m):
    zone = dns.name.Name(m.question[0].name.labels[-3:])
    if not m.authority and m.question[0].name.is_subdomain(zone):
        m.authority.append(dns.rrset.from_text(zone, 3600, "IN", "NS", "ns." + zone.to_text()))


def denial_beside_answer(m):
    zone = dns.name.Name(m.question[0].name.labels[-3:])
    if m.answer:
        m.authority.append(dns.rrset.from_text(zone, 300, "IN", "SOA", "ns. h. 1 3600 900 604800 300"))


def tc(m):
    m.flags |= dns.flags.TC


def same(m):
    pass


MUTATIONS = [same, no_signatures, no_authority_signatures, no_authority, no_soa, no_proof, half_proof, other_half, bad_answer_signatures,
             bad_authority_signatures, name_error, no_error, not_authoritative, recursive, empty, empty_name_error, failure, refused,
             more_data, only_first_alias, no_dname, no_synthesised, reversed_order, junk, short_lived, long_lived, upper_case,
             apex_ns_added, denial_beside_answer]


def known_difference(asked, ours, theirs):
    """Why toriid knowingly differs from Unbound; None when it should not.

    `asked` are lines `name type mutation` of what toriid asked; the others are (rcode, records, AD).
    """
    changed = {line.split()[2] for line in asked}
    if "name_error" in changed and ours[0] == "NOERROR" and theirs[0] in ("NXDOMAIN", "SERVFAIL"):
        return "data and verified proofs count more than NXDOMAIN above them (RFC 4035 5.4): Unbound goes by the code"
    if "no_error" in changed and ours[0] in ("NXDOMAIN", "NOERROR") and theirs[0] in ("NXDOMAIN", "NOERROR") and ours[1] == theirs[1]:
        return "what an alias leads to is told by the response's code (RFC 6604 3): Unbound asks for the target again"
    if "name_error" in changed and (ours[0], theirs[0]) == ("NXDOMAIN", "NOERROR"):
        return "what an alias leads to is told by the response's code (RFC 6604 3): Unbound asks for the target again"
    if changed & {"more_data", "no_signatures", "bad_answer_signatures", "only_first_alias"} and ours[0] == theirs[0] and not ours[2]:
        return "an unsigned chain is believed as it came: Unbound asks for the targets again"
    if len(changed - {"same"}) > 1 and ours[0] == "SERVFAIL" and any(" cname " in record.lower() for record in theirs[1]):
        return "each answer of a chain proves its own denial: Unbound takes a proof that came with another one"
    if "denial_beside_answer" in changed and ours[0] == "NOERROR" and theirs[0] == "SERVFAIL":
        return "what the answer does not need is not validated and not told: Unbound wants all of it secure"
    if changed & {"other_half", "half_proof"} and (ours[0], theirs[0]) == ("SERVFAIL", "NXDOMAIN") and not theirs[2]:
        return "NXDOMAIN in an opt-out span needs its wildcard denied (RFC 5155 8.4): Unbound takes it for no data"
    return None


class Mutator:
    """Asks the sound server and changes what it says; keys and apex records are left alone."""

    def __init__(self, seed):
        self.seed, self.known, self.asked = seed, {}, []

    def choose(self, name, kind):
        digest = hashlib.sha256(("%s %d" % (name.canonicalize(), self.seed)).encode()).digest()
        if kind in ("DNSKEY", "DS", "NS") or len(name.labels) <= 3 or name.labels[-4].lower() == b"ns" or digest[0] < 40:
            return same
        return MUTATIONS[digest[1] % len(MUTATIONS)]

    def name(self, owner, kind):
        return self.choose(dns.name.from_text(owner), kind).__name__

    def reply(self, q):
        key = (q.name, q.kind, q.message.edns >= 0)
        self.asked.append("%s %s %s" % (q.name.canonicalize(), q.kind, self.choose(q.name, q.kind).__name__))
        if key not in self.known:
            self.known[key] = self.make(q)
        wire = struct.pack("!H", q.id) + self.known[key][2:12] + q.wire[12:12 + len(q.name.to_wire())] + self.known[key][12 + len(q.name.to_wire()):]
        if not q.is_tcp and len(wire) > q.size:
            return q.reply(tc=True)
        return wire

    def make(self, q):
        query = dns.message.make_query(q.name, q.kind, use_edns=0 if q.message.edns >= 0 else -1, want_dnssec=q.message.edns >= 0)
        with socket.create_connection(("127.80.0.4", 53)) as stream:
            wire = query.to_wire()
            stream.sendall(struct.pack("!H", len(wire)) + wire)
            file = stream.makefile("rb")
            message = dns.message.from_wire(file.read(struct.unpack("!H", file.read(2))[0]))
        self.choose(q.name, q.kind)(message)
        return message.to_wire(max_size=65535)
