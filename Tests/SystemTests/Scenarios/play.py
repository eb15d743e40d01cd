#!/usr/bin/python3
"""Plays scripted resolution scenarios to a running toriid, in a network namespace of their own.

    play.py [--toriid PATH] [--verbose] [--jobs N] FILE.rpl ...          (root)

Every scripted address is local there, UDP and TCP port 53; an address the script does not have stays silent; a question
without entry gets SERVFAIL; answers beyond the offered size come back truncated, then whole over TCP. The daemon's
clocks are shifted to the date the script validates at, and onward where it lets time pass. Prints one line for each
file, `PASS` or `FAIL`, with what differed; exit status 0 when all passed.
"""

import argparse
import concurrent.futures
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import dns.exception  # noqa: E402
import dns.name  # noqa: E402
import dns.rdata  # noqa: E402
import dns.rdatatype  # noqa: E402
from resign import Resigner  # noqa: E402
from rpl import FLAGS, OPCODES, Record, Scenario, compose  # noqa: E402

PORT = 5300
SOA, RRSIG, NSEC, NSEC3 = 6, 46, 47, 50


def parse_message(wire):
    """(id, flags, question, sections, opt) of a message; opt is (size, ttl field, option octets) or None."""
    ident, flags, qd, an, ns, ar = struct.unpack("!HHHHHH", wire[:12])
    at, question = 12, None
    for _ in range(qd):
        name, used = dns.name.from_wire(wire, at)
        at += used
        question = (name,) + struct.unpack("!HH", wire[at:at + 4])
        at += 4
    sections, opt = {"ANSWER": [], "AUTHORITY": [], "ADDITIONAL": []}, None
    for section, count in zip(sections, (an, ns, ar)):
        for _ in range(count):
            owner, used = dns.name.from_wire(wire, at)
            at += used
            rdtype, rdclass, ttl, length = struct.unpack("!HHIH", wire[at:at + 10])
            at += 10
            if rdtype == 41:
                opt = (rdclass, ttl, wire[at:at + length])
            else:
                try:
                    rdata = dns.rdata.from_wire(rdclass, rdtype, wire, at, length).to_wire()
                except dns.exception.DNSException:
                    rdata = wire[at:at + length]
                sections[section].append(Record(owner, rdtype, rdata, ttl, rdclass))
            at += length
    return ident, flags, question, sections, opt


class Servers:
    """All scripted addresses of a scenario; `step` is the number the ranges are compared with."""

    def __init__(self, scenario, log):
        self.scenario, self.log = scenario, log
        self.step = 0
        self.lock = threading.Lock()
        self.last_query = time.monotonic()
        self.asked = 0
        self.sockets = {}
        for address in scenario.addresses():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            udp = socket.socket(family, socket.SOCK_DGRAM)
            udp.bind((address, 53))
            tcp = socket.socket(family, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((address, 53))
            tcp.listen(64)
            self.sockets[udp.fileno()] = (udp, address, False)
            self.sockets[tcp.fileno()] = (tcp, address, True)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        poll = select.poll()
        for number in self.sockets:
            poll.register(number, select.POLLIN)
        while True:
            for number, _ in poll.poll():
                sock, address, is_tcp = self.sockets[number]
                if is_tcp:
                    connection, _ = sock.accept()
                    threading.Thread(target=self.stream, args=(connection, address), daemon=True).start()
                else:
                    wire, peer = sock.recvfrom(65535)
                    reply = self.reply(wire, address, False)
                    if reply:
                        sock.sendto(reply, peer)

    def stream(self, connection, address):
        with connection:
            buffer = b""
            while True:
                try:
                    more = connection.recv(65535)
                except OSError:
                    return
                if not more:
                    return
                buffer += more
                while len(buffer) >= 2 and len(buffer) >= 2 + struct.unpack("!H", buffer[:2])[0]:
                    size = struct.unpack("!H", buffer[:2])[0]
                    reply = self.reply(buffer[2:2 + size], address, True)
                    buffer = buffer[2 + size:]
                    if reply:
                        connection.sendall(struct.pack("!H", len(reply)) + reply)

    def reply(self, wire, address, is_tcp):
        try:
            ident, flags, question, _, opt = parse_message(wire)
        except Exception as error:
            self.log("malformed question to %s: %s" % (address, error))
            return None
        if flags & FLAGS["QR"] or not question:
            return None
        with self.lock:
            step = self.step
            self.last_query = time.monotonic()
            self.asked += 1
        limit = 65535 if is_tcp else max(512, opt[0]) if opt else 512
        entry = self.find(address, step, flags, question, is_tcp)
        what = "%s %s? at %s step %d%s" % (
            question[0], dns.rdatatype.to_text(question[1]), address, step, " tcp" if is_tcp else "")
        back_opt = (1232, opt[1] & 0x8000, b"") if opt else None
        if entry is None:
            self.log("asked " + what + ": no entry, SERVFAIL")
            empty = {"ANSWER": [], "AUTHORITY": [], "ADDITIONAL": []}
            return compose(ident, FLAGS["QR"] | flags & FLAGS["RD"] | 2, question, empty, back_opt, limit)
        self.log("asked " + what)
        asked = entry.question
        if "copy_query" in entry.adjust or asked is not None and asked[0] == question[0]:
            asked = question
        if asked and "PLAY_LOWER_CASE" in os.environ:
            asked = (asked[0].canonicalize(),) + tuple(asked[1:])
        return compose(ident, entry.flags | entry.rcode, asked, entry.sections, back_opt, limit)

    def find(self, address, step, flags, question, is_tcp):
        for server_range in self.scenario.ranges:
            if server_range.addresses and address not in server_range.addresses or not server_range.first <= step <= server_range.last:
                continue
            for entry in server_range.entries:
                if self.matches(entry, flags, question, is_tcp):
                    return entry
        return None

    @staticmethod
    def matches(entry, flags, question, is_tcp):
        if "opcode" in entry.match:
            wanted = next((OPCODES[w] for w in entry.reply if w in OPCODES), 0)
            if flags >> 11 & 15 != wanted:
                return False
        if "qtype" in entry.match and question[1] != entry.question[1]:
            return False
        if "qname" in entry.match and question[0] != entry.question[0]:
            return False
        if "subdomain" in entry.match and not question[0].is_subdomain(entry.question[0]):
            return False
        if "TCP" in entry.match and not is_tcp or "UDP" in entry.match and is_tcp:
            return False
        return True

    def settle(self):
        """Waits until no question came for a little while."""
        while True:
            with self.lock:
                quiet = time.monotonic() - self.last_query
            if quiet > 0.4:
                return
            select.select([], [], [], 0.4 - quiet)


class Clock:
    """The two offsets the preloaded clock reads: wall, monotonic, in nanoseconds."""

    def __init__(self, folder, wall):
        self.path = os.path.join(folder, "clock")
        with open(self.path, "wb") as file:
            file.write(struct.pack("=qq", int(wall * 1e9), 0))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 16)

    def advance(self, seconds):
        wall, monotonic = struct.unpack("=qq", self.map[:])
        step = int(seconds * 1e9)
        self.map[:] = struct.pack("=qq", wall + step, monotonic + step)


def yaml_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# What of a head has our words, and what makes no difference to what is compared.
TRANSLATED = set("""access-control aggressive-nsec cache-max-negative-ttl cache-max-ttl cache-min-ttl dns64-prefix do-ip4 do-ip6
do-not-query-address do-not-query-localhost domain-insecure ede ede-serve-expired fake-sha1 iter-scrub-promiscuous local-data local-zone
minimal-responses module-config nsid prefetch private-address private-domain qname-minimisation qname-minimisation-strict
rrset-roundrobin serve-expired serve-expired-client-timeout serve-expired-reply-ttl serve-expired-ttl tempfile trust-anchor
trust-anchor-signaling use-caps-for-id val-override-date target-fetch-policy harden-referral-path prefetch-key discard-timeout
wait-limit msg-cache-size rrset-cache-size outbound-msg-retry infra-keep-probing harden-glue harden-dnssec-stripped log-queries
verbosity root-key-sentinel max-udp-size edns-buffer-size rpz-log rpz-log-name num-threads""".split())


def untranslated(scenario):
    """Options of the head that are not translated."""
    known = ("name", "stub-addr", "stub-host", "stub-first", "stub-prime", "forward-addr", "forward-host", "forward-first",
             "zonefile", "tempfile", "rpz-action-override", "rpz-log", "rpz-log-name")
    return sorted({key for section, key, _ in scenario.head if key and key not in (TRANSLATED if section == "server" else known)})


def prefixes(values):
    return "[ %s ]" % ", ".join(yaml_text(v if "/" in v else v + ("/128" if ":" in v else "/32")) for v in values)


def moment(text):
    """Seconds since 1970 of a `val-override-date`: digits of a date, or the seconds themselves."""
    if len(text) == 14:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc).timestamp()
    return float(text)


def configuration(scenario, folder):
    """Our words for the head of a scenario, and the date it validates at (None = now)."""
    server, blocks, date = {}, [], None
    for section, key, value in scenario.head:
        if not key:
            if section != "server":
                blocks.append((section, []))
        elif section == "server":
            server.setdefault(key, []).append(value)
        else:
            blocks[-1][1].append((key, value))

    def last(key, default=""):
        return server.get(key, [default])[-1]

    if last("val-override-date"):
        date = moment(last("val-override-date"))
    out = ["server: { workers: 1, state-directory: state%s }" % (
        ", nsid: " + yaml_text(last("nsid").removeprefix("ascii_")) if last("nsid") else "")]
    out += ["listen: [ { address: 127.0.0.1, port: %d }, { address: \"::1\", port: %d } ]" % (PORT, PORT)]
    out += ["control: { socket: torii.sock }", "log: { level: debug }", "nts: { enabled: false }"]
    rules = []
    for value in server.get("access-control", []):
        prefix, action = value.split()
        action = {"deny": "drop", "refuse": "refuse"}.get(action, "allow")
        rules.append("{ from: %s, action: %s }" % (yaml_text(prefix), action))
    rules += ["{ from: 0.0.0.0/0, action: allow }", "{ from: \"::/0\", action: allow }"]
    out += ["access:", "  query: [ %s ]" % ", ".join(rules), "  recursion: [ %s ]" % ", ".join(rules)]
    stubs, forwards, rpz = [], [], []
    for section, lines in blocks:
        keys = {k: v for k, v in lines}
        if section in ("stub-zone", "forward-zone"):
            servers = ", ".join(
                "{ address: %s, port: %s }" % (yaml_text(v.split("@")[0]), (v.split("@") + ["53"])[1]) if k.endswith("-addr")
                else "{ name: %s }" % yaml_text(v)
                for k, v in lines if k in ("stub-addr", "forward-addr", "stub-host", "forward-host"))
            fallback = "true" if keys.get("forward-first", keys.get("stub-first", "no")) == "yes" else "false"
            zone = "{ zone: %s, servers: [ %s ], fallback: %s }" % (yaml_text(keys["name"]), servers, fallback)
            (stubs if section == "stub-zone" else forwards).append(zone)
        elif section == "rpz":
            name = keys.get("zonefile") or keys["tempfile"]
            policy = {"": "given", "passthru": "passthru", "nxdomain": "nxdomain", "nodata": "nodata", "drop": "drop",
                      "disabled": "disabled"}.get(keys.get("rpz-action-override", ""), "given")
            rpz.append("{ zone: %s, file: %s, policy: %s }" % (yaml_text(keys["name"]), yaml_text(name), policy))
    minimise = {"no": "off", "yes": "relaxed"}[last("qname-minimisation", "yes")]
    if last("qname-minimisation-strict") == "yes":
        minimise = "strict"
    out += ["recursion:", "  enabled: true", "  qname-minimisation: " + minimise]
    if last("do-ip6") == "no":
        out += ["  ipv6: false"]
    if last("do-ip4") == "no":
        out += ["  ipv4: false"]
    never = server.get("do-not-query-address", [])
    if last("do-not-query-localhost", "yes") == "yes":
        never = never + ["127.0.0.0/8", "::1"]
    out += ["  do-not-query: " + prefixes(never)]
    if server.get("private-address"):
        out += ["  private-addresses: " + prefixes(server["private-address"])]
    if server.get("private-domain"):
        out += ["  private-domains: [ %s ]" % ", ".join(yaml_text(d) for d in server["private-domain"])]
    if last("use-caps-for-id") == "no":
        out += ["  random-case: false"]
    if stubs:
        out += ["  stub: [ %s ]" % ", ".join(stubs)]
    if forwards:
        out += ["  forward: [ %s ]" % ", ".join(forwards)]
    modules = last("module-config", "validator iterator")
    anchors = server.get("trust-anchor", [])
    out += ["dnssec:", "  validation: " + ("true" if "validator" in modules else "false")]
    out += ["  trust-anchors: [ %s ]" % ", ".join(yaml_text(a) for a in anchors), "  rfc5011: false"]
    out += ["  signal-trust-anchors: false"]
    if last("aggressive-nsec") == "no":
        out += ["  aggressive-nsec: false"]
    if server.get("domain-insecure"):
        out += ["  negative-trust-anchors: [ %s ]" % ", ".join(yaml_text(d) for d in server["domain-insecure"])]
    stale = "enabled: " + ("true" if last("serve-expired") == "yes" else "false")
    if last("serve-expired-reply-ttl"):
        stale += ", answer-ttl: %ss" % last("serve-expired-reply-ttl")
    if last("serve-expired-client-timeout"):
        stale += ", client-timeout: %sms" % last("serve-expired-client-timeout")
    if last("serve-expired-ttl", "0") != "0":
        stale += ", max-age: %ss" % last("serve-expired-ttl")
    out += ["cache:", "  prefetch: " + ("true" if last("prefetch") == "yes" else "false"), "  serve-stale: { %s }" % stale]
    for theirs, ours in (("cache-min-ttl", "min-ttl"), ("cache-max-ttl", "max-ttl"), ("cache-max-negative-ttl", "max-negative-ttl")):
        if last(theirs):
            out += ["  %s: %ss" % (ours, last(theirs))]
    if "dns64" in modules:
        out += ["dns64: { prefix: %s }" % yaml_text(last("dns64-prefix", "64:ff9b::/96"))]
    local_zones = ["{ zone: %s, type: %s }" % (yaml_text(v.split()[0]), v.split()[1]) for v in server.get("local-zone", [])]
    if local_zones or server.get("local-data"):
        out += ["local:", "  zones: [ %s ]" % ", ".join(local_zones)]
        out += ["  data: [ %s ]" % ", ".join(yaml_text(v) for v in server.get("local-data", []))]
    if rpz:
        out += ["rpz: [ %s ]" % ", ".join(rpz)]
    for name, text in scenario.files.items():
        Path(folder, name).write_text(text)
    Path(folder, "torii.yaml").write_text("\n".join(out) + "\n")
    return date


def unbound_configuration(scenario, folder):
    """The head for Unbound itself, to try the player; the date comes from the preloaded clock."""
    out = ['server:', '  interface: 127.0.0.1@%d' % PORT, '  username: ""', '  chroot: ""', '  pidfile: ""',
           '  directory: "%s"' % folder, '  use-syslog: no', '  do-not-query-localhost: no', '  verbosity: 4',
           '  access-control: 0.0.0.0/0 allow', '  trust-anchor-signaling: no']
    for section, key, value in scenario.head:
        if not key:
            out.append(section + ":")
        elif key == "tempfile":
            Path(folder, value).write_text(scenario.files[value])
            out.append('  zonefile: "%s"' % value)
        elif key not in ("fake-sha1", "val-override-date", "zonefile", "trust-anchor-signaling"):
            out.append("  %s: %s" % (key, value if key in ("access-control", "local-zone") else "'%s'" % value if '"' in value else '"%s"' % value))
    out += ["remote-control:", "  control-enable: no"]
    Path(folder, "unbound.conf").write_text("\n".join(out) + "\n")


class Player:
    def __init__(self, path, toriid, clock_library):
        self.path = path
        self.lines = []
        self.differences = []
        self.notes = []
        scenario = Scenario(Path(path).read_text())
        resigner = Resigner(scenario)
        if resigner.run():
            self.log("%d signatures made anew, %d of them right" % (resigner.changed, resigner.right))
        self.scenario = scenario
        self.folder = tempfile.mkdtemp(prefix="torii-scenario-")
        self.toriid, self.clock_library = toriid, clock_library
        self.pending = []

    def log(self, text):
        self.lines.append(text)

    def play(self):
        for address in self.scenario.addresses():
            add_address(address)
        date = configuration(self.scenario, self.folder)
        self.notes += ["%s is not translated" % key for key in untranslated(self.scenario)]
        self.clock = Clock(self.folder, 0 if date is None else date - time.time())
        self.servers = Servers(self.scenario, self.log)
        daemon = self.start()
        try:
            for index, step in enumerate(self.scenario.steps):
                self.servers.step = step.number
                self.run(step, self.scenario.steps[index + 1:])
                if daemon.poll() is not None:
                    self.differences.append("the daemon ended with status %d" % daemon.returncode)
                    break
        finally:
            if daemon.poll() is None:
                daemon.kill()
            daemon.wait()
            self.log(Path(self.folder, "stderr").read_text(errors="replace"))
        return not self.differences

    def start(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(os.path.join(self.folder, "notify"))
        notify.settimeout(20)
        if os.path.basename(self.toriid) == "unbound":
            return self.start_unbound()
        environment = dict(os.environ, LD_PRELOAD=self.clock_library, SCENARIO_CLOCK=self.clock.path,
                           NOTIFY_SOCKET=os.path.join(self.folder, "notify"), SWIFT_BACKTRACE="enable=no")
        with open(os.path.join(self.folder, "stderr"), "wb") as errors:
            daemon = subprocess.Popen(
                [self.toriid, "--config", os.path.join(self.folder, "torii.yaml")], env=environment, stderr=errors)
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
        except (TimeoutError, socket.timeout):
            daemon.kill()
            raise RuntimeError("toriid did not start: " + Path(self.folder, "stderr").read_text(errors="replace"))
        return daemon

    def start_unbound(self):
        unbound_configuration(self.scenario, self.folder)
        environment = dict(os.environ, LD_PRELOAD=self.clock_library, SCENARIO_CLOCK=self.clock.path)
        path = Path(self.folder, "stderr")
        with open(path, "wb") as errors:
            daemon = subprocess.Popen(
                [self.toriid, "-d", "-c", os.path.join(self.folder, "unbound.conf")], env=environment, stderr=errors)
        while "start of service" not in path.read_text(errors="replace"):
            if daemon.poll() is not None:
                raise RuntimeError(path.read_text(errors="replace"))
            select.select([], [], [], 0.02)
        return daemon

    def run(self, step, later):
        if step.verb == "QUERY":
            # As in the original player, the servers answer from the step that comes next.
            if later:
                self.servers.step = later[0].number
            self.query(step)
        elif step.verb == "CHECK_ANSWER":
            self.check(step)
        elif step.verb == "TIME_PASSES":
            self.servers.settle()
            self.clock.advance(float(step.arguments[step.arguments.index("ELAPSE") + 1]))
        elif step.verb == "TRAFFIC":
            # What the last answer sets off behind it must have begun.
            select.select([], [], [], 0.2)
            self.servers.settle()
        elif step.verb != "NOTHING":
            self.notes.append("step %d %s is not played" % (step.number, step.verb))

    def query(self, step):
        entry, source = step.entry, "127.0.0.1"
        if "ADDRESS" in step.arguments:
            source = step.arguments[step.arguments.index("ADDRESS") + 1]
            add_address(source)
        is_tcp = "TCP" in entry.match
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", PORT))
        wants_edns = entry.wants_dnssec or entry.edns_data
        opt = (4096, 0x8000 if entry.wants_dnssec else 0, entry.edns_data) if wants_edns else None
        wire = compose(int.from_bytes(os.urandom(2), "big"), entry.flags & 0x7FFF, entry.question, entry.sections, opt)
        sock.sendall(struct.pack("!H", len(wire)) + wire if is_tcp else wire)
        self.pending.append((sock, is_tcp, wire))

    def answer(self, sock, is_tcp, wire, seconds=15):
        sock.settimeout(seconds)
        if not is_tcp:
            reply = sock.recv(65535)
            if struct.unpack("!H", reply[2:4])[0] & FLAGS["TC"]:
                again = socket.create_connection(("127.0.0.1", PORT), timeout=seconds, source_address=(sock.getsockname()[0], 0))
                again.sendall(struct.pack("!H", len(wire)) + wire)
                return self.answer(again, True, wire)
            return reply
        buffer = b""
        while len(buffer) < 2 or len(buffer) < 2 + struct.unpack("!H", buffer[:2])[0]:
            more = sock.recv(65535)
            if not more:
                raise TimeoutError()
            buffer += more
        return buffer[2:]

    def check(self, step):
        if not self.pending:
            self.differences.append("step %d: nothing was asked" % step.number)
            return
        sock, is_tcp, wire = self.pending.pop(0)
        began = time.monotonic()
        try:
            reply = self.answer(sock, is_tcp, wire)
        except (TimeoutError, socket.timeout, OSError):
            self.differences.append("step %d: no answer" % step.number)
            return
        finally:
            sock.close()
        _, flags, question, sections, opt = parse_message(reply)
        entry = step.entry
        self.log("step %d answered after %.1f s: flags %04x rcode %d\n%s" % (
            step.number, time.monotonic() - began, flags, flags & 15,
            "\n".join("  %s: %s" % (s, r) for s in sections for r in sections[s])))
        every = "all" in entry.match

        def differ(what, got, wanted):
            self.differences.append("step %d: %s: got %s, expected %s" % (step.number, what, got, wanted))

        if (every or "rcode" in entry.match) and flags & 15 != entry.rcode:
            differ("rcode", flags & 15, entry.rcode)
        if every or "flags" in entry.match:
            mask = sum(FLAGS.values())
            if flags & mask != entry.flags & mask:
                differ("flags", flag_text(flags), flag_text(entry.flags))
        if every or "question" in entry.match or "qname" in entry.match:
            if question != entry.question:
                differ("question", question, entry.question)
        if every or "answer" in entry.match:
            self.compare(differ, "answer", sections["ANSWER"], entry.sections["ANSWER"], "ttl" in entry.match)
        negative = not entry.sections["ANSWER"] or is_wildcard(entry.sections["ANSWER"])
        if every and negative:
            wanted = [r for r in entry.sections["AUTHORITY"] if r.rdtype in (SOA, NSEC, NSEC3)]
            got = {r.key() for r in sections["AUTHORITY"]}
            for record in wanted:
                if record.key() not in got:
                    differ("authority", "not there", record)
        if entry.edns_data and (opt is None or entry.edns_data not in opt[2]):
            differ("EDNS", opt, entry.edns_data.hex())
        for word in entry.match:
            if word.startswith("ede="):
                found = ede_codes(opt)
                if word != "ede=any" and int(word[4:]) not in found:
                    self.notes.append("step %d: EDE %s, Unbound says %s" % (step.number, found, word[4:]))

    @staticmethod
    def compare(differ, what, got, wanted, with_ttl):
        def ttls(records):
            return {str(r.key()): 3600 if r.ttl is None else r.ttl for r in records}
        one, other = ttls(got), ttls(wanted)
        same = sorted(str(r.key()) for r in got) == sorted(str(r.key()) for r in wanted)
        # Real seconds pass too while a scenario plays.
        if not same or with_ttl and any(not 0 <= other[k] - one[k] <= 2 for k in one):
            differ(what, [str(r) for r in got], [str(r) for r in wanted])


def ede_codes(opt):
    codes, at = [], 0
    while opt and at + 4 <= len(opt[2]):
        code, length = struct.unpack("!HH", opt[2][at:at + 4])
        if code == 15:
            codes.append(struct.unpack("!H", opt[2][at + 4:at + 6])[0])
        at += 4 + length
    return codes


def flag_text(flags):
    return " ".join(name for name, bit in FLAGS.items() if flags & bit) or "-"


def is_wildcard(records):
    """Whether a signature says that its owner came from a wildcard."""
    return any(r.rdtype == RRSIG and len(r.rdata) > 4 and r.rdata[3] < len(r.owner.labels) - 1 for r in records)


def add_address(address):
    family, size = (["-6"], "/128") if ":" in address else ([], "/32")
    extra = ["nodad"] if ":" in address else []
    subprocess.run(["ip", *family, "addr", "replace", address + size, "dev", "lo", *extra], check=True)


def prepare_namespace():
    for words in (
        "link set lo up", "link add void type veth peer name abyss", "link set void arp off up", "link set abyss up",
        "addr add 10.255.255.254/32 dev void",
        "route add default dev void", "-6 addr add fd00:ffff::1/128 dev void nodad", "-6 route add default dev void",
    ):
        subprocess.run(["ip", *words.split()], check=False, stderr=subprocess.DEVNULL)


def build_clock(folder):
    library = os.path.join(folder, "clock.so")
    for compiler in ("cc", "clang", "gcc"):
        try:
            subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, str(HERE / "clock.c"), "-ldl"], check=True)
            return library
        except (FileNotFoundError, subprocess.CalledProcessError):
            continue
    raise RuntimeError("no C compiler for clock.c")


def play_inside(path, arguments):
    prepare_namespace()
    player = Player(path, arguments.toriid, arguments.clock)
    try:
        passed = player.play()
    except Exception as error:
        player.differences.append("%s: %s" % (type(error).__name__, error))
        passed = False
    print("%s %s" % ("PASS" if passed else "FAIL", os.path.basename(path)))
    for text in player.differences + ["note: " + n for n in player.notes]:
        print("    " + text)
    if arguments.verbose:
        print("\n".join("    | " + line for text in player.lines for line in text.splitlines()))
    subprocess.run(["rm", "-rf", player.folder], check=False)
    return 0 if passed else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--toriid", default=os.path.join(os.environ.get("TORII_BIN", ".build/debug"), "toriid"))
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--clock", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.toriid = os.path.abspath(arguments.toriid)
    if arguments.clock:
        return play_inside(arguments.files[0], arguments)
    if os.geteuid() != 0:
        print("play.py needs root: it makes network namespaces", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="torii-clock-") as folder:
        library = build_clock(folder)

        def one(path):
            words = ["unshare", "-n", sys.executable, __file__, "--toriid", arguments.toriid, "--clock", library]
            words += ["--verbose"] if arguments.verbose else []
            return subprocess.run(words + [path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        failed = 0
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for result in pool.map(one, arguments.files):
                sys.stdout.write(result.stdout)
                sys.stdout.flush()
                failed += result.returncode != 0
    print("%d scenarios, %d failed" % (len(arguments.files), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
