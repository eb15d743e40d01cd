"""The stage for attacks: evil servers of our own, a toriid that resolves through them, a client, and a meter.

Everything runs in a network namespace of its own. `evil servers` are functions from a question to octets, one for each
address; addresses below 198.18.0.0/15 are routed into a void that only counts. A signed root delegates each case's
zone to its address, so that a case is two lines of configuration and one function.
"""

import heapq
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Scenarios"))

import dns.dnssec  # noqa: E402
import dns.edns  # noqa: E402
import dns.exception  # noqa: E402
import dns.flags  # noqa: E402
import dns.message  # noqa: E402
import dns.name  # noqa: E402
import dns.rcode  # noqa: E402
import dns.rdata  # noqa: E402
import dns.rdatatype  # noqa: E402
import dns.rrset  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: E402

PORT = 5300
ROOT = "127.66.0.1"
GOOD = "127.66.0.2"
SCALE = int(os.environ.get("TORII_ATTACK_SCALE", "1"))


def name(text):
    return dns.name.from_text(text)


def rr(text):
    """A record set from `owner ttl type data`, or from several lines of the same owner and type."""
    lines = [line.split(None, 3) for line in text.strip().splitlines()]
    owner, ttl, kind = lines[0][:3]
    return dns.rrset.from_text(owner, int(ttl), "IN", kind, *[line[3] for line in lines])


class Question:
    """What came to an evil server."""

    def __init__(self, wire, address, peer, is_tcp):
        self.wire, self.address, self.peer, self.is_tcp = wire, address, peer, is_tcp
        self.message = dns.message.from_wire(wire)
        self.id = self.message.id
        self.name = self.message.question[0].name.canonicalize()
        self.kind = dns.rdatatype.to_text(self.message.question[0].rdtype)
        self.size = self.message.payload if self.message.edns >= 0 else 512
        self.at = time.monotonic()

    def reply(self, answer=(), authority=(), additional=(), rcode=0, aa=True, tc=False, ra=False):
        """The octets of a response; over the offered size it comes truncated."""
        message = dns.message.make_response(self.message)
        message.flags |= (dns.flags.AA if aa else 0) | (dns.flags.TC if tc else 0) | (dns.flags.RA if ra else 0)
        message.set_rcode(rcode)
        message.answer, message.authority, message.additional = list(answer), list(authority), list(additional)
        wire = message.to_wire(max_size=65535)
        if not self.is_tcp and len(wire) > self.size:
            return self.reply(rcode=rcode, aa=aa, tc=True)
        return wire

    def refer(self, zone, servers, glue=(), extra=(), ttl=3600):
        """A referral to `servers`."""
        names = dns.rrset.from_text(zone, ttl, "IN", "NS", *servers)
        return self.reply(authority=[names, *extra], additional=[rr(g) for g in glue], aa=False)

    def negative(self, zone, rcode=3, ttl=60):
        return self.reply(authority=[soa(zone, ttl)], rcode=rcode)


def soa(zone, ttl=60):
    return rr("%s %d SOA ns.%s h.%s 1 3600 900 604800 %d" % (zone, ttl, zone.lstrip("."), zone.lstrip("."), ttl))


class Key:
    """A zone's one key, which signs on the fly."""

    def __init__(self, zone, algorithm=13):
        self.zone = name(zone)
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.record = dns.dnssec.make_dnskey(self.private.public_key(), 13, flags=257)
        self.set = dns.rrset.from_rdata(self.zone, 3600, self.record)

    def ds(self, digest="SHA256"):
        return dns.dnssec.make_ds(self.zone, self.record, digest)

    def sign(self, rrset, start=-3600, life=86400 * 14, signer=None):
        """The set and its signature."""
        now = int(time.time()) + start
        rdata = dns.dnssec.sign(rrset, self.private, signer or self.zone, self.record, inception=now, expiration=now + life)
        if rrset.name.is_wild() and rdata.labels == len(rrset.name) - 1:
            # dnspython 2.3 counts the asterisk, which RFC 4034 3.1.3 does not.
            rdata = rdata.replace(labels=rdata.labels - 1)
            made = self.private.sign(dns.dnssec._make_rrsig_signature_data(rrset, rdata), ec.ECDSA(hashes.SHA256()))
            r, s = utils.decode_dss_signature(made)
            rdata = rdata.replace(signature=r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return [rrset, dns.rrset.from_rdata(rrset.name, rrset.ttl, rdata)]

    def nsec(self, owner, following, types, ttl=60):
        return self.sign(rr("%s %d NSEC %s %s" % (owner, ttl, following, types)))


class EvilServers:
    """Sockets on port 53 of many addresses, served by one thread; counts what comes."""

    def __init__(self):
        self.handlers, self.sockets, self.later = {}, {}, []
        self.log, self.lock = [], threading.Lock()
        self.epoll = select.epoll()
        self.number = 0
        threading.Thread(target=self.run, daemon=True).start()

    def on(self, address, handler, tcp=None):
        """`handler(question)` gives octets, None, or a list of (delay, octets); `tcp` handles streams instead."""
        known = address in self.handlers
        self.handlers[address] = (handler, tcp or handler)
        if known:
            return
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.bind((address, 53))
        udp.setblocking(False)
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.bind((address, 53))
        stream.listen(128)
        for sock, is_tcp in ((udp, False), (stream, True)):
            self.sockets[sock.fileno()] = (sock, address, is_tcp)
            self.epoll.register(sock.fileno(), select.EPOLLIN)

    def run(self):
        while True:
            wait = 0.1 if not self.later else max(0, min(0.1, self.later[0][0] - time.monotonic()))
            for number, _ in self.epoll.poll(wait):
                sock, address, is_tcp = self.sockets[number]
                if is_tcp:
                    connection, peer = sock.accept()
                    threading.Thread(target=self.stream, args=(connection, address, peer), daemon=True).start()
                    continue
                for _ in range(256):
                    try:
                        wire, peer = sock.recvfrom(65535)
                    except OSError:
                        break
                    for delay, octets in self.answers(wire, address, peer, False):
                        if delay <= 0:
                            self.send(sock, octets, peer)
                        else:
                            self.number += 1
                            heapq.heappush(self.later, (time.monotonic() + delay, self.number, sock, octets, peer))
            while self.later and self.later[0][0] <= time.monotonic():
                _, _, sock, octets, peer = heapq.heappop(self.later)
                self.send(sock, octets, peer)

    @staticmethod
    def send(sock, octets, peer):
        try:
            sock.sendto(octets, peer)
        except OSError:
            pass

    def answers(self, wire, address, peer, is_tcp):
        try:
            question = Question(wire, address, peer, is_tcp)
            with self.lock:
                self.log.append(question)
            result = self.handlers[address][1 if is_tcp else 0](question)
        except Exception as error:  # a fault of the rig must be seen
            print("evil server %s: %s: %s" % (address, type(error).__name__, error), file=sys.stderr)
            return []
        if result is None:
            return []
        return [(0, result)] if isinstance(result, bytes) else result

    def stream(self, connection, address, peer):
        buffer = b""
        with connection:
            while True:
                try:
                    more = connection.recv(65535)
                    if not more:
                        return
                    buffer += more
                    while len(buffer) >= 2 and len(buffer) >= 2 + struct.unpack("!H", buffer[:2])[0]:
                        size = struct.unpack("!H", buffer[:2])[0]
                        wire, buffer = buffer[2:2 + size], buffer[2 + size:]
                        for delay, octets in self.answers(wire, address, peer, True):
                            time.sleep(delay)
                            connection.sendall(struct.pack("!H", len(octets)) + octets)
                except OSError:
                    return

    def mark(self):
        with self.lock:
            return len(self.log)

    def since(self, mark, besides=(ROOT, GOOD)):
        """Questions that came since `mark`, without those to the root and to the innocent."""
        with self.lock:
            return [q for q in self.log[mark:] if q.address not in besides]


class Hierarchy:
    """A signed root whose delegations a case adds, and an innocent zone."""

    def __init__(self, servers):
        self.servers, self.key, self.zones = servers, Key("."), {}
        self.good = Key("good.example.")
        self.delegate("good.example.", GOOD, self.good)
        self.is_served = False

    def serve(self, apart=False):
        """Begins to serve the root and the innocent zone, in a process of their own when they must not suffer with an
        attacker's servers; what they are asked is then not counted."""
        if self.is_served:
            return
        self.is_served = True
        if not apart:
            self.servers.on(ROOT, self.root)
            self.servers.on(GOOD, self.innocent)
            return
        ready, done = os.pipe()
        parent = os.getpid()
        if os.fork() == 0:
            own = EvilServers()
            own.on(ROOT, self.root)
            own.on(GOOD, self.innocent)
            os.write(done, b"1")
            while os.getppid() == parent:
                time.sleep(0.2)
            os._exit(0)
        os.read(ready, 1)

    def delegate(self, zone, *addresses, key=None, ds=None, ttl=3600):
        self.zones[name(zone)] = (addresses[:-1] if isinstance(addresses[-1], Key) else addresses,
                                  ds if ds is not None else [k.ds() for k in [key or addresses[-1]] if isinstance(k, Key)], ttl)

    def root(self, q):
        apex = dns.name.root
        if q.name == apex and q.kind == "DNSKEY":
            return q.reply(self.key.sign(self.key.set))
        if q.name == apex and q.kind == "NS":
            return q.reply(self.key.sign(rr(". 3600 NS a.root.")), additional=[rr("a.root. 3600 A " + ROOT)])
        if q.name == name("a.root.") and q.kind == "A":
            return q.reply(self.key.sign(rr("a.root. 3600 A " + ROOT)))
        for zone, (addresses, ds, ttl) in self.zones.items():
            if not q.name.is_subdomain(zone):
                continue
            if ds:
                proof = self.key.sign(dns.rrset.from_rdata(zone, 3600, *ds))
            else:
                proof = self.key.nsec(zone.to_text(), "\\000." + zone.to_text(), "NS RRSIG NSEC")
            if q.name == zone and q.kind == "DS":
                if ds:
                    return q.reply(proof)
                return q.reply(authority=self.key.sign(soa(".")) + proof)
            servers = ["ns%d.%s" % (i, zone) for i in range(len(addresses))]
            glue = ["%s %d A %s" % (s, ttl, a) for s, a in zip(servers, addresses)]
            return q.refer(zone.to_text(), servers, glue, proof, ttl=ttl)
        lie = self.key.nsec(q.name.to_text(), "\\000." + q.name.to_text(), "RRSIG NSEC")
        return q.reply(authority=self.key.sign(soa(".")) + lie)

    def innocent(self, q):
        if q.kind == "DNSKEY" and q.name == self.good.zone:
            return q.reply(self.good.sign(self.good.set))
        if q.kind == "A":
            return q.reply(self.good.sign(rr("%s 300 A 192.0.2.1" % q.name)))
        lie = self.good.nsec(q.name.to_text(), "\\000." + q.name.to_text(), "A RRSIG NSEC")
        return q.reply(authority=self.good.sign(soa("good.example.")) + lie)


class Daemon:
    """A toriid that starts at the rig's root, and what it costs."""

    def __init__(self, hierarchy, toriid, extra="", recursion="", dnssec="", preload=None, environment=None, anchors=None, listen=()):
        self.folder = tempfile.mkdtemp(prefix="torii-attack-")
        anchor = anchors or '[ ". 3600 IN DS %s" ]' % hierarchy.key.ds().to_text()
        self.toriictl = os.path.join(os.path.dirname(toriid), "toriictl")
        Path(self.folder, "torii.yaml").write_text("""
server: { workers: 1, state-directory: state }
listen: [ %s ]
control: { socket: torii.sock }
log: { level: debug }
nts: { enabled: false }
access: { recursion: [ { from: 0.0.0.0/0, action: allow } ] }
recursion:
  ipv6: false
  root-hints: [ { name: a.root., address: %s } ]
  %s
dnssec:
  trust-anchors: %s
  signal-trust-anchors: false
  %s
%s
""" % (", ".join("{ address: 127.0.0.1, port: %d }" % p for p in (PORT, *listen)), ROOT, recursion, anchor, dnssec, extra))
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(os.path.join(self.folder, "notify"))
        notify.settimeout(30)
        environment = dict(os.environ, SWIFT_BACKTRACE="enable=no", NOTIFY_SOCKET=os.path.join(self.folder, "notify"),
                           **(environment or {}))
        if preload:
            environment["LD_PRELOAD"] = preload
        self.errors = open(os.path.join(self.folder, "stderr"), "wb")
        self.process = subprocess.Popen([toriid, "--config", os.path.join(self.folder, "torii.yaml")],
                                        env=environment, stderr=self.errors)
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
        except OSError:
            self.process.kill()
            raise RuntimeError("toriid did not start: " + self.log())

    def log(self):
        return Path(self.folder, "stderr").read_text(errors="replace")

    @property
    def cpu(self):
        """Seconds of CPU so far."""
        fields = Path("/proc/%d/stat" % self.process.pid).read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def rss(self):
        """Resident KiB."""
        return int(Path("/proc/%d/statm" % self.process.pid).read_text().split()[1]) * 4

    @property
    def is_alive(self):
        return self.process.poll() is None

    def stats(self):
        """Counters by name, without labels."""
        out = subprocess.run([self.toriictl, "--socket", os.path.join(self.folder, "torii.sock"), "--json", "stats"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
        found = {}

        def walk(prefix, value):
            if isinstance(value, dict):
                for key, inner in value.items():
                    walk(key if isinstance(inner, (int, float)) else prefix + key, inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(prefix, inner)
            elif isinstance(value, (int, float)):
                found[prefix] = found.get(prefix, 0) + value
        walk("", json.loads(out))
        return found

    def counter(self, *words):
        """The sum of the resolver's counters whose names hold one of `words`."""
        return sum(v for k, v in self.stats().items() if any(word in k for word in words))

    def close(self):
        if self.is_alive:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.errors.close()
        status = self.process.returncode
        subprocess.run(["rm", "-rf", self.folder], check=False)
        return status


def query(text, kind="A", dnssec=False, cd=False, rd=True, options=(), edns=True):
    message = dns.message.make_query(text, kind, use_edns=0 if edns else -1, want_dnssec=dnssec, payload=4096, options=list(options))
    if cd:
        message.flags |= dns.flags.CD
    if not rd:
        message.flags &= ~dns.flags.RD
    return message


def ask(text, kind="A", timeout=12, source="127.0.0.1", tcp=False, **words):
    """The daemon's response; None when there is none in time."""
    message = query(text, kind, **words)
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(timeout)
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", PORT))
        wire = message.to_wire()
        try:
            if tcp:
                sock.sendall(struct.pack("!H", len(wire)) + wire)
                buffer = b""
                while len(buffer) < 2 or len(buffer) < 2 + struct.unpack("!H", buffer[:2])[0]:
                    more = sock.recv(65535)
                    if not more:
                        return None
                    buffer += more
                return dns.message.from_wire(buffer[2:])
            sock.send(wire)
            answer = dns.message.from_wire(sock.recv(65535))
        except (TimeoutError, socket.timeout, ConnectionError):
            return None
        if answer.flags & dns.flags.TC:
            return ask(text, kind, timeout, source, tcp=True, **words)
        return answer


def addresses(response):
    """The addresses in the answer section, sorted."""
    if response is None:
        return None
    return sorted(d.to_text() for s in response.answer if s.rdtype in (1, 28) for d in s)


def ede(response):
    """Codes of extended errors."""
    return [] if response is None else [int(o.code) for o in response.options if isinstance(o, dns.edns.EDEOption)]


def rcode(response):
    return "TIMEOUT" if response is None else dns.rcode.to_text(response.rcode())


class Latency:
    """Times of the innocent's questions, one kind after the other, from a process beside an attack.

    Kinds: `cached`, `new` (resolved), `local` (from the configuration), `control` (`status` over the control socket).
    """

    def __init__(self, interval=0.02, kinds=("cached", "new"), control=""):
        self.interval, self.kinds, self.control, self.by_kind, self.failed = interval, kinds, control, {}, 0

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "rig.py"), str(self.interval), self.control, *self.kinds],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        out, _ = self.process.communicate("")
        self.failed, self.by_kind = json.loads(out)

    @property
    def times(self):
        return [t for times in self.by_kind.values() for t in times]

    @property
    def p99(self):
        return p99(self.times)


def p99(times):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0


def status(path):
    """What the daemon says of itself over its control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(3)
        stream.connect(path)
        stream.sendall(b'{"words":["status"],"options":{}}\n')
        for line in stream.makefile("rb"):
            answer = json.loads(line)
            if "exit" in answer:
                return answer["exit"] == 0
    return False


def measure(interval, control, kinds):
    """The work of Latency's process: until standard input ends."""
    times, failed, number = {kind: [] for kind in kinds}, 0, 0
    names = {"cached": "hot.good.example.", "local": "local.good.example."}
    while not select.select([sys.stdin], [], [], interval)[0]:
        kind = kinds[number % len(kinds)]
        number += 1
        started = time.monotonic()
        try:
            good = status(control) if kind == "control" else rcode(
                ask(names.get(kind) or "n%d-%d.good.example." % (os.getpid(), number), timeout=3)) == "NOERROR"
        except OSError:
            good = False
        failed += not good
        times[kind].append(time.monotonic() - started)
    print(json.dumps([failed, times]))


def void_packets():
    """Packets that went to addresses where nobody is."""
    out = subprocess.run(["ip", "-j", "-s", "link", "show", "void"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(out)[0]["stats64"]["tx"]["packets"]


def prepare_namespace():
    for words in (
        "link set lo up", "link add void type veth peer name abyss", "link set void arp off up", "link set abyss up",
        "addr add 198.18.255.254/32 dev void",
        "route add 198.18.0.0/15 dev void", "addr add 203.0.113.77/32 dev lo",
    ):
        subprocess.run(["ip", *words.split()], check=True)


if __name__ == "__main__":
    measure(float(sys.argv[1]), sys.argv[2], sys.argv[3:])
