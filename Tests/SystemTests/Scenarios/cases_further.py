"""Further corners of RFC 1034, 2308, 4035, 5155, 6672, 9156: each asked the way that an operator's test would."""

import dns.rrset
from cases_denial import COM, LEAF, SUB, below, simple
from cases_iteration import DEAD, NETLEAF, SECOND, answered, block, forwarded, plain, tops
from cases_service import policy, ruled
from worlds import NOW, Key, Response, World, name

CASES = {}
LOOSE = "rcode flags question answer"


def case(build):
    CASES[build.__name__] = build
    return build


def rr(text):
    words = text.split(None, 3)
    return dns.rrset.from_text(words[0], int(words[1]), "IN", words[2], words[3])


# Signed zones.

def beside(extra, question="www.example.com. MX", section="authority"):
    """A sound answer of a signed zone with something beside it that nobody needs."""
    def build():
        w = simple("beside a sound answer: " + extra, "nsec", text="www A 203.0.113.1\n@ MX 10 mail\nmail A 203.0.113.2\n")
        w.serve(LEAF, "example.com.", question, change=lambda r, q: getattr(r, section).append(rr(extra)))
        w.ask(question, zone="example.com.", ad=True, match=LOOSE)
        return w
    return build


CASES["val_spurious_ns"] = beside("example.com. 3600 NS ns.elsewhere.example.")
CASES["val_spurious_address"] = beside("mail.example.com. 3600 A 203.0.113.66", "example.com. MX", "additional")
CASES["val_spurious_soa"] = beside("com. 3600 SOA a. b. 1 2 3 4 5", "www.example.com. A")


def twice(denial):
    def build():
        w = simple("two DNAMEs", denial, text="dn DNAME mid\nmid DNAME other\nhost.other A 203.0.113.7\n@ MX 10 mail\n")
        w.serve(LEAF, "example.com.", "host.dn.example.com. A", "no.dn.example.com. A", "dn.example.com. A", "dn.example.com. DNAME",
                "host.mid.example.com. A", "host.other.example.com. A", "no.mid.example.com. A", "no.other.example.com. A")
        w.ask("host.dn.example.com. A", zone="example.com.", ad=True)
        w.ask("no.dn.example.com. A", zone="example.com.", ad=True)
        w.ask("dn.example.com. A", zone="example.com.", ad=True)
        w.ask("dn.example.com. DNAME", zone="example.com.", ad=True)
        return w
    return build


for denial in ("nsec", "nsec3"):
    CASES["val_dname_twice_" + denial] = twice(denial)


@case
def val_ds_question_of_alias():
    """The DS of a name that is an alias: the alias, and its target's absence."""
    w = simple("ds of alias", "nsec", text="al CNAME www\nwww A 203.0.113.1\n")
    w.serve(LEAF, "example.com.", "al.example.com. DS")
    w.ask("al.example.com. DS", zone="example.com.", ad=True, match=LOOSE)
    return w


def meta(denial, question):
    def build():
        w = simple(question, denial, text="www A 203.0.113.1\n")
        w.serve(LEAF, "example.com.", question)
        w.ask(question, zone="example.com.", ad=True, match=LOOSE)
        return w
    return build


CASES["val_type_dnskey_below"] = meta("nsec", "www.example.com. DNSKEY")
CASES["val_type_cds"] = meta("nsec", "example.com. CDS")


def iterations(count, ad):
    def build():
        w = simple("%d iterations" % count, "nsec3", text="www A 203.0.113.1\n", iterations=count)
        w.serve(LEAF, "example.com.", "missing.example.com. A", "www.example.com. MX")
        w.ask("missing.example.com. A", zone="example.com.", ad=ad, match=LOOSE)
        w.ask("www.example.com. MX", zone="example.com.", ad=ad, match=LOOSE)
        return w
    return build


CASES["val_iterations_50"] = iterations(50, True)
CASES["val_iterations_200"] = iterations(200, False)


@case
def val_revoked_key():
    """A revoked key signs nothing (RFC 5011 2.1)."""
    w = World("revoked", anchor=["example.com. 3600 IN DS " + Key(name("example.com."), flags=257 | 128).ds().to_text()])
    key = Key(name("example.com."), flags=257 | 128)
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n")
    w.zone("com.")
    w.zone("example.com.", "www A 203.0.113.1\n", "nsec", key=key)
    w.delegate(".", "com.", COM)
    w.delegate("com.", "example.com.", LEAF, ds=[])
    w.serve("198.51.100.1", ".")
    w.serve(COM, "com.")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_key_without_zone_bit():
    """Flags 0: no zone key (RFC 4034 2.1.1)."""
    key = Key(name("example.com."), flags=0)
    w = World("no zone key", anchor=["example.com. 3600 IN DS " + key.ds().to_text()])
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n")
    w.zone("com.")
    w.zone("example.com.", "www A 203.0.113.1\n", "nsec", key=key)
    w.delegate(".", "com.", COM)
    w.delegate("com.", "example.com.", LEAF, ds=[])
    w.serve("198.51.100.1", ".")
    w.serve(COM, "com.")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_dnskey_signed_by_other():
    """The key that the DS names is there, and another one signs the keys: no chain."""
    zone = name("example.com.")
    ksk, zsk = Key(zone, "ksk"), Key(zone, "zsk", flags=256)
    w = World("keys signed by the wrong one", anchor=["example.com. 3600 IN DS " + ksk.ds().to_text()])
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n")
    w.zone("com.")
    z = w.zone("example.com.", "www A 203.0.113.1\n", "nsec", key=zsk, keys=[ksk, zsk])
    w.delegate(".", "com.", COM)
    w.delegate("com.", "example.com.", LEAF, ds=[])
    w.serve("198.51.100.1", ".")
    w.serve(COM, "com.")
    keys = Response()
    keys.answer = [z.sets[(zone, 48)], dns.rrset.from_rdata(zone, 3600, zsk.sign(z.sets[(zone, 48)]))]
    w.raw(LEAF, [("example.com. DNSKEY", keys, "qname qtype")])
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_anchor_dnskey_text():
    """A DNSKEY as trust anchor."""
    key = Key(name("example.com."))
    w = World("dnskey anchor", anchor=["example.com. 3600 IN DNSKEY " + key.record.to_text()])
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n")
    w.zone("com.")
    w.zone("example.com.", "www A 203.0.113.1\n", "nsec")
    w.delegate(".", "com.", COM)
    w.delegate("com.", "example.com.", LEAF, ds=[])
    w.serve("198.51.100.1", ".")
    w.serve(COM, "com.")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


@case
def val_two_anchors_one_stale():
    """An old and a new DS as anchors: one of them is enough."""
    key, old = Key(name("example.com.")), Key(name("example.com."), "old")
    w = World("old and new", anchor=["example.com. 3600 IN DS " + k.ds().to_text() for k in (old, key)])
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n")
    w.zone("com.")
    w.zone("example.com.", "www A 203.0.113.1\n", "nsec")
    w.delegate(".", "com.", COM)
    w.delegate("com.", "example.com.", LEAF, ds=[])
    w.serve("198.51.100.1", ".")
    w.serve(COM, "com.")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    return w


@case
def val_signer_is_child():
    """Data of the parent signed with the key of a zone below it."""
    w = below("child signs for parent", None, "nsec", "nsec")
    child = w.zones["sub.example.com."].key
    wrong = Response()
    data = rr("www.example.com. 3600 A 203.0.113.66")
    wrong.answer = [data, dns.rrset.from_rdata(data.name, 3600, child.sign(data))]
    w.serve(LEAF, "example.com.", "www.example.com. DS")
    w.raw(LEAF, [("www.example.com. A", wrong, "qname qtype")])
    w.serve(SUB, "sub.example.com.")
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_wildcard_of_parent():
    """A wildcard of the parent does not reach below a cut."""
    w = below("parent's wildcard below the cut", None, "nsec", "nsec")
    zone = w.zones["example.com."]
    zone.add("*.sub.example.com. A 203.0.113.66")
    data = rr("www.sub.example.com. 3600 A 203.0.113.66")
    wrong = Response()
    wrong.answer = [data, dns.rrset.from_rdata(data.name, 3600, zone.key.sign(data, owner=name("*.sub.example.com.")))]
    del zone.sets[(name("*.sub.example.com."), 1)]
    wrong.authority = zone.nsec(name("sub.example.com."))
    w.serve(LEAF, "example.com.")
    w.raw(SUB, [("www.sub.example.com. A", wrong, "qname qtype")])
    w.serve(SUB, "sub.example.com.", "www.sub.example.com. DS")
    w.ask("www.sub.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_wildcard_replayed():
    """The wildcard's data under a name that exists: the proof that it does not exist is missing."""
    w = simple("wildcard replayed", "nsec", text="*.w A 203.0.113.5\nreal.w A 203.0.113.6\n")
    zone = w.zones["example.com."]
    data = rr("real.w.example.com. 3600 A 203.0.113.5")
    wrong = Response()
    wrong.answer = [data, dns.rrset.from_rdata(data.name, 3600, zone.key.sign(data, owner=name("*.w.example.com.")))]
    wrong.authority = zone.nsec(name("real.w.example.com."))
    w.raw(LEAF, [("real.w.example.com. A", wrong, "qname qtype")])
    w.serve(LEAF, "example.com.", "real.w.example.com. DS")
    w.ask("real.w.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def val_cd_then_without():
    """What CD brought into the cache is validated for the next one."""
    w = simple("cd first", "nsec", text="www A 203.0.113.1\n")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", zone="example.com.", cd=True, match="rcode question answer")
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    w.ask("www.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    return w


@case
def val_ds_of_root_child_missing():
    """A top-level name that does not exist, the root signed."""
    w = World("no such top", anchor=".")
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n", "nsec")
    w.serve("198.51.100.1", ".", "missing. A", "www.missing. A", ". NS", ". SOA", ". A", "missing. DS")
    for question in ("missing. A", "www.missing. A", ". SOA", ". A", "missing. DS"):
        w.ask(question, zone=".", ad=True, match=LOOSE)
    return w


# Iteration.

@case
def iter_referral_ttl_zero():
    """A referral that lives for no time is followed all the same."""
    w = plain("ttl 0 referral")
    refer = w.zones["com."].refer(name("example.com."))
    for section in ("authority", "additional"):
        setattr(refer, section, [dns.rrset.from_rdata(s.name, 0, *s) for s in getattr(refer, section)])
    w.serve("198.51.100.1", ".")
    w.raw(COM, [("example.com. A", refer, "subdomain")])
    w.serve(LEAF, "example.com.", "www.example.com. A", "mail.example.com. A")
    answered(w, "www.example.com. A")
    answered(w, "mail.example.com. A")
    return w


@case
def iter_referral_with_aa():
    """A referral that says AA."""
    w = plain("aa referral")
    refer = w.zones["com."].refer(name("example.com."))
    refer.aa = True
    w.serve("198.51.100.1", ".")
    w.raw(COM, [("example.com. A", refer, "subdomain")])
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_soa_of_parent():
    """NXDOMAIN with the SOA of a zone above."""
    w = plain("soa above")
    tops(w)

    def change(r, q):
        r.authority = [rr("com. 3600 SOA a. b. 1 2 3 4 300")]
    w.serve(LEAF, "example.com.", "missing.example.com. A", change=change)
    w.ask("missing.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match=LOOSE)
    return w


@case
def iter_soa_below():
    """NODATA with the SOA of a zone below: lame."""
    w = plain("soa of a cousin", glue=(LEAF, SECOND))
    tops(w)

    def change(r, q):
        r.authority = [rr("other.example.com. 3600 SOA a. b. 1 2 3 4 300")]
    w.serve(LEAF, "example.com.", "www.example.com. AAAA", change=change)
    w.serve(SECOND, "example.com.", "www.example.com. AAAA")
    w.ask("www.example.com. AAAA", answer=[], do=False, match=LOOSE)
    return w


@case
def iter_alias_to_root():
    w = plain("alias to the root", text="al CNAME .\n")
    w.serve("198.51.100.1", ".", ". A")
    w.serve(COM, "com.")
    w.serve(LEAF, "example.com.", "al.example.com. A")
    w.ask("al.example.com. A", answer=["al.example.com. 3600 CNAME ."], do=False, match=LOOSE)
    return w


@case
def iter_alias_across_and_back():
    """An alias to another zone and back."""
    w = plain("to and fro", text="www CNAME go.example.net.\nend A 203.0.113.9\n", net="go CNAME end.example.com.\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", "end.example.com. A")
    w.serve(NETLEAF, "example.net.", "go.example.net. A")
    w.ask("www.example.com. A", answer=["www.example.com. 3600 CNAME go.example.net.", "go.example.net. 3600 CNAME end.example.com.",
                                        "end.example.com. 3600 A 203.0.113.9"], do=False)
    return w


@case
def iter_alias_nx_other_zone():
    w = plain("alias to nothing", text="www CNAME no.example.net.\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.serve(NETLEAF, "example.net.", "no.example.net. A")
    w.ask("www.example.com. A", rcode="NXDOMAIN", answer=["www.example.com. 3600 CNAME no.example.net."], do=False, match=LOOSE)
    w.ask("www.example.com. A", rcode="NXDOMAIN", answer=["www.example.com. 3600 CNAME no.example.net."], do=False, match=LOOSE)
    return w


@case
def iter_alias_says_nx():
    """RFC 6604: NXDOMAIN with an alias that leads out of the zone is not about the alias's target there."""
    w = plain("alias and NXDOMAIN", text="www CNAME www.example.net.\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: setattr(r, "rcode", "NXDOMAIN"))
    w.serve(NETLEAF, "example.net.", "www.example.net. A")
    w.ask("www.example.com. A", answer=["www.example.com. 3600 CNAME www.example.net.", "www.example.net. 3600 A 203.0.113.77"], do=False)
    return w


@case
def iter_wildcards():
    text = "*.w A 203.0.113.4\n*.w MX 10 mail\nbelow.w A 203.0.113.5\n*.c CNAME www\nwww A 203.0.113.1\nx.y.e A 203.0.113.6\n"
    w = plain("wildcards", text=text)
    tops(w)
    questions = ["a.w.example.com. A", "a.b.w.example.com. MX", "a.w.example.com. TXT", "below.w.example.com. MX", "x.below.w.example.com. A",
                 "n.c.example.com. A", "e.example.com. A", "y.e.example.com. A", "z.e.example.com. A", "*.w.example.com. A", "w.example.com. A"]
    w.serve(LEAF, "example.com.", *questions)
    for question in questions:
        answered(w, question)
    return w


@case
def iter_wildcards_minimised():
    w = iter_wildcards()
    w.minimise = True
    return w


@case
def iter_name_errors_are_exact():
    """NXDOMAIN of an unsigned zone does not hide what is below (RFC 8020 is for those who can be believed, here by choice)."""
    w = plain("nx and below", text="a.b A 203.0.113.1\n")
    tops(w)
    w.serve(LEAF, "example.com.", "b.example.com. A", change=lambda r, q: setattr(r, "rcode", "NXDOMAIN"))
    w.serve(LEAF, "example.com.", "a.b.example.com. A")
    w.ask("b.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match=LOOSE)
    answered(w, "a.b.example.com. A")
    return w


@case
def iter_any_type():
    w = plain("any", text="www A 203.0.113.1\nwww AAAA 2001:db8::1\nwww TXT \"t\"\nal CNAME www\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. ANY", "al.example.com. ANY", "no.example.com. ANY")
    answered(w, "www.example.com. ANY")
    w.ask("al.example.com. ANY", answer=["al.example.com. 3600 CNAME www.example.com."], do=False, match=LOOSE)
    answered(w, "no.example.com. ANY", match=LOOSE)
    return w


@case
def iter_unknown_type():
    w = plain("unknown types", text="www TYPE65400 \\# 4 01020304\nwww HTTPS 0 other\nwww SVCB 0 other\n@ CAA 0 issue \"ca.example\"\n")
    tops(w)
    questions = ["www.example.com. TYPE65400", "www.example.com. HTTPS", "www.example.com. SVCB", "example.com. CAA", "www.example.com. TYPE65401"]
    w.serve(LEAF, "example.com.", *questions)
    for question in questions:
        answered(w, question)
    return w


@case
def iter_servers_by_alias_chain():
    """Servers named outside their zone, whose own zone has servers named elsewhere again."""
    w = plain("servers of servers", glue=(), net="ns A 192.0.2.2\n")
    w.zones["com."].add("example.com. NS ns.example.net.")
    w.zones["example.com."].add("@ NS ns.example.net.")
    tops(w)
    w.serve(NETLEAF, "example.net.", "ns.example.net. A", "ns.example.net. AAAA")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_apex_ns_differs():
    """The child has other servers than the parent says; both work."""
    w = plain("other servers in the child")
    w.zones["example.com."].sets.pop((name("example.com."), 2))
    w.zones["example.com."].add("@ NS ns9.example.com.")
    w.zones["example.com."].add("ns9 A " + SECOND)
    tops(w)
    for address in (LEAF, SECOND):
        w.serve(address, "example.com.", "www.example.com. A", "mail.example.com. A", "example.com. NS")
    answered(w, "www.example.com. A")
    answered(w, "example.com. NS")
    answered(w, "mail.example.com. A")
    return w


@case
def iter_parent_answers_ns():
    """NS of a delegated zone: the child's own set, not the parent's."""
    w = plain("ns from the child")
    w.zones["example.com."].sets[(name("example.com."), 2)] = rr("example.com. 1800 NS ns.example.com.")
    tops(w)
    w.serve(LEAF, "example.com.", "example.com. NS")
    answered(w, "example.com. NS")
    return w


@case
def iter_one_address_two_names():
    """Two server names with one address that is of no use; a third works."""
    w = plain("useless twice", glue=(DEAD, DEAD, LEAF))
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_cached_failure():
    """RFC 9520: a name that could not be resolved is not tried again at once."""
    w = plain("failure is cached")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: Response("SERVFAIL", aa=False), only=True, last=14)
    w.serve(LEAF, "example.com.", "www.example.com. A", first=15)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False, match=LOOSE)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False, match=LOOSE)
    w.wait(31)
    answered(w, "www.example.com. A")
    return w


# Forwarding.

def forwarding(title, change, check, *questions, text="www A 203.0.113.1\nal CNAME www\n"):
    def build():
        w = World(title, blocks=block("forward", ".", "forward-addr: 192.0.2.9"))
        w.zone("example.com.", text)
        w.serve("192.0.2.9", "example.com.", *questions, change=change, only=True)
        check(w)
        return w
    return build


def no_soa(r, q):
    forwarded(r, q)
    r.authority = []


def check_no_soa(w):
    w.ask("missing.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match=LOOSE)
    w.ask("www.example.com. AAAA", answer=[], do=False, match=LOOSE)


CASES["fwd_no_soa"] = forwarding("negative answers without SOA", no_soa, check_no_soa, "missing.example.com. A", "www.example.com. AAAA")


def only_alias(r, q):
    forwarded(r, q)
    r.answer = r.answer[:1]


def check_alias(w):
    answered(w, "al.example.com. A")


CASES["fwd_alias_alone"] = forwarding("the forwarder stops at the alias", only_alias, check_alias, "al.example.com. A")


@case
def fwd_zero_ttl():
    """TTL 0 from a forwarder: told, not kept."""
    w = World("ttl 0", blocks=block("forward", ".", "forward-addr: 192.0.2.9"))
    w.zone("example.com.", "www 0 A 203.0.113.1\n")
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", change=forwarded, only=True)
    answered(w, "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def fwd_and_alias_out():
    """An alias out of a forwarded zone is followed by iteration."""
    w = plain("out of the forward zone", text="www CNAME www.example.net.\n", blocks=block("forward", "example.com", "forward-addr: 192.0.2.9"))
    tops(w)
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", change=forwarded, only=True)
    w.serve(NETLEAF, "example.net.", "www.example.net. A")
    w.ask("www.example.com. A", answer=["www.example.com. 3600 CNAME www.example.net.", "www.example.net. 3600 A 203.0.113.77"], do=False)
    return w


# Policies.

@case
def rpz_everything():
    """A wildcard at the policy zone's top stands for all names; what passes is named before."""
    w = ruled("all names", policy("rpz.example.org.", "www.example.com CNAME rpz-passthru.\n* CNAME .\n"))
    w.ask("www.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    w.ask("mail.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    w.ask("elsewhere.example. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    return w


@case
def rpz_wildcard_not_itself():
    """A wildcard does not stand for the name that it hangs from; the closest wildcard counts."""
    w = ruled("wildcards", policy("rpz.example.org.", "*.deep.example.com CNAME .\n*.example.com A 192.0.2.77\n"))
    w.ask("x.deep.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    w.ask("deep.example.com. A", answer=["deep.example.com. 3600 A 192.0.2.77"], do=False, match="rcode question answer")
    return w


@case
def rpz_longest_prefix():
    w = ruled("prefixes", policy("rpz.example.org.", "8.0.0.0.203.rpz-ip CNAME .\n32.1.113.0.203.rpz-ip A 192.0.2.82\n"))
    w.ask("www.example.com. A", answer=["www.example.com. 3600 A 192.0.2.82"], do=False, match="rcode question answer")
    w.ask("mail.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    return w


@case
def rpz_name_before_address():
    """In one zone the question's name counts before the answer's addresses."""
    w = ruled("name first", policy("rpz.example.org.", "32.1.113.0.203.rpz-ip CNAME .\nwww.example.com CNAME rpz-passthru.\n"))
    w.ask("www.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    return w


@case
def rpz_second_zone_after_address():
    """An address trigger in the first zone counts before a name in the second."""
    w = ruled("zone order", policy("one.example.org.", "32.1.113.0.203.rpz-ip CNAME .\n"), policy("two.example.org.", "www.example.com A 192.0.2.90\n"))
    w.ask("www.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    return w


@case
def rpz_server_wildcard():
    w = ruled("servers by wildcard", policy("rpz.example.org.", "*.example.com.rpz-nsdname CNAME *.\n"))
    w.ask("www.example.com. A", answer=[], do=False, match="rcode question answer")
    return w


@case
def rpz_two_types():
    w = ruled("several types", policy("rpz.example.org.", "www.example.com A 192.0.2.91\nwww.example.com A 192.0.2.92\nwww.example.com AAAA 2001:db8::91\n"))
    w.ask("www.example.com. A", answer=["www.example.com. 3600 A 192.0.2.91", "www.example.com. 3600 A 192.0.2.92"], do=False, match="rcode question answer")
    w.ask("www.example.com. AAAA", answer=["www.example.com. 3600 AAAA 2001:db8::91"], do=False, match="rcode question answer")
    w.ask("www.example.com. TXT", answer=[], do=False, match="rcode question answer")
    return w


@case
def rpz_signed_answer():
    """A signed zone's answer is changed too, when the client does not validate."""
    w = simple("signed and changed", "nsec", "module-config: \"respip validator iterator\"", text="www A 203.0.113.1\nmail A 203.0.113.2\n")
    w.blocks = policy("rpz.example.org.", "www.example.com A 192.0.2.93\n32.2.113.0.203.rpz-ip CNAME .\n")
    w.serve(LEAF, "example.com.", "www.example.com. A", "mail.example.com. A")
    w.ask("www.example.com. A", answer=["www.example.com. 3600 A 192.0.2.93"], do=False, match="rcode question answer")
    w.ask("mail.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    return w


# Local names.

@case
def local_aliases():
    """Aliases among local data, and out of them; the top of a local zone; the SOA of what is not there."""
    w = plain("local aliases", "local-zone: \"home.example.com.\" static", "local-data: \"gw.home.example.com. 60 IN A 192.0.2.90\"",
              "local-data: \"al.home.example.com. 60 IN CNAME gw.home.example.com.\"",
              "local-data: \"out.home.example.com. 60 IN CNAME www.example.com.\"",
              "local-data: \"nowhere.home.example.com. 60 IN CNAME missing.home.example.com.\"")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    gw, loose = "gw.home.example.com. 60 A 192.0.2.90", "rcode question answer"
    w.ask("al.home.example.com. A", answer=["al.home.example.com. 60 CNAME gw.home.example.com.", gw], do=False, match=loose)
    w.ask("al.home.example.com. CNAME", answer=["al.home.example.com. 60 CNAME gw.home.example.com."], do=False, match=loose)
    w.ask("out.home.example.com. A", answer=["out.home.example.com. 60 CNAME www.example.com.", "www.example.com. 3600 A 203.0.113.1"], do=False,
          match=loose)
    w.ask("nowhere.home.example.com. A", rcode="NXDOMAIN", answer=["nowhere.home.example.com. 60 CNAME missing.home.example.com."], do=False, match=loose)
    w.ask("al.home.example.com. AAAA", answer=["al.home.example.com. 60 CNAME gw.home.example.com."], do=False, match=loose)
    w.ask("home.example.com. SOA", answer=["home.example.com. 10800 SOA localhost. nobody.invalid. 1 3600 1200 604800 10800"], do=False, match=loose)
    return w


@case
def local_special_names():
    """RFC 6761 6.3: names below localhost are localhost; RFC 6303 3: the zones have SOA and NS."""
    w = plain("special names")
    tops(w)
    loose = "rcode question answer"
    w.ask("a.b.localhost. A", answer=["a.b.localhost. 10800 A 127.0.0.1"], do=False, match=loose)
    w.ask("localhost. MX", answer=[], do=False, match=loose)
    w.ask("10.in-addr.arpa. NS", answer=["10.in-addr.arpa. 10800 NS localhost."], do=False, match=loose)
    w.ask("1.0.0.10.in-addr.arpa. PTR", rcode="NXDOMAIN", answer=[], do=False, match=loose)
    w.ask("x.test. A", rcode="NXDOMAIN", answer=[], do=False, match=loose)
    return w


@case
def dns64_reverse():
    """RFC 6147 5.3.1: names of addresses behind the prefix are those of the IPv4 addresses in them; 5.1.2: servers that fail
    over AAAA alone are as if they had none."""
    w = plain("reverse and failing", "module-config: \"dns64 iterator\"", "dns64-prefix: 64:ff9b::/96",
              "local-data: \"1.113.0.203.in-addr.arpa. 60 IN PTR www.example.com.\"")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.serve(LEAF, "example.com.", "www.example.com. AAAA", change=lambda r, q: Response("SERVFAIL", aa=False))
    owner = "1.0.1.7.0.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa."
    w.ask(owner + " PTR", answer=[owner + " 600 CNAME 1.113.0.203.in-addr.arpa.", "1.113.0.203.in-addr.arpa. 60 PTR www.example.com."], do=False,
          match="rcode question answer")
    w.ask("www.example.com. AAAA", answer=["www.example.com. 3600 AAAA 64:ff9b::cb00:7101"], do=False, match="rcode question answer")
    return w
