#!/usr/bin/env python3
"""A small NTS server, written from docs/nts-protocol.md alone: it shares no code with toriid.

    nts_server.py --zone example.net [--address 0.0.0.0] [--port 53] [--name HOST=ADDRESS]...
                  [--form v1|icmp|v2] [--key NAME:BASE64] [--no-notify ADDRESS]

Answers A and AAAA queries for names of its zone, takes unsigned UPDATEs for it, and before it answers with an address
notifies the router there and waits for the response: at most 300 ms, or 3 s after *pending*. Prints what it does.
"""
import argparse, base64, hashlib, hmac, os, select, socket, struct, sys, threading, time

sys.stdout.reconfigure(line_buffering=True)


def name_to_wire(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.rstrip(".").split(".") if l) + b"\0"


def read_name(message, at):
    labels, end, hops = [], None, 0
    while True:
        length = message[at]
        if length >= 192:
            end = end or at + 2
            at = (length & 63) << 8 | message[at + 1]
            hops += 1
            if hops > 20:
                raise ValueError("pointer loop")
            continue
        at += 1
        if length == 0:
            return ".".join(labels).lower(), end or at
        labels.append(message[at:at + length].decode("ascii"))
        at += length


class Server:
    def __init__(self, options):
        self.options = options
        self.zone = options.zone.rstrip(".").lower()
        self.table = {}
        for item in options.name:
            host, address = item.split("=")
            self.table.setdefault(host.rstrip(".").lower(), []).append(address)
        self.lock = threading.Lock()
        self.silent = {}

    def run(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((self.options.address, self.options.port))
        threading.Thread(target=self.streams, daemon=True).start()
        print("ready")
        while True:
            message, client = s.recvfrom(65535)
            threading.Thread(target=self.handle, args=(s, message, client), daemon=True).start()

    def streams(self):
        listener = socket.create_server((self.options.address, self.options.port))
        while True:
            connection, client = listener.accept()
            threading.Thread(target=self.stream, args=(connection, client), daemon=True).start()

    def stream(self, connection, client):
        with connection, connection.makefile("rb") as octets:
            while True:
                length = octets.read(2)
                if len(length) < 2:
                    return
                message = octets.read(struct.unpack("!H", length)[0])
                answer = (self.update if message[2] >> 3 & 15 == 5 else self.query)(message, client)
                connection.sendall(struct.pack("!H", len(answer)) + answer)

    def handle(self, s, message, client):
        try:
            opcode = message[2] >> 3 & 15
            if message[2] & 0x80:
                return
            if opcode == 5:
                s.sendto(self.update(message, client), client)
            elif opcode == 0:
                s.sendto(self.query(message, client), client)
        except (IndexError, ValueError, struct.error) as error:
            print("bad message from", client, error)

    # RFC 2136, without prerequisites and signatures
    def update(self, message, client):
        zone, at = read_name(message, 12)
        at += 4
        counts = struct.unpack("!HHHH", message[4:12])
        code = 0 if zone == self.zone else 9
        for _ in range(counts[1] + counts[2]):
            owner, at = read_name(message, at)
            kind, rclass, _, length = struct.unpack("!HHIH", message[at:at + 10])
            data = message[at + 10:at + 10 + length]
            at += 10 + length
            if code:
                continue
            with self.lock:
                if rclass in (255, 254):
                    self.table.pop(owner, None)
                elif kind in (1, 28):
                    address = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data)
                    known = self.table.setdefault(owner, [])
                    if address not in known:
                        known.append(address)
                    print("update", owner, address, "from", client[0])
        return message[:2] + bytes([0xa8, code]) + message[4:6] + b"\0" * 6 + message[12:16 + len(name_to_wire(zone)) - 0]

    def query(self, message, client):
        owner, at = read_name(message, 12)
        kind = struct.unpack("!H", message[at:at + 2])[0]
        question = message[12:at + 4]
        with self.lock:
            addresses = list(self.table.get(owner, []))
            exists = owner in self.table
        addresses = [a for a in addresses if (":" in a) == (kind == 28)] if kind in (1, 28) else []
        ttl = 300
        for address in addresses:
            if ":" not in address or self.options.form == "v2":
                granted = self.negotiate(address, client[0], owner)
                if granted:
                    ttl = min(ttl, granted)
        answer = b""
        for address in addresses:
            data = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
            answer += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data
        code = 0 if exists or owner == self.zone else 3
        header = message[:2] + struct.pack("!BBHHHH", 0x84 | message[2] & 1, code, 1, len(addresses), 0, 0)
        return header + question + answer

    # The negotiation
    def negotiate(self, router, gn, host):
        if router in self.options.no_notify or self.silent.get(router, 0) > time.monotonic():
            return 0
        start = time.monotonic()
        kind, seconds = {"v1": self.v1, "icmp": self.icmp, "v2": self.v2}[self.options.form](router, gn, host)
        print("%s %s for %s: %s in %.1f ms" % (router, host, gn, kind, (time.monotonic() - start) * 1000))
        if kind in ("timeout", "unreachable", "unchanged"):
            self.silent[router] = time.monotonic() + 300
        return seconds

    def exchange(self, s, message, read):
        """Sends at 0, 100 and 200 ms; read(datagram) gives a word, None when it is not the answer."""
        start = time.monotonic()
        limit, sent = 0.3, 0
        while True:
            now = time.monotonic() - start
            if now >= limit:
                return "timeout", 0
            if sent < 3 and now >= sent * 0.1:
                s.send(message)
                sent += 1
            due = min(limit, sent * 0.1 if sent < 3 else limit)
            if select.select([s], [], [], max(0, due - now))[0]:
                try:
                    said = read(s.recv(4096))
                except ConnectionRefusedError:
                    return "unreachable", 0
                if said and said[0] == "pending":
                    limit = 3
                elif said:
                    return said

    def v1(self, router, gn, host):
        text = host.encode()
        if len(text) > 32 or ":" in gn:
            return "unsuitable", 0
        transaction = os.urandom(1)
        rest = socket.inet_aton(gn) + text.ljust(32, b"\0")
        message = transaction + bytes([1, 0, len(text)]) + rest
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect((router, 20053))

        def read(datagram):
            if len(datagram) != 40 or datagram[:1] != transaction or datagram[8:] != rest[4:]:
                return None
            return {2: ("response", 60), 3: ("refusal", 0), 4: ("pending", 0)}.get(datagram[1])
        return self.exchange(s, message, read)

    def icmp(self, router, gn, host):
        text = host.encode()
        if len(text) > 64 or ":" in gn:
            return "unsuitable", 0
        transaction = os.urandom(2)
        rest = socket.inet_aton(gn) + text.ljust(64, b"\0")
        body = bytes([1]) + transaction + b"\0" + rest
        message = b"\x08\0\0\0" + transaction + b"\0\x01" + body
        total = sum(struct.unpack("!40H", message))
        total = (total & 0xffff) + (total >> 16)
        total = ~((total & 0xffff) + (total >> 16)) & 0xffff
        message = message[:2] + struct.pack("!H", total) + message[4:]
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        s.connect((router, 0))

        def read(packet):
            echo = packet[(packet[0] & 15) * 4:]
            if len(echo) != 80 or echo[0] != 0 or echo[9:11] != transaction or echo[16:] != rest[4:]:
                return None
            return {1: ("unchanged", 0), 2: ("response", 60), 3: ("refusal", 0), 4: ("pending", 0)}.get(echo[8])
        return self.exchange(s, message, read)

    def v2(self, router, gn, host):
        key_name, secret = self.options.key.split(":")
        key = base64.b64decode(secret)
        identifier = os.urandom(2)
        address = socket.inet_pton(socket.AF_INET6 if ":" in gn else socket.AF_INET, gn)
        body = (identifier + b"\x28\0\0\x01\0\0\0\x01\0\0" + b"\x03nts\0\0\x06\0\x01" + name_to_wire(host)
                + struct.pack("!HHIH", 28 if ":" in gn else 1, 1, 60, len(address)) + address)
        message, mac = sign(body, key_name, key, b"")
        routers = socket.AF_INET6 if ":" in router else socket.AF_INET
        s = socket.socket(routers, socket.SOCK_DGRAM)
        s.connect((self.options.router6 if ":" in router and self.options.router6 else router, 20053))

        def read(datagram):
            if datagram[:2] != identifier or not verify(datagram, key_name, key, mac):
                return None
            code = datagram[3] & 15
            if code:
                return "refusal rcode %d" % code, 0
            at = read_name(datagram, 12)[1] + 4
            at = read_name(datagram, at)[1]
            ttl = struct.unpack("!I", datagram[at + 4:at + 8])[0]
            return ("response", ttl) if ttl else ("pending", 0)
        return self.exchange(s, message, read)


# RFC 8945 with HMAC-SHA-256
ALGORITHM = name_to_wire("hmac-sha256")


def digest(key, key_name, request_mac, message, now, error=0):
    prior = struct.pack("!H", len(request_mac)) + request_mac if request_mac else b""
    variables = (name_to_wire(key_name) + struct.pack("!HI", 255, 0) + ALGORITHM + struct.pack("!Q", now)[2:]
                 + struct.pack("!HHH", 300, error, 0))
    return hmac.new(key, prior + message + variables, hashlib.sha256).digest()


def sign(message, key_name, key, request_mac):
    now = int(time.time())
    mac = digest(key, key_name, request_mac, message, now)
    data = (ALGORITHM + struct.pack("!Q", now)[2:] + struct.pack("!HH", 300, len(mac)) + mac + message[:2]
            + b"\0\0\0\0")
    record = name_to_wire(key_name) + struct.pack("!HHIH", 250, 255, 0, len(data)) + data
    count = struct.unpack("!H", message[10:12])[0] + 1
    return message[:10] + struct.pack("!H", count) + message[12:] + record, mac


def verify(message, key_name, key, request_mac):
    counts = struct.unpack("!HHHH", message[4:12])
    at, start = 12, 12
    for _ in range(counts[0]):
        at = read_name(message, at)[1] + 4
    for _ in range(sum(counts[1:])):
        start = at
        at = read_name(message, at)[1]
        at += 10 + struct.unpack("!H", message[at + 8:at + 10])[0]
    owner, at = read_name(message, start)
    if struct.unpack("!H", message[at:at + 2])[0] != 250 or owner != key_name.rstrip(".").lower():
        return False
    at += 10 + len(ALGORITHM)
    now = struct.unpack("!Q", b"\0\0" + message[at:at + 6])[0]
    length = struct.unpack("!H", message[at + 8:at + 10])[0]
    mac = message[at + 10:at + 10 + length]
    error = struct.unpack("!H", message[at + 12 + length:at + 14 + length])[0]
    plain = message[:10] + struct.pack("!H", counts[3] - 1) + message[12:start]
    return abs(now - time.time()) <= 300 and hmac.compare_digest(
        mac, digest(key, key_name, request_mac, plain, now, error))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--zone", required=True)
    p.add_argument("--address", default="0.0.0.0")
    p.add_argument("--port", type=int, default=53)
    p.add_argument("--name", action="append", default=[])
    p.add_argument("--form", choices=["v1", "icmp", "v2"], default="v1")
    p.add_argument("--key", default="")
    p.add_argument("--router6", default="", help="where notifications for IPv6 targets go")
    p.add_argument("--no-notify", action="append", default=[])
    Server(p.parse_args()).run()


main()
