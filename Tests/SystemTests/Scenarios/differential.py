#!/usr/bin/python3
"""Small random zones and random queries, asked of several servers: where do they differ?

    differential.py zones SEED COUNT FOLDER [nsec|nsec3|optout]
                                                writes FOLDER/zNNN.example.zone and prints the names of the zones
    differential.py ask SEED COUNT QUERIES ours=PORT [NAME=PORT]...

The second form asks all servers on 127.0.0.1 the same and prints a line for each response of ours that no peer gives,
and at the end one line: how many queries, how many differences. The same seed makes the same zones and queries. Zones
that are signed (by dnssec-signzone) are asked with DO: `DNSSEC=1`.
"""
import os
import random
import re
import subprocess
import sys

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

LABELS = ["a", "b", "c", "*", "d"]
APEX_SERVER = re.compile(r"z\d+\.example\. \d+ (ns|rrsig ns) ")
TYPES = ["A", "AAAA", "NS", "CNAME", "DNAME", "SOA", "ANY", "DS", "TXT", "MX"]


class Zone:
    def __init__(self, number, seed, count):
        self.random = random.Random(f"{seed}/{number}")
        self.origin = f"z{number:03}.example."
        self.count = count
        self.records = {}
        self.build()

    def add(self, owner, kind, data):
        self.records.setdefault(owner, {}).setdefault(kind, []).append(data)

    def name(self):
        """A random name at or below the apex."""
        depth = self.random.choice([1, 1, 1, 2, 2, 3])
        labels = [self.random.choice(LABELS[:-1] if i == 0 else LABELS[:3]) for i in range(depth)]
        return ".".join(labels) + "." + self.origin

    def target(self):
        """Where an alias or a server may point."""
        kind = self.random.random()
        if kind < 0.6:
            return self.name().replace("*", "a")
        if kind < 0.8:
            other = self.random.randrange(self.count)
            return f"{self.random.choice('abc')}.z{other:03}.example."
        return f"{self.random.choice('abc')}.elsewhere.test."

    def ancestors(self, name):
        while name != self.origin and "." in name:
            name = name.split(".", 1)[1]
            yield name

    def below(self, name):
        return [owner for owner in self.records if owner != name and owner.endswith("." + name)]

    def build(self):
        self.add(self.origin, "SOA", "ns1.example. hostmaster.example. 1 3600 600 86400 60")
        inside = self.random.random() < 0.7
        self.add(self.origin, "NS", "ns." + self.origin if inside else "ns.elsewhere.test.")
        if inside:
            self.add("ns." + self.origin, "A", "192.0.2.53")
        for _ in range(self.random.randrange(3, 10)):
            owner = self.name()
            kind = self.random.choice(["A", "A", "AAAA", "TXT", "MX", "CNAME", "CNAME", "DNAME", "NS", "NS"])
            here = self.records.get(owner, {})
            if "CNAME" in here or "DNAME" in here:
                continue
            if any("DNAME" in self.records.get(a, {}) for a in self.ancestors(owner)):
                continue
            wild = owner.startswith("*")
            if kind == "CNAME" and (here or (wild and self.random.random() < 0.3)):
                continue
            if kind == "DNAME" and (wild or self.below(owner) or here):
                continue
            if kind == "NS" and (wild or here and "NS" not in here):
                continue
            if kind != "NS" and "NS" in here:
                continue
            number = self.random.randrange(1, 250)
            data = {
                "A": f"192.0.2.{number}",
                "AAAA": f"2001:db8::{number:x}",
                "TXT": f'"t{number}"',
                "MX": f"10 {self.target()}",
            }.get(kind) or self.target()
            if data not in here.get(kind, []):
                self.add(owner, kind, data)
            if kind == "NS" and self.random.random() < 0.5:
                glue = "ns." + owner
                self.records[owner]["NS"] = [glue]
                if not any("DNAME" in self.records.get(a, {}) for a in self.ancestors(glue)):
                    self.records[glue] = {"A": [f"192.0.2.{number}"]}
        cuts = [o for o, sets in self.records.items() if "NS" in sets and o != self.origin]
        for cut in cuts:
            if self.random.random() < 0.3:
                self.add(cut, "DS", "12345 13 2 " + "ab" * 32)
            # Data below a cut that is no glue: every other time it stays, and must never be seen.
            if self.random.random() < 0.5:
                continue
            for owner in self.below(cut):
                if owner != "ns." + cut or "A" not in self.records[owner]:
                    del self.records[owner]

    def text(self):
        lines = ["$TTL 300"]
        for owner, sets in self.records.items():
            for kind, all_data in sets.items():
                lines += [f"{owner} {kind} {data}" for data in all_data]
        return "\n".join(lines) + "\n"

    def queries(self, number):
        for _ in range(number):
            if self.random.random() < 0.6 and self.records:
                name = self.random.choice(sorted(self.records))
                if self.random.random() < 0.4:
                    name = self.random.choice("abcd*") + "." + name
                elif self.random.random() < 0.2:
                    name = name.split(".", 1)[1] if name != self.origin else name
            else:
                name = self.name()
            yield name, self.random.choice(TYPES)


def sign(folder, origin, method):
    """Signs a zone file in its place."""
    key = subprocess.run(
        ["dnssec-keygen", "-q", "-K", folder, "-a", "ECDSAP256SHA256", "-f", "KSK", origin],
        check=True, capture_output=True, text=True).stdout.strip()
    denial = {"nsec": [], "nsec3": ["-3", "aabb", "-H", "2"], "optout": ["-3", "-", "-A", "-H", "0"]}[method]
    path = f"{folder}/{origin}zone"
    subprocess.run(
        ["dnssec-signzone", "-q", "-z", "-P", "-S", "-K", folder, "-d", folder, "-N", "keep", *denial,
         "-O", "text", "-o", origin, "-f", path + ".signed", path, f"{folder}/{key}"],
        check=True, capture_output=True, text=True)
    os.rename(path + ".signed", path)


def ask(port, name, kind):
    query = dns.message.make_query(
        name, kind, use_edns=0, payload=4096, want_dnssec="DNSSEC" in os.environ)
    query.flags &= ~dns.flags.RD
    response = dns.query.udp(query, "127.0.0.1", port=port, timeout=5)
    if response.flags & dns.flags.TC:
        response = dns.query.tcp(query, "127.0.0.1", port=port, timeout=5)
    return response


def normal(section):
    return sorted(
        f"{rrset.name} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {data}".lower()
        for rrset in section
        for data in rrset
    )


def show(response):
    authority = normal(response.authority)
    if response.answer:
        # Whether the zone's own servers come with an answer is each server's choice.
        authority = [line for line in authority if not APEX_SERVER.match(line)]
    return {
        "rcode": dns.rcode.to_text(response.rcode()),
        "aa": bool(response.flags & dns.flags.AA),
        "answer": normal(response.answer),
        "authority": authority,
        "additional": normal(response.additional),
    }


def main():
    if sys.argv[1] == "zones":
        seed, count, folder = sys.argv[2], int(sys.argv[3]), sys.argv[4]
        for number in range(count):
            zone = Zone(number, seed, count)
            with open(f"{folder}/{zone.origin}zone", "w") as file:
                file.write(zone.text())
            if len(sys.argv) > 5:
                sign(folder, zone.origin, sys.argv[5])
            print(zone.origin)
        return
    seed, count, queries = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ports = [(word.split("=")[0], int(word.split("=")[1])) for word in sys.argv[5:]]
    asked = differences = 0
    for number in range(count):
        zone = Zone(number, seed, count)
        for name, kind in zone.queries(queries):
            asked += 1
            found = {label: show(ask(port, name, kind)) for label, port in ports}
            ours = found.pop("ours")
            fields = ["rcode", "aa", "answer", "authority", "additional"]
            if kind == "ANY" and ours["rcode"] == "NOERROR" and ours["answer"]:
                fields = ["rcode", "aa"]
            if any(len(response["answer"]) > 10 for response in [ours, *found.values()]):
                # A chain that goes on for ever, which each server ends at its own limit.
                fields = ["aa"]
            elif "DNSSEC" in os.environ and sum(bool(r["authority"]) for r in found.values()) == 1:
                # BIND and Knot follow an alias into another zone without its proofs: NSD's alone are no measure.
                fields.remove("authority") if "authority" in fields else None
            alike = int(os.environ.get("ALIKE", "1"))
            odd = [f for f in fields if sum(ours[f] == theirs[f] for theirs in found.values()) < min(alike, len(found))]
            if odd:
                differences += 1
                print(f"{name} {kind}: {' '.join(odd)}")
                for field in odd:
                    for label, response in [("ours", ours), *found.items()]:
                        print(f"    {field} {label}: {response[field]}")
    print(f"{asked} queries, {differences} differences")


main()
