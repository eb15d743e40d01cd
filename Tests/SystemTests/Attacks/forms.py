"""Record data of every type that has a form: one that is good, and ones that are not (W4).

`BAD` are faults that nothing can read otherwise; cutting and lengthening of every good one comes on top, where the
result may happen to have a form again.
"""
import struct
from wire import name

TARGET = name("target.example.org")
KEY = bytes(range(32))
U16, U32 = (lambda x: struct.pack("!H", x)), (lambda x: struct.pack("!I", x))
STRING = b"\x03abc"
SIGNED = U16(1) + bytes([13, 3]) + U32(300) + U32(2000000000) + U32(1000000000) + U16(4711)

GOOD = {
    1: bytes([192, 0, 2, 1]), 2: TARGET, 5: TARGET, 7: TARGET, 8: TARGET, 9: TARGET, 11: bytes([192, 0, 2, 1, 6, 0, 128]),
    12: TARGET, 13: STRING + STRING, 14: TARGET + TARGET, 15: U16(10) + TARGET, 16: STRING, 17: TARGET + TARGET,
    18: U16(1) + TARGET, 19: STRING, 20: STRING, 21: U16(1) + TARGET, 22: b"\x47\x00\x05\x80\x01", 24: SIGNED + TARGET + KEY,
    25: U16(256) + b"\x03\x0d" + KEY, 26: U16(1) + TARGET + TARGET, 27: b"\x0210\x0220\x0230", 28: bytes(16),
    29: bytes([0, 0x12, 0x16, 0x13]) + U32(1 << 31) + U32(1 << 31) + U32(10000000), 33: U16(1) + U16(2) + U16(53) + TARGET,
    35: U16(1) + U16(2) + b"\x01s" + b"\x03SIP" + b"\x00" + TARGET, 36: U16(1) + TARGET, 37: U16(1) + U16(2) + b"\x08" + KEY,
    39: TARGET, 42: U16(1) + b"\x18\x03\xc0\x00\x02", 43: U16(4711) + b"\x0d\x02" + KEY, 44: b"\x04\x02" + KEY,
    45: b"\x0a\x01\x02" + bytes([192, 0, 2, 1]) + KEY, 46: SIGNED + TARGET + KEY, 47: TARGET + b"\x00\x01\x40",
    48: U16(257) + b"\x03\x0d" + KEY + KEY, 49: b"\x00\x01\x01" + KEY, 50: b"\x01\x00\x00\x01\x02\xab\xcd\x14" + bytes(20) + b"\x00\x01\x40",
    51: b"\x01\x00\x00\x01\x02\xab\xcd", 52: b"\x03\x01\x01" + KEY, 53: b"\x03\x01\x01" + KEY, 55: b"\x04\x02\x00\x08" + bytes(4) + bytes(8) + TARGET,
    58: TARGET + TARGET, 59: U16(4711) + b"\x0d\x02" + KEY, 60: U16(257) + b"\x03\x0d" + KEY + KEY, 61: KEY,
    62: U32(66) + U16(3) + b"\x00\x01\x40", 63: U32(1) + b"\x01\x01" + bytes(48), 64: U16(1) + TARGET + U16(3) + U16(2) + U16(443),
    65: U16(1) + TARGET + U16(1) + U16(3) + b"\x02h2", 66: U16(59) + b"\x01" + U16(53) + TARGET, 99: STRING, 104: U16(10) + bytes(8),
    105: U16(10) + bytes([192, 0, 2, 1]), 106: U16(10) + bytes(8), 107: U16(10) + TARGET, 108: bytes(6), 109: bytes(8),
    256: U16(1) + U16(2) + b"https://example.org/", 257: b"\x00\x05issueca.example", 258: STRING, 260: b"\x0a\x01" + bytes([192, 0, 2, 1]),
    261: STRING, 262: STRING, 65280: b"\x01\x02\x03",
}

BAD = {
    1: [b"", bytes(3), bytes(5)], 28: [bytes(15), bytes(17)], 15: [U16(10), U16(10) + TARGET + b"\0", b"\0"],
    2: [b"", b"\xc0\x0c\x00", b"\x40" + TARGET, b"\x3f" + b"a" * 10, TARGET[:-1], b"".join(b"\x3f" + b"a" * 63 for _ in range(5)) + b"\0"],
    16: [b"", b"\x05ab", STRING + b"\x01"], 13: [STRING, STRING + STRING + b"\x02x"], 33: [U16(1) * 3, U16(1) + TARGET],
    29: [b"\0" * 15, b"\x01" + bytes(15), bytes(17), b"\x00\xaa" + GOOD[29][2:], b"\x00\x12\x16\x13" + bytes(12)],
    42: [b"\x00\x01\x18", U16(1) + b"\x18\x84\xc0", U16(1) + b"\x21\x05" + bytes(5), U16(1) + b"\x81\x03\xc0\x00\x02"],
    43: [U16(4711) + b"\x0d"], 46: [SIGNED, SIGNED + TARGET[:-1], SIGNED[:-1]],
    47: [TARGET + b"\x00", TARGET + b"\x00\x00", TARGET + b"\x00\x21" + bytes(33), TARGET + b"\x01\x01\x40\x00\x01\x40", TARGET + b"\x00\x02\x40"],
    48: [b"\x01\x01\x03"], 50: [b"\x01\x00\x00\x01\x02\xab", b"\x01\x00\x00\x01\x00\x00\x00\x01\x40", b"\x01\x00\x00\x01\x00\x14" + bytes(10)],
    51: [b"\x01\x00\x00\x01\x05\xab", b"\x01\x00\x00\x01\x00\xff"], 55: [b"\x08\x02\x00\x08" + bytes(4), b"\x00"],
    62: [U32(66) + U16(3) + b"\x00\x02\x40"], 63: [U32(1) + b"\x01\x01" + bytes(11)],
    64: [U16(1), U16(1) + TARGET + U16(3) + U16(3) + U16(443), U16(1) + TARGET + U16(3) + U16(2) + U16(443) + U16(1) + U16(3) + b"\x02h2",
         U16(1) + TARGET + U16(3) + U16(2) + U16(443) + U16(3) + U16(2) + U16(444), U16(1) + TARGET + U16(0) + U16(2) + U16(3),
         U16(1) + TARGET + U16(1) + U16(3) + b"\x05h2", U16(1) + TARGET + U16(4) + U16(3) + bytes(3), U16(1) + TARGET + U16(4) + U16(0),
         U16(1) + TARGET + U16(2) + U16(1) + b"\0", U16(1) + TARGET + U16(65535)],
    104: [U16(10) + bytes(7), U16(10) + bytes(9)], 105: [U16(10) + bytes(3)], 108: [bytes(5), bytes(7)], 109: [bytes(7)],
    256: [U16(1)], 257: [b"\x00", b"\x00\x09issue", b"\x00\x00value"], 45: [b"\x0a\x01", b"\x0a\x01\x02\xc0\x00\x02", b"\x0a\x03\x02\xc0\x0c"],
    37: [U16(1)], 52: [b"\x03\x01"], 35: [U16(1) + U16(2) + b"\x09s"], 6: [TARGET + TARGET + bytes(19), TARGET, bytes(21)],
    260: [b"\x0a", b"\x0a\x01\xc0\x00", b"\x0a\x02" + bytes(4)], 66: [U16(59) + b"\x01"],
}


def bent():
    """Every fault: type, data, and whether it is one for certain."""
    for rtype, faults in sorted(BAD.items()):
        for data in faults:
            yield rtype, data, True
    for rtype, good in sorted(GOOD.items()):
        for data in (good[:-1], good[:1], b"", good + b"\x00", good + b"\xff", good[:len(good) // 2]):
            yield rtype, data, False


# Labels that a careless writer of zone files would get wrong (U7).
ODD = [b"$", b"@", b'"', b"\\", b".", b"a.b", b";", b"(", b")", b" ", b"\t", b"\n", b"\r\n", b"\0", b"\xff\xfe", b"$TTL", b"$INCLUDE",
       b"\\000", b"*x", b"0", b"IN", b"A", b"3600", b"TYPE1", b"'", b"a\\", b"x" * 63]
ODD_TEXTS = [b'"', b"\\", b'\\"', b";", b"(", b"\n", b"\0\x01\x7f\x80\xff", b"", b" ", b"$ORIGIN .", b"x" * 255]


def label(octets, below):
    return bytes([len(octets)]) + octets + name(below)
