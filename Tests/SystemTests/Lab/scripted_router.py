#!/usr/bin/env python3
"""An NTS router that opens nothing: what it answers is said by the first label of the name it is asked for.

    scripted_router.py ADDRESS PORT [NAME:BASE64]

open, hair (with a private address), port (v2: grants 443/tcp as 40001), refuse, silent, slow (after 150 ms), wait
(pending until the second repetition), later (pending, the answer after a second), short (v2: 7 s), name, policy, kernel
(v2 errors), forged (a response from another port), unsigned (v2). Prints one JSON line for each notification. Shares no
code with torii-router; written from docs/nts-protocol.md.
"""
import base64, hashlib, hmac, json, socket, struct, sys, threading, time


def wire(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.rstrip(".").split(".") if l) + b"\0"


def read_name(message, at):
    labels, end = [], None
    while True:
        length = message[at]
        if length >= 192:
            end, at = end or at + 2, (length & 63) << 8 | message[at + 1]
        elif length:
            labels.append(message[at + 1:at + 1 + length].decode("ascii"))
            at += 1 + length
        else:
            return ".".join(labels).lower(), end or at + 1


def digest(secret, key, prior, message, now, error=0):
    data = prior + message + wire(key) + struct.pack("!HI", 255, 0) + wire("hmac-sha256")
    return hmac.new(secret, data + struct.pack("!Q", now)[2:] + struct.pack("!HHH", 300, error, 0), hashlib.sha256).digest()


address, port = sys.argv[1], int(sys.argv[2])
key, secret = (sys.argv[3].split(":") + [""])[:2] if len(sys.argv) > 3 else ("", "")
secret = base64.b64decode(secret)
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((address, port))
begin = time.time()
counts = {}


def say(form, gn, host, source):
    print(json.dumps({"ms": round((time.time() - begin) * 1000), "form": form, "gn": gn, "host": host,
                      "port": source[1], "from": source[0]}), flush=True)


def reply(message, source, after=0):
    if after:
        threading.Timer(after, s.sendto, (message, source)).start()
    else:
        s.sendto(message, source)


def v1(message, source):
    gn, host = socket.inet_ntoa(message[4:8]), message[8:8 + message[3]].decode()
    say("v1", gn, host, source)
    word = host.split(".")[0]
    typed = lambda code, address=message[4:8]: message[:1] + bytes([code]) + message[2:4] + address + message[8:]
    counts[host] = counts.get(host, 0) + 1
    if word == "refuse":
        reply(typed(3), source)
    elif word == "hair":
        reply(typed(2, socket.inet_aton("192.168.1.11")), source)
    elif word == "slow":
        reply(typed(2), source, 0.15)
    elif word == "wait":
        reply(typed(2 if counts[host] > 2 else 4), source)
    elif word == "later":
        reply(typed(4), source)
        if counts[host] == 1:
            reply(typed(2), source, 1)
    elif word == "forged":
        other = socket.socket(s.family, socket.SOCK_DGRAM)
        other.sendto(typed(2), source)
    elif word != "silent":
        reply(typed(2), source)


def v2(message, source):
    counts_ = struct.unpack("!HHHH", message[4:12])
    zone, at = read_name(message, 12)
    at += 4
    host, rest = read_name(message, at)
    kind, _, ttl, length = struct.unpack("!HHIH", message[rest:rest + 10])
    data = message[rest + 10:rest + 10 + length]
    end = rest + 10 + length
    signer, after = read_name(message, end)
    body = read_name(message, after + 10)[1]
    now = struct.unpack("!Q", b"\0\0" + message[body:body + 6])[0]
    mac = message[body + 10:body + 10 + struct.unpack("!H", message[body + 8:body + 10])[0]]
    plain = message[:10] + struct.pack("!H", counts_[3] - 1) + message[12:end]
    good = signer == key.rstrip(".").lower() and hmac.compare_digest(mac, digest(secret, key, b"", plain, now))
    if kind == 42:
        gn = "%s/%d" % (socket.inet_ntop(socket.AF_INET if data[1] == 1 else socket.AF_INET6,
                                         data[4:].ljust(4 if data[1] == 1 else 16, b"\0")), data[2])
    else:
        gn = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data)
    say("v2" if good and zone == "nts" else "v2 bad", gn, host, source)
    word = host.split(".")[0]
    counts[host] = counts.get(host, 0) + 1
    if word == "silent" or not good:
        return
    code = {"refuse": 5, "name": 3, "policy": 5, "kernel": 2}.get(word, 0)
    granted = {"short": 7, "wait": ttl if counts[host] > 2 else 0}.get(word, ttl if code == 0 else 0)
    if word == "hair":
        kind, data = 1, socket.inet_aton("192.168.1.11")
    record = wire(host) + struct.pack("!HHIH", kind, 1, granted, len(data)) + data
    extra = b""
    if word == "port":
        service = b"\x04_443\x04_tcp" + wire(host)
        srv = struct.pack("!HHH", 0, 0, 40001) + wire(host)
        extra = service + struct.pack("!HHIH", 33, 1, 0, len(srv)) + srv
    answer = (message[:2] + bytes([0xa8, code]) + struct.pack("!HHHH", 1, 0, 1, 1 if extra else 0)
              + wire("nts") + struct.pack("!HH", 6, 1) + record + extra)
    if word != "unsigned":
        stamp = int(time.time())
        signature = digest(secret, key, struct.pack("!H", len(mac)) + mac, answer, stamp)
        tsig = (wire("hmac-sha256") + struct.pack("!Q", stamp)[2:] + struct.pack("!HH", 300, 32) + signature
                + message[:2] + b"\0\0\0\0")
        answer = (answer[:10] + struct.pack("!H", (1 if extra else 0) + 1) + answer[12:] + wire(key)
                  + struct.pack("!HHIH", 250, 255, 0, len(tsig)) + tsig)
    reply(answer, source)


print("ready", flush=True)
while True:
    message, source = s.recvfrom(4096)
    try:
        v1(message, source) if len(message) == 40 and message[2] == 0 else v2(message, source)
    except (IndexError, ValueError, struct.error, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
