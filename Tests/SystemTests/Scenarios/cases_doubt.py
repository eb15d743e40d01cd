"""Responses that contradict themselves: what the comparison of changed responses (`Attacks/compare.py`) has found."""

import dns.rrset
from cases_denial import COM, LEAF, below, drop, simple
from worlds import World, name

CASES = {}


def case(build):
    CASES[build.__name__] = build
    return build


def at_cut(denial, rcode, question, denied):
    """The parent's server speaks of names at or below an unsigned cut, with the proof that nothing there is signed."""
    def build():
        w = below("the parent's %s at an insecure cut" % denial, None, None, denial)
        zone = w.zones["example.com."]
        said = w.respond("example.com.", "www.example.com. MX").without("authority", "NSEC", "NSEC3")
        said.rcode = rcode
        said.authority += zone.nsec3(name("sub.example.com.")) if denial == "nsec3" else zone.nsec(name("sub.example.com."))
        w.serve(LEAF, "example.com.", referrals=False)
        w.raw(LEAF, [(question, said, "qname qtype")])
        w.ask(question, rcode=rcode if denied else "SERVFAIL", answer=[], ad=False, match="rcode flags question answer")
        return w
    return build


for denial in ("nsec", "nsec3"):
    # Nothing there is signed, so nothing there is bogus (RFC 4035 4.3, 5.2).
    CASES["val_cut_nodata_" + denial] = at_cut(denial, "NOERROR", "sub.example.com. A", True)
    CASES["val_cut_nodata_below_" + denial] = at_cut(denial, "NOERROR", "www.sub.example.com. A", True)
    CASES["val_cut_nx_below_" + denial] = at_cut(denial, "NXDOMAIN", "www.sub.example.com. A", True)


@case
def val_cut_of_signed_zone():
    """The parent's NSEC at a cut with DS says nothing of what is at or below it (RFC 6840 4.4)."""
    w = below("the parent's NSEC at a secure cut", None, "nsec", "nsec")
    zone = w.zones["example.com."]
    said = w.respond("example.com.", "www.example.com. MX").without("authority", "NSEC")
    said.authority += zone.nsec(name("sub.example.com."))
    w.serve(LEAF, "example.com.", referrals=False)
    w.raw(LEAF, [("www.sub.example.com. A", said, "qname qtype"), ("sub.example.com. MX", said, "qname qtype")])
    w.ask("www.sub.example.com. A", rcode="SERVFAIL", answer=[])
    w.ask("sub.example.com. MX", rcode="SERVFAIL", answer=[])
    return w


@case
def val_alias_optout_contradicted():
    """An alias from a wildcard inside an opt-out span; what came with it is wrong: the target is asked for by itself."""
    w = simple("alias over opt-out", "optout", text="*.cwild CNAME www\nwww A 203.0.113.1\n")
    w.serve(LEAF, "example.com.", "n.cwild.example.com. MX",
            change=lambda r, q: setattr(r, "rcode", "NXDOMAIN") if q.startswith("n.") else None)
    w.serve(LEAF, "example.com.", "www.example.com. MX")
    w.ask("n.cwild.example.com. MX", zone="example.com.", ad=False, match="rcode flags question answer")
    return w


@case
def iter_minimised_nx_insecure():
    """A signed zone that nothing vouches for says NXDOMAIN for an empty name on the way: not believed."""
    w = World("signed and insecure", anchor="com.", minimise=True)
    w.zone(".", "")
    w.zone("com.", "", "nsec")
    w.zone("example.com.", "a.b.c A 203.0.113.1\n", "nsec")
    w.delegate(".", "com.", COM, ds=[])
    w.delegate("com.", "example.com.", LEAF, ds=[])
    w.serve("198.51.100.1", ".")
    w.serve(COM, "com.")
    w.serve(LEAF, "example.com.", "c.example.com. A", change=lambda r, q: setattr(r, "rcode", "NXDOMAIN"))
    w.serve(LEAF, "example.com.", "b.c.example.com. A", "a.b.c.example.com. A")
    w.ask("a.b.c.example.com. A", zone="example.com.")
    return w


@case
def val_denial_beside_answer():
    """An unsigned SOA beside a secure answer: nobody needs it, and it is not told."""
    w = simple("an SOA too many", "nsec", text="www A 203.0.113.1\n")
    extra = dns.rrset.from_text("example.com.", 300, "IN", "SOA", "ns. h. 1 3600 900 604800 300")
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: r.authority.append(extra))
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


@case
def val_data_beside_nx():
    """Signed data under the code NXDOMAIN: the data count."""
    w = simple("NXDOMAIN with data", "nsec", text="www A 203.0.113.1\n")
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: setattr(r, "rcode", "NXDOMAIN"))
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


@case
def val_optout_nx_without_wildcard():
    """NXDOMAIN in an opt-out span without a word about the wildcard: RFC 5155 8.4 wants one."""
    w = simple("no wildcard proof", "optout", text="www A 203.0.113.1\nmail A 203.0.113.2\nx A 203.0.113.3\ny A 203.0.113.4\n")
    zone = w.zones["example.com."]
    wild = zone.nsec3(name("*.example.com."), cover=True)[0].name
    missing = next(n for n in ("a%d.example.com." % i for i in range(99))
                   if zone.nsec3(name(n), cover=True)[0].name != wild != zone.nsec3(name("example.com."))[0].name)
    w.serve(LEAF, "example.com.", missing + " A", change=drop(lambda s: s.name == wild))
    w.ask(missing + " A", rcode="SERVFAIL", answer=[])
    return w
