"""Absence: names, types, wildcards, delegations; NSEC and NSEC3, whole and with a piece missing or wrong."""

import dns.name
import dns.rrset
from worlds import Response, World, Zone, name

COM, LEAF, SUB, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"
CASES = {}

TEXT = """
www A 203.0.113.1
www TXT "w"
mail A 203.0.113.2
a.b.ent A 203.0.113.3
*.wild A 203.0.113.4
*.wild TXT "wild"
below.wild A 203.0.113.5
*.cwild CNAME www
*.owild CNAME www.example.net.
x.y.deep A 203.0.113.6
alias CNAME www
out CNAME www.example.net.
nowhere CNAME missing
notype CNAME mail
dn DNAME other
host.other A 203.0.113.7
wayout DNAME example.net.
"""


def case(build):
    CASES[build.__name__] = build
    return build


def simple(title, denial="nsec", *options, text=TEXT, serve=True, minimise=False, **words):
    """A signed example.com, whose anchor is known, below an unsigned root and com."""
    w = World(title, *options, anchor="example.com.", minimise=minimise)
    w.zone(".", "a.root. A %s" % "198.51.100.1\n@ NS a.root.")
    w.zone("com.")
    w.zone("example.com.", text, denial, **words)
    w.delegate(".", "com.", COM)
    w.delegate("com.", "example.com.", LEAF, ds=[])
    w.serve("198.51.100.1", ".")
    w.serve(COM, "com.")
    return w


def plain_net(w, text="www A 203.0.113.77\n"):
    """An unsigned example.net beside it."""
    w.zone("net.")
    w.zone("example.net.", text)
    w.delegate(".", "net.", OTHER)
    w.delegate("net.", "example.net.", "192.0.2.5")
    w.serve(OTHER, "net.")
    w.ranges = [r for r in w.ranges if r[1] != "198.51.100.1"]
    w.serve("198.51.100.1", ".")


def drop(predicate, section="authority"):
    """A change that leaves sets out, signatures too."""
    def change(response, question):
        kept, gone = [], set()
        for s in getattr(response, section):
            if s.rdtype != 46 and predicate(s):
                gone.add((s.name, s.rdtype))
            elif s.rdtype == 46 and (s.name, s[0].type_covered) in gone:
                continue
            else:
                kept.append(s)
        setattr(response, section, kept)
        return response
    return change


def owned(*owners):
    wanted = [name(o) for o in owners]
    return lambda s: s.name in wanted and s.rdtype in (47, 50)


def of_hash(zone, owner):
    """The NSEC3 set that matches a name."""
    return lambda s: s.rdtype == 50 and s.name.labels[0].lower() == zone.hash(name(owner)).lower().encode()


def covering(zone, owner):
    def covers(s):
        return s.rdtype == 50 and s.name == zone.nsec3(name(owner), cover=True)[0].name
    return covers


QUESTIONS = [("missing.example.com. A", True), ("x.missing.example.com. A", True), ("www.example.com. MX", True), ("ent.example.com. A", True),
             ("b.ent.example.com. TXT", True), ("n.wild.example.com. A", True), ("n.m.wild.example.com. TXT", True), ("n.wild.example.com. MX", True),
             ("below.wild.example.com. A", True), ("x.below.wild.example.com. A", True), ("deep.example.com. A", True),
             ("example.com. MX", True), ("n.cwild.example.com. A", True), ("nowhere.example.com. A", True), ("notype.example.com. MX", True),
             ("alias.example.com. A", True), ("host.dn.example.com. A", True), ("no.dn.example.com. A", True), ("wild.example.com. A", True),
             ("*.wild.example.com. A", True), ("alias.example.com. CNAME", True), ("n.cwild.example.com. CNAME", True), ("www.example.com. ANY", None),
             ("example.com. SOA", True), ("example.com. DNSKEY", True), ("dn.example.com. DNAME", True), ("host.dn.example.com. CNAME", True)]


def sound(denial, minimise):
    def build():
        w = simple("Everything that a zone with %s says is secure" % denial, denial, minimise=minimise)
        w.serve(LEAF, "example.com.", *[q for q, _ in QUESTIONS])
        for question, ad in QUESTIONS:
            if ad is not None:
                vouched = denial != "optout" or not needs_cover(w, question)
                w.ask(question, zone="example.com.", ad=vouched)
        return w
    return build


def needs_cover(w, question):
    """Whether an NSEC3 record that covers a name is part of the proof: with opt-out it vouches for nothing."""
    z = w.zones["example.com."]
    response = w.respond("example.com.", question)
    hashed = {z.hash(n).lower().encode() for n in z.names()}
    last = [s[0].target for s in response.answer if s.rdtype == 5] or [name(question.split()[0])]
    return any(s.rdtype == 50 for s in response.authority) and not any(z.hashed(n) for n in last) and hashed is not None or any(
        s.rdtype == 46 and s[0].labels < len(s.name) - 1 - s.name.is_wild() for s in response.answer)


for denial in ("nsec", "nsec3", "optout"):
    for minimise in (False, True):
        CASES["val_sound_%s%s" % (denial, "_minimised" if minimise else "")] = sound(denial, minimise)


BROKEN = {
    # case: (denial, question, change of the response by the zone, wanted RCODE, AD)
    "val_nx_unsigned_soa": ("nsec", "missing.example.com. A", lambda z: lambda r, q: drop(lambda s: False)(strip(r, "SOA"), q), "SERVFAIL", False),
    "val_nx_no_proof": ("nsec", "missing.example.com. A", lambda z: drop(lambda s: s.rdtype == 47), "SERVFAIL", False),
    "val_nx_no_wildcard_proof": ("nsec", "zmissing.example.com. A", lambda z: drop(owned("example.com.")), "SERVFAIL", False),
    "val_nx_no_cover": ("nsec", "zmissing.example.com. A", lambda z: drop(owned("x.y.deep.example.com.", "www.example.com.", "*.wild.example.com.", "below.wild.example.com.", "wayout.example.com.")), "SERVFAIL", False),
    "val_nx_bad_signature": ("nsec", "missing.example.com. A", lambda z: lambda r, q: r.forged("authority", kind="NSEC"), "SERVFAIL", False),
    "val_nx_bad_soa_signature": ("nsec", "missing.example.com. A", lambda z: lambda r, q: r.forged("authority", kind="SOA"), "SERVFAIL", False),
    "val_nx_says_noerror": ("nsec", "missing.example.com. A", lambda z: lambda r, q: setattr(r, "rcode", "NOERROR"), "SERVFAIL", False),
    "val_nodata_says_nx": ("nsec", "www.example.com. MX", lambda z: lambda r, q: setattr(r, "rcode", "NXDOMAIN"), None, None),
    "val_nodata_no_proof": ("nsec", "www.example.com. MX", lambda z: drop(lambda s: s.rdtype == 47), "SERVFAIL", False),
    "val_nodata_bad_signature": ("nsec", "www.example.com. MX", lambda z: lambda r, q: r.forged("authority"), "SERVFAIL", False),
    "val_nodata_unsigned": ("nsec", "www.example.com. MX", lambda z: lambda r, q: r.unsigned(), "SERVFAIL", False),
    "val_nodata_has_type": ("nsec", "www.example.com. TXT", lambda z: lambda r, q: nodata(r, z, "www.example.com."), "SERVFAIL", False),
    "val_nodata_no_soa": ("nsec", "www.example.com. MX", lambda z: drop(lambda s: s.rdtype == 6), None, None),
    "val_wild_no_proof": ("nsec", "n.wild.example.com. A", lambda z: drop(lambda s: s.rdtype == 47), "SERVFAIL", False),
    "val_wild_bad_proof": ("nsec", "n.wild.example.com. A", lambda z: lambda r, q: r.forged("authority"), "SERVFAIL", False),
    "val_wildnodata_one": ("nsec", "n.wild.example.com. MX", lambda z: drop(owned("*.wild.example.com.")), "SERVFAIL", False),
    "val_wildnodata_nocover": ("nsec", "z.wild.example.com. MX", lambda z: drop(owned("below.wild.example.com.")), "SERVFAIL", False),
    "val_nsec3_b1_noce": ("nsec3", "x.missing.example.com. A", lambda z: drop(of_hash(z, "example.com.")), "SERVFAIL", False),
    "val_nsec3_b1_nonc": ("nsec3", "x.missing.example.com. A", lambda z: drop(covering(z, "missing.example.com.")), "SERVFAIL", False),
    "val_nsec3_b1_nowc": ("nsec3", "x.missing.example.com. A", lambda z: drop(covering(z, "*.example.com.")), "SERVFAIL", False),
    "val_nsec3_b2_nodata_none": ("nsec3", "www.example.com. MX", lambda z: drop(lambda s: s.rdtype == 50), "SERVFAIL", False),
    "val_nsec3_b2_has_type": ("nsec3", "www.example.com. TXT", lambda z: lambda r, q: nodata(r, z, "www.example.com."), "SERVFAIL", False),
    "val_nsec3_b4_wild_noproof": ("nsec3", "n.wild.example.com. A", lambda z: drop(lambda s: s.rdtype == 50), "SERVFAIL", False),
    "val_nsec3_b4_wild_wrong": ("nsec3", "n.wild.example.com. A", lambda z: lambda r, q: replace(r, z.nsec3(name("www.example.com."))), "SERVFAIL", False),
    "val_nsec3_b5_noce": ("nsec3", "n.wild.example.com. MX", lambda z: drop(of_hash(z, "wild.example.com.")), "SERVFAIL", False),
    "val_nsec3_b5_nonc": ("nsec3", "n.wild.example.com. MX", lambda z: drop(covering(z, "n.wild.example.com.")), "SERVFAIL", False),
    "val_nsec3_b5_nowc": ("nsec3", "n.wild.example.com. MX", lambda z: drop(of_hash(z, "*.wild.example.com.")), "SERVFAIL", False),
    "val_nsec3_nx_for_ent": ("nsec3", "ent.example.com. A", lambda z: lambda r, q: setattr(r, "rcode", "NXDOMAIN"), "SERVFAIL", False),
    "val_nsec3_bad_signature": ("nsec3", "missing.example.com. A", lambda z: lambda r, q: r.forged("authority", kind="NSEC3"), "SERVFAIL", False),
    "val_positive_unsigned": ("nsec", "www.example.com. A", lambda z: lambda r, q: r.unsigned(), "SERVFAIL", False),
    "val_positive_forged": ("nsec", "www.example.com. A", lambda z: lambda r, q: r.forged(), "SERVFAIL", False),
    "val_positive_extra_record": ("nsec", "www.example.com. A", lambda z: lambda r, q: more(r), "SERVFAIL", False),
    "val_alias_unsigned": ("nsec", "alias.example.com. A", lambda z: lambda r, q: first_unsigned(r), "SERVFAIL", False),
    "val_target_unsigned": ("nsec", "alias.example.com. A", lambda z: lambda r, q: last_unsigned(r), None, None),
    "val_dname_unsigned": ("nsec", "host.dn.example.com. A", lambda z: lambda r, q: first_unsigned(r), "SERVFAIL", False),
    "val_dname_wrong_synthesis": ("nsec", "host.dn.example.com. A", lambda z: lambda r, q: elsewhere(r), None, None),
    "val_cname_nx_noproof": ("nsec", "nowhere.example.com. A", lambda z: drop(lambda s: s.rdtype == 47), None, None),
    "val_cname_nx_says_noerror": ("nsec", "nowhere.example.com. A", lambda z: lambda r, q: setattr(r, "rcode", "NOERROR"), None, None),
    "val_cname_nodata_noproof": ("nsec", "notype.example.com. MX", lambda z: drop(lambda s: s.rdtype == 47), None, None),
    "val_cwild_noproof": ("nsec", "n.cwild.example.com. A", lambda z: drop(lambda s: s.rdtype == 47), "SERVFAIL", False),
    "val_nsec3_cwild_noproof": ("nsec3", "n.cwild.example.com. A", lambda z: drop(lambda s: s.rdtype == 50), "SERVFAIL", False),
    "val_unneeded_authority_bad": ("nsec", "www.example.com. A", lambda z: lambda r, q: r.authority.extend(bad_ns(z)), None, None),
    "val_truncated_authority": ("nsec", "www.example.com. A", lambda z: lambda r, q: r.authority.append(z.sets[(z.origin, 2)]), None, None),
}


def strip(r, kind):
    r.authority = [s for s in r.authority if not (s.rdtype == 46 and s[0].type_covered == {"SOA": 6}[kind])]
    return r


def nodata(r, z, owner):
    r.answer = []
    r.authority = z.soa() + z.no_type(name(owner))


def replace(r, sets):
    r.authority = sets


def more(r):
    s = r.answer[0]
    r.answer[0] = dns.rrset.from_text(s.name, s.ttl, "IN", "A", "203.0.113.1", "203.0.113.66")


def first_unsigned(r):
    at = next(i for i, s in enumerate(r.answer) if s.rdtype == 46)
    del r.answer[at]


def last_unsigned(r):
    del r.answer[-1]


def elsewhere(r):
    for i, s in enumerate(r.answer):
        if s.rdtype == 5:
            r.answer[i] = dns.rrset.from_text(s.name, s.ttl, "IN", "CNAME", "www.example.com.")


def bad_ns(z):
    made = Response()
    made.authority = z.signed(z.sets[(z.origin, 2)])
    return made.forged().authority


def broken(case, denial, question, change, rcode, ad):
    def build():
        w = simple(case, denial)
        made = change(w.zones["example.com."])

        def changed(response, asked):
            return made(response, asked)
        w.serve(LEAF, "example.com.", question, change=changed)
        if rcode == "SERVFAIL":
            w.ask(question, rcode="SERVFAIL", answer=[], authority=[])
        else:
            w.ask(question, zone="example.com.", ad=True, match="rcode flags question answer")
        # CD: what the server said, as it is.
        if rcode == "SERVFAIL" and "alias" not in question and "dn." not in question:
            w.ask(question, match="rcode", cd=True, rcode=said(w, question, made))
        return w
    return build


def said(w, question, made):
    response = w.respond("example.com.", question)
    return (made(response, question) or response).rcode


for case_name, words in BROKEN.items():
    CASES[case_name] = broken(case_name, *words)


# Delegations.

def below(title, denial, child_denial=None, parent_denial="nsec", *options, ds=None, text="www A 203.0.113.9\n*.w A 203.0.113.10\n", **words):
    """sub.example.com below the signed example.com."""
    w = simple(title, parent_denial, *options, **words)
    w.zone("sub.example.com.", text, child_denial)
    w.delegate("example.com.", "sub.example.com.", SUB, ds=ds)
    return w


def insecure(denial):
    def build():
        w = below("An unsigned zone below one with %s" % denial, None, None, denial)
        w.serve(LEAF, "example.com.")
        w.serve(SUB, "sub.example.com.", "www.sub.example.com. A", "no.sub.example.com. A", "www.sub.example.com. MX", "sub.example.com. MX")
        for question in ("www.sub.example.com. A", "no.sub.example.com. A", "www.sub.example.com. MX", "sub.example.com. MX"):
            w.ask(question, zone="sub.example.com.")
        w.ask("sub.example.com. DS", zone="example.com.", ad=denial != "optout" or None, match="rcode question answer")
        return w
    return build


def secure(denial, minimise):
    def build():
        w = below("A signed zone below one with %s" % denial, None, denial, denial, minimise=minimise)
        w.serve(LEAF, "example.com.")
        questions = ["www.sub.example.com. A", "no.sub.example.com. A", "www.sub.example.com. MX", "x.w.sub.example.com. A", "sub.example.com. MX"]
        w.serve(SUB, "sub.example.com.", *questions)
        for question in questions:
            vouched = denial != "optout" or question.split()[0] in ("www.sub.example.com.", "sub.example.com.")
            w.ask(question, zone="sub.example.com.", ad=vouched)
        w.ask("sub.example.com. DS", zone="example.com.", ad=True)
        return w
    return build


for denial in ("nsec", "nsec3", "optout"):
    CASES["val_unsecds_" + denial] = insecure(denial)
    CASES["val_secds_" + denial] = secure(denial, False)
    CASES["val_secds_min_" + denial] = secure(denial, True)


@case
def val_nods_badsig():
    """The proof that there is no DS is forged."""
    w = below("nods badsig", None, None, "nsec3")
    bad = w.zones["example.com."].refer(name("sub.example.com."))
    bad.forged("authority", kind="NSEC3")
    denied = w.respond("example.com.", "sub.example.com. DS").forged("authority", kind="NSEC3")
    w.serve(LEAF, "example.com.", referrals=False)
    w.raw(LEAF, [("sub.example.com. DS", denied, "qname qtype"), ("sub.example.com. A", bad, "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_nods_unsigned_proof():
    """A referral without any proof, and no proof to be had."""
    w = below("nods no proof", None, None, "nsec")
    bad = w.zones["example.com."].refer(name("sub.example.com.")).without("authority", "NSEC")
    denied = w.respond("example.com.", "sub.example.com. DS").without("authority", "NSEC")
    w.serve(LEAF, "example.com.", referrals=False)
    w.raw(LEAF, [("sub.example.com. DS", denied, "qname qtype"), ("sub.example.com. A", bad, "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_nods_only_when_asked():
    """The referral has no proof; the DS question brings it."""
    w = below("nods when asked", None, None, "nsec")
    bare = w.zones["example.com."].refer(name("sub.example.com.")).without("authority", "NSEC")
    w.serve(LEAF, "example.com.", "sub.example.com. DS", referrals=False)
    w.raw(LEAF, [("sub.example.com. A", bare, "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", zone="sub.example.com.")
    return w


@case
def val_ds_when_asked():
    """The referral does not bring the DS; the question does."""
    w = below("ds when asked", None, "nsec", "nsec")
    bare = w.zones["example.com."].refer(name("sub.example.com.")).without("authority", "DS")
    w.serve(LEAF, "example.com.", "sub.example.com. DS", referrals=False)
    w.raw(LEAF, [("sub.example.com. A", bare, "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", zone="sub.example.com.", ad=True)
    return w


@case
def val_ds_unsigned():
    w = below("ds without signature", None, "nsec", "nsec")
    bad = w.zones["example.com."].refer(name("sub.example.com.")).unsigned("authority")
    denied = w.respond("example.com.", "sub.example.com. DS").unsigned()
    w.serve(LEAF, "example.com.", referrals=False)
    w.raw(LEAF, [("sub.example.com. DS", denied, "qname qtype"), ("sub.example.com. A", bad, "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_ds_child_side_nodata():
    """The parent's servers also serve the child, and deny the DS from the child's side."""
    w = below("ds denied by the child", None, "nsec", "nsec")
    child = w.zones["sub.example.com."]
    wrong = Response()
    wrong.authority = child.soa() + child.nsec(name("sub.example.com."))
    w.serve(LEAF, "example.com.", referrals=False)
    w.raw(LEAF, [("sub.example.com. DS", wrong, "qname qtype"),
                 ("sub.example.com. A", w.zones["example.com."].refer(name("sub.example.com.")).without("authority", "DS"), "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_dsnsec_signed_child():
    """An NSEC with DS denied for a name that is a zone: NODATA for DS with NS in the bitmap."""
    w = below("qtype ds", None, None, "nsec")
    w.serve(LEAF, "example.com.")
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("sub.example.com. DS", zone="example.com.", ad=True)
    w.ask("www.example.com. DS", rcode="SERVFAIL", check=False)
    return w


@case
def val_nodata_from_cut():
    """The parent's NSEC at the cut does not deny types below it."""
    w = below("nsec of the cut", None, "nsec", "nsec")
    parent, child = w.zones["example.com."], w.zones["sub.example.com."]
    wrong = Response()
    wrong.authority = child.soa() + parent.nsec(name("sub.example.com."))
    w.serve(LEAF, "example.com.")
    w.serve(SUB, "sub.example.com.")
    w.raw(SUB, [("sub.example.com. MX", wrong, "qname qtype")])
    w.ask("sub.example.com. MX", rcode="SERVFAIL", answer=[])
    return w


@case
def val_nx_from_cut():
    """The parent's NSEC at an unsigned cut neither proves nor disproves what is said of names below it: insecure."""
    w = below("nsec of the cut denies names", None, None, "nsec")
    parent = w.zones["example.com."]
    wrong = Response("NXDOMAIN")
    wrong.authority = parent.soa() + parent.nsec(name("sub.example.com.")) + parent.nsec(name("example.com."))
    w.serve(LEAF, "example.com.", "sub.example.com. DS", referrals=False)
    w.raw(LEAF, [("www.sub.example.com. A", wrong, "qname qtype"), ("sub.example.com. A", parent.refer(name("sub.example.com.")), "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", rcode="NXDOMAIN", answer=[], ad=False, match="rcode flags question answer")
    return w


@case
def val_nsec3_optout_nx():
    """Below an opt-out span a name error is told, not vouched for."""
    w = simple("optout nx", "optout", text="www A 203.0.113.1\n")
    w.serve(LEAF, "example.com.", "missing.example.com. A")
    w.ask("missing.example.com. A", zone="example.com.", match="all")
    return w


@case
def val_nsec3_optout_ent():
    """An empty non-terminal above unsigned delegations only, inside an opt-out span."""
    w = simple("optout ent", "optout", text="www A 203.0.113.1\n")
    w.zone("a.ent.example.com.", "www A 203.0.113.9\n")
    w.delegate("example.com.", "a.ent.example.com.", SUB)
    w.serve(LEAF, "example.com.", "ent.example.com. A")
    w.serve(SUB, "a.ent.example.com.", "www.a.ent.example.com. A")
    w.ask("www.a.ent.example.com. A", zone="a.ent.example.com.")
    w.ask("ent.example.com. A", zone="example.com.", match="rcode question answer")
    return w


@case
def val_nsec3_iterations_high():
    w = simple("iterations", "nsec3", iterations=200)
    w.serve(LEAF, "example.com.", "missing.example.com. A", "www.example.com. A", "n.wild.example.com. A")
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    w.ask("missing.example.com. A", rcode="NXDOMAIN", zone="example.com.", match="rcode flags question answer")
    w.ask("n.wild.example.com. A", zone="example.com.", match="rcode flags question answer")
    return w


@case
def val_nsec3_unknown_hash():
    """A hash algorithm that nobody knows proves nothing."""
    w = simple("hash algorithm", "nsec3")
    zone = w.zones["example.com."]

    def change(r, q):
        made = []
        for s in r.authority:
            if s.rdtype == 50:
                s = dns.rrset.from_rdata(s.name, s.ttl, *[d.replace(algorithm=6) for d in s])
                made += zone.signed(s)
            elif not (s.rdtype == 46 and s[0].type_covered == 50):
                made.append(s)
        r.authority = made
    w.serve(LEAF, "example.com.", "missing.example.com. A", change=change)
    w.ask("missing.example.com. A", rcode="SERVFAIL", answer=[], authority=[], match="rcode question answer")
    return w


@case
def val_mixed_denial():
    """NSEC and NSEC3 in one response."""
    w = simple("both kinds", "nsec")
    zone = w.zones["example.com."]
    other = Zone("example.com.", TEXT, "nsec3", key=zone.key)

    def change(r, q):
        r.authority += other.no_name(name("missing.example.com."))
    w.serve(LEAF, "example.com.", "missing.example.com. A", change=change)
    w.ask("missing.example.com. A", zone="example.com.", ad=True, match="rcode flags question answer")
    return w


@case
def val_negcache_nxdomain():
    """What is proved once is not asked again (aggressive NSEC)."""
    w = simple("negative cache", "nsec", "aggressive-nsec: yes", text="b A 203.0.113.1\nm A 203.0.113.2\n")
    w.serve(LEAF, "example.com.", "c.example.com. A")
    w.ask("c.example.com. A", zone="example.com.", ad=True)
    w.ask("d.example.com. A", zone="example.com.", ad=True)
    w.ask("d.example.com. TXT", zone="example.com.", ad=True)
    w.ask("x.y.d.example.com. TXT", zone="example.com.", ad=True)
    return w


@case
def val_negcache_nodata():
    w = simple("negative cache of types", "nsec", "aggressive-nsec: yes", text="b A 203.0.113.1\n")
    w.serve(LEAF, "example.com.", "b.example.com. TXT")
    w.ask("b.example.com. TXT", zone="example.com.", ad=True)
    w.ask("b.example.com. MX", zone="example.com.", ad=True)
    return w


@case
def val_negcache_ds():
    """After the insecure delegation is known, its DS question needs no server."""
    w = below("negative cache ds", None, None, "nsec", "aggressive-nsec: yes")
    w.serve(LEAF, "example.com.", last=15)
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A", "mail.sub.example.com. A")
    w.ask("www.sub.example.com. A", zone="sub.example.com.")
    w.ask("mail.sub.example.com. A", zone="sub.example.com.")
    return w
