"""DNS messages octet by octet, and ways to send them.  Every octet can be wrong on purpose."""
import base64, hashlib, hmac, socket, ssl, struct, sys, time

SECRET = "c2VjcmV0IG9mIHRoZSB1cGRhdGUga2V5IG9mIHRlc3Q="
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH, NOTZONE = 0, 1, 2, 3, 4, 5, 9, 10
failures = []


def check(what, holds, detail=""):
    """One line for each case; the last word is the exit status."""
    if not holds:
        failures.append(what)
        print(f"FAIL {what} {detail}", flush=True)


def done():
    print(f"{'FAIL' if failures else 'PASS'}: {len(failures)} failures", flush=True)
    sys.exit(1 if failures else 0)


def name(text):
    if isinstance(text, bytes):
        return text
    return b"".join(bytes([len(x)]) + x.encode() for x in text.strip(".").split(".") if x) + b"\0"


def record(owner, rtype, rclass=1, ttl=0, rdata=b"", length=None):
    return name(owner) + struct.pack("!HHIH", rtype, rclass, ttl, len(rdata) if length is None else length) + rdata


def message(ident, flags, *sections, counts=None):
    """Sections are lists of octet strings."""
    counts = counts or [len(x) for x in sections] + [0] * (4 - len(sections))
    return struct.pack("!HHHHHH", ident, flags, *counts) + b"".join(b"".join(x) for x in sections)


def question(owner, qtype=1, qclass=1):
    return name(owner) + struct.pack("!HH", qtype, qclass)


def query(owner, qtype=1, ident=1):
    return message(ident, 0, [question(owner, qtype)])


def update(zone, updates=(), prerequisites=(), ident=1, counts=None):
    return message(ident, 5 << 11, [question(zone, 6)], list(prerequisites), list(updates), counts=counts)


ALGORITHMS = {"hmac-sha1": hashlib.sha1, "hmac-sha224": hashlib.sha224, "hmac-sha256": hashlib.sha256,
              "hmac-sha384": hashlib.sha384, "hmac-sha512": hashlib.sha512}


def sign(octets, key, algorithm="hmac-sha256", secret=SECRET, when=None, fudge=300, size=None, named=None, spoil=False,
         error=0, other=b"", prior=b""):
    """The message with a TSIG (RFC 8945 4); `named` is what the record calls the algorithm."""
    when = int(time.time()) if when is None else when
    label = name(named or algorithm)
    variables = name(key).lower() + struct.pack("!HI", 255, 0) + label.lower() + struct.pack("!HIH", when >> 32, when & 0xffffffff, fudge)
    variables += struct.pack("!HH", error, len(other)) + other
    mac = hmac.new(base64.b64decode(secret), prior + octets + variables, ALGORITHMS[algorithm]).digest()
    if spoil:
        mac = bytes([mac[0] ^ 1]) + mac[1:]
    if size is not None:
        mac = (mac + b"\0" * 64)[:size]
    rdata = label + struct.pack("!HIH", when >> 32, when & 0xffffffff, fudge) + struct.pack("!H", len(mac)) + mac
    rdata += octets[:2] + struct.pack("!HH", error, len(other)) + other
    count = struct.unpack("!H", octets[10:12])[0] + 1
    return octets[:10] + struct.pack("!H", count) + octets[12:] + record(key, 250, 255, 0, rdata)


def mac_of(octets):
    """MAC of a message that ends with a TSIG."""
    tsig = Answer(octets).tsig
    return tsig["mac"] if tsig else b""


class Answer:
    """A response taken apart as far as these cases need."""

    def __init__(self, octets):
        self.octets = octets
        self.id, self.flags, *self.counts = struct.unpack("!HHHHHH", octets[:12])
        self.rcode = self.flags & 15
        self.at, self.tsig, self.records, self.texts = 12, None, [], []
        for _ in range(self.counts[0]):
            self._name(); self.at += 4
        for section in range(1, 4):
            for _ in range(self.counts[section]):
                owner = self._name()
                rtype, rclass, ttl, length = struct.unpack("!HHIH", octets[self.at:self.at + 10]); self.at += 10
                data = octets[self.at:self.at + length]
                if rtype == 250:
                    self._tsig(length)
                elif rtype == 41:
                    self._options(data)
                else:
                    self.records.append((section, owner, rtype, ttl, self._plain(rtype, length)))
                self.at += length if rtype != 250 else 0
        if self.at != len(octets):
            raise ValueError("octets after the message")

    def _plain(self, rtype, length):
        """Record data without compression, which only the types of RFC 1035 may have."""
        start, end = self.at, self.at + length
        forms = {2: (0, 1, 0), 5: (0, 1, 0), 7: (0, 1, 0), 8: (0, 1, 0), 9: (0, 1, 0), 12: (0, 1, 0), 14: (0, 2, 0), 15: (2, 1, 0), 6: (0, 2, 20)}
        before, names, after = forms.get(rtype, (length, 0, 0))
        out = self.octets[start:start + before]; self.at += before
        for _ in range(names):
            out += self._name()
        out += self.octets[self.at:self.at + after]
        self.at = start
        return out if names else self.octets[start:end]

    def _name(self):
        out, at, jumped = b"", self.at, False
        while True:
            n = self.octets[at]
            if n >= 192:
                if not jumped:
                    self.at = at + 2
                jumped, at = True, (n & 63) << 8 | self.octets[at + 1]
                continue
            out += self.octets[at:at + 1 + n]; at += 1 + n
            if n == 0:
                if not jumped:
                    self.at = at
                return out.lower()

    def _tsig(self, length):
        end = self.at + length; algorithm = self._name()
        high, low, fudge, size = struct.unpack("!HIHH", self.octets[self.at:self.at + 10]); self.at += 10
        mac = self.octets[self.at:self.at + size]; self.at += size
        original, error, other = struct.unpack("!HHH", self.octets[self.at:self.at + 6])
        self.tsig = {"algorithm": algorithm, "time": high << 32 | low, "mac": mac, "error": error,
                     "other": self.octets[self.at + 6:self.at + 6 + other], "id": original}
        self.at = end

    def _options(self, data):
        while len(data) >= 4:
            code, length = struct.unpack("!HH", data[:4])
            if code == 15:
                self.texts.append((struct.unpack("!H", data[4:6])[0], data[6:4 + length].decode()))
            data = data[4 + length:]


class Client:
    """One conversation: `udp`, `tcp` or `tls`."""

    def __init__(self, transport, port, address="127.0.0.1", timeout=30):
        self.transport = transport
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind); self.socket.settimeout(timeout)
        self.socket.connect((address, port))
        if transport == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)

    def send(self, octets):
        self.socket.sendall(octets if self.transport == "udp" else struct.pack("!H", len(octets)) + octets)

    def receive(self):
        if self.transport == "udp":
            return self.socket.recv(65535)
        head = self._exactly(2)
        return self._exactly(struct.unpack("!H", head)[0])

    def _exactly(self, count):
        out = b""
        while len(out) < count:
            part = self.socket.recv(count - len(out))
            if not part:
                raise EOFError
            out += part
        return out

    def ask(self, octets):
        """The answer to a message; nil for silence or a closed connection."""
        self.send(octets)
        try:
            return Answer(self.receive())
        except (socket.timeout, EOFError, ConnectionError):
            return None

    def close(self):
        self.socket.close()


def ask(port, octets, transport="udp", timeout=30):
    client = Client(transport, port, timeout=timeout)
    try:
        return client.ask(octets)
    finally:
        client.close()


def serial(port, zone):
    for section, _, rtype, _, data in ask(port, query(zone, 6)).records:
        if section == 1 and rtype == 6:
            return struct.unpack("!I", data[-20:-16])[0]
    return None


def resident(pid):
    """Octets of memory in use."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
