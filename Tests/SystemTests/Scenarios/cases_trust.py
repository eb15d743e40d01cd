"""Chains of trust: keys, DS records, anchors, aliases between zones, servers of which one is wrong."""

from cases_denial import COM, LEAF, OTHER, SUB, below, simple
from dns.rdtypes.ANY.DS import DS
from worlds import Key, NOW, Response, World, name

import dns.rrset

CASES = {}


def case(build):
    CASES[build.__name__] = build
    return build


@case
def val_full_chain():
    """The anchor is the root's; every zone is signed, each in its own way."""
    w = World("from the root down", anchor=".")
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n", "nsec")
    w.zone("com.", "", "optout")
    w.zone("example.com.", "www A 203.0.113.1\n", "nsec3")
    w.delegate("com.", "example.com.", LEAF)
    w.delegate(".", "com.", COM)
    w.serve("198.51.100.1", ".", "nowhere. A")
    w.serve(COM, "com.", "missing.com. A")
    w.serve(LEAF, "example.com.", "www.example.com. A", "no.example.com. A", "www.example.com. TXT")
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    w.ask("no.example.com. A", zone="example.com.", ad=True)
    w.ask("www.example.com. TXT", zone="example.com.", ad=True)
    w.ask("nowhere. A", zone=".", ad=True)
    w.ask("missing.com. A", zone="com.")
    w.ask("com. DS", zone=".", ad=True)
    w.ask("example.com. DS", zone="com.", ad=True)
    return w


def with_ds(title, make, wanted, ad, rcode=None):
    def build():
        w = below(title, None, "nsec", "nsec", ds=[])
        child = w.zones["sub.example.com."]
        for record in make(child):
            w.zones["example.com."].add("sub.example.com. DS %s" % record.to_text())
        w.serve(LEAF, "example.com.")
        w.serve(SUB, "sub.example.com.", "www.sub.example.com. A", "no.sub.example.com. A")
        if wanted:
            w.ask("www.sub.example.com. A", zone="sub.example.com.", ad=ad)
            w.ask("no.sub.example.com. A", zone="sub.example.com.", ad=ad)
        else:
            w.ask("www.sub.example.com. A", rcode="SERVFAIL", answer=[])
        return w
    return build


def changed(ds, **words):
    return ds.replace(**words)


CASES.update({
    "val_ds_sha1": with_ds("SHA-1", lambda z: [z.key.ds(1)], True, True),
    "val_ds_sha384": with_ds("SHA-384", lambda z: [z.key.ds(4)], True, True),
    "val_ds_gost": with_ds("a digest that nobody has", lambda z: [changed(z.key.ds(), digest_type=3)], True, False),
    "val_ds_unknown_digest": with_ds("unknown digest", lambda z: [DS(1, 43, z.key.tag, 13, 200, b"x" * 32)], True, False),
    "val_ds_unknown_algorithm": with_ds("unknown algorithm", lambda z: [changed(z.key.ds(), algorithm=200)], True, False),
    "val_ds_private_algorithm": with_ds("private algorithm", lambda z: [changed(z.key.ds(), algorithm=253)], True, False),
    "val_ds_mixed_algorithms": with_ds("known beside unknown", lambda z: [changed(z.key.ds(), algorithm=200, key_tag=77), z.key.ds()], True, True),
    "val_ds_sha1_wrong_sha256": with_ds("SHA-256 counts", lambda z: [z.key.ds(1), changed(z.key.ds(), digest=b"y" * 32)], False, False),
    "val_ds_sha1_wrong": with_ds("SHA-1 does not count beside SHA-256", lambda z: [changed(z.key.ds(1), digest=b"y" * 20), z.key.ds()], True, True),
    "val_ds_wrong_tag": with_ds("wrong tag", lambda z: [changed(z.key.ds(), key_tag=(z.key.tag + 1) % 65536)], False, False),
    "val_ds_wrong_digest": with_ds("wrong digest", lambda z: [changed(z.key.ds(), digest=b"y" * 32)], False, False),
    "val_ds_two_one_good": with_ds("one of two", lambda z: [changed(z.key.ds(), digest=b"y" * 32), z.key.ds()], True, True),
    "val_ds_unknown_and_wrong": with_ds("unknown, and known but wrong", lambda z: [
        changed(z.key.ds(), algorithm=200), changed(z.key.ds(), digest=b"z" * 32)], False, False),
})


@case
def val_faildnskey():
    """The keys cannot be had."""
    w = simple("no keys")
    w.serve(LEAF, "example.com.", "www.example.com. A", keys=False)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_dnskey_empty():
    w = simple("no key in the answer")
    empty = Response()
    empty.authority = w.zones["example.com."].soa()
    w.serve(LEAF, "example.com.", "www.example.com. A", keys=False)
    w.raw(LEAF, [("example.com. DNSKEY", empty, "qname qtype")])
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_dnskey_forged():
    w = simple("forged keys")
    w.serve(LEAF, "example.com.", "www.example.com. A", keys=False)
    w.raw(LEAF, [("example.com. DNSKEY", w.respond("example.com.", "example.com. DNSKEY").forged(), "qname qtype")])
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_ksk_zsk():
    """A key that only signs keys, and one that signs the rest."""
    w = simple("ksk and zsk", text="")
    zone = w.zone("example.com.", "www A 203.0.113.1\n@ NS ns.example.com.\nns.example.com. A %s\n" % LEAF, "nsec")
    zsk = Key(zone.origin, "zsk", flags=256)
    ksk = zone.key
    zone.sets[(zone.origin, 48)] = dns.rrset.from_rdata(zone.origin, 3600, ksk.record, zsk.record)
    keys = zone.sets[(zone.origin, 48)]
    answer = Response()
    answer.answer = [keys, dns.rrset.from_rdata(zone.origin, 3600, ksk.sign(keys))]
    w.anchors = ["example.com. 3600 IN DS " + ksk.ds().to_text()]
    zone.key = zsk
    w.serve(LEAF, "example.com.", "www.example.com. A", "no.example.com. A", keys=False)
    w.raw(LEAF, [("example.com. DNSKEY", answer, "qname qtype")])
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    w.ask("no.example.com. A", zone="example.com.", ad=True)
    return w


def timed(title, times, wanted):
    def build():
        w = simple(title, times=times)
        w.serve(LEAF, "example.com.", "www.example.com. A")
        if wanted:
            w.ask("www.example.com. A", zone="example.com.", ad=True)
        else:
            w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
        return w
    return build


CASES.update({
    "val_expired": timed("expired", {"start": NOW - 2000000, "end": NOW - 1000000}, False),
    "val_not_yet": timed("not yet valid", {"start": NOW + 1000000, "end": NOW + 2000000}, False),
    "val_reversed": timed("ends before it begins", {"start": NOW + 1000000, "end": NOW - 1000000}, False),
})


@case
def val_expires_while_cached():
    """A signature's end ends the time in the cache."""
    w = simple("end of a signature", times={"start": NOW - 1000, "end": NOW + 100})
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", zone="example.com.", ad=True, match="rcode flags question")
    w.wait(4000)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_anchor_unknown_algorithm():
    """An anchor whose algorithm nobody knows leaves the zone insecure."""
    w = simple("anchor of an unknown algorithm")
    zone = w.zones["example.com."]
    w.anchors = ["example.com. 3600 IN DS " + changed(zone.key.ds(), algorithm=200).to_text()]
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", zone="example.com.")
    return w


@case
def val_anchor_wrong():
    w = simple("anchor of another key")
    w.anchors = ["example.com. 3600 IN DS " + Key(name("example.com."), "other").ds().to_text()]
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_anchor_below_unsigned():
    """A second anchor below an insecure delegation."""
    w = below("island below", None, "nsec", "nsec", ds=[])
    w.anchors.append("sub.example.com.")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", zone="sub.example.com.", ad=True)
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


@case
def domain_insecure_below():
    w = below("negative anchor", None, "nsec", "nsec", "domain-insecure: \"sub.example.com\"")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A", change=lambda r, q: r.forged())
    w.ask("www.sub.example.com. A", answer=w.respond("sub.example.com.", "www.sub.example.com. A").forged().answer)
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


# AD, CD, DO.

@case
def val_ad_bits():
    """AD for whoever sends AD or DO; not for others; CD is told back."""
    w = simple("ad")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    w.ask("www.example.com. A", zone="example.com.", do=False)
    w.ask("www.example.com. A", zone="example.com.", cd=True, ad=None, match="rcode question answer")
    return w


@case
def val_cd_bogus():
    """CD gets what is bogus for others, before and after."""
    w = simple("cd")
    w.serve(LEAF, "example.com.", "www.example.com. A", "mail.example.com. A", change=lambda r, q: r.forged())
    forged = w.respond("example.com.", "www.example.com. A").forged().answer
    w.ask("www.example.com. A", answer=forged, cd=True)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    w.ask("www.example.com. A", answer=forged, cd=True)
    w.ask("mail.example.com. A", rcode="SERVFAIL", answer=[])
    w.ask("mail.example.com. A", answer=w.respond("example.com.", "mail.example.com. A").forged().answer, cd=True)
    return w


@case
def val_types():
    w = simple("types")
    w.serve(LEAF, "example.com.", "example.com. NSEC", "example.com. NS", "example.com. SOA")
    w.ask("example.com. NS", zone="example.com.", ad=True)
    w.ask("example.com. SOA", zone="example.com.", ad=True)
    w.ask("example.com. DNSKEY", zone="example.com.", ad=True)
    return w


@case
def val_any():
    w = simple("any")
    w.serve(LEAF, "example.com.", "www.example.com. ANY", "missing.example.com. ANY", "alias.example.com. ANY", "n.wild.example.com. ANY")
    w.ask("www.example.com. ANY", zone="example.com.", ad=True, match="rcode flags question answer")
    w.ask("missing.example.com. ANY", zone="example.com.", ad=True)
    w.ask("n.wild.example.com. ANY", zone="example.com.", ad=True, match="rcode flags question answer")
    return w


# Aliases between zones.

NET = "192.0.2.5"


def two(title, net_denial="nsec", net_text="www A 203.0.113.77\n*.w A 203.0.113.78\nagain CNAME www\ndeep DNAME target\nx.target A 203.0.113.79\n", anchored=True,
        denial="nsec", *options):
    """example.com signed; example.net as told, on servers of its own."""
    w = World(title, *options, anchor=["example.com."] + (["example.net."] if net_denial and anchored else []))
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n")
    w.zone("com.")
    w.zone("net.")
    w.zone("example.com.", """
pos CNAME www.example.net.
nodata CNAME www.example.net.
nx CNAME missing.example.net.
wc CNAME n.w.example.net.
again CNAME again.example.net.
dname DNAME example.net.
todname CNAME x.deep.example.net.
*.star CNAME www.example.net.
*.starnx CNAME missing.example.net.
*.starwc CNAME n.w.example.net.
first CNAME pos
loop CNAME loop.example.net.
""", denial)
    w.zone("example.net.", net_text + "loop CNAME loop.example.com.\n", net_denial)
    w.delegate(".", "com.", COM)
    w.delegate(".", "net.", OTHER)
    w.delegate("com.", "example.com.", LEAF, ds=[])
    w.delegate("net.", "example.net.", NET, ds=[])
    w.serve("198.51.100.1", ".")
    w.serve(COM, "com.")
    w.serve(OTHER, "net.")
    return w


PAIRS = [("pos.example.com. A", "www.example.net. A"), ("nodata.example.com. MX", "www.example.net. MX"), ("nx.example.com. A", "missing.example.net. A"),
         ("wc.example.com. A", "n.w.example.net. A"), ("again.example.com. A", "again.example.net. A"), ("www.dname.example.com. A", "www.example.net. A"),
         ("todname.example.com. A", "x.deep.example.net. A"), ("n.star.example.com. A", "www.example.net. A"),
         ("n.starnx.example.com. A", "missing.example.net. A"), ("n.starwc.example.com. A", "n.w.example.net. A"), ("first.example.com. A", "www.example.net. A")]


def both(w, question, target, ad):
    """The expected answer is that of both zones, one after the other."""
    one, other = w.respond("example.com.", question), w.respond("example.net.", target)
    proof = [s for s in one.authority + other.authority if s.rdtype in (6, 46, 47, 50)]
    w.ask(question, rcode=other.rcode, answer=one.answer + other.answer, authority=proof, ad=ad)


def aliases(denial, net_denial):
    def build():
        w = two("aliases from %s to %s" % (denial, net_denial), net_denial, denial=denial)
        w.serve(LEAF, "example.com.", *[a for a, _ in PAIRS])
        w.serve(NET, "example.net.", *sorted({b for _, b in PAIRS}))
        for question, target in PAIRS:
            both(w, question, target, bool(net_denial))
        return w
    return build


for denial in ("nsec", "nsec3"):
    for net_denial in ("nsec", "nsec3", None):
        CASES["val_aliases_%s_%s" % (denial, net_denial or "insecure")] = aliases(denial, net_denial)


def opted_out(denial, net_denial):
    """As above where a span may hold unsigned delegations: AD is not compared, which the covers decide."""
    def build():
        w = two("aliases from %s to %s" % (denial, net_denial), net_denial, denial=denial)
        w.serve(LEAF, "example.com.", *[a for a, _ in PAIRS])
        w.serve(NET, "example.net.", *sorted({b for _, b in PAIRS}))
        for question, target in PAIRS:
            one, other = w.respond("example.com.", question), w.respond("example.net.", target)
            w.ask(question, rcode=other.rcode, answer=one.answer + other.answer, match="rcode question answer")
        return w
    return build


for denial, net_denial in (("optout", "nsec"), ("nsec", "optout"), ("optout", "optout"), ("optout", None)):
    CASES["val_aliases_%s_%s" % (denial, net_denial or "insecure")] = opted_out(denial, net_denial)


@case
def val_alias_to_closer_anchor():
    """An alias into a zone with an anchor of its own below an opt-out span."""
    w = below("closer anchor", None, "nsec", "optout", ds=[], text="www A 203.0.113.9\n")
    w.anchors.append("sub.example.com.")
    w.zones["example.com."].add("closer CNAME www.sub.example.com.")
    w.serve(LEAF, "example.com.")
    alias = Response()
    alias.answer = w.zones["example.com."].signed(w.zones["example.com."].sets[(name("closer.example.com."), 5)])
    w.raw(LEAF, [("closer.example.com. A", alias, "qname qtype")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("closer.example.com. A", answer=alias.answer + w.respond("sub.example.com.", "www.sub.example.com. A").answer, ad=True)
    return w


@case
def val_alias_to_closer_anchor_unsigned():
    """The same, and the zone with the anchor answers without signatures: bogus, whatever the span says."""
    w = below("closer anchor, unsigned", None, "nsec", "optout", ds=[], text="www A 203.0.113.9\n")
    w.anchors.append("sub.example.com.")
    w.zones["example.com."].add("closer CNAME www.sub.example.com.")
    alias = Response()
    alias.answer = w.zones["example.com."].signed(w.zones["example.com."].sets[(name("closer.example.com."), 5)])
    w.raw(LEAF, [("closer.example.com. A", alias, "qname qtype")])
    w.serve(LEAF, "example.com.")
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A", change=lambda r, q: r.unsigned())
    w.ask("closer.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_alias_loop():
    w = two("a loop over two zones")
    w.serve(LEAF, "example.com.", "loop.example.com. A")
    w.serve(NET, "example.net.", "loop.example.net. A")
    w.ask("loop.example.com. A", match="question", check=True)
    return w


@case
def val_alias_target_bogus():
    w = two("the target is bogus")
    w.serve(LEAF, "example.com.", "pos.example.com. A", "nx.example.com. A")
    w.serve(NET, "example.net.", "www.example.net. A", "missing.example.net. A", change=lambda r, q: r.forged())
    w.ask("pos.example.com. A", rcode="SERVFAIL", answer=[])
    w.ask("nx.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_alias_first_bogus():
    w = two("the alias is bogus")
    w.serve(LEAF, "example.com.", "pos.example.com. A", "www.dname.example.com. A", change=lambda r, q: r.forged())
    w.serve(NET, "example.net.", "www.example.net. A")
    w.ask("pos.example.com. A", rcode="SERVFAIL", answer=[])
    w.ask("www.dname.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_alias_foreign_answer():
    """What the alias's server says of the target's zone is not believed."""
    w = two("answer for another zone")

    def foreign(r, q):
        r.answer.append(dns.rrset.from_text("www.example.net.", 3600, "IN", "A", "203.0.113.66"))
    w.serve(LEAF, "example.com.", "pos.example.com. A", change=foreign)
    w.serve(NET, "example.net.", "www.example.net. A")
    both(w, "pos.example.com. A", "www.example.net. A", True)
    return w


@case
def val_unsigned_synthesis():
    """The CNAME made from a DNAME is not signed; a server that leaves it out is helped."""
    w = two("synthesis left out")

    def bare(r, q):
        r.without("answer", "CNAME")
    w.serve(LEAF, "example.com.", "www.dname.example.com. A", change=bare)
    w.serve(NET, "example.net.", "www.example.net. A")
    both(w, "www.dname.example.com. A", "www.example.net. A", True)
    return w


@case
def val_dname_too_long():
    long = "a" * 60
    w = simple("too long", text="dn DNAME %s.%s.%s.example.com.\n" % (long, long, long))
    question = "%s.%s.dn.example.com. A" % (long, long)
    made = Response("YXDOMAIN")
    made.answer = w.zones["example.com."].signed(w.zones["example.com."].sets[(name("dn.example.com."), 39)])
    w.serve(LEAF, "example.com.")
    w.raw(LEAF, [(question, made, "qname qtype")])
    w.ask(question, rcode="YXDOMAIN", answer=made.answer)
    return w


# Several servers, one of them wrong: another one is asked.

def two_servers(title, **words):
    w = simple(title, **words)
    w.zones["com."].sets.pop((name("ns.example.com."), 1))
    w.zones["com."].sets.pop((name("example.com."), 2))
    w.zones["example.com."].sets.pop((name("ns.example.com."), 1))
    w.zones["example.com."].sets.pop((name("example.com."), 2))
    w.delegate("com.", "example.com.", [LEAF, "192.0.2.6"], ds=[])
    w.ranges = [r for r in w.ranges if r[1] != COM]
    w.serve(COM, "com.")
    return w


def black(change, *questions):
    def build():
        w = two_servers("one of two servers lies")
        w.serve(LEAF, "example.com.", *questions, change=change)
        w.serve("192.0.2.6", "example.com.", *questions)
        for question in questions:
            w.ask(question, zone="example.com.", ad=True)
        return w
    return build


CASES["black_data_forged"] = black(lambda r, q: r.forged(), "www.example.com. A", "missing.example.com. A", "www.example.com. MX")
CASES["black_data_unsigned"] = black(lambda r, q: r.unsigned(), "www.example.com. A", "missing.example.com. A", "www.example.com. MX")
CASES["black_data_noproof"] = black(lambda r, q: r.without("authority", "NSEC"), "missing.example.com. A", "www.example.com. MX", "n.wild.example.com. A")
CASES["black_data_empty"] = black(lambda r, q: Response(), "www.example.com. A", "www.example.com. MX")
CASES["black_data_servfail"] = black(lambda r, q: Response("SERVFAIL"), "www.example.com. A", "missing.example.com. A")
CASES["black_data_refused"] = black(lambda r, q: Response("REFUSED", aa=False), "www.example.com. A", "missing.example.com. A")
CASES["black_data_formerr"] = black(lambda r, q: Response("FORMERR", aa=False), "www.example.com. A", "missing.example.com. A")
CASES["black_data_notimpl"] = black(lambda r, q: Response("NOTIMPL", aa=False), "www.example.com. A", "missing.example.com. A")


@case
def black_dnskey_forged():
    w = two_servers("one of two servers has wrong keys")
    w.serve(LEAF, "example.com.", "www.example.com. A", keys=False)
    w.raw(LEAF, [("example.com. DNSKEY", w.respond("example.com.", "example.com. DNSKEY").forged(), "qname qtype")])
    w.serve("192.0.2.6", "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


@case
def black_dnskey_none():
    w = two_servers("one of two servers has no keys")
    empty = Response()
    empty.authority = [w.zones["example.com."].sets[(name("example.com."), 6)]]
    w.serve(LEAF, "example.com.", "www.example.com. A", keys=False)
    w.raw(LEAF, [("example.com. DNSKEY", empty, "qname qtype")])
    w.serve("192.0.2.6", "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


@case
def black_ds_forged():
    """One of the parent's servers has a wrong DS."""
    w = two_servers("wrong ds")
    w.zone("sub.example.com.", "www A 203.0.113.9\n", "nsec")
    w.delegate("example.com.", "sub.example.com.", SUB)
    parent = w.zones["example.com."]
    for address, wrong in ((LEAF, True), ("192.0.2.6", False)):
        refer, ds = parent.refer(name("sub.example.com.")), w.respond("example.com.", "sub.example.com. DS")
        if wrong:
            refer.forged("authority")
            ds.forged()
        w.serve(address, "example.com.", referrals=False)
        w.raw(address, [("sub.example.com. DS", ds, "qname qtype"), ("sub.example.com. A", refer, "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A")
    w.ask("www.sub.example.com. A", zone="sub.example.com.", ad=True)
    return w
