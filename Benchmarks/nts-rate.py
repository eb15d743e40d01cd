#!/usr/bin/env python3
"""nts-rate.py ROUTER HOST [--count N] [--window W] [--same]: v1 negotiations per second through one router.

Run on a host that the router lists as server. Keeps W notifications in flight, each for another GN (or one GN with
--same: refreshes), and prints the rate and the response times.
"""
import argparse, select, socket, struct, time

p = argparse.ArgumentParser()
p.add_argument("router")
p.add_argument("host")
p.add_argument("--count", type=int, default=20000)
p.add_argument("--window", type=int, default=64)
p.add_argument("--same", action="store_true")
a = p.parse_args()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.connect((a.router, 20053))
s.setblocking(False)
text = a.host.encode()
tail = text.ljust(32, b"\0")
sent, answered, refused, lost = 0, 0, 0, 0
flight, times = {}, []
begin = time.perf_counter()
while answered + refused + lost < a.count:
    while sent < a.count and len(flight) < a.window:
        gn = struct.pack("!I", 0x0B000000 + (0 if a.same else sent + 1))
        key = gn + bytes([sent & 255])
        s.send(key[4:] + b"\x01\0" + bytes([len(text)]) + gn + tail)
        flight[key] = time.perf_counter()
        sent += 1
    if not select.select([s], [], [], 1)[0]:
        lost += len(flight)
        flight.clear()
        continue
    try:
        while True:
            m = s.recv(64)
            started = flight.pop(m[4:8] + m[:1], None)
            if started is None or m[1] == 4:
                continue
            times.append(time.perf_counter() - started)
            if m[1] == 2:
                answered += 1
            else:
                refused += 1
    except BlockingIOError:
        pass
took = time.perf_counter() - begin
times.sort()
at = lambda q: times[min(len(times) - 1, int(len(times) * q))] * 1e6 if times else 0
print("%d granted, %d refused, %d lost in %.2f s: %.0f/s; response p50 %.0f us, p99 %.0f us"
      % (answered, refused, lost, took, (answered + refused) / took, at(0.5), at(0.99)))
