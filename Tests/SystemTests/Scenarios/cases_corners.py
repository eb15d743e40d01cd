"""Corners: names that are zones and aliases at once, proofs at cuts, refreshes ahead of time, odd delegations."""

import dns.rrset
from cases_denial import COM, LEAF, SUB, below, simple
from cases_iteration import DEAD, NETLEAF, answered, block, forwarded, plain, tops
from cases_service import STALE, expired, newer, servfail
from worlds import Response, World, name

CASES = {}


def case(build):
    CASES[build.__name__] = build
    return build


@case
def val_ds_of_alias():
    """A name on the way down is an alias: no zone cut, and what is below it belongs to the zone above."""
    w = simple("alias on the way", text="al CNAME www\nwww A 203.0.113.1\n")
    zone = w.zones["example.com."]
    zone.sets[(name("x.al.example.com."), 1)] = dns.rrset.from_text("x.al.example.com.", 3600, "IN", "A", "203.0.113.5")
    w.serve(LEAF, "example.com.", "x.al.example.com. A")
    alias = Response()
    alias.answer = zone.signed(zone.sets[(name("al.example.com."), 5)])
    w.raw(LEAF, [("al.example.com. DS", alias, "qname qtype")])
    w.ask("x.al.example.com. A", zone="example.com.", ad=True)
    return w


@case
def val_deleg_no_ns_bit():
    """The NSEC that denies the DS does not say that there is a delegation: unsigned data below are bogus."""
    w = below("no NS bit", None, None, "nsec")
    zone = w.zones["example.com."]
    proof = zone.made("sub.example.com.", "NSEC", "www.example.com. A RRSIG NSEC")
    refer, denied = zone.refer(name("sub.example.com.")).without("authority", "NSEC"), w.respond("example.com.", "sub.example.com. DS").without("authority", "NSEC")
    refer.authority += proof
    denied.authority += proof
    w.serve(LEAF, "example.com.", referrals=False)
    w.raw(LEAF, [("sub.example.com. DS", denied, "qname qtype"), ("sub.example.com. A", refer, "subdomain")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A", "www.sub.example.com. DS")
    w.ask("www.sub.example.com. A", rcode="SERVFAIL", answer=[])
    return w


def ent_ds(denial):
    def build():
        w = simple("a signed zone below an empty name", denial, text="www A 203.0.113.1\n")
        w.zone("a.ent.example.com.", "www A 203.0.113.9\n", "nsec")
        w.delegate("example.com.", "a.ent.example.com.", SUB)
        w.serve(LEAF, "example.com.", "ent.example.com. DS", "ent.example.com. A")
        w.serve(SUB, "a.ent.example.com.", "www.a.ent.example.com. A")
        w.ask("www.a.ent.example.com. A", zone="a.ent.example.com.", ad=True)
        w.ask("ent.example.com. A", zone="example.com.", ad=True)
        return w
    return build


for kind in ("nsec", "nsec3", "optout"):
    CASES["val_entds_" + kind] = ent_ds(kind)


@case
def val_labels_too_many():
    """A signature with more labels than its owner has."""
    w = simple("labels")
    zone = w.zones["example.com."]

    def change(r, q):
        s = r.answer[0]
        r.answer = [s, dns.rrset.from_rdata(s.name, s.ttl, zone.key.sign(s, labels=4))]
    w.serve(LEAF, "example.com.", "www.example.com. A", change=change)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_foreign_signer():
    """A signature by a zone that is not above the name."""
    w = simple("foreign signer")
    zone = w.zones["example.com."]

    def change(r, q):
        s = r.answer[0]
        r.answer = [s, dns.rrset.from_rdata(s.name, s.ttl, zone.key.sign(s, signer=name("example.net.")))]
    w.serve(LEAF, "example.com.", "www.example.com. A", change=change)
    w.raw(LEAF, [("www.example.com. DS", w.respond("example.com.", "www.example.com. DS"), "qname qtype")])
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_two_signatures():
    """One of two signatures is wrong: the other one counts."""
    w = simple("two signatures")

    def change(r, q):
        s, good = r.answer
        bad = good[0].replace(signature=bytes(64))
        r.answer = [s, dns.rrset.from_rdata(s.name, s.ttl, bad, good[0])]
    w.serve(LEAF, "example.com.", "www.example.com. A", change=change)
    w.ask("www.example.com. A", zone="example.com.", ad=True, match="rcode flags question")
    return w


@case
def val_query_rrsig():
    w = simple("type rrsig")
    made = Response()
    made.answer = [s for s in w.respond("example.com.", "www.example.com. A").answer if s.rdtype == 46]
    w.serve(LEAF, "example.com.")
    w.raw(LEAF, [("www.example.com. RRSIG", made, "qname qtype")])
    w.ask("www.example.com. RRSIG", answer=made.answer, match="rcode question answer")
    return w


@case
def val_nx_then_below():
    """RFC 8020: below a name that is proved not to exist nothing is asked."""
    w = simple("nothing below", "nsec", text="www A 203.0.113.1\n")
    w.serve(LEAF, "example.com.", "no.example.com. A")
    w.ask("no.example.com. A", zone="example.com.", ad=True)
    w.ask("a.b.no.example.com. A", rcode="NXDOMAIN", answer=[], ad=True, match="rcode flags question answer")
    return w


@case
def val_insecure_alias_in_secure():
    """An alias of an unsigned zone into a signed one."""
    w = simple("from unsigned to signed", text="www A 203.0.113.1\n")
    w.zone("net.")
    w.zone("example.net.", "a CNAME www.example.com.\n")
    w.delegate(".", "net.", "192.0.2.4")
    w.delegate("net.", "example.net.", NETLEAF)
    w.ranges = [r for r in w.ranges if r[1] != "198.51.100.1"]
    w.serve("198.51.100.1", ".")
    w.serve("192.0.2.4", "net.")
    w.serve(NETLEAF, "example.net.", "a.example.net. A")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("a.example.net. A", answer=w.respond("example.net.", "a.example.net. A").answer + w.respond("example.com.", "www.example.com. A").answer)
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


@case
def val_apex_of_child_alias():
    """The DS question of a name below a CNAME in the child."""
    w = below("ds below the child's apex", None, "nsec", "nsec")
    w.serve(LEAF, "example.com.")
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. DS", "no.sub.example.com. DS")
    w.ask("www.sub.example.com. DS", zone="sub.example.com.", ad=True)
    w.ask("no.sub.example.com. DS", zone="sub.example.com.", ad=True)
    return w


@case
def val_secure_then_dropped_ds():
    """The parent removes the DS: after its time the child is insecure."""
    w = below("dropped ds", None, "nsec", "nsec")
    parent = w.zones["example.com."]
    for key in ((name("sub.example.com."), 43), (name("sub.example.com."), 2), (name("ns.sub.example.com."), 1)):
        parent.sets[key].ttl = 60
    w.serve(LEAF, "example.com.", last=15)
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A", last=15)
    w.zones["sub.example.com."].sets[(name("www.sub.example.com."), 1)].ttl = 60
    w.ask("www.sub.example.com. A", answer=w.respond("sub.example.com.", "www.sub.example.com. A").answer, match="rcode question", ad=True)
    del parent.sets[(name("sub.example.com."), 43)]
    w.serve(LEAF, "example.com.", first=16)
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. A", change=lambda r, q: r.unsigned(), first=16, keys=False)
    w.wait(4000)
    w.ask("www.sub.example.com. A", answer=["www.sub.example.com. 60 A 203.0.113.9"])
    return w


@case
def serve_expired_at_once():
    """Without a timeout for clients: the expired answer at once, and a refresh behind it."""
    w = plain("at once", *STALE, "serve-expired-client-timeout: 0", text="www 10 A 203.0.113.1\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", last=15)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: newer(r), first=16)
    answered(w, "www.example.com. A")
    w.wait(20)
    w.ask("www.example.com. A", answer=expired(w.respond("example.com.", "www.example.com. A").answer, 123), do=False, match="all ttl")
    w.traffic()
    w.ask("www.example.com. A", answer=["www.example.com. 10 A 203.0.113.99"], do=False)
    return w


@case
def serve_expired_silent_then_cached():
    """A second client within the failure's time gets the expired answer as well."""
    w = plain("again", *STALE, "serve-expired-client-timeout: 1800", text="www 10 A 203.0.113.1\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", last=15)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=servfail, only=True, first=16)
    answered(w, "www.example.com. A")
    w.wait(20)
    stale = expired(w.respond("example.com.", "www.example.com. A").answer, 123)
    for _ in range(3):
        w.ask("www.example.com. A", answer=stale, do=False, match="all ttl")
    return w


@case
def prefetch_ahead():
    """In the last tenth of its time an answer is refreshed for the next client."""
    w = plain("prefetch", "prefetch: yes", text="www 100 A 203.0.113.1\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", last=15)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: newer(r), first=16)
    answered(w, "www.example.com. A")
    w.wait(95)
    answered(w, "www.example.com. A")
    w.traffic()
    w.ask("www.example.com. A", answer=["www.example.com. 10 A 203.0.113.99"], do=False)
    return w


@case
def iter_no_addresses():
    """No server of the zone has an address."""
    w = plain("no addresses", glue=())
    w.zones["com."].add("example.com. NS ns1.example.net.")
    w.zones["com."].add("example.com. NS ns2.example.net.")
    tops(w)
    w.serve(NETLEAF, "example.net.", *["%s.example.net. %s" % (s, t) for s in ("ns1", "ns2") for t in ("A", "AAAA")])
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False)
    return w


@case
def iter_fwd_root_and_stub():
    """A forwarder for everything, and a stub zone beside it."""
    w = World("forward and stub", blocks=block("forward", ".", "forward-addr: 192.0.2.9") + block("stub", "example.com", "stub-addr: 192.0.2.10"))
    w.zone("example.com.", "www A 203.0.113.1\nout CNAME www.example.net.\n@ NS ns.example.com.\nns A 192.0.2.10\n")
    w.zone("example.net.", "www A 203.0.113.77\n")
    w.serve("192.0.2.9", "example.net.", "www.example.net. A", change=forwarded, only=True)
    w.serve("192.0.2.10", "example.com.", "www.example.com. A", "out.example.com. A")
    answered(w, "www.example.com. A")
    w.ask("out.example.com. A", answer=w.respond("example.com.", "out.example.com. A").answer + w.respond("example.net.", "www.example.net. A").answer, do=False)
    return w


@case
def iter_alias_twice():
    """The same alias twice in a response."""
    w = plain("twice")
    tops(w)

    def change(r, q):
        r.answer.insert(0, r.answer[0])
    w.serve(LEAF, "example.com.", "alias.example.com. A", change=change)
    answered(w, "alias.example.com. A")
    return w


@case
def iter_alias_order():
    """The target comes before the alias."""
    w = plain("order")
    tops(w)

    def change(r, q):
        r.answer.reverse()
    w.serve(LEAF, "example.com.", "alias.example.com. A", change=change)
    answered(w, "alias.example.com. A")
    return w


@case
def iter_alias_from_cache():
    """An alias that is cached leads on for other types."""
    w = plain("cached alias", text="alias CNAME www\nwww A 203.0.113.1\nwww TXT \"t\"\n")
    tops(w)
    w.serve(LEAF, "example.com.", "alias.example.com. A", "www.example.com. TXT", last=15)
    w.serve(LEAF, "example.com.", "www.example.com. TXT", first=16)
    answered(w, "alias.example.com. A")
    answered(w, "alias.example.com. TXT")
    return w


@case
def iter_self_alias():
    w = plain("alias of itself", text="a CNAME a\n")
    tops(w)
    loop = Response()
    loop.answer = [dns.rrset.from_text("a.example.com.", 3600, "IN", "CNAME", "a.example.com.")]
    w.serve(LEAF, "example.com.")
    w.raw(LEAF, [("a.example.com. A", loop, "qname qtype")])
    w.ask("a.example.com. A", match="question", do=False)
    return w


@case
def iter_referral_with_answer():
    """An answer and a referral in one response: the answer counts."""
    w = plain("answer and referral")
    tops(w)

    def change(r, q):
        r.authority = [dns.rrset.from_text("www.example.com.", 3600, "IN", "NS", "ns.example.net.")]
    w.serve(LEAF, "example.com.", "www.example.com. A", change=change)
    answered(w, "www.example.com. A", match="rcode flags question answer")
    return w


@case
def iter_deep_delegations():
    """Zones below zones, each with a server of its own."""
    w = plain("deep", minimise=True)
    w.zone("a.example.com.", "")
    w.zone("b.a.example.com.", "www A 203.0.113.8\n")
    w.delegate("example.com.", "a.example.com.", "192.0.2.20")
    w.delegate("a.example.com.", "b.a.example.com.", "192.0.2.21")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.serve("192.0.2.20", "a.example.com.")
    w.serve("192.0.2.21", "b.a.example.com.", "www.b.a.example.com. A", "no.b.a.example.com. A")
    w.ask("www.b.a.example.com. A", zone="b.a.example.com.", do=False)
    w.ask("no.b.a.example.com. A", zone="b.a.example.com.", do=False)
    answered(w, "www.example.com. A")
    return w


@case
def iter_child_ns_better():
    """The parent's first server is dead; the child names another one besides."""
    w = plain("child knows better", glue=(DEAD, LEAF))
    w.zones["example.com."].add("@ NS ns3.example.com.")
    w.zones["example.com."].add("ns3 A 192.0.2.6")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.serve("192.0.2.6", "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_root_ns():
    """Questions for the root and for top-level names."""
    w = plain("root and tops")
    w.serve("198.51.100.1", ".", ". SOA", "com. DS", "nope. A")
    w.serve(COM, "com.", "com. SOA", "com. A")
    w.ask(". NS", zone=".", do=False)
    w.ask(". SOA", zone=".", do=False)
    w.ask("nope. A", zone=".", do=False)
    w.ask("com. SOA", zone="com.", do=False)
    w.ask("com. A", zone="com.", do=False)
    return w
