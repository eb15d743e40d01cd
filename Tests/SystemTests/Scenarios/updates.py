#!/usr/bin/python3
"""Random updates, sent to several servers and to a literal reading of RFC 2136 section 3: where do they differ?

    updates.py SEED STEPS ours=PORT [named=PORT | knotd=PORT]

Each step is one message: prerequisites of all kinds, additions and deletions at the apex, at wildcards, beside aliases, out of
the zone, in the wrong class, with faults of form and of signature. Ours must do what the text says, to the record; a peer may
leave it only in one of the ways of `KNOWN`, which are counted. A peer that went astray is brought back by an update of its own.
The zone is `update.example`, the keys are `good.example` (may change anything) and `idle.example` (nothing).
"""
import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Attacks"))
from wire import (FORMERR, NOERROR, NOTAUTH, NOTIMP, NOTZONE, NXDOMAIN, REFUSED, Answer, Client, message, name, question,
                  record, sign)

YXDOMAIN, YXRRSET, NXRRSET = 6, 7, 8
ZONE = "update.example"
A, NS, CNAME, SOA, MX, TXT, AAAA, SRV, DNAME, ANY, AXFR, MAILB, MAILA = 1, 2, 5, 6, 15, 16, 28, 33, 39, 255, 252, 253, 254
ODD = 65280
IN, CH, HS, NONE, CANY = 1, 3, 4, 254, 255
META = (AXFR, MAILA, MAILB)
NAMES = ["a", "b", "c", "d", "*", "x.a", "y.a", "*.b", "deep.er.c", "ns", "cut", "A", "B", "X.a"]
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
          8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", None: "silence"}

# Where a peer leaves the text: a word that the step's features must have.
KNOWN = {
    "named": {
        "order": "the update section is scanned before the prerequisites, and not in order",
        "order-of-rights": "rights are looked at after the prescan",
        "twice": "a value prerequisite given twice is taken for two records",
        "value-any": "a value prerequisite of type ANY is NXRRSET",
        "case": "another case of the owner is a change",
        "trailing": "octets after the message are passed over",
        "class": "class CH is NOTIMP",
        "silence": "a zone section without entry is REFUSED",
        "type": "another type than SOA in the zone section is FORMERR before the signature is looked at",
        "below": "data below a DNAME is kept",
        "long-mac": "a MAC of an odd length is judged otherwise",
    },
    "knotd": {
        "order": "faults of form come before others",
        "order-of-rights": "rights are looked at first",
        "fault": "a fault in the update section: not sent",
        "soa-below": "an SOA for another name than the apex: not sent",
        "ttl": "another TTL of a record that is there is ignored",
        "silence": "two entries in the zone section, or none: no response",
        "class": "class CH is NOTIMP",
        "type": "another type than SOA in the zone section is FORMERR before the signature is looked at",
        "rights": "NOTAUTH and BADKEY for a key without rights, NOTAUTH for no key",
        "long-mac": "a MAC of an odd length is judged otherwise",
        "soa": "an SOA whose serial is the present one is ignored",
    },
}


def absolute(label):
    return f"{label}.{ZONE}" if label else ZONE


def soa(serial, minimum=60):
    return name(f"ns.{ZONE}") + name(f"hostmaster.{ZONE}") + struct.pack("!IIIII", serial, 3600, 600, 86400, minimum)


def serial_of(data):
    return struct.unpack("!I", data[-20:-16])[0]


def newer(a, b):
    return a != b and (a - b) % (1 << 32) < (1 << 31)


def is_below(owner, ancestor):
    while len(owner) > len(ancestor):
        owner = owner[1 + owner[0]:]
    return owner == ancestor


class Zone:
    """Names in lower case -> types -> [TTL, set of data]."""

    def __init__(self):
        self.sets = {}
        for owner, rtype, data in START:
            self.sets.setdefault(name(owner).lower(), {}).setdefault(rtype, [300, set()])[1].add(data)

    def copy(self):
        other = Zone.__new__(Zone)
        other.sets = {o: {t: [ttl, set(d)] for t, (ttl, d) in s.items()} for o, s in self.sets.items()}
        return other

    def get(self, owner, rtype):
        return self.sets.get(owner, {}).get(rtype, [None, set()])[1]

    def remove(self, owner, rtype, data=None):
        here = self.sets.get(owner, {})
        if rtype in here:
            if data is None:
                del here[rtype]
            else:
                here[rtype][1].discard(data)
                if not here[rtype][1]:
                    del here[rtype]
        if owner in self.sets and not here:
            del self.sets[owner]

    @property
    def serial(self):
        return serial_of(next(iter(self.get(name(ZONE), SOA))))

    def contents(self, soa_too=True):
        return {(o, t, ttl, d) for o, s in self.sets.items() for t, (ttl, all_data) in s.items() for d in all_data
                if soa_too or t != SOA}


START = [(ZONE, SOA, soa(100)), (ZONE, NS, name("ns2.elsewhere.example")), (ZONE, NS, name("ns.elsewhere.example")),
         (f"ns.{ZONE}", A, bytes([192, 0, 2, 53])), (f"a.{ZONE}", A, bytes([192, 0, 2, 1])),
         (f"c.{ZONE}", CNAME, name(f"a.{ZONE}")), (f"*.b.{ZONE}", TXT, b"\x04wild")]


def lower_data(rtype, data):
    if rtype in (NS, CNAME, DNAME):
        return data.lower()
    if rtype == MX:
        return data[:2] + data[2:].lower()
    if rtype == SRV:
        return data[:6] + data[6:].lower()
    if rtype == SOA:
        return data[:-20].lower() + data[-20:]
    return data


class Step:
    """One message: its sections as (owner, type, class, ttl, data), its faults, and what there is to say of it."""

    has_dname = True

    def __init__(self, r, number):
        self.features = set()
        self.ident = number & 0xFFFF
        self.zone = [(ZONE, SOA, IN)]
        fault = r.random()
        if fault < 0.05:
            self.zone = r.choice([
                [("other.example", SOA, IN)], [(f"a.{ZONE}", SOA, IN)], [(ZONE, A, IN)], [(ZONE, ANY, IN)],
                [(ZONE, SOA, CH)], [(ZONE, SOA, IN), (ZONE, SOA, IN)], []])
            if len(self.zone) != 1:
                self.features.add("silence")
            elif self.zone[0][2] != IN:
                self.features.add("class")
            elif self.zone[0][1] != SOA:
                self.features.add("type")
        self.prerequisites = [self.prerequisite(r) for _ in range(r.choice([0, 0, 0, 1, 1, 2, 3]))]
        if self.prerequisites and r.random() < 0.1:
            self.prerequisites.append(self.prerequisites[0])
            self.features.add("twice")
        self.updates = [self.update(r) for _ in range(r.choice([0, 1, 1, 1, 2, 3, 5, 8]))]
        self.trailing = b"\0" if r.random() < 0.01 else b""
        if self.trailing:
            self.features.add("trailing")
        self.extra = 1 if r.random() < 0.01 else 0  # one record more is promised than comes
        self.signature = r.choices(
            ["good", "none", "idle", "unknown", "spoiled", "old", "half", "long", "other algorithm"],
            [80, 3, 3, 2, 2, 2, 3, 1, 1])[0]
        if self.signature in ("none", "idle"):
            self.features.add("rights")
        if self.signature in ("long", "half"):
            self.features.add("long-mac")

    def owner(self, r):
        where = r.random()
        if where < 0.15:
            return ZONE if r.random() < 0.7 else ZONE.upper()
        if where < 0.18:
            return r.choice(["other.example", "example", "xupdate.example"])
        return absolute(r.choice(NAMES))

    def data(self, r, rtype, owner=""):
        if rtype == NS and owner.lower() == ZONE:
            # BIND refuses what leaves a server of the zone without address, and could not be brought back.
            return name(r.choice(["ns", "ns2", "NS", "ns3"]) + ".elsewhere.example")
        target = r.choice([absolute(n) for n in ("a", "b", "ns", "NS", "cut")] + ["ns.elsewhere.example"])
        low = r.randrange(4)
        return {
            A: bytes([192, 0, 2, low]), AAAA: bytes([0x20, 1, 0xd, 0xb8] + [0] * 11 + [low]), NS: name(target),
            CNAME: name(target), DNAME: name(target), MX: struct.pack("!H", low) + name(target), TXT: b"\x02t" + str(low).encode(),
            SRV: struct.pack("!HHH", 0, low, 80) + name(target), ODD: bytes([low]) * low,
            SOA: soa(100 + r.randrange(3000), 60 + low),
        }.get(rtype, b"")

    def type(self, r):
        return r.choice([A, A, A, AAAA, TXT, TXT, MX, NS, NS, CNAME, CNAME, SRV, ODD, DNAME, SOA])

    def prerequisite(self, r):
        owner, rtype = self.owner(r), self.type(r)
        kind = r.choice(["name", "no name", "set", "no set", "value", "value"])
        entry = {
            "name": (owner, ANY, CANY, 0, b""), "no name": (owner, ANY, NONE, 0, b""), "set": (owner, rtype, CANY, 0, b""),
            "no set": (owner, rtype, NONE, 0, b""), "value": (owner, rtype, IN, 0, self.data(r, rtype, owner)),
        }[kind]
        fault = r.random()
        if fault < 0.02:
            entry = entry[:3] + (60,) + entry[4:]
            self.features.add("order")
        elif fault < 0.04 and entry[2] != IN:
            entry = entry[:4] + (bytes([192, 0, 2, 1]),)
            entry = (entry[0], A) + entry[2:]
            self.features.add("order")
        elif fault < 0.05:
            entry = (owner, rtype, HS, 0, self.data(r, rtype, owner))
            self.features.add("order")
        elif fault < 0.06 and entry[2] == IN:
            entry = (entry[0], ANY) + entry[2:4] + (b"",)
            self.features |= {"value-any", "order"}
        return entry

    def update(self, r):
        owner, rtype = self.owner(r), self.type(r)
        kind = r.choice(["add", "add", "add", "add", "delete set", "delete name", "delete record", "delete record"])
        if owner.lower() == ZONE and kind == "delete name" and r.random() < 0.5:
            kind = "add"
        entry = {
            "add": (owner, rtype, IN, r.choice([300, 300, 300, 60]), self.data(r, rtype, owner)),
            "delete set": (owner, rtype, CANY, 0, b""), "delete name": (owner, ANY, CANY, 0, b""),
            "delete record": (owner, rtype, NONE, 0, self.data(r, rtype, owner)),
        }[kind]
        fault = r.random()
        if fault < 0.01:
            entry = (owner, r.choice([ANY, AXFR, MAILA, MAILB]), IN, 0, b"")
            self.features |= {"order", "fault"}
        elif fault < 0.02:
            entry = (owner, r.choice(META), r.choice([CANY, NONE]), 0, b"")
            self.features |= {"order", "fault"}
        elif fault < 0.03 and entry[2] != IN:
            entry = entry[:3] + (60,) + entry[4:]
            self.features |= {"order", "fault"}
        elif fault < 0.04:
            entry = (owner, rtype, r.choice([CH, HS, 77]), 0, self.data(r, rtype, owner))
            self.features |= {"order", "fault"}
        elif fault < 0.05:
            entry = (owner, A, CANY, 0, bytes([192, 0, 2, 1]))
            self.features |= {"order", "fault"}
        if entry[1] == NS and entry[2] == IN and owner.lower() == ZONE:
            # knotd keeps the TTL that a record has, and the last NS of the apex cannot be taken out to change it.
            entry = entry[:3] + (300,) + entry[4:]
        if entry[1] == SOA and entry[2] == IN and owner.lower() != ZONE:
            self.features.add("soa-below")
        if entry[2] == IN and (entry[1] == DNAME and not Step.has_dname or owner.startswith("*") and entry[1] in (NS, DNAME)):
            # At wildcards discouraged (RFC 4592 4.2, RFC 6672 3.3): BIND passes them over, and could not be brought back.
            return entry[:1] + (TXT,) + entry[2:4] + (self.data(r, TXT),)
        return entry

    def octets(self):
        counts = [len(self.zone), len(self.prerequisites), len(self.updates) + self.extra, 0]

        def whole(section):
            return [record(o, t, c, ttl, d) for o, t, c, ttl, d in section]
        plain = message(self.ident, 5 << 11, [question(*z) for z in self.zone], whole(self.prerequisites),
                        whole(self.updates), [], counts=counts)
        key = {"none": None, "idle": "idle.example", "unknown": "nobody.example"}.get(self.signature, "good.example")
        if key is None or self.extra:
            return plain + self.trailing
        more = {"spoiled": dict(spoil=True), "old": dict(when=1_000_000_000), "half": dict(size=16), "long": dict(size=33),
                "other algorithm": dict(algorithm="hmac-sha512")}.get(self.signature, {})
        return sign(plain, key, **more) + self.trailing

    def text(self):
        def show(section):
            return "; ".join(f"{o} {t} {c} {ttl} {d.hex()}" for o, t, c, ttl, d in section)
        return f"{self.signature} {self.zone} | {show(self.prerequisites)} | {show(self.updates)} {sorted(self.features)}"

    # What RFC 2136 says.

    def judge(self, zone):
        """The code, the TSIG error, and the zone afterwards."""
        if self.extra or self.trailing:
            return FORMERR, None, zone
        if self.signature == "long":
            return FORMERR, None, zone
        error = {"unknown": 17, "other algorithm": 17, "spoiled": 16, "old": 18}.get(self.signature)
        if error:
            return NOTAUTH, error, zone
        if len(self.zone) != 1 or self.zone[0][1] != SOA:
            return FORMERR, None, zone
        if self.zone[0][0].lower() != ZONE or self.zone[0][2] != IN:
            return NOTAUTH, None, zone
        code = self.judge_prerequisites(zone)
        if code != NOERROR:
            return code, None, zone
        if self.signature in ("none", "idle"):
            return REFUSED, None, zone
        code = self.prescan()
        if code != NOERROR:
            return code, None, zone
        after = self.apply(zone)
        # RFC 6672 leaves open what an update does that puts data below a DNAME; a zone file with that is refused, and so is this.
        return (REFUSED, None, zone) if after is None else (NOERROR, None, after)

    def inside(self, owner):
        return owner.lower() == ZONE or owner.lower().endswith("." + ZONE)

    def judge_prerequisites(self, zone):
        wanted = {}
        for owner, rtype, rclass, ttl, data in self.prerequisites:
            key = name(owner).lower()
            if ttl:
                return FORMERR
            if not self.inside(owner):
                return NOTZONE
            if rclass in (CANY, NONE):
                if data:
                    return FORMERR
                there = bool(zone.sets.get(key)) if rtype == ANY else bool(zone.get(key, rtype))
                if there != (rclass == CANY):
                    return {(CANY, True): NXDOMAIN, (CANY, False): NXRRSET, (NONE, True): YXDOMAIN,
                            (NONE, False): YXRRSET}[(rclass, rtype == ANY)]
            elif rclass == IN:
                if rtype == ANY or rtype in META:
                    return FORMERR
                wanted.setdefault((key, rtype), set()).add(lower_data(rtype, data))
            else:
                return FORMERR
        return NXRRSET if any(zone.get(*key) != data for key, data in wanted.items()) else NOERROR

    def prescan(self):
        for owner, rtype, rclass, ttl, data in self.updates:
            if not self.inside(owner):
                return NOTZONE
            if rclass == IN:
                if rtype == ANY or rtype in META:
                    return FORMERR
            elif rclass == CANY:
                if ttl or data or rtype in META:
                    return FORMERR
            elif rclass == NONE:
                if ttl or rtype == ANY or rtype in META:
                    return FORMERR
            else:
                return FORMERR
        return NOERROR

    @staticmethod
    def below_dname(zone, key, rtype):
        above = key[1 + key[0]:]
        while len(above) >= len(name(ZONE)):
            if zone.get(above, DNAME):
                return True
            above = above[1 + above[0]:]
        return rtype == DNAME and not zone.get(key, DNAME) and any(
            o != key and is_below(o, key) for o in zone.sets)

    def apply(self, before):
        zone, apex, given = before.copy(), name(ZONE), False
        for owner, rtype, rclass, ttl, data in self.updates:
            key, data = name(owner).lower(), lower_data(rtype, data)
            here = zone.sets.get(key, {})
            if rclass == IN:
                if rtype == CNAME and set(here) - {CNAME} or rtype != CNAME and CNAME in here:
                    continue
                if rtype == SOA:
                    if SOA not in here or newer(zone.serial, serial_of(data)):
                        continue
                    if serial_of(data) == zone.serial:
                        self.features.add("soa")
                    given = given or serial_of(data) != zone.serial
                    here[SOA] = [ttl, {data}]
                    continue
                if self.below_dname(zone, key, rtype):
                    self.features.add("below")
                    return None
                if rtype in (CNAME, DNAME):
                    zone.sets.setdefault(key, {})[rtype] = [ttl, {data}]
                    continue
                rrset = zone.sets.setdefault(key, {}).setdefault(rtype, [ttl, set()])
                if data in rrset[1] and ttl != rrset[0]:
                    self.features.add("ttl")
                if rrset[0] != ttl:
                    self.features.add("ttl")
                rrset[0] = ttl
                rrset[1].add(data)
            elif rclass == CANY:
                types = list(here) if rtype == ANY else [rtype]
                for one in types:
                    if not (key == apex and one in (SOA, NS)):
                        zone.remove(key, one)
            elif rtype == SOA or key == apex and rtype == NS and zone.get(key, NS) == {data}:
                continue
            else:
                zone.remove(key, rtype, data)
        if zone.contents() != before.contents() and not given:
            data = next(iter(zone.get(apex, SOA)))
            zone.sets[apex][SOA][1] = {data[:-20] + struct.pack("!I", before.serial + 1) + data[-16:]}
        return zone


class Server:
    def __init__(self, label, port):
        self.label, self.port, self.client = label, port, None
        self.counted, self.odd = {}, 0

    def ask(self, octets, patience=10):
        for _ in range(2):
            if self.client is None:
                self.client = Client("tcp", self.port)
            self.client.socket.settimeout(patience)
            try:
                self.client.send(octets)
                answer = Answer(self.client.receive())
                if answer.id == struct.unpack("!H", octets[:2])[0]:
                    return answer
            except (OSError, EOFError):
                pass
            self.client.close()
            self.client = None
            if patience < 10:
                return None
        return None

    def contents(self):
        answer = self.ask(sign(message(7, 0, [question(ZONE, AXFR)]), "good.example"))
        return {(o, t, ttl, lower_data(t, d)) for s, o, t, ttl, d in answer.records if s == 1}

    def change(self, updates):
        if updates:
            self.ask(sign(message(9, 5 << 11, [question(ZONE, SOA)], [], updates, []), "good.example"))

    def repair(self, zone):
        """Brings a peer's zone back to ours."""
        for _ in range(3):
            theirs = self.contents()
            wanted, present = zone.contents(False), {r for r in theirs if r[1] != SOA}
            if wanted == present:
                return True
            apex = name(ZONE)
            # NS of the apex first, since the last one cannot be taken away; then what is too much, whole sets of it; then
            # what lacks now, without what is there already.
            lacks, surplus = wanted - present, present - wanted
            self.change([record(o, t, IN, ttl, d) for o, t, ttl, d in lacks if (o, t) == (apex, NS)])
            stale = {(o, t) for o, t, ttl, d in surplus}
            self.change([record(o, t, NONE, 0, d) for o, t, ttl, d in surplus if (o, t) == (apex, NS)]
                        + [record(o, t, CANY, 0, b"") for o, t in stale if (o, t) != (apex, NS)])
            self.change([record(o, t, IN, ttl, d) for o, t, ttl, d in wanted
                         if (o, t, ttl, d) in lacks or (o, t) in stale])
        return False


def main():
    seed, steps = sys.argv[1], int(sys.argv[2])
    ports = dict(word.split("=") for word in sys.argv[3:])
    ours = Server("ours", int(ports.pop("ours")))
    peers = [Server(label, int(port)) for label, port in ports.items()]
    # A second DNAME at a name, and a whole lot more of them, end knotd 3.2.6.
    Step.has_dname = "knotd" not in ports
    zone, wrong, codes = Zone(), 0, {}
    for number in range(steps):
        r = random.Random(f"{seed}/{number}")
        step = Step(r, number)
        code, error, after = step.judge(zone)
        # RFC 2136 3.3 lets an implementation look at rights when it likes; NOTIMP for a class that is not served.
        right = {code}
        if step.signature in ("none", "idle") and code not in (NOTAUTH,) and not step.extra and not step.trailing:
            right.add(REFUSED)
        if "class" in step.features:
            right.add(NOTIMP)
        if len(step.zone) != 1:
            right.add(FORMERR)
        octets = step.octets()
        answer = ours.ask(octets)
        got = answer.rcode if answer else None
        told = answer.tsig["error"] if answer and answer.tsig else 0
        codes[RCODES[got]] = codes.get(RCODES[got], 0) + 1
        contents = ours.contents()
        if got not in right or contents != after.contents() or error and got == NOTAUTH and told != error:
            wrong += 1
            print(f"step {number}: {step.text()}\n    ours {RCODES[got]} {told}, by the text {RCODES[code]} {error}")
            for what, records in (("lacks", after.contents() - contents), ("has", contents - after.contents())):
                if records:
                    print(f"    ours {what}: {[(o.decode('latin1'), t, ttl, d.hex()) for o, t, ttl, d in records]}")
            if wrong > 10:
                break
            if contents != after.contents():
                ours.repair(after)
        for peer in peers:
            unsent = {"fault", "soa-below"} & step.features if peer.label == "knotd" else None
            if unsent:
                # These end knotd 3.2.6, some of the faults at least.
                peer.counted[min(unsent)] = peer.counted.get(min(unsent), 0) + 1
                peer.repair(after)
                continue
            answer = peer.ask(octets, 0.3 if "silence" in step.features and peer.label == "knotd" else 10)
            got = answer.rcode if answer else None
            theirs = {x for x in peer.contents() if x[1] != SOA}
            if (got not in right and got != code) or theirs != after.contents(False):
                reasons = [f for f in KNOWN[peer.label] if f in step.features]
                if not reasons and step.signature in ("none", "idle", "half"):
                    reasons = [x for x in ("order-of-rights",) if x in KNOWN[peer.label]]
                if not reasons and any(not step.inside(o) for o, *_ in step.updates):
                    reasons = [x for x in ("order",) if x in KNOWN[peer.label]]
                label = reasons[0] if reasons else "unexplained"
                peer.counted[label] = peer.counted.get(label, 0) + 1
                if label == "unexplained":
                    peer.odd += 1
                    if peer.odd <= 15:
                        print(f"step {number}: {step.text()}\n    {peer.label} {RCODES[got]}, by the text {RCODES[code]}")
                        for what, records in (("lacks", after.contents(False) - theirs), ("has", theirs - after.contents(False))):
                            if records:
                                print(f"    {peer.label} {what}: {[(o.decode('latin1'), t, ttl, d.hex()) for o, t, ttl, d in records]}")
                if theirs != after.contents(False) and not peer.repair(after):
                    print(f"step {number}: {peer.label} cannot be brought back")
                    peer.odd += 1
        zone = after
    for peer in peers:
        print(f"{peer.label}: " + (", ".join(f"{count} {label}" for label, count in sorted(peer.counted.items())) or "the same"))
    print("codes: " + ", ".join(f"{count} {code}" for code, count in sorted(codes.items(), key=str)))
    print(f"{steps} steps, {wrong} wrong, {sum(peer.odd for peer in peers)} unexplained of peers")
    sys.exit(1 if wrong else 0)


main()
