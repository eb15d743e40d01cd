#!/usr/bin/env python3
"""notify.py ROUTER NAME GN BASE64 [LIFETIME]: one signed notification (docs/nts-protocol.md, form v2), the whole answer.

GN is an address or a prefix. Prints the response code, the granted lifetime, an explanation and granted ports.
"""
import socket, sys
import dns.edns, dns.message, dns.query, dns.rdatatype, dns.tsig, dns.tsigkeyring, dns.update

router, name, gn, secret = sys.argv[1:5]
lifetime = int(sys.argv[5]) if len(sys.argv) > 5 else 8
update = dns.update.UpdateMessage("nts.", keyring=dns.tsigkeyring.from_text({"router1.example.": secret}),
                                  keyalgorithm="hmac-sha256")
# A prefix goes as one APL item (RFC 3123).
if "/" in gn:
    update.update.append(dns.rrset.from_text(name, lifetime, "IN", "APL", "%d:%s" % (2 if ":" in gn else 1, gn)))
else:
    update.update.append(dns.rrset.from_text(name, lifetime, "IN", "AAAA" if ":" in gn else "A", gn))
words = []
# `pending` is followed by another answer.
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(4)
s.sendto(update.to_wire(), (router, 20053))
while True:
    try:
        wire = s.recv(4096)
    except OSError:
        words.append("silence")
        break
    answer = dns.message.from_wire(wire, keyring=update.keyring, request_mac=update.mac, ignore_trailing=False)
    words.append(dns.rcode.to_text(answer.rcode()))
    ttls = [r.ttl for r in answer.sections[2]]
    if answer.rcode() == 0 and ttls and ttls[0] == 0:
        words.append("pending")
        continue
    words += ["%ds" % t for t in ttls] if answer.rcode() == 0 else []
    words += [str(o.text) for o in answer.options if isinstance(o, dns.edns.EDEOption)]
    for rrset in answer.additional:
        words += ["%s %d" % (rrset.name, r.port) for r in rrset if r.rdtype == dns.rdatatype.SRV]
    # For hairpin the address is the private one.
    words += [r.address for rrset in answer.sections[2] for r in rrset if hasattr(r, "address") and r.address != gn]
    break
print(" ".join(words))
