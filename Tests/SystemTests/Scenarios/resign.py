"""Old DSA and RSA/SHA-1 signatures of a scenario, made anew with ECDSA P-256.

Validators of today no longer take the old algorithms. A signature that was right becomes a right one, a wrong one stays
wrong: each old signature is first checked with its old key. Times, labels and signer stay; key tags and DS follow.
"""

import hashlib
import struct

import dns.name
import dns.rdatatype
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils

from rpl import Record, parse_record

OLD = {1, 3, 5, 6, 7}
NEW_FOR = 13
DNSKEY, DS, RRSIG, CDS, CDNSKEY = 48, 43, 46, 59, 60


def key_tag(rdata):
    if rdata[3] == 1:
        return struct.unpack("!H", rdata[-3:-1])[0]
    total = sum(b << 8 if i % 2 == 0 else b for i, b in enumerate(rdata))
    return (total + (total >> 16)) & 0xFFFF


class Key:
    """An old key and the new one that takes its place."""

    def __init__(self, owner, rdata):
        self.owner, self.old, self.algorithm = owner, rdata, rdata[3]
        self.old_tag = key_tag(rdata)
        self.signed = {}
        while True:
            self.private = ec.generate_private_key(ec.SECP256R1())
            point = self.private.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)[1:]
            self.new = rdata[:3] + bytes([NEW_FOR]) + point
            self.new_tag = key_tag(self.new)
            if self.new_tag != self.old_tag:
                break

    def verifies(self, data, signature):
        public = self.old[4:]
        try:
            if self.algorithm in (3, 6):
                t = public[0]
                size = 64 + t * 8
                q = int.from_bytes(public[1:21], "big")
                p, g, y = (int.from_bytes(public[21 + i * size:21 + (i + 1) * size], "big") for i in range(3))
                if signature[:1] == b"\x30":  # early signers wrote the ASN.1 form, and validators take it
                    r, s = utils.decode_dss_signature(signature)
                else:
                    r, s = (int.from_bytes(signature[1 + 20 * i:21 + 20 * i], "big") for i in range(2))
                numbers = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g))
                try:
                    numbers.public_key().verify(utils.encode_dss_signature(r, s), data, hashes.SHA1())
                    return True
                except ValueError:  # a size the library will not take: the plain arithmetic
                    return dsa_verifies(p, q, g, y, r, s, data)
            length = public[0]
            at = 1
            if length == 0:
                length, at = struct.unpack("!H", public[1:3])[0], 3
            exponent = int.from_bytes(public[at:at + length], "big")
            modulus = int.from_bytes(public[at + length:], "big")
            digest = hashes.MD5() if self.algorithm == 1 else hashes.SHA1()
            rsa.RSAPublicNumbers(exponent, modulus).public_key().verify(signature, data, padding.PKCS1v15(), digest)
            return True
        except (InvalidSignature, ValueError):
            return False

    def sign(self, data):
        """The same signature for the same data: what a server sent is compared with what a client got."""
        if data not in self.signed:
            self.signed[data] = self._signature(data)
        return self.signed[data]

    def _signature(self, data):
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def dsa_verifies(p, q, g, y, r, s, data):
    if not (0 < r < q and 0 < s < q):
        return False
    w = pow(s, -1, q)
    digest = int.from_bytes(hashlib.sha1(data).digest(), "big")
    return pow(g, digest * w % q, p) * pow(y, r * w % q, p) % p % q == r


def digestable(record):
    try:
        return record.parsed().to_digestable()
    except Exception:
        return record.rdata


def signed_data(rrsig, owner, records):
    """RFC 4034 3.1.8.1. `rrsig` is the record data."""
    labels, original_ttl = rrsig[3], rrsig[4:8]
    signer, used = dns.name.from_wire(rrsig, 18)
    head = rrsig[:18] + signer.canonicalize().to_wire()
    name = owner.canonicalize()
    if len(name.labels) - 1 > labels:
        name = dns.name.Name((b"*",) + name.labels[len(name.labels) - 1 - labels:])
    wire_name = name.to_wire()
    body = b""
    for data in sorted({digestable(r) for r in records}):
        body += wire_name + struct.pack("!HH", records[0].rdtype, 1) + original_ttl + struct.pack("!H", len(data)) + data
    return head + body, 18 + used


class Resigner:
    def __init__(self, scenario):
        self.scenario = scenario
        self.keys = {}
        self.changed = self.right = 0
        anchors = [parse_record(v) for s, k, v in scenario.head if k == "trust-anchor"]
        groups = [g for e in scenario.entries() for g in e.sections.values()] + [anchors]
        for group in groups:
            for record in group:
                if record.rdtype in (DNSKEY, CDNSKEY) and len(record.rdata) > 4 and record.rdata[3] in OLD:
                    self.keys.setdefault((record.owner.canonicalize(), record.rdata), None)
        for owner, rdata in self.keys:
            self.keys[(owner, rdata)] = Key(owner, rdata)

    def run(self):
        """Changes the scenario in place; says how many signatures were made anew."""
        for entry in self.scenario.entries():
            for name, group in entry.sections.items():
                entry.sections[name] = self._section(group)
        self.scenario.head = [
            (s, k, self._anchor(v) if k == "trust-anchor" else v) for s, k, v in self.scenario.head]
        return self.changed

    def _candidates(self, owner, tag, algorithm):
        return [k for k in self.keys.values()
                if k.owner == owner.canonicalize() and k.old_tag == tag and k.algorithm == algorithm]

    def _plain(self, record):
        """A record that is no signature, in its new form."""
        if record.rdtype in (DNSKEY, CDNSKEY):
            key = self.keys.get((record.owner.canonicalize(), record.rdata))
            return Record(record.owner, record.rdtype, key.new, record.ttl) if key else record
        if record.rdtype in (DS, CDS) and len(record.rdata) > 4 and record.rdata[2] in OLD:
            return Record(record.owner, record.rdtype, self._ds(record.owner, record.rdata), record.ttl)
        return record

    def _ds(self, owner, rdata):
        tag, algorithm, kind = struct.unpack("!HBB", rdata[:4])
        wire = owner.canonicalize().to_wire()
        for key in self._candidates(owner, tag, algorithm):
            old = {1: hashlib.sha1, 2: hashlib.sha256}.get(kind)
            if old and old(wire + key.old).digest() == rdata[4:]:
                return struct.pack("!HBB", key.new_tag, NEW_FOR, 2) + hashlib.sha256(wire + key.new).digest()
        # No key of the script has this digest: it keeps matching none, under the new algorithm.
        known = self._candidates(owner, tag, algorithm)
        return struct.pack("!HBB", known[0].new_tag if known else tag, NEW_FOR, 2) + hashlib.sha256(rdata).digest()

    def _section(self, group):
        new = []
        for record in group:
            if record.rdtype != RRSIG or len(record.rdata) < 19 or record.rdata[2] not in OLD:
                new.append(self._plain(record))
                continue
            covered = struct.unpack("!H", record.rdata[:2])[0]
            rrset = [r for r in group
                     if r.rdtype == covered and r.owner.canonicalize() == record.owner.canonicalize()]
            new.append(self._signature(record, rrset))
        return new

    def _signature(self, record, rrset):
        rdata = record.rdata
        signer, used = dns.name.from_wire(rdata, 18)
        tag, algorithm = struct.unpack("!H", rdata[16:18])[0], rdata[2]
        keys = self._candidates(signer, tag, algorithm)
        key = right = None
        if rrset:
            data, at = signed_data(rdata, record.owner, rrset)
            for key in keys:
                if key.verifies(data, rdata[at:]):
                    right = key
                    break
        key = right or (keys[0] if keys else None)
        new_tag = key.new_tag if key else tag
        head = rdata[:2] + bytes([NEW_FOR]) + rdata[3:16] + struct.pack("!H", new_tag) + rdata[18:18 + used]
        self.changed += 1
        if right:
            data, _ = signed_data(head, record.owner, [self._plain(r) for r in rrset])
            signature = right.sign(data)
            self.right += 1
        else:
            signature = hashlib.sha512(rdata).digest()
        return Record(record.owner, RRSIG, head + signature, record.ttl)

    def _anchor(self, text):
        record = parse_record(text)
        new = self._plain(record)
        return "%s %d IN %s %s" % (
            new.owner, 3600 if new.ttl is None else new.ttl, dns.rdatatype.to_text(new.rdtype), new.parsed().to_text())
