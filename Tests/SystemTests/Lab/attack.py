#!/usr/bin/env python3
"""Tries what nobody may do to an agent.

    attack.py v1 ROUTER GN HOST                a v1 notification
    attack.py noise ROUTER COUNT               datagrams of random octets, some shaped like messages
    attack.py v2 ROUTER GN HOST SECRET         a signed notification; prints the response code
    attack.py before ROUTER GN HOST SECRET SECONDS   one that was signed so long ago
    attack.py flood ROUTER COUNT HOST SECRET   signed notifications for COUNT askers; counts the replies
    attack.py spoof SERVER GN HOST COUNT       DNS questions with GN's address as source
    attack.py replay ROUTER GN HOST SECRET     the same signed octets three times, from two ports
"""
import base64, os, random, socket, struct, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.argv, arguments = [sys.argv[0], "--help"], sys.argv[1:]
import importlib.util
source = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "nts_server.py")).read()
lib = {"__name__": "nts_server"}
exec(compile(source.rsplit("\nmain()", 1)[0], "nts_server.py", "exec"), lib)


def send(router, message, wait=0.5, s=None):
    s = s or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(wait)
    s.sendto(message, (router, 20053))
    try:
        return s.recv(4096)
    except (socket.timeout, ConnectionRefusedError):
        return None


def signed(gn, host, secret):
    body = (os.urandom(2) + b"\x28\0\0\x01\0\0\0\x01\0\0\x03nts\0\0\x06\0\x01" + lib["name_to_wire"](host)
            + struct.pack("!HHIH", 1, 1, 8, 4) + socket.inet_aton(gn))
    return lib["sign"](body, "router1.example.", base64.b64decode(secret), b"")[0]


def code(answer):
    if answer is None:
        return "silence"
    return {0: "NOERROR", 3: "NXDOMAIN", 5: "REFUSED", 9: "NOTAUTH"}.get(answer[3] & 15, str(answer[3] & 15))


verb, router = arguments[0], arguments[1]
if verb == "v1":
    text = arguments[3].encode()
    send(router, b"\x07\x01\0" + bytes([len(text)]) + socket.inet_aton(arguments[2]) + text.ljust(32, b"\0"))
elif verb == "noise":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(int(arguments[2])):
        noise = bytearray(os.urandom(random.choice([0, 1, 11, 12, 40, 40, 41, 80, 300, 1400])))
        if len(noise) == 40 and random.random() < 0.5:
            noise[1:4] = bytes([random.randint(0, 5), 0, random.randint(0, 40)])
        elif len(noise) > 12 and random.random() < 0.7:
            noise[2:12] = b"\x28\0\0\x01\0\0\0\x01\0" + bytes([random.randint(0, 2)])
        s.sendto(bytes(noise), (router, 20053))
elif verb == "spoof":
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for n in range(int(arguments[4])):
        query = struct.pack("!HHHHHH", n, 0x100, 1, 0, 0, 0) + lib["name_to_wire"](arguments[3]) + b"\0\1\0\1"
        udp = struct.pack("!HHHH", 4000 + n, 53, 8 + len(query), 0) + query
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0,
                             socket.inet_aton(arguments[2]), socket.inet_aton(router))
        raw.sendto(header + udp, (router, 0))
elif verb == "v2":
    print(code(send(router, signed(*arguments[2:5]))))
elif verb == "before":
    import time
    now = time.time()
    time.time = lambda: now - int(arguments[5])
    print(code(send(router, signed(*arguments[2:5]))))
elif verb == "replay":
    message = signed(*arguments[2:5])
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    first = send(router, message, s=s)
    again = send(router, message)
    later = send(router, message[:1] + bytes([message[1] ^ 1]) + message[2:])
    print("first %s, again %s, later %d new" % (code(first), code(again), later is not None and code(later) == "NOERROR"))
elif verb == "flood":
    import select
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    codes, count = {}, int(arguments[2])
    for n in range(count):
        s.sendto(signed("198.19.%d.%d" % (n >> 8, n & 255), arguments[3], arguments[4]), (router, 20053))
        while sum(codes.values()) < n - 100 and select.select([s], [], [], 1)[0]:
            word = code(s.recv(4096))
            codes[word] = codes.get(word, 0) + 1
    while sum(codes.values()) < count and select.select([s], [], [], 1)[0]:
        word = code(s.recv(4096))
        codes[word] = codes.get(word, 0) + 1
    granted, refused = codes.get("NOERROR", 0), codes.get("REFUSED", 0)
    print("granted %d, refused %d, silent %d" % (granted, refused, count - granted - refused))
