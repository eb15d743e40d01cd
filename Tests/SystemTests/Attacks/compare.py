#!/usr/bin/python3
"""Resolves the same mixed names with toriid and Unbound over one generated hierarchy, and compares.

    compare.py [--toriid PATH] [--names N] [--seed N] [--tools]          (root)

A signed root, three top-level zones (NSEC, NSEC3 with opt-out, unsigned), and below them zones of every kind: signed
both ways, unsigned, bogus, expired, with unknown algorithms, lame, refusing, failing, without EDNS, truncating. NSD
serves the sound ones, scripted servers the broken ones. Compared are RCODE, answer section with signatures, and AD.
`--mutations` lets the sound servers' responses come changed, each question's in its own way; what we knowingly make
otherwise of them is said in `mutations.py`. `--tools` lets delv, unbound-host -D and drill judge a sample too. Exit status 0 when nothing differs.
"""

import argparse
import concurrent.futures
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rig
from mutations import MUTABLE, Mutator, known_difference
from rig import Daemon, EvilServers, query

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

UNBOUND_PORT = 5301
KNOWN = {}
UNLEARNT = "  aggressive-nsec: no\n  qname-minimisation: no"
KINDS = ["nsec", "nsec3", "optout", "plain", "nsec", "nsec3", "plain", "bogus", "expired", "unknown", "lame", "refused",
         "failing", "noedns", "truncating", "halflame", "glueless", "noaa"]
TOPS = {"sec": "nsec", "opt": "optout", "uns": "plain"}


class World:
    """Zone texts, their keys and signatures, and who serves them."""

    def __init__(self, folder, seed, kinds=KINDS, front="127.80.0.4"):
        self.folder, self.random, self.front = folder, random.Random(seed), front
        self.zones, self.kinds = {}, {}
        for top in TOPS:
            for number, kind in enumerate(kinds):
                self.kinds["%s%d.%s." % (kind, number, top)] = kind
        self.leaves = list(self.kinds)
        for zone in self.leaves:
            self.write_leaf(zone)

    def sign(self, zone, text, kind):
        """The zone as it is served, and its DS records for the parent."""
        if kind in ("plain", "lame", "refused", "failing", "noedns", "truncating", "halflame", "glueless", "noaa"):
            return text, ""
        path = Path(self.folder, "keys", zone.strip(".") or "root")
        path.mkdir(parents=True)
        (path / "zone").write_text(text)

        def run(*words):
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=path)
            if done.returncode:
                raise RuntimeError("%s: %s" % (words, done.stderr))
            return done.stdout
        key = run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone).strip()
        words = ["dnssec-signzone", "-q", "-P", "-z", "-S", "-K", ".", "-o", zone, "-f", "signed", "-x"]
        if kind == "nsec3":
            words += ["-3", "-"]
        if kind == "optout":
            words += ["-3", "aabb", "-A", "-H", "5"]
        if kind == "expired":
            words += ["-s", "20200101000000", "-e", "20200201000000"]
        run(*words, "zone")
        ds = run("dnssec-dsfromkey", "-2", key + ".key")
        if kind == "bogus":
            fields = ds.split()
            ds = " ".join(fields[:-1] + [fields[-1][::-1]]) + "\n"
        if kind == "unknown":
            fields = ds.split()
            fields[4] = "200"
            ds = " ".join(fields) + "\n"
        return (path / "signed").read_text(), ds

    def write_leaf(self, zone):
        pick = self.random
        others = [z for z in self.leaves if self.kinds[z] in ("nsec", "nsec3", "optout", "plain", "bogus", "unknown")]
        lines = ["$ORIGIN %s" % zone, "$TTL 3600", "@ SOA ns h 1 3600 900 604800 300", "@ NS ns", "ns A %s" % self.front, "@ A 192.0.2.1",
                 "@ MX 10 mail", "mail A 192.0.2.25", "mail AAAA 2001:db8::25", "*.wild A 192.0.2.7", "*.wild TXT \"w\"",
                 "a.b.ent A 192.0.2.8", "_sip._udp SRV 1 2 5060 mail", "web HTTPS 1 . alpn=h2", "@ CAA 0 issue \"ca.example\"",
                 "*.cwild CNAME host1", "dn DNAME %s" % pick.choice(others), "loop1 CNAME loop2", "loop2 CNAME loop1",
                 "big TXT " + " ".join('"%s"' % ("z" * 180) for _ in range(9)), "Mixed.Case A 192.0.2.9",
                 "down NS ns.down", "ns.down A 127.80.0.9", "dangling CNAME nothing.%s" % pick.choice(others),
                 "long1 CNAME long2", "long2 CNAME long3", "long3 CNAME long4.%s" % pick.choice(others), "long4 CNAME host2"]
        for i in range(12):
            lines.append("host%d A 192.0.2.%d" % (i, 100 + i))
            if i % 3 == 0:
                lines.append("host%d AAAA 2001:db8::%x" % (i, i + 1))
        for i in range(6):
            lines.append("alias%d CNAME host%d.%s" % (i, i, pick.choice(others)))
        self.zones[zone] = "\n".join(lines) + "\n"

    def build(self):
        """Signs everything from the leaves up; returns the root's DS records."""
        served, cuts = {}, {top: [] for top in TOPS}
        for zone, text in self.zones.items():
            kind, top = self.kinds[zone], zone.split(".")[1]
            signed, ds = self.sign(zone, text, kind)
            served[zone] = signed
            label = zone.split(".")[0]
            address = {"lame": "127.80.0.7", "refused": "127.80.0.5", "failing": "127.80.0.6", "noedns": "127.80.0.8",
                       "truncating": "127.80.0.10", "noaa": "127.80.0.11"}.get(kind, self.front)
            if kind == "glueless":
                cuts[top] += ["%s NS ns.plain3.uns." % label]
            elif kind == "halflame":
                cuts[top] += ["%s NS ns.%s" % (label, label), "%s NS ns2.%s" % (label, label), "ns.%s A 127.80.0.5" % label, "ns2.%s A 127.80.0.4" % label]
            else:
                cuts[top] += ["%s NS ns.%s" % (label, label), "ns.%s A %s" % (label, address)]
            cuts[top] += [ds]
        root = ["$ORIGIN .", "$TTL 3600", ". SOA a.root. h. 1 3600 900 604800 300", ". NS a.root.", "a.root. A 127.80.0.1"]
        tops = {}
        for top, kind in TOPS.items():
            text = "\n".join(["$ORIGIN %s." % top, "$TTL 3600", "@ SOA ns h 1 3600 900 604800 300", "@ NS ns", "ns A 127.80.0.2"] + cuts[top]) + "\n"
            tops[top + "."], ds = self.sign(top + ".", text, kind)
            root += ["%s. NS ns.%s." % (top, top), "ns.%s. A 127.80.0.2" % top, ds]
        signed_root, ds = self.sign(".", "\n".join(root) + "\n", "nsec")
        self.serve("127.80.0.1", {".": signed_root})
        self.serve("127.80.0.2", tops)
        self.serve("127.80.0.4", {z: t for z, t in served.items() if self.kinds[z] != "lame"})
        return ds

    def serve(self, address, zones):
        path = Path(self.folder, address)
        path.mkdir()
        lines = ["server:", "  ip-address: %s@53" % address, "  username: \"\"", "  zonesdir: \"%s\"" % path, "  pidfile: \"%s/pid\"" % path,
                 "  xfrdfile: \"%s/xfrd\"" % path, "  zonelistfile: \"%s/list\"" % path, "  logfile: \"%s/log\"" % path, "  database: \"\"",
                 "  server-count: 1", "  cookie-secret-file: \"\"", "  rrl-ratelimit: 0", "remote-control:", "  control-enable: no"]
        for number, (zone, text) in enumerate(zones.items()):
            (path / ("%d.zone" % number)).write_text(text)
            lines += ["zone:", "  name: \"%s\"" % zone, "  zonefile: \"%d.zone\"" % number]
        (path / "nsd.conf").write_text("\n".join(line for line in lines if "cookie-secret" not in line) + "\n")
        subprocess.Popen(["nsd", "-d", "-c", str(path / "nsd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(address, 53, next(iter(zones)))


def wait_for(address, port, zone):
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.1)
            try:
                sock.connect((address, port))
                sock.send(query(zone, "SOA").to_wire())
                sock.recv(4096)
                return
            except OSError:
                time.sleep(0.05)
    raise RuntimeError("%s does not answer" % address)


def relay(q):
    """What the sound server says, for servers that then do something wrong with it."""
    wire = q.wire
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.connect(("127.80.0.4", 53))
        sock.send(wire)
        answer = sock.recv(65535)
    if not q.is_tcp or not answer[2] & 2:
        return answer
    with socket.create_connection(("127.80.0.4", 53)) as stream:
        stream.sendall(struct.pack("!H", len(wire)) + wire)
        file = stream.makefile("rb")
        return file.read(struct.unpack("!H", file.read(2))[0])


def broken_servers():
    servers = EvilServers()
    servers.on("127.80.0.5", lambda q: q.reply(rcode=5, aa=False))
    servers.on("127.80.0.6", lambda q: q.reply(rcode=2, aa=False))
    servers.on("127.80.0.7", lambda q: q.refer(q.name.split(2)[1].to_text(), ["ns." + q.name.split(2)[1].to_text()]))

    def no_edns(q):
        if q.message.edns >= 0:
            plain = dns.message.make_query(q.name, q.kind, use_edns=-1)
            plain.id = q.id
            answer = dns.message.make_response(plain)
            answer.set_rcode(1)
            answer.question = q.message.question
            return answer.to_wire()
        return relay(q)
    servers.on("127.80.0.8", no_edns)
    servers.on("127.80.0.9", lambda q: q.reply([rig.rr("%s 300 A 192.0.2.99" % q.name)]) if q.kind == "A" else q.negative("down." + str(q.name).split("down.")[-1], 0))
    servers.on("127.80.0.10", lambda q: q.reply(tc=True) if not q.is_tcp else relay(q))
    servers.on("127.80.0.11", lambda q: bytes(relay(q)[:2]) + bytes([relay(q)[2] & 0xFB]) + bytes(relay(q)[3:]))
    return servers


def start(arguments, ds, mutates):
    # Proofs that a resolver has learnt earlier must not hide what a server does to another name.
    return Daemon(None, os.path.abspath(arguments.toriid), anchors='[ "%s" ]' % ds.strip().splitlines()[0],
                  recursion="qname-minimisation: off" if mutates else "", dnssec="aggressive-nsec: false" if mutates else "")


def alone(question, folder, ds, arguments, mutator):
    """What the two say to one question when it is the first they hear: None when the same."""
    daemon, unbound = start(arguments, ds, True), start_unbound(folder, ds, UNLEARNT)
    mutator.asked.clear()
    ours = resolve(rig.PORT, *question)
    asked = list(dict.fromkeys(mutator.asked))
    mutator.asked.clear()
    theirs = resolve(UNBOUND_PORT, *question)
    # Who asked something else was told something else.
    unheard = [text for text in mutator.asked if not text.endswith(" same") and text not in asked]
    known = "asked for something else" if unheard else known_difference(asked, ours, theirs)
    if known and ours != theirs:
        KNOWN[known] = KNOWN.get(known, 0) + 1
        theirs = ours
    if ours != theirs:
        reason = [line.split("reason=")[1] for line in daemon.log().splitlines() if " SERVFAIL %s IN %s " % question in line]
        print("    %s; torii asked %s, unbound %s" % (reason, asked, list(dict.fromkeys(mutator.asked))))
        if arguments.verbose:
            subprocess.run([daemon.toriictl, "--socket", os.path.join(daemon.folder, "torii.sock"), "trace", *question])
    unbound.terminate()
    unbound.wait()
    daemon.close()
    return (question, ours, theirs) if ours != theirs else None


def start_unbound(folder, ds, extra=""):
    path = Path(folder, "unbound")
    path.mkdir(exist_ok=True)
    (path / "hints").write_text(". 3600 IN NS a.root.\na.root. 3600 IN A 127.80.0.1\n")
    (path / "conf").write_text("""server:
  interface: 127.0.0.1@%d
  username: ""
  chroot: ""
  pidfile: ""
  directory: "%s"
  use-syslog: no
  do-not-query-localhost: no
  do-ip6: no
  access-control: 0.0.0.0/0 allow
  root-hints: hints
  trust-anchor: "%s"
  trust-anchor-signaling: no
  so-rcvbuf: 1m
  num-queries-per-thread: 4096
  outgoing-range: 8192
%s
remote-control:
  control-enable: no
""" % (UNBOUND_PORT, path, ds.strip().splitlines()[0], extra))
    process = subprocess.Popen(["unbound", "-d", "-c", str(path / "conf")], stdout=subprocess.DEVNULL, stderr=open(path / "log", "wb"))
    wait_for("127.0.0.1", UNBOUND_PORT, ".")
    return process


def names(world, count, seed):
    """`count` different questions; few of them at servers that take long."""
    pick = random.Random(seed + 1)
    labels = ["@", "ns", "mail", "host%d", "host%d", "alias%d", "missing%x", "x%x.wild", "y%x.y.wild", "x%x.cwild", "b.ent", "ent", "a.b.ent",
              "z%x.b.ent", "host%d.dn", "missing%x.dn", "loop1", "big", "MIXED.case", "down", "www%d.down", "dangling", "long1", "wild", "*.wild",
              "_sip._udp", "_udp", "web", "%x.host1", "alias%d", "dn", "ns.down", "x%x.y%x"]
    types = ["A"] * 8 + ["AAAA"] * 3 + ["MX", "TXT", "NS", "SOA", "DS", "DNSKEY", "CNAME", "SRV", "HTTPS", "CAA", "NSEC", "PTR"]
    slow = ("failing", "refused", "lame")
    seen = set()
    while len(seen) < count:
        zone = pick.choice(world.leaves)
        if world.kinds[zone] in slow and pick.random() > 0.05:
            continue
        label = pick.choice(labels)
        for mark in ("%d", "%x"):
            while mark in label:
                label = label.replace(mark, str(pick.randrange(12)) if mark == "%d" else "%x" % pick.getrandbits(16), 1)
        owner = zone if label == "@" else label + "." + zone
        if pick.random() < 0.02:
            owner = "%x.%s." % (pick.getrandbits(16), pick.choice(list(TOPS)))
        if pick.random() < 0.01:
            owner = "top%x." % pick.getrandbits(16)
        kind = pick.choice(types)
        # Unbound follows an alias made from a DNAME though the alias itself is asked for, and a cached alias though NSEC is,
        # which may stand beside it.
        if kind == "CNAME" and ".dn." in owner or kind == "NSEC" and not owner.startswith("host"):
            continue
        seen.add((owner, kind))
    return sorted(seen, key=lambda _: pick.random())


def resolve(port, owner, kind):
    """(rcode, answer records, AD) from the resolver at `port`."""
    wire = query(owner, kind, dnssec=True)
    for attempt in range(2):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(15)
            sock.connect(("127.0.0.1", port))
            sock.send(wire.to_wire())
            try:
                answer = dns.message.from_wire(sock.recv(65535), ignore_trailing=True)
            except (TimeoutError, socket.timeout):
                continue
        if answer.flags & dns.flags.TC:
            with socket.create_connection(("127.0.0.1", port), timeout=15) as stream:
                octets = wire.to_wire()
                stream.sendall(struct.pack("!H", len(octets)) + octets)
                file = stream.makefile("rb")
                answer = dns.message.from_wire(file.read(struct.unpack("!H", file.read(2))[0]))
        records = sorted("%s %s %s" % (s.name.canonicalize(), dns.rdatatype.to_text(s.rdtype), d.to_text().lower())
                         for s in answer.answer for d in s)
        return dns.rcode.to_text(answer.rcode()), records, bool(answer.flags & dns.flags.AD)
    return "TIMEOUT", [], False


def judge(daemon, ds, sample):
    """What other validators say of toriid's answers: complaints."""
    folder = tempfile.mkdtemp()
    fields = ds.split()
    Path(folder, "anchors").write_text('trust-anchors { . static-ds %s %s %s "%s"; };\n' % (fields[3], fields[4], fields[5], "".join(fields[6:])))
    Path(folder, "ds").write_text(ds)
    complaints = []
    for owner, kind, code, secure in sample:
        delv = subprocess.run(["delv", "-a", os.path.join(folder, "anchors"), "+root=.", "@127.0.0.1", "-p", str(rig.PORT), owner, kind],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        if secure and "fully validated" not in delv:
            complaints.append("delv %s %s: %s" % (owner, kind, delv.splitlines()[:1]))
        host = subprocess.run(["unbound-host", "-v", "-C", os.path.join(folder, "host.conf"), "-t", kind, owner], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True).stdout if host_conf(folder, ds) else ""
        if secure and "(secure)" not in host:
            complaints.append("unbound-host %s %s: %s" % (owner, kind, host.splitlines()[:1]))
        if code == "SERVFAIL" and "(secure)" in host:
            complaints.append("unbound-host finds %s %s secure" % (owner, kind))
        if secure and code == "NOERROR":
            drill = subprocess.run(["drill", "-D", "-p", str(rig.PORT), owner, kind, "@127.0.0.1"], stdout=subprocess.PIPE, text=True).stdout
            if "rcode: NOERROR" not in drill or " ad" not in drill:
                complaints.append("drill %s %s: %s" % (owner, kind, drill.splitlines()[:2]))
    return complaints


def host_conf(folder, ds):
    """unbound-host forwards to toriid and validates by itself."""
    Path(folder, "host.conf").write_text("""server:
  trust-anchor: "%s"
  do-not-query-localhost: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@%d
""" % (ds.strip().splitlines()[0], rig.PORT))
    return True


def inside(arguments):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="torii-compare-", ignore_cleanup_errors=True) as folder:
        mutates = arguments.mutations
        world = World(folder, arguments.seed, *((MUTABLE, "127.80.0.20") if mutates else ()))
        ds = world.build()
        servers = broken_servers()
        mutator = Mutator(arguments.seed)
        servers.on("127.80.0.20", mutator.reply)
        rig.ROOT = "127.80.0.1"
        daemon, unbound = start(arguments, ds, mutates), start_unbound(folder, ds, UNLEARNT if mutates else "")
        questions = names(world, arguments.names, arguments.seed)
        differences, sample, agreed = [], [], {}

        def both(question):
            ours = resolve(rig.PORT, *question)
            theirs = resolve(UNBOUND_PORT, *question)
            if ours != theirs:
                # A server that was found slow or failing a moment ago may be remembered so by one of them.
                time.sleep(6)
                ours, theirs = resolve(rig.PORT, *question), resolve(UNBOUND_PORT, *question)
            return question, ours, theirs
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for question, ours, theirs in pool.map(both, questions):
                if ours != theirs:
                    differences.append((question, ours, theirs))
                else:
                    what = "%s%s" % (ours[0], " AD" if ours[2] else "")
                    agreed[what] = agreed.get(what, 0) + 1
                    if len(sample) < arguments.tools * 30:
                        sample.append((*question, ours[0], ours[2]))
        print("%d names, %d differ, %.0f s: %s" % (len(questions), len(differences), time.monotonic() - started, agreed))
        if mutates:
            # What depends on the questions before is no difference: each is asked again of two that know nothing.
            unbound.terminate()
            unbound.wait()
            daemon.close()
            differences = [found for found in (alone(q, folder, ds, arguments, mutator) for q, _, _ in differences) if found]
            print("%d of them also differ alone and should not; %s" % (len(differences), KNOWN))
            daemon, unbound = start(arguments, ds, mutates), start_unbound(folder, ds)
        for (owner, kind), ours, theirs in differences[:60]:
            print("    %s %s\n        torii   %s %s %s\n        unbound %s %s %s" % (
                owner, kind, ours[0], ours[2], [r for r in ours[1] if r not in theirs[1]] or "",
                theirs[0], theirs[2], [r for r in theirs[1] if r not in ours[1]] or ""))
        complaints = judge(daemon, ds, sample)
        if arguments.tools:
            print("%d answers judged by delv, unbound-host and drill, %d complaints" % (len(sample), len(complaints)))
        for text in complaints:
            print("    " + text)
        unbound.terminate()
        status = daemon.close()
        subprocess.run(["sh", "-c", "kill $(cat %s/*/pid)" % folder], check=False, stderr=subprocess.DEVNULL)
        sys.stdout.flush()
        return 1 if differences or complaints or status else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--toriid", default=os.path.join(os.environ.get("TORII_BIN", ".build/debug"), "toriid"))
    parser.add_argument("--names", type=int, default=int(os.environ.get("TORII_COMPARE_NAMES", "600")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutations", action="store_true")
    parser.add_argument("--tools", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        status = inside(arguments)
        sys.stdout.flush()
        os._exit(status)
    if os.geteuid() != 0:
        print("compare.py needs root: it makes a network namespace", file=sys.stderr)
        return 2
    return subprocess.run(["unshare", "-n", sys.executable, "-B", __file__, "--inside", *sys.argv[1:]]).returncode


if __name__ == "__main__":
    sys.exit(main())
