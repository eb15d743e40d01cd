#!/usr/bin/env python3
"""A small NTS router, written from docs/nts-protocol.md alone: it shares no code with torii-router.

    nts_router.py --outside wan --host NAME=ADDRESS... --server ADDRESS... [--key NAME:BASE64] [--lifetime SECONDS]
                  [--grant NAME=PORT]...

A host with a granted port is reached at that port alone, through a public port that v2 responses name. Takes v1 notifications from the listed servers, and v2 ones signed with the key, and opens the way with one nft command
each: slow, and enough for a small home. Hosts are given by hand. Prints what it does.
"""
import argparse, base64, hashlib, hmac, socket, struct, subprocess, sys, time

sys.stdout.reconfigure(line_buffering=True)
PORT = 20053


def nft(text):
    return subprocess.run(["nft", "-f", "-"], input=text.encode(), capture_output=True).returncode == 0


def wire(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.rstrip(".").split(".") if l) + b"\0"


def read_name(message, at):
    labels, end, hops = [], None, 0
    while True:
        length = message[at]
        if length >= 192:
            end, at, hops = end or at + 2, (length & 63) << 8 | message[at + 1], hops + 1
            if hops > 20:
                raise ValueError("pointer loop")
        elif length:
            labels.append(message[at + 1:at + 1 + length].decode("ascii"))
            at += 1 + length
        else:
            return ".".join(labels).lower(), end or at + 1


class Router:
    def __init__(self, options):
        self.options = options
        self.hosts = {}
        for item in options.host:
            name, address = item.split("=")
            self.hosts[name.rstrip(".").lower()] = address
        self.seen = {}
        self.grants = {n.rstrip(".").lower(): int(p) for n, p in (g.split("=") for g in options.grant)}
        self.next = 40000
        nft("""table ip nts_router
            delete table ip nts_router
            table ip nts_router {
                map targets { type ipv4_addr : ipv4_addr; flags timeout; size 4096; }
                map ports { type ipv4_addr . inet_service : ipv4_addr . inet_service; flags timeout; size 4096; }
                chain in {
                    type nat hook prerouting priority dstnat - 10; policy accept;
                    iifname != "%s" return
                    fib daddr type != local return
                    udp dport %d return
                    tcp dport 22 return
                    meta l4proto tcp dnat ip to ip saddr . tcp dport map @ports
                    meta l4proto { tcp, udp } dnat to ip saddr map @targets
                }
            }""" % (options.outside, PORT))

    def open(self, gn, host, seconds):
        address = self.hosts.get(host)
        if address is None:
            return None
        seconds = max(1, min(seconds, self.options.lifetime))
        if host in self.grants:
            self.next += 1
            done = nft("add element ip nts_router ports { %s . %d timeout %ds : %s . %d }"
                       % (gn, self.next, seconds, address, self.grants[host]))
            print("granted" if done else "failed", gn, host, self.next)
            return seconds if done else 0
        nft("delete element ip nts_router targets { %s }" % gn)
        done = nft("add element ip nts_router targets { %s timeout %ds : %s }" % (gn, seconds, address))
        print("open" if done else "failed", gn, host, address, seconds)
        return seconds if done else 0

    def v1(self, message, server):
        if server not in self.options.server or message[1] != 1 or message[2] or not 1 <= message[3] <= 32:
            return None
        text, padding = message[8:8 + message[3]], message[8 + message[3]:]
        if padding.strip(b"\0"):
            return None
        host = text.decode("ascii").rstrip(".").lower()
        granted = self.open(socket.inet_ntoa(message[4:8]), host, self.options.lifetime)
        return message[:1] + (b"\x02" if granted else b"\x03") + message[2:]

    def digest(self, key, name, prior, message, now, error):
        return hmac.new(key, prior + message + wire(name) + struct.pack("!HI", 255, 0) + wire("hmac-sha256")
                        + struct.pack("!Q", now)[2:] + struct.pack("!HHH", 300, error, 0), hashlib.sha256).digest()

    def v2(self, message):
        counts = struct.unpack("!HHHH", message[4:12])
        zone, at = read_name(message, 12)
        at += 4
        if zone != "nts" or counts[0] != 1 or counts[2] != 1:
            return None
        host, rest = read_name(message, at)
        kind, _, asked, length = struct.unpack("!HHIH", message[rest:rest + 10])
        gn = message[rest + 10:rest + 10 + length]
        end = rest + 10 + length
        update = (at, end)
        # The TSIG record is the last one.
        owner, at = read_name(message, end)
        key_name, secret = self.options.key.split(":")
        key = base64.b64decode(secret)
        if struct.unpack("!H", message[at:at + 2])[0] != 250 or owner != key_name.rstrip(".").lower():
            return None
        at = read_name(message, at + 10)[1]
        now = struct.unpack("!Q", b"\0\0" + message[at:at + 6])[0]
        size = struct.unpack("!H", message[at + 8:at + 10])[0]
        mac = message[at + 10:at + 10 + size]
        plain = message[:10] + struct.pack("!H", counts[3] - 1) + message[12:end]
        if not hmac.compare_digest(mac, self.digest(key, key_name, b"", plain, now, 0)) or abs(now - time.time()) > 300:
            return None
        if mac in self.seen:
            return self.seen[mac]
        granted = self.open(socket.inet_ntoa(gn), host, asked) if kind == 1 else None
        code = 3 if granted is None else 2 if granted == 0 else 0
        record = (message[update[0]:rest] + struct.pack("!HHIH", kind, 1, granted or 0, length) + gn)
        reply = message[:2] + bytes([0xa8, code]) + b"\0\x01\0\0\0\x01\0\0" + message[12:update[0]] + record
        extra = 0
        if code == 0 and host in self.grants:
            target = struct.pack("!HHH", 0, 0, self.next) + wire(host)
            reply += (wire("_%d._tcp." % self.grants[host] + host) + struct.pack("!HHIH", 33, 1, 0, len(target)) + target)
            reply, extra = reply[:10] + b"\0\1" + reply[12:], 1
        stamp = int(time.time())
        prior = struct.pack("!H", len(mac)) + mac
        signature = self.digest(key, key_name, prior, reply, stamp, 0)
        data = (wire("hmac-sha256") + struct.pack("!Q", stamp)[2:] + struct.pack("!HH", 300, 32) + signature
                + message[:2] + b"\0\0\0\0")
        reply = (reply[:10] + bytes([0, extra + 1]) + reply[12:] + wire(key_name) + struct.pack("!HHIH", 250, 255, 0, len(data))
                 + data)
        self.seen[mac] = reply
        return reply

    def run(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", PORT))
        print("ready")
        while True:
            message, server = s.recvfrom(4096)
            try:
                if len(message) == 40 and message[2] == 0:
                    reply = self.v1(message, server[0])
                else:
                    reply = self.v2(message) if self.options.key and len(message) > 12 and message[2] == 0x28 else None
            except (IndexError, ValueError, struct.error, OSError):
                reply = None
            if reply:
                s.sendto(reply, server)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--outside", required=True)
    p.add_argument("--host", action="append", default=[])
    p.add_argument("--server", action="append", default=[])
    p.add_argument("--grant", action="append", default=[])
    p.add_argument("--key", default="")
    p.add_argument("--lifetime", type=int, default=60)
    Router(p.parse_args()).run()


main()
