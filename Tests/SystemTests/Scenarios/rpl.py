"""Scripted resolution scenarios (.rpl): the parts of the format that test a resolver from outside.

A scenario is a configuration head, fake servers (ranges of steps, an address, entries), and steps. Records keep their
wire form, so that a record which is malformed on purpose stays so.
"""

import re
import struct

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

OPCODES = {"QUERY": 0, "IQUERY": 1, "STATUS": 2, "NOTIFY": 4, "UPDATE": 5}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMPL": 4, "NOTIMP": 4, "REFUSED": 5,
          "YXDOMAIN": 6, "YXRRSET": 7, "NXRRSET": 8, "NOTAUTH": 9, "NOTZONE": 10}
FLAGS = {"QR": 0x8000, "AA": 0x0400, "TC": 0x0200, "RD": 0x0100, "RA": 0x0080, "AD": 0x0020, "CD": 0x0010}


class Record:
    """One record; `ttl` is None where the text has none."""

    def __init__(self, owner, rdtype, rdata, ttl=None, rdclass=1):
        self.owner, self.rdtype, self.rdata, self.ttl, self.rdclass = owner, int(rdtype), rdata, ttl, int(rdclass)

    def parsed(self):
        return dns.rdata.from_wire(self.rdclass, self.rdtype, self.rdata, 0, len(self.rdata))

    def __str__(self):
        kind = dns.rdatatype.to_text(self.rdtype)
        try:
            text = self.parsed().to_text()
        except Exception:
            text = "\\# %d %s" % (len(self.rdata), self.rdata.hex())
        return "%s %d %s %s" % (self.owner, 3600 if self.ttl is None else self.ttl, kind, text)

    def key(self):
        """What two equal records have in common, whatever the case of their names."""
        try:
            data = self.parsed().to_digestable()
        except Exception:
            data = self.rdata
        return (self.owner.canonicalize(), int(self.rdtype), int(self.rdclass), data)


def tokens(text):
    """Words of a record line; quotes keep their spaces, `;` outside them ends the line."""
    return [t for t in re.findall(r'"(?:[^"\\]|\\.)*"|[^\s";]+|;.*', text) if not t.startswith(";")]


def parse_record(text):
    words = [w for w in tokens(text) if w not in ("(", ")")]
    owner = dns.name.from_text(words.pop(0), dns.name.root)
    ttl, rdclass = None, None
    while words:
        if re.fullmatch(r"\d+", words[0]) and ttl is None:
            ttl = int(words.pop(0))
        elif words[0].upper() in ("IN", "CH", "HS", "ANY", "NONE") and rdclass is None and len(words) > 1:
            rdclass = dns.rdataclass.from_text(words.pop(0).upper())
        else:
            break
    rdclass = rdclass or 1
    rdtype = dns.rdatatype.from_text(words.pop(0))
    if words and words[0] == "\\#":
        rdata = bytes.fromhex("".join(words[2:]))
    elif words:
        rdata = dns.rdata.from_text(rdclass, rdtype, " ".join(words), dns.name.root, False).to_wire()
    else:
        rdata = b""
    return Record(owner, rdtype, rdata, ttl, rdclass)


class Entry:
    def __init__(self):
        self.match, self.adjust, self.reply = set(), set(), []
        self.question = None
        self.sections = {"ANSWER": [], "AUTHORITY": [], "ADDITIONAL": []}
        self.edns_data = b""

    @property
    def rcode(self):
        return next((RCODES[w] for w in self.reply if w in RCODES), 0)

    @property
    def flags(self):
        return sum(FLAGS[w] for w in self.reply if w in FLAGS)

    @property
    def wants_dnssec(self):
        return "DO" in self.reply


class Range:
    def __init__(self, first, last):
        self.first, self.last, self.addresses, self.entries = first, last, [], []


class Step:
    def __init__(self, number, verb, arguments):
        self.number, self.verb, self.arguments, self.entry = number, verb, arguments, None


class Scenario:
    def __init__(self, text):
        self.title = ""
        self.head, self.files, self.ranges, self.steps = [], {}, [], []
        body = self._read_head(text.split("\n"))
        self._read_body(body)

    def _read_head(self, lines):
        """Lines of the configuration as (section, key, value); embedded files go to `files`."""
        section, at = "server", 0
        while at < len(lines):
            line = lines[at].strip()
            at += 1
            if line.startswith("CONFIG_END"):
                return lines[at:]
            if line.startswith("TEMPFILE_NAME"):
                self.head.append((section, "tempfile", line.split()[1]))
                continue
            if line.startswith("TEMPFILE_CONTENTS"):
                name, content = line.split()[1], []
                while not lines[at].startswith("TEMPFILE_END"):
                    content.append(lines[at])
                    at += 1
                at += 1
                self.files[name] = "\n".join(content) + "\n"
                continue
            line = re.sub(r'^((?:[^"#;]|"[^"]*")*?)[#;].*$', r"\1", line).strip()
            while line:
                found = re.match(r'([a-z0-9-]+):\s*("[^"]*"|[^"]\S*)?\s*(.*)$', line)
                if not found:
                    break
                key, value, line = found.group(1), (found.group(2) or "").strip('"'), found.group(3)
                if value.endswith(":") or (not value and key in ("server", "stub-zone", "forward-zone", "rpz", "auth-zone")):
                    section = key
                    self.head.append((section, "", ""))
                    line = (value + " " + line).strip() if value else line
                else:
                    # A value may go on to the end of the line without quotes.
                    if line and not re.match(r"[a-z0-9-]+:", line):
                        value, line = (value + " " + line).strip('" '), ""
                    self.head.append((section, key, value))
        raise ValueError("no CONFIG_END")

    def _read_body(self, lines):
        server_range, entry, section, in_hex, owner = None, None, None, False, None
        pending = ""
        for raw in lines:
            line = raw.split(";")[0].strip() if '"' not in raw else raw.strip()
            if not line or line.startswith(";"):
                continue
            if pending or (line.count("(") > line.count(")") and section):
                pending += " " + line
                if pending.count("(") > pending.count(")"):
                    continue
                line, pending = pending.strip(), ""
            words = line.split()
            word = words[0]
            if word == "SCENARIO_BEGIN":
                self.title = line[len(word):].strip()
            elif word == "SCENARIO_END":
                break
            elif word == "RANGE_BEGIN":
                server_range = Range(int(words[1]), int(words[2]))
                self.ranges.append(server_range)
            elif word == "RANGE_END":
                server_range = None
            elif word == "ADDRESS" and server_range is not None:
                server_range.addresses.append(words[1])
            elif word == "STEP":
                self.steps.append(Step(int(words[1]), words[2], words[3:]))
            elif word == "ENTRY_BEGIN":
                entry, section = Entry(), None
                if server_range is not None:
                    server_range.entries.append(entry)
                else:
                    self.steps[-1].entry = entry
            elif word == "ENTRY_END":
                entry = None
            elif word == "MATCH":
                entry.match |= set(words[1:])
            elif word == "ADJUST":
                entry.adjust |= set(words[1:])
            elif word == "REPLY":
                entry.reply += words[1:]
            elif word == "SECTION":
                section = words[1]
            elif word == "HEX_EDNSDATA_BEGIN":
                in_hex = True
            elif word == "HEX_EDNSDATA_END":
                in_hex = False
            elif in_hex:
                entry.edns_data += bytes.fromhex(line.split(";")[0])
            elif section == "QUESTION":
                record = parse_record(line)
                entry.question = (record.owner, record.rdtype, record.rdclass)
            elif section:
                # An indented line without owner repeats the last one.
                entry.sections[section].append(parse_record(line))

    def addresses(self):
        """All servers' addresses; a range without one speaks for every server of the head."""
        found = {a for r in self.ranges for a in r.addresses}
        if any(not r.addresses for r in self.ranges):
            found |= {value.split("@")[0] for _, key, value in self.head if key in ("stub-addr", "forward-addr")}
        return sorted(found)

    def entries(self):
        for r in self.ranges:
            yield from r.entries
        for s in self.steps:
            if s.entry:
                yield s.entry


def compose(ident, flags, question, sections, opt=None, limit=65535):
    """A message with compressed owners. `opt` is (size, ttl field, options). Over `limit`, it comes back truncated."""
    import io
    out, compress = io.BytesIO(), {}
    counts = [len(sections[s]) for s in ("ANSWER", "AUTHORITY", "ADDITIONAL")]
    out.write(struct.pack("!HHHHHH", ident, flags, 1 if question else 0, counts[0], counts[1],
                          counts[2] + (1 if opt else 0)))
    if question:
        question[0].to_wire(out, compress)
        out.write(struct.pack("!HH", question[1], question[2]))
    for section in ("ANSWER", "AUTHORITY", "ADDITIONAL"):
        for record in sections[section]:
            record.owner.to_wire(out, compress)
            ttl = 3600 if record.ttl is None else record.ttl
            out.write(struct.pack("!HHIH", record.rdtype, record.rdclass, ttl, len(record.rdata)))
            out.write(record.rdata)
    if opt:
        out.write(b"\0" + struct.pack("!HHIH", 41, opt[0], opt[1], len(opt[2])) + opt[2])
    wire = out.getvalue()
    if len(wire) > limit:
        empty = {"ANSWER": [], "AUTHORITY": [], "ADDITIONAL": []}
        return compose(ident, flags | FLAGS["TC"], question, empty, opt)
    return wire
