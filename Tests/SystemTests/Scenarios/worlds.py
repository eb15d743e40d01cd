"""Scenarios (.rpl) made from zones: texts, keys, and what servers say of them, sound or changed by a case.

A case builds a `World`: zones (`zone`), which address serves what (`serve`), changes of single responses (`change`), and
steps (`ask`). `World.text` writes it as the scripted scenarios that both players read.
"""

import base64
import hashlib
import struct

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.RRSIG import RRSIG

NOW = 1700000000
ROOT = "198.51.100.1"
PLAIN = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")
FULL = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def name(text):
    return dns.name.from_text(text)


def kind_of(text):
    return dns.rdatatype.from_text(text)


class Key:
    """A key of a zone; the same seed makes the same key."""

    # What has been signed: a second signature would be another one.
    made = {}

    def __init__(self, zone, seed="", flags=257, algorithm=13):
        self.zone, self.algorithm = zone, algorithm
        number = int.from_bytes(hashlib.sha256(("%s %s" % (zone, seed)).encode()).digest(), "big") % (1 << 255) + 1
        self.private = ec.derive_private_key(number, ec.SECP256R1())
        made = dns.dnssec.make_dnskey(self.private.public_key(), 13, flags=flags)
        self.record = DNSKEY(1, 48, flags, 3, algorithm, made.key)
        self.tag = dns.dnssec.key_id(self.record)

    def ds(self, digest=2):
        body = self.zone.canonicalize().to_wire() + self.record.to_wire()
        made = {1: hashlib.sha1, 2: hashlib.sha256, 4: hashlib.sha384}.get(digest, hashlib.sha256)(body).digest()
        return DS(1, 43, self.tag, self.algorithm, digest, made)

    def sign(self, rrset, labels=None, start=NOW - 864000, end=NOW + 2592000, signer=None, owner=None):
        """The RRSIG record data over a set; `owner` is the name that it is signed at (a wildcard)."""
        owner = owner or rrset.name
        count = len(owner) - 1 - (1 if owner.is_wild() else 0)
        head = struct.pack("!HBBIIIH", rrset.rdtype, self.algorithm, count if labels is None else labels, rrset.ttl, end, start, self.tag)
        signer = signer or self.zone
        data = head + signer.canonicalize().to_wire()
        for body in sorted(r.to_digestable() for r in rrset):
            data += owner.canonicalize().to_wire() + struct.pack("!HHIH", rrset.rdtype, 1, rrset.ttl, len(body)) + body
        if (self.tag, data) not in Key.made:
            Key.made[self.tag, data] = self.private.sign(data, ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(Key.made[self.tag, data])
        return RRSIG(1, 46, rrset.rdtype, self.algorithm, count if labels is None else labels, rrset.ttl, end, start, self.tag, signer,
                     r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class Response:
    """What a server says: sets in three sections."""

    def __init__(self, rcode="NOERROR", aa=True):
        self.rcode, self.aa = rcode, aa
        self.flags = ["QR"]
        self.answer, self.authority, self.additional = [], [], []

    def copy(self):
        made = Response(self.rcode, self.aa)
        made.flags = list(self.flags)
        made.answer, made.authority, made.additional = list(self.answer), list(self.authority), list(self.additional)
        return made

    def without(self, section, *kinds):
        """Leaves out sets of these types, and what signs them."""
        numbers = [kind_of(k) for k in kinds]
        setattr(self, section, [s for s in getattr(self, section)
                                if s.rdtype not in numbers and not (s.rdtype == 46 and s[0].type_covered in numbers)])
        return self

    def unsigned(self, *sections):
        for section in sections or ("answer", "authority", "additional"):
            setattr(self, section, [s for s in getattr(self, section) if s.rdtype != 46])
        return self

    def forged(self, *sections, kind=None):
        """Signatures whose last octet is another."""
        for section in sections or ("answer", "authority", "additional"):
            made = []
            for s in getattr(self, section):
                if s.rdtype == 46 and (kind is None or s[0].type_covered == kind_of(kind)):
                    s = dns.rrset.from_rdata(s.name, s.ttl, *[
                        r.replace(signature=r.signature[:-1] + bytes([r.signature[-1] ^ 1])) for r in s])
                made.append(s)
            setattr(self, section, made)
        return self


class Zone:
    """A zone and what its servers say by RFC 1034 4.3.2, 4035 3.1, 5155 7.2."""

    def __init__(self, origin, text, denial=None, salt="aabb", iterations=0, key=None, keys=None, times=None):
        self.origin = name(origin)
        self.denial, self.salt, self.iterations = denial, salt, iterations
        self.key = (key or Key(self.origin)) if denial else None
        self.keys = keys or ([self.key] if self.key else [])
        self.times = times or {}
        self.sets = {}
        self.cuts = {}
        lines = text.strip().splitlines()
        for line in lines:
            line = line.strip()
            if line and not line.startswith(";"):
                self.add(line)
        if (self.origin, 6) not in self.sets:
            self.add("@ 3600 SOA ns.%s host.%s 1 3600 900 604800 %d" % (("example.", "example.", 300) if origin == "." else (origin, origin, 300)))
        if self.key:
            self.sets[(self.origin, 48)] = dns.rrset.from_rdata(self.origin, 3600, *[k.record for k in self.keys])

    def add(self, line):
        words = line.split(None, 3)
        owner = self.origin if words[0] == "@" else dns.name.from_text(words[0], self.origin)
        if words[1].isdigit():
            ttl, kind, data = int(words[1]), words[2], words[3] if len(words) > 3 else ""
        else:
            ttl, kind, data = 3600, words[1], line.split(None, 2)[2]
        rdata = dns.rdata.from_text(1, kind_of(kind), data, self.origin, False)
        key = (owner, int(rdata.rdtype))
        if key not in self.sets:
            self.sets[key] = dns.rrset.RRset(owner, 1, rdata.rdtype)
        self.sets[key].add(rdata, ttl)

    # What exists.

    def names(self):
        """All names, empty non-terminals too, without what lies below cuts."""
        found = set()
        for owner, _ in self.sets:
            if self.cut_above(owner) not in (None, owner):
                continue
            while owner != self.origin:
                found.add(owner)
                owner = owner.parent()
        return found | {self.origin}

    def cut_above(self, owner):
        current, cut = owner, None
        while current != self.origin:
            if (current, 2) in self.sets:
                cut = current
            current = current.parent()
        return cut

    def types(self, owner):
        return sorted(t for o, t in self.sets if o == owner)

    def is_unsigned_cut(self, owner):
        return owner != self.origin and (owner, 2) in self.sets and (owner, 43) not in self.sets

    # What signs and denies.

    def signed(self, rrset, owner=None):
        """A set and its signature, where the zone is signed and the set its own."""
        if not self.key:
            return [rrset]
        words = dict(self.times)
        signers = self.keys if rrset.rdtype == 48 else [self.key]
        return [rrset, dns.rrset.from_rdata(rrset.name, rrset.ttl, *[k.sign(rrset, owner=owner, **words) for k in signers if k.algorithm == 13])]

    def nsec_names(self):
        return sorted({o for o, _ in self.sets if self.cut_above(o) in (None, o)})

    def nsec(self, owner):
        """The NSEC record at or before a name."""
        every = self.nsec_names()
        at = max(i for i, n in enumerate(every) if n <= owner)
        types = self.types(every[at])
        if self.cut_above(every[at]):
            types = [t for t in types if t in (2, 43)]
        types = sorted(set(types + [46, 47]))
        return self.made(every[at], "NSEC", "%s %s" % (every[(at + 1) % len(every)], " ".join(map(dns.rdatatype.to_text, types))))

    def made(self, owner, kind, data, ttl=300):
        return self.signed(dns.rrset.from_text(owner, ttl, "IN", kind, data))

    def hash(self, owner):
        return dns.dnssec.nsec3_hash(owner, self.salt or None, self.iterations, "SHA1")

    def hashes(self):
        every = self.names()
        if self.denial == "optout":
            every = {n for n in every if not self.is_unsigned_cut(n) and not (
                not self.types(n) and all(self.is_unsigned_cut(m) for m in every if m != n and m.is_subdomain(n) and self.types(m)))}
        return sorted((self.hash(n), n) for n in every)

    def nsec3(self, owner, cover=False):
        """The NSEC3 record that matches a name, or that covers it."""
        every, wanted = self.hashes(), self.hash(owner)
        before = [i for i, (h, _) in enumerate(every) if h <= wanted]
        at = before[-1] if before else len(every) - 1
        digest, original = every[at]
        assert (digest == wanted) != cover, (owner, cover)
        types = self.types(original)
        if self.cut_above(original):
            types = [t for t in types if t in (2, 43)]
        if types and not self.is_unsigned_cut(original):
            types = types + [46]
        if original == self.origin:
            types = types + [51]
        return self.made("%s.%s" % (digest.lower(), self.origin), "NSEC3", "1 %d %d %s %s %s" % (
            1 if self.denial == "optout" else 0, self.iterations, self.salt or "-", every[(at + 1) % len(every)][0].lower(),
            " ".join(map(dns.rdatatype.to_text, sorted(set(types))))))

    def hashed(self, owner):
        return any(n == owner for _, n in self.hashes())

    def encloser(self, owner):
        every = self.names() if self.denial != "optout" else {n for _, n in self.hashes()}
        while owner not in every:
            owner = owner.parent()
        return owner

    def next_closer(self, owner, encloser):
        return dns.name.Name(owner.labels[-len(encloser) - 1:])

    def soa(self):
        made = self.sets[(self.origin, 6)]
        ttl = min(made.ttl, made[0].minimum)
        return self.signed(dns.rrset.from_rdata(self.origin, ttl, *made))

    def closest(self, owner):
        """NSEC3: the closest encloser's record, and the next closer name's cover."""
        encloser = self.encloser(owner)
        return self.nsec3(encloser) + self.nsec3(self.next_closer(owner, encloser), cover=True)

    def no_name(self, owner):
        if self.denial == "nsec":
            encloser = self.encloser(owner)
            return unique(self.nsec(owner) + self.nsec(dns.name.Name((b"*",) + encloser.labels)))
        if self.denial:
            encloser = self.encloser(owner)
            return unique(self.closest(owner) + self.nsec3(dns.name.Name((b"*",) + encloser.labels), cover=True))
        return []

    def no_type(self, owner):
        if self.denial == "nsec":
            return self.nsec(owner)
        if self.denial:
            return self.nsec3(owner) if self.hashed(owner) else self.closest(owner)
        return []

    # What is said.

    def respond(self, owner, kind):
        made = Response()
        number = kind_of(kind)
        for _ in range(12):
            cut = self.cut_above(owner)
            if cut and not (cut == owner and number == 43):
                return self.refer(cut, made)
            dname = next((d for d in [dns.name.Name(owner.labels[i:]) for i in range(1, len(owner))] if (d, 39) in self.sets), None)
            if dname is not None:
                made.answer += self.signed(self.sets[(dname, 39)])
                target = dns.name.Name(owner.labels[:-len(dname)] + self.sets[(dname, 39)][0].target.labels)
                made.answer.append(dns.rrset.from_text(owner, self.sets[(dname, 39)].ttl, "IN", "CNAME", target.to_text()))
                if number == 5 or not target.is_subdomain(self.origin):
                    return made
                owner = target
                continue
            source, wildcard = owner, None
            if owner not in self.names():
                wildcard = dns.name.Name((b"*",) + self.plain_encloser(owner).labels)
                if wildcard not in self.names():
                    made.rcode = "NXDOMAIN"
                    made.authority += self.soa() + self.no_name(owner)
                    return made
                source = wildcard
            proof = []
            if wildcard is not None and self.denial == "nsec":
                proof = self.nsec(owner)
            elif wildcard is not None and self.denial:
                proof = self.nsec3(self.next_closer(owner, wildcard.parent()), cover=True)
            found = self.types(source) if number == 255 else [t for t in (number,) if (source, t) in self.sets]
            if not found and number != 5 and (source, 5) in self.sets:
                found = [5]
            for t in found:
                made.answer += self.signed(renamed(self.sets[(source, t)], owner), owner=source if wildcard is not None else None)
            if number == 255 and self.denial == "nsec" and wildcard is None:
                made.answer += self.nsec(owner)
            made.authority = unique(made.authority + proof) if found else made.authority
            if found == [5] and number != 5:
                owner = self.sets[(source, 5)][0].target
                if not owner.is_subdomain(self.origin):
                    return made
                continue
            if not found:
                made.authority = made.authority + self.soa()
                if wildcard is not None and self.denial == "nsec":
                    made.authority = unique(made.authority + proof + self.nsec(wildcard))
                elif wildcard is not None and self.denial:
                    made.authority = unique(made.authority + self.closest(owner) + self.nsec3(wildcard))
                else:
                    made.authority = unique(made.authority + self.no_type(owner))
            return made
        return made

    def plain_encloser(self, owner):
        every = self.names()
        while owner not in every:
            owner = owner.parent()
        return owner

    def refer(self, cut, made=None):
        made = made or Response()
        made.aa = bool(made.answer)
        made.authority.append(self.sets[(cut, 2)])
        if (cut, 43) in self.sets:
            made.authority += self.signed(self.sets[(cut, 43)])
        else:
            made.authority += self.no_type(cut)
        for server in self.sets[(cut, 2)]:
            for t in (1, 28):
                if (server.target, t) in self.sets:
                    made.additional.append(self.sets[(server.target, t)])
        return made


def renamed(rrset, owner):
    return dns.rrset.from_rdata(owner, rrset.ttl, *rrset)


def unique(sets):
    found = []
    for s in sets:
        if s not in found:
            found.append(s)
    return found


class World:
    def __init__(self, title, *options, anchor=None, extra="", minimise=False, blocks=""):
        self.title, self.options, self.extra, self.minimise, self.blocks = title, list(options), extra, minimise, blocks
        self.anchors = [anchor] if isinstance(anchor, str) else list(anchor or [])
        self.zones, self.servers, self.ranges, self.steps = {}, {}, [], []
        self.number = 0
        self.at = (0, 1000)

    def zone(self, origin, text="", denial=None, **words):
        self.zones[origin] = Zone(origin, text, denial, **words)
        return self.zones[origin]

    def delegate(self, parent, child, glue, ds=None):
        """NS, glue and DS of a child in its parent; `glue` is a list of addresses, each with a server of its own."""
        above, origin = self.zones[parent], name(child)
        glue = [glue] if isinstance(glue, str) else glue
        for i, address in enumerate(glue):
            server = "ns%s.%s" % ("" if i == 0 else i + 1, child)
            above.add("%s NS %s" % (child, server))
            above.add("%s %s %s" % (server, "AAAA" if ":" in address else "A", address))
            below = self.zones.get(child)
            if below is not None:
                below.add("@ NS %s" % server)
                below.add("%s %s %s" % (server, "AAAA" if ":" in address else "A", address))
        below = self.zones.get(child)
        records = ds if ds is not None else [below.key.ds()] if below is not None and below.key else []
        for record in records:
            above.add("%s DS %s" % (child, record.to_text()))
        _ = origin

    def respond(self, zone, question):
        owner, kind = question.split()
        return self.zones[zone].respond(name(owner), kind)

    def serve(self, address, zone, *questions, change=None, first=None, last=None, only=False, referrals=True, keys=True):
        """What a server says to each question (`name TYPE`); to others SERVFAIL.

        `change` is a function of a response and the question. Without `only` also the apex's NS set, the keys, its own
        addresses, and referrals for all that lies below cuts.
        """
        made = self.zones[zone]
        entries = []
        for question in questions:
            response = self.respond(zone, question)
            if change:
                response = change(response, question) or response
            entries.append((question, response, "qname qtype"))
            # Some resolvers ask for the target of an alias although it came along.
            for alias in [s for s in response.answer if s.rdtype == 5]:
                target = "%s %s" % (alias[0].target, question.split()[1])
                if alias[0].target.is_subdomain(made.origin) and target not in questions and not target.endswith(" CNAME"):
                    entries.append((target, self.respond(zone, target), "qname qtype"))
        if not only:
            kinds = ["NS"] + (["DNSKEY"] if made.key and keys else [])
            for kind in kinds:
                question = "%s %s" % (zone, kind)
                if question not in questions and (made.origin, kind_of(kind)) in made.sets:
                    entries.append((question, self.respond(zone, question), "qname qtype"))
            for owner, t in list(made.sets):
                question = "%s %s" % (owner, dns.rdatatype.to_text(t))
                if t in (1, 28) and owner.labels[0].startswith(b"ns") and not made.cut_above(owner) and question not in questions:
                    entries.append((question, self.respond(zone, question), "qname qtype"))
            if referrals:
                cuts = sorted({o for o, t in made.sets if t == 2 and o != made.origin}, key=lambda o: -len(o))
                for cut in cuts:
                    question = "%s DS" % cut
                    if question not in questions and made.key:
                        entries.append((question, self.respond(zone, question), "qname qtype"))
                    entries.append(("%s A" % cut, made.refer(cut), "subdomain"))
        self.raw(address, entries, first, last)

    def raw(self, address, entries, first=None, last=None):
        """A range as it is: entries of (question, response, match)."""
        self.ranges.append(((self.at[0] if first is None else first, self.at[1] if last is None else last), address, entries))

    def ask(self, question, answer=None, rcode=None, ad=None, do=True, cd=False, flags=None, zone=None, match="all", check=True,
            authority=None, source=None, ede=None, wait=True):
        """A client's question and what it must get.

        `zone` computes the expected answer from a zone; `answer` is a list of texts or sets.
        """
        owner, kind = question.split()
        self.number += 10
        self.steps.append(("query", self.number, question, do, cd, source))
        if not check:
            return
        if wait:
            self.number += 1
        expected = Response(rcode or "NOERROR")
        if zone is not None:
            expected = self.respond(zone, question)
            expected.authority = [s for s in expected.authority if s.rdtype in (6, 46, 47, 50)]
            if not do:
                expected.unsigned().without("authority", "NSEC", "NSEC3")
        if answer is not None:
            expected.answer = texts(answer)
        if authority is not None:
            expected.authority = texts(authority)
        if rcode is not None:
            expected.rcode = rcode
        words = ["QR", "RD", "RA"] + (["AD"] if ad else []) + (["CD"] if cd else []) + (["DO"] if do else [])
        self.steps.append(("check", self.number, question, flags or words, expected, match + (" ede=%d" % ede if ede is not None else "")))

    def wait(self, seconds):
        self.number += 10
        self.steps.append(("time", self.number, seconds))

    def traffic(self):
        self.number += 10
        self.steps.append(("traffic", self.number))

    @property
    def next(self):
        """The number of the next step."""
        return self.number + 10

    def text(self):
        out = ["; " + self.title, "server:", "\ttrust-anchor-signaling: no", "\ttarget-fetch-policy: \"0 0 0 0 0\"",
               "\tqname-minimisation: \"%s\"" % ("yes" if self.minimise else "no")]
        for anchor in self.anchors:
            zone = self.zones[anchor] if anchor in self.zones else None
            out.append("\ttrust-anchor: \"%s\"" % ("%s 3600 IN DS %s" % (anchor, zone.key.ds().to_text()) if zone else anchor))
        if self.anchors:
            out.append("\tval-override-date: \"20231114221320\"")
        out += ["\t" + o for o in self.options]
        if "." in self.zones:
            out += ["stub-zone:", "\tname: \".\"", "\tstub-addr: " + ROOT]
        out += [self.blocks.rstrip()] if self.blocks else []
        out += ["CONFIG_END", "", "SCENARIO_BEGIN " + self.title, ""]
        for (first, last), address, entries in self.ranges:
            out += ["RANGE_BEGIN %d %d" % (first, last), "\tADDRESS " + address]
            for question, response, match in entries:
                copies = "copy_id copy_query" if match in ("subdomain", "") else "copy_id"
                if "norcode" in match:
                    match = match.replace("norcode", "").strip()
                out += ["ENTRY_BEGIN", "MATCH opcode " + match, "ADJUST " + copies,
                        "REPLY %s%s %s" % (" ".join(response.flags), " AA" if response.aa else "", response.rcode), "SECTION QUESTION", in_class(question)]
                out += sections(response) + ["ENTRY_END"]
            out += ["RANGE_END", ""]
        for step in self.steps:
            if step[0] == "query":
                _, number, question, do, cd, source = step
                out += ["STEP %d QUERY%s" % (number, " ADDRESS " + source if source else ""), "ENTRY_BEGIN", "REPLY RD%s%s" % (" CD" if cd else "", " DO" if do else ""),
                        "SECTION QUESTION", in_class(question), "ENTRY_END"]
            elif step[0] == "check":
                _, number, question, flags, expected, match = step
                out += ["STEP %d CHECK_ANSWER" % number, "ENTRY_BEGIN", "MATCH " + match, "REPLY %s %s" % (" ".join(flags), expected.rcode),
                        "SECTION QUESTION", in_class(question)] + sections(expected) + ["ENTRY_END"]
            elif step[0] == "time":
                out += ["STEP %d TIME_PASSES ELAPSE %s" % (step[1], step[2])]
            else:
                out += ["STEP %d TRAFFIC" % step[1]]
        return "\n".join(out + ["SCENARIO_END", ""])


def in_class(question):
    owner, kind = question.split()
    return "%s IN %s" % (owner, kind)


def texts(sets):
    made = []
    for s in sets:
        if isinstance(s, str):
            words = s.split(None, 3)
            s = dns.rrset.from_text(words[0], int(words[1]), "IN", words[2], words[3])
        made.append(s)
    return made


def sections(response):
    out = []
    for section in ("answer", "authority", "additional"):
        sets = getattr(response, section)
        if sets:
            out.append("SECTION " + section.upper())
        for s in sets:
            for data in s:
                if hasattr(data, "raw"):
                    out.append("%s %d IN %s \\# %d %s" % (s.name, s.ttl, dns.rdatatype.to_text(s.rdtype), len(data.raw), data.raw.hex()))
                else:
                    out.append("%s %d IN %s %s" % (s.name, s.ttl, dns.rdatatype.to_text(s.rdtype), data.to_text()))
    return out
