#!/usr/bin/python3
"""Writes scenarios again with the signatures of retired algorithms made anew: `rewrite.py FOLDER FILE.rpl ...`."""

import sys
from pathlib import Path

from resign import Resigner
from rpl import Scenario


def head(scenario):
    out = []
    for section, key, value in scenario.head:
        if not key:
            out.append(section + ":")
        elif key == "tempfile":
            out += ["TEMPFILE_NAME " + value, "TEMPFILE_CONTENTS " + value, scenario.files[value].rstrip("\n"), "TEMPFILE_END"]
        elif key in ("access-control", "local-zone"):
            out.append("\t%s: %s" % (key, value))
        else:
            out.append("\t%s: \"%s\"" % (key, value))
    return out + ["CONFIG_END", ""]


def entry(e):
    out = ["ENTRY_BEGIN"]
    out += ["MATCH " + " ".join(sorted(e.match))] if e.match else []
    out += ["ADJUST " + " ".join(sorted(e.adjust))] if e.adjust else []
    out += ["REPLY " + " ".join(e.reply)]
    if e.question:
        import dns.rdataclass
        import dns.rdatatype
        out += ["SECTION QUESTION", "%s %s %s" % (e.question[0], dns.rdataclass.to_text(e.question[2]), dns.rdatatype.to_text(e.question[1]))]
    for section, records in e.sections.items():
        out += ["SECTION " + section] if records else []
        out += [str(r) for r in records]
    if e.edns_data:
        out += ["SECTION ADDITIONAL", "HEX_EDNSDATA_BEGIN", e.edns_data.hex(" "), "HEX_EDNSDATA_END"]
    return out + ["ENTRY_END"]


def text(scenario):
    out = head(scenario) + ["SCENARIO_BEGIN " + scenario.title, ""]
    for r in scenario.ranges:
        out += ["RANGE_BEGIN %d %d" % (r.first, r.last)] + ["\tADDRESS " + a for a in r.addresses]
        for e in r.entries:
            out += entry(e)
        out += ["RANGE_END", ""]
    for s in scenario.steps:
        out.append("STEP %d %s %s" % (s.number, s.verb, " ".join(s.arguments)))
        out += entry(s.entry) if s.entry else []
    return "\n".join(out + ["SCENARIO_END", ""])


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sys.argv[2:]:
        scenario = Scenario(Path(path).read_text())
        Resigner(scenario).run()
        (folder / Path(path).name).write_text(text(scenario))


if __name__ == "__main__":
    main()
