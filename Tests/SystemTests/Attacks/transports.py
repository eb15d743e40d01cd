"""T1 to T7: what clients may do to TCP, TLS and HTTPS; an innocent client over UDP is served all the while.

usage: transports.py UDP-AND-TCP TLS HTTPS SLOW-SERVER PID CONNECTIONS
"""
import os, select, subprocess, tempfile, threading, warnings
from wire import *

plain, tls, https, slow_server, pid, connections = map(int, sys.argv[1:7])
NAME = "www.example.net"
ASK = query(NAME)
FRAME = struct.pack("!H", len(ASK)) + ASK
late, asked, stop = [], 0, False


def innocent():
    """A client over UDP that asks all the while; an answer that takes long is noted."""
    global asked
    client = Client("udp", plain)
    while not stop:
        begun = time.monotonic()
        answer = client.ask(query(NAME, ident=asked & 0xffff))
        asked += 1
        if not answer or answer.rcode != NOERROR or time.monotonic() - begun > 1:
            late.append(time.monotonic() - begun)
        time.sleep(0.002)


def connect(port, source="127.0.0.1", timeout=5):
    made = socket.socket()
    made.settimeout(timeout)
    made.bind((source, 0))
    made.connect(("127.0.0.1", port))
    return made


def context(*alpn, version=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if version:
        made.minimum_version = made.maximum_version = version
    return made


def secure(port, *alpn, timeout=5, session=None, version=None, via=None):
    return (via or context(*alpn, version=version)).wrap_socket(connect(port, timeout=timeout), session=session)


def until_closed(made, seconds):
    """Octets that come until the peer closes; nil when it does not in time."""
    out, end = b"", time.monotonic() + seconds
    made.settimeout(0.2)
    while time.monotonic() < end:
        try:
            part = made.recv(65536)
        except socket.timeout:
            continue
        except OSError:
            return out
        if not part:
            return out
        out += part
    return None


def frames(made, count):
    """So many DNS messages from a stream."""
    data, out = b"", []
    while len(out) < count:
        try:
            part = made.recv(65536)
        except OSError:
            break
        if not part:
            break
        data += part
        while len(data) >= 2 and len(data) >= 2 + struct.unpack("!H", data[:2])[0]:
            size = struct.unpack("!H", data[:2])[0]
            out.append(Answer(data[2:2 + size]))
            data = data[2 + size:]
    return out


def served(what):
    answer = ask(plain, ASK, "tcp")
    check(f"{what}: TCP goes on", answer and answer.rcode == NOERROR)
    answer = ask(tls, ASK, "tls")
    check(f"{what}: TLS goes on", answer and answer.rcode == NOERROR)


# MARK: Streams


def pieces():
    for port, wrap in ((plain, connect), (tls, secure)):
        kind = "TCP" if port == plain else "TLS"
        made = wrap(port)
        if kind == "TCP":
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(1, len(FRAME)):
            made.sendall(FRAME[:cut])
            select.select([], [], [], 0.002)
            made.sendall(FRAME[cut:])
            check(f"{kind}: a query cut after {cut} octets", len(frames(made, 1)) == 1)
        many = b"".join(struct.pack("!H", len(ASK)) + query(NAME, ident=i) for i in range(50))
        made.sendall(many + FRAME[:7])
        check(f"{kind}: fifty queries in one piece", sorted(x.id for x in frames(made, 50)) == list(range(50)))
        made.sendall(FRAME[7:])
        check(f"{kind}: and the one that had begun", len(frames(made, 1)) == 1)
        made.sendall(FRAME * 3)
        if kind == "TCP":
            made.shutdown(socket.SHUT_WR)
        check(f"{kind}: a client that says no more gets its answers", len(frames(made, 3)) == 3)
        for junk in (b"\0\0", b"\0\1x", b"\0\x0b" + bytes(11), b"\xff\xff" + bytes(65535)):
            other = wrap(port)
            try:
                other.sendall(junk + FRAME)
                frames(other, 1)
            except OSError:
                pass
            other.close()
        served(f"{kind} junk")


def order():
    """A query that has to wait does not hold up the next on its connection (RFC 7766 6.2.1.1)."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", slow_server))
    server.settimeout(5)
    for port, wrap in ((plain, connect), (tls, secure)):
        made = wrap(port)
        waiting = message(7, 0x100, [question(f"h{port}.slow.example")])
        made.sendall(struct.pack("!H", len(waiting)) + waiting + FRAME)
        octets, client = server.recvfrom(4096)
        first = frames(made, 1)
        check("the second query is answered first", first and first[0].id == 1, first and first[0].id)
        end = 12 + octets[12:].index(0) + 5
        server.sendto(octets[:2] + b"\x84\x00" + b"\0\1\0\1\0\0\0\0" + octets[12:end]
                      + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 9]), client)
        second = frames(made, 1)
        check("and then the first", second and second[0].id == 7 and second[0].rcode == NOERROR)


def options():
    """Padding (RFC 7830, RFC 8467) and keepalive (RFC 7828)."""
    def with_option(code, data=b"", ident=1):
        option = struct.pack("!HH", code, len(data)) + data
        return message(ident, 0, [question(NAME)], [], [], [record("", 41, 1232, 0, option)])

    padded = Client("tls", tls)
    padded.send(with_option(12, bytes(20)))
    octets = padded.receive()
    check("RFC 8467: a padded query over TLS gets blocks of 468 octets", len(octets) % 468 == 0, len(octets))
    padded.send(with_option(10, bytes(8)))
    check("RFC 7830: others are not padded", len(padded.receive()) < 300)
    clear = Client("udp", plain)
    clear.send(with_option(12, bytes(20)))
    check("no padding in clear text", len(clear.receive()) < 300)
    for transport, port, expected in (("tcp", plain, True), ("tls", tls, True), ("udp", plain, False)):
        client = Client(transport, port)
        client.send(with_option(11))
        found = struct.pack("!HH", 11, 2) in client.receive()
        check(f"RFC 7828: keepalive over {transport}", found == expected)


def slow():
    """Connections of many networks that send an octet now and then; nobody else waits for them."""
    held = []
    for index in range(connections):
        try:
            made = connect(plain, f"127.{index % 200 + 10}.{index // 200 % 250}.1", timeout=2)
            made.sendall(b"\0")
            held.append(made)
        except OSError:
            pass
        if index % 100 == 0:
            other = connect(plain, "127.5.5.5")
            other.sendall(FRAME)
            check(f"T1: a client among {index} slow ones", len(frames(other, 1)) == 1)
            other.close()
    check("T1: they were let in", len(held) > connections * 0.9, len(held))
    open_ones = [x for x in held if not until_closed_now(x)]
    begun = time.monotonic()
    while open_ones and time.monotonic() - begun < 8:
        open_ones = [x for x in open_ones if not until_closed_now(x)]
        select.select([], [], [], 0.1)
    check("T1: who never finishes a message is closed", not open_ones, len(open_ones))
    for made in held:
        made.close()


def until_closed_now(made):
    made.setblocking(False)
    try:
        return made.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# MARK: TLS


def early_ends():
    """Clients that leave at every stage of a handshake (T5)."""
    linger = struct.pack("ii", 1, 0)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context().wrap_bio(incoming, outgoing)
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        pass
    octets = outgoing.read()
    for port in (tls, https):
        for cut in [0, 1, 3, 5, 6, 50, len(octets) - 1, len(octets)] * 25:
            made = connect(port)
            made.sendall(octets[:cut])
            if cut % 2:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            made.close()
        for number in range(50):
            made = secure(port)
            raw = made.detach() if number % 2 else None
            if raw is not None:
                socket.socket(fileno=raw).close()  # without a word of TLS
            else:
                made.close()
        for number in range(20):
            made = connect(port)
            made.sendall([b"GET / HTTP/1.0\r\n\r\n", bytes(500), b"\x16\x03\x01\xff\xff" + bytes(3000), b"\x15\x03\x01\0\2\1\0"][number % 4])
            made.close()
    served("T5")


def sessions():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for port, protocol in ((tls, "dot"), (https, "h2")):
            shared = context(protocol, version=version)
            made = secure(port, via=shared)
            check(f"ALPN {protocol}, {version.name}", made.selected_alpn_protocol() == protocol)
            if port == tls:
                made.sendall(FRAME)
                check("and an answer", len(frames(made, 1)) == 1)
            else:
                made.sendall(PREFACE + frame(4, 0, 0, b""))
                made.recv(100)
            session = made.session
            made.close()
            again = secure(port, via=shared, session=session)
            check(f"a session is taken up again, {version.name}, port of {protocol}", again.session_reused)
            again.close()
    with tempfile.NamedTemporaryFile() as file:
        # Its input stays open: it would leave at the end of it, perhaps before the ticket has come.
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{tls}", "-tls1_3", "-alpn", "dot", "-sess_out", file.name],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not os.path.getsize(file.name) and time.monotonic() < end:
            select.select([], [], [], 0.02)
        client.kill()
        client.wait()
        told = subprocess.run(["openssl", "sess_id", "-in", file.name, "-text", "-noout"], capture_output=True, text=True).stdout
        check("T5: no early data is taken", "TLSv1.3" in told and "Max Early Data: 0" in told, told)
    made = secure(tls)
    made.sendall(FRAME)
    check("who names no protocol is served over TLS", len(frames(made, 1)) == 1)
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        try:
            shared = context()
            shared.set_ciphers("ALL:@SECLEVEL=0")
            shared.minimum_version = shared.maximum_version = old
            secure(tls, via=shared)
            check(f"{old.name} is refused", False)
        except (ssl.SSLError, OSError, ValueError):
            pass


# MARK: HTTP/2

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, PRIORITY, RESET, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 1, 2, 3, 4, 6, 7, 8, 9


def frame(kind, flags, stream, payload):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def literal(key, value):
    """A header field without index or Huffman code (RFC 7541 6.2.2)."""
    def text(x):
        return (bytes([len(x)]) if len(x) < 127 else b"\x7f" + integer(len(x) - 127)) + x
    return b"\0" + text(key) + text(value)


def integer(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def get(stream, more=b"", path=None):
    encoded = base64.urlsafe_b64encode(ASK).rstrip(b"=")
    block = (literal(b":method", b"GET") + literal(b":scheme", b"https") + literal(b":authority", b"ns.example")
             + literal(b":path", path or b"/dns-query?dns=" + encoded) + literal(b"accept", b"application/dns-message") + more)
    return frame(HEADERS, 5, stream, block)


def http2(*octets, settings=b""):
    made = secure(https, "h2")
    made.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))
    try:
        for part in octets:
            made.sendall(part)
    except OSError:
        pass
    return made


def codes(data):
    """Types of the frames in `data`."""
    out = []
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        out.append(data[3])
        data = data[9 + size:]
    return out


def answered_http2():
    made = http2(get(1))
    made.settimeout(5)
    data = b""
    try:
        while ASK[12:-4] not in data:
            part = made.recv(65536)
            if not part:
                break
            data += part
    except OSError:
        pass
    made.close()
    return ASK[12:-4] in data


def floods():
    check("HTTP/2 works", answered_http2())
    started = resident(pid)
    one_kilobyte = literal(b"x-filler", b"y" * 1000)
    attacks = {
        "SETTINGS": [frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64") * 100] * 100,
        "PING": [frame(PING, 0, 0, bytes(8)) * 100] * 100,
        "streams reset at once": [b"".join(get(i) + frame(RESET, 0, i, b"\0\0\0\x08") for i in range(n, n + 200, 2)) for n in range(1, 20000, 200)],
        "CONTINUATION without end": [frame(HEADERS, 0, 1, literal(b":method", b"GET"))] + [frame(CONTINUATION, 0, 1, one_kilobyte) * 10] * 1000,
        "PRIORITY": [frame(PRIORITY, 0, 1, b"\0\0\0\3\x10") * 100] * 100,
        "WINDOW_UPDATE beyond 2^31": [frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 3],
        "empty DATA": [frame(HEADERS, 4, 1, literal(b":method", b"POST") + literal(b":scheme", b"https") + literal(b":path", b"/dns-query")
                             + literal(b":authority", b"a"))] + [frame(0, 0, 1, b"") * 100] * 100,
        "a frame larger than allowed": [frame(PING, 0, 0, bytes(20000))],
        "frames of no known type": [frame(200, 0, 0, bytes(8)) * 100] * 100,
    }
    for what, octets in attacks.items():
        made = http2(*octets)
        data = until_closed(made, 4)
        # Unknown types must be ignored (RFC 9113 4.1), whoever sends them pays; all else ends the connection.
        check(f"T4: {what} ends the connection", data is not None or what.startswith("frames of"))
        made.close()
        check(f"T4: HTTPS goes on after {what}", answered_http2())
    # Thousands of streams of a client that lets nothing out: window zero, never read.
    made = http2(*[b"".join(get(i) for i in range(n, n + 200, 2)) for n in range(1, 20000, 200)], settings=b"\0\4\0\0\0\0")
    check("T4: unread responses", answered_http2())
    made.close()
    grown = resident(pid) - started
    check("T4: memory", grown < 64 << 20, grown)


def http1():
    def request(octets, seconds=8):
        made = secure(https, "http/1.1")
        try:
            made.sendall(octets)
        except OSError:
            pass
        data = until_closed(made, seconds)
        made.close()
        return data
    begun = time.monotonic()
    long = request(b"GET /dns-query?dns=" + b"A" * 1_000_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n")
    check("U8: a URI of a megabyte is refused and closed", long is not None and b" 200 " not in long)
    long = request(b"GET /dns-query HTTP/1.1\r\n" + b"a: b\r\n" * 200_000 + b"\r\n")
    check("U8: headers of a megabyte are refused and closed", long is not None and b" 200 " not in long)
    large = request(b"POST /dns-query HTTP/1.1\r\nhost: a\r\ncontent-type: application/dns-message\r\ncontent-length: 70000\r\nconnection: close\r\n\r\n"
                    + bytes(70000))
    check("U8: 413 for what is too large", large is not None and b" 413 " in large[:40], large and large[:40])
    slow_body = request(b"POST /dns-query HTTP/1.1\r\nhost: a\r\ncontent-type: application/dns-message\r\ncontent-length: 100\r\n\r\n" + bytes(10))
    check("U8: a body that does not come is closed or 408", slow_body is not None and b" 200 " not in slow_body)
    slow_head = request(b"GET /dns-query")
    check("U8: a head that does not come is closed", slow_head is not None)
    check("in time", time.monotonic() - begun < 30)


warnings.simplefilter("ignore", DeprecationWarning)
thread = threading.Thread(target=innocent, daemon=True)
thread.start()
for case in (pieces, order, options, early_ends, sessions, http1, floods, slow):
    begun = time.monotonic()
    case()
    print(f"{case.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
served("at the end")
stop = True
thread.join()
check("an innocent client was served all the while", asked > 100 and len(late) <= asked // 200, (asked, late[:10]))
done()
