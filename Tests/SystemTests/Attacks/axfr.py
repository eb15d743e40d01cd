"""A zone by AXFR, one record a line in hexadecimal, sorted: for zones whose data no tool shows alike.

usage: axfr.py PORT ZONE
"""
import sys
from wire import *

port, zone = int(sys.argv[1]), sys.argv[2]
client, lines, seen = Client("tcp", port), [], 0
client.send(query(zone, 252))
while seen < 2:
    answer = Answer(client.receive())
    if answer.rcode != NOERROR:
        sys.exit(1)
    for _, owner, rtype, ttl, data in answer.records:
        seen += rtype == 6
        if rtype != 6 or seen == 1:
            lines.append(f"{owner.hex()} {rtype} {ttl} {data.hex()}")
print("\n".join(sorted(lines)))
