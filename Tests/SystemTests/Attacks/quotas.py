"""U5: floods of updates, updates of 64 KB, a million records at one name: quotas say no, queries do not notice.

usage: quotas.py PORT COUNT
"""
import sys, threading
from wire import *

port, count = int(sys.argv[1]), int(sys.argv[2])
ZONE = "open.example.org"
slow, asked, stop = [], 0, False


def innocent():
    """A client that asks all the while; an answer that takes long is noted."""
    global asked
    client = Client("udp", port)
    while not stop:
        begun = time.monotonic()
        answer = client.ask(query(f"ns.{ZONE}", ident=asked & 0xffff))
        asked += 1
        if not answer or answer.rcode != NOERROR:
            slow.append("lost")
        elif time.monotonic() - begun > 0.5:
            slow.append(time.monotonic() - begun)
        time.sleep(0.002)


thread = threading.Thread(target=innocent, daemon=True)
thread.start()
# Records at one name: the set ends at its quota, however many more are tried.
client, added, number = Client("tcp", port, timeout=30), 0, 1
answer = client.ask(update(ZONE, [record(f"many.{ZONE}", 1, ttl=60, rdata=struct.pack("!I", i)) for i in range(60)], ident=1))
check("U5 below the quota", answer and answer.rcode == NOERROR, answer and answer.rcode)
while added < count:
    part = [record(f"many.{ZONE}", 1, ttl=60, rdata=struct.pack("!I", 1000 + added + i)) for i in range(1500)]
    number = number % 60000 + 1
    answer = client.ask(update(ZONE, part, ident=number))
    check("U5 quota", answer and answer.rcode == SERVFAIL, answer and answer.rcode)
    added += 1500
records = sum(1 for x in ask(port, query(f"many.{ZONE}"), "tcp").records if x[2] == 1)
check("U5 nothing of the refused updates", records == 60, records)
# Types at one name.
codes = [client.ask(update(ZONE, [record(f"types.{ZONE}", 65280 + i, ttl=60, rdata=b"x")], ident=i)).rcode for i in range(150)]
check("U5 types of a name", codes.count(NOERROR) == 100 and codes.count(SERVFAIL) == 50, codes)
# Messages of 64 KB: more records than one update may bring.
full = [record(f"x{i}.{ZONE}", 1, ttl=60, rdata=bytes(4)) for i in range(1600)]
begun = serial(port, ZONE)
small = [b"\xc0\x0c" + struct.pack("!HHIH", 1, 255, 0, 0) for _ in range(5400)]
answer = client.ask(message(3, 5 << 11, [question(ZONE, 6)], [], small, []))
check("U5 records of an update", answer and answer.rcode == SERVFAIL, answer and answer.rcode)
check("U5 nothing changed", serial(port, ZONE) == begun)
answer = client.ask(update(ZONE, full, ident=4))
check("U5 64 KB", answer and answer.rcode == NOERROR, answer and answer.rcode)
# A thousand updates in the air from one source: some are done, the rest is SERVFAIL, all are answered.
flooding = Client("tcp", port, timeout=30)
for i in range(1000):
    flooding.send(update(ZONE, [record(f"f{i}.{ZONE}", 1, ttl=60, rdata=bytes(4))], ident=i))
codes = []
try:
    while len(codes) < 1000:
        codes.append(Answer(flooding.receive()).rcode)
except (EOFError, OSError):
    pass
check("U5 flood answered", len(codes) == 1000 and set(codes) <= {NOERROR, SERVFAIL}, (len(codes), set(codes)))
check("U5 flood done in part", codes.count(NOERROR) >= 100, codes.count(NOERROR))
stop = True
thread.join()
check("U5 innocent queries", asked > 50 and not slow, (asked, slow[:5]))
print(f"U5: {asked} innocent queries, flood {codes.count(NOERROR)} done, {codes.count(SERVFAIL)} over quota")
done()
