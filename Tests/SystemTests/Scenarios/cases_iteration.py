"""Finding servers and getting something useful out of them: referrals, glue, lame and broken servers, aliases, minimised
questions, stub and forward zones, timeouts."""

import dns.rrset
from worlds import Response, World, name

COM, LEAF, SECOND, NETADDR, NETLEAF = "192.0.2.1", "192.0.2.2", "192.0.2.6", "192.0.2.4", "192.0.2.5"
DEAD, DEAD2 = "192.0.2.250", "192.0.2.251"
CASES = {}


def case(build):
    CASES[build.__name__] = build
    return build


def plain(title, *options, text="www A 203.0.113.1\nmail A 203.0.113.2\n@ MX 10 mail\nalias CNAME www\n", glue=(LEAF,), net="www A 203.0.113.77\n", **words):
    """example.com and example.net, unsigned, below com and net."""
    w = World(title, *options, **words)
    w.zone(".", "@ NS a.root.\na.root. A 198.51.100.1\n")
    w.zone("com.")
    w.zone("net.")
    w.zone("example.com.", text)
    w.zone("example.net.", net)
    w.delegate(".", "com.", COM)
    w.delegate(".", "net.", NETADDR)
    if glue:
        w.delegate("com.", "example.com.", list(glue))
    w.delegate("net.", "example.net.", NETLEAF)
    return w


def tops(w, com=True):
    w.serve("198.51.100.1", ".")
    if com:
        w.serve(COM, "com.")
    w.serve(NETADDR, "net.")


def answered(w, question, **words):
    w.ask(question, zone="example.com.", do=False, **words)


QUESTIONS = ["www.example.com. A", "www.example.com. AAAA", "missing.example.com. A", "alias.example.com. A", "example.com. MX", "example.com. NS",
             "example.com. SOA"]


def resolve(minimise):
    def build():
        w = plain("resolve", minimise=minimise)
        tops(w)
        w.serve(LEAF, "example.com.", *QUESTIONS)
        for question in QUESTIONS:
            answered(w, question)
        return w
    return build


CASES["iter_plain"] = resolve(False)
CASES["iter_plain_minimised"] = resolve(True)


def first_wrong(change, *questions, others=True):
    """The first of two servers says something useless."""
    def build():
        w = plain("one of two servers is of no use", glue=(LEAF, SECOND))
        tops(w)
        w.serve(LEAF, "example.com.", *questions, change=change, only=not others)
        w.serve(SECOND, "example.com.", *questions)
        for question in questions:
            answered(w, question)
        return w
    return build


def upward(r, q):
    made = Response(aa=False)
    made.authority = [dns.rrset.from_text(".", 3600, "IN", "NS", "a.root.")]
    return made


def recursing(r, q):
    made = Response(aa=False)
    made.flags.append("RA")
    return made


def itself(r, q):
    made = Response(aa=False)
    made.authority = [dns.rrset.from_text("example.com.", 3600, "IN", "NS", "ns.example.com.")]
    return made


def sideways(r, q):
    made = Response(aa=False)
    made.authority = [dns.rrset.from_text("example.org.", 3600, "IN", "NS", "ns.example.org.")]
    return made


WRONG = {"servfail": lambda r, q: Response("SERVFAIL"), "refused": lambda r, q: Response("REFUSED", aa=False),
         "formerr": lambda r, q: Response("FORMERR", aa=False), "notimpl": lambda r, q: Response("NOTIMPL", aa=False),
         "notauth": lambda r, q: Response("NOTAUTH", aa=False), "yxrrset": lambda r, q: Response("YXDOMAIN", aa=False),
         "upward": upward, "sideways": sideways, "itself": itself, "recursing_empty": recursing}
for what, change in WRONG.items():
    CASES["iter_lame_" + what] = first_wrong(change, "www.example.com. A", "missing.example.com. A", others=False)


@case
def iter_first_dead():
    """The first server is silent."""
    w = plain("one of two is dead", glue=(DEAD, SECOND))
    tops(w)
    w.serve(SECOND, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_all_refuse():
    w = plain("everyone refuses", glue=(LEAF, SECOND))
    tops(w)
    for address in (LEAF, SECOND):
        w.serve(address, "example.com.", "www.example.com. A", change=lambda r, q: Response("REFUSED", aa=False), only=True)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False)
    return w


@case
def iter_no_aa():
    """Answers without AA, from the only servers that there are."""
    w = plain("no aa")
    tops(w)

    def change(r, q):
        r.aa = False
    w.serve(LEAF, "example.com.", "www.example.com. A", "missing.example.com. A", "www.example.com. AAAA", change=change)
    answered(w, "www.example.com. A")
    answered(w, "missing.example.com. A")
    answered(w, "www.example.com. AAAA")
    return w


@case
def iter_ra_no_aa():
    """The only server recurses: its answer is better than none."""
    w = plain("recursive and not authoritative")
    tops(w)

    def change(r, q):
        r.aa = False
        r.flags.append("RA")
    w.serve(LEAF, "example.com.", "www.example.com. A", change=change)
    answered(w, "www.example.com. A")
    return w


@case
def iter_no_soa():
    """NODATA and NXDOMAIN without SOA."""
    w = plain("no soa")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. AAAA", "missing.example.com. A", change=lambda r, q: r.without("authority", "SOA"))
    w.ask("www.example.com. AAAA", answer=[], do=False, match="rcode flags question answer")
    w.ask("missing.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode flags question answer")
    return w


@case
def iter_lame_noaa_aaaa():
    """A server that is lame for AAAA only."""
    w = plain("lame for aaaa", glue=(LEAF, SECOND))
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.raw(LEAF, [("www.example.com. AAAA", upward(None, None), "qname qtype")])
    w.serve(SECOND, "example.com.", "www.example.com. A", "www.example.com. AAAA")
    answered(w, "www.example.com. A")
    answered(w, "www.example.com. AAAA")
    answered(w, "www.example.com. A")
    return w


# Names of servers.

@case
def iter_no_glue():
    """Servers in another zone, to be looked up."""
    w = plain("no glue", glue=(), net="www A 203.0.113.77\nns1 A %s\n" % LEAF)
    w.zones["com."].add("example.com. NS ns1.example.net.")
    w.zones["example.com."].add("@ NS ns1.example.net.")
    tops(w)
    w.serve(NETLEAF, "example.net.", "ns1.example.net. A", "ns1.example.net. AAAA")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_no_glue_alias():
    """The name of a server is an alias: not to be followed, but the other one is good."""
    w = plain("server name is an alias", glue=(), net="www A 203.0.113.77\nns1 CNAME www\nns2 A %s\n" % LEAF)
    for server in ("ns1", "ns2"):
        w.zones["com."].add("example.com. NS %s.example.net." % server)
        w.zones["example.com."].add("@ NS %s.example.net." % server)
    tops(w)
    w.serve(NETLEAF, "example.net.", "ns1.example.net. A", "ns1.example.net. AAAA", "ns2.example.net. A", "ns2.example.net. AAAA")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_no_glue_one_missing():
    """One server's name does not exist."""
    w = plain("a server without address", glue=(), net="ns2 A %s\n" % LEAF)
    for server in ("ns1", "ns2"):
        w.zones["com."].add("example.com. NS %s.example.net." % server)
    tops(w)
    w.serve(NETLEAF, "example.net.", "ns1.example.net. A", "ns1.example.net. AAAA", "ns2.example.net. A", "ns2.example.net. AAAA")
    w.zones["example.com."].add("@ NS ns2.example.net.")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_cycle():
    """Two zones whose servers are in each other, without glue: failure, and nothing else suffers."""
    w = plain("cycle", glue=())
    w.zones["com."].add("example.com. NS ns1.cycle.net.")
    w.zones["net."].add("cycle.net. NS ns1.example.com.")
    tops(w)
    w.serve(NETLEAF, "example.net.", "www.example.net. A")
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False)
    w.ask("www.example.net. A", zone="example.net.", do=False)
    return w


@case
def iter_cycle_with_exit():
    """As before, but one of the servers has glue."""
    w = plain("cycle with an exit", glue=())
    w.zone("cycle.net.", "ns1 A %s\n" % LEAF)
    w.zones["com."].add("example.com. NS ns1.cycle.net.")
    w.zones["net."].add("cycle.net. NS ns1.example.com.")
    w.delegate("net.", "cycle.net.", SECOND)
    w.zones["example.com."].add("@ NS ns1.cycle.net.")
    tops(w)
    w.serve(SECOND, "cycle.net.", "ns1.cycle.net. A", "ns1.cycle.net. AAAA")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_glue_missing_in_domain():
    """The referral has no glue for a server inside the zone; the parent has it when asked."""
    w = plain("missing glue", glue=())
    w.zones["com."].add("example.com. NS ns.example.com.")
    w.zones["example.com."].add("@ NS ns.example.com.")
    w.zones["example.com."].add("ns A %s" % LEAF)
    tops(w, com=False)
    bare = w.zones["com."].refer(name("example.com."))
    glue = Response(aa=False)
    glue.authority = list(bare.authority)
    glue.additional = [dns.rrset.from_text("ns.example.com.", 3600, "IN", "A", LEAF)]
    w.raw(COM, [("ns.example.com. A", glue, "qname qtype"), ("example.com. A", bare, "subdomain")])
    w.serve(COM, "com.", referrals=False)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", do=False, check=False)
    w.ask("www.example.com. A", do=False, match="question", zone="example.com.")
    return w


@case
def iter_wrong_glue():
    """The glue is old; the zone itself knows the server's address."""
    w = plain("old glue", glue=(), net="ns1 A %s\n" % LEAF)
    w.zones["com."].add("example.com. NS ns1.example.net.")
    w.zones["example.com."].add("@ NS ns1.example.net.")
    tops(w, com=False)
    refer = w.zones["com."].refer(name("example.com."))
    refer.additional = [dns.rrset.from_text("ns1.example.net.", 3600, "IN", "A", DEAD)]
    w.raw(COM, [("example.com. A", refer, "subdomain")])
    w.serve(NETLEAF, "example.net.", "ns1.example.net. A", "ns1.example.net. AAAA")
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_bad_glue_addresses():
    """0.0.0.0, multicast and broadcast are no servers."""
    w = plain("odd addresses", glue=("0.0.0.0", "224.0.0.1", "255.255.255.255", LEAF))
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_ipv6_only():
    w = plain("servers with IPv6 addresses only", glue=("2001:db8::53",))
    tops(w)
    w.serve("2001:db8::53", "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_no_ipv6():
    """Without IPv6 here a server with both addresses is asked over IPv4."""
    w = plain("no IPv6", "do-ip6: no", glue=("2001:db8::53", LEAF))
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def iter_parent_serves_child():
    """One server for parent and child: the answer comes without a referral."""
    w = plain("parent and child on one server", glue=(), net="")
    w.zones["com."].add("example.com. NS ns.com.")
    w.zones["example.com."].add("@ NS ns.com.")
    tops(w, com=False)
    w.serve(COM, "example.com.", "www.example.com. A", "missing.example.com. A", "example.com. A")
    w.serve(COM, "com.", referrals=False)
    answered(w, "www.example.com. A")
    answered(w, "missing.example.com. A")
    return w


@case
def iter_ds_parent_child_one_server():
    """DS of a child whose server also serves the parent."""
    w = plain("ds with both sides on one server", glue=())
    w.zones["com."].add("example.com. NS ns.com.")
    w.zones["example.com."].add("@ NS ns.com.")
    tops(w, com=False)
    denial = Response()
    denial.authority = [w.zones["com."].sets[(name("com."), 6)]]
    w.raw(COM, [("example.com. DS", denial, "qname qtype")])
    w.serve(COM, "example.com.", "www.example.com. A")
    w.serve(COM, "com.", referrals=False)
    answered(w, "www.example.com. A")
    w.ask("example.com. DS", answer=[], authority=denial.authority, do=False)
    return w


@case
def iter_ghost():
    """A zone that its parent has dropped dies with the delegation's TTL."""
    w = plain("ghost")
    w.zones["com."].sets[(name("example.com."), 2)].ttl = 60
    w.zones["com."].sets[(name("ns.example.com."), 1)].ttl = 60
    tops(w, com=False)
    w.serve(COM, "com.", last=25)
    gone = Response("NXDOMAIN")
    gone.authority = [w.zones["com."].sets[(name("com."), 6)]]
    w.raw(COM, [("example.com. A", gone, "subdomain")], first=26)
    w.serve(LEAF, "example.com.", "www.example.com. A", "mail.example.com. A", "other.example.com. A")
    answered(w, "www.example.com. A")
    w.wait(100)
    w.ask("mail.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode flags question answer")
    return w


@case
def iter_zone_moves():
    """The parent delegates elsewhere; after the TTL the new servers are asked."""
    w = plain("moved")
    w.zones["com."].sets[(name("example.com."), 2)].ttl = 60
    w.zones["com."].sets[(name("ns.example.com."), 1)].ttl = 60
    tops(w, com=False)
    w.serve(COM, "com.", last=25)
    moved = w.zones["com."].refer(name("example.com."))
    moved.additional = [dns.rrset.from_text("ns.example.com.", 60, "IN", "A", SECOND)]
    w.raw(COM, [("example.com. A", moved, "subdomain")], first=26)
    w.serve(LEAF, "example.com.", "www.example.com. A", last=25)
    w.serve(SECOND, "example.com.", "mail.example.com. A", first=26)
    answered(w, "www.example.com. A")
    w.wait(100)
    answered(w, "mail.example.com. A")
    return w


# What comes along.

def with_more(section, text, asked="www.example.net. A"):
    def build():
        w = plain("records that nobody asked for: " + text)
        tops(w)
        words = text.split(None, 3)

        def change(r, q):
            getattr(r, section).append(dns.rrset.from_text(words[0], int(words[1]), "IN", words[2], words[3]))
        w.serve(LEAF, "example.com.", "www.example.com. A", change=change)
        w.serve(NETLEAF, "example.net.", "www.example.net. A")
        w.ask("www.example.com. A", answer=w.respond("example.com.", "www.example.com. A").answer, do=False)
        w.ask(asked, zone="example.net.", do=False)
        return w
    return build


CASES["iter_scrub_answer"] = with_more("answer", "www.example.net. 3600 A 203.0.113.66")
CASES["iter_scrub_authority"] = with_more("authority", "net. 3600 NS ns.example.com.")
CASES["iter_scrub_authority_root"] = with_more("authority", ". 3600 NS ns.example.com.")
CASES["iter_scrub_additional"] = with_more("additional", "www.example.net. 3600 A 203.0.113.66")
CASES["iter_scrub_dname"] = with_more("answer", "example.net. 3600 DNAME example.com.")
CASES["iter_scrub_dname_above"] = with_more("answer", "com. 3600 DNAME example.net.")
CASES["iter_scrub_cname"] = with_more("answer", "www.example.net. 3600 CNAME www.example.com.")


@case
def iter_scrub_alias_data():
    """CNAME and other data at one name."""
    w = plain("alias beside data")
    tops(w)

    def change(r, q):
        r.answer.insert(0, dns.rrset.from_text("alias.example.com.", 3600, "IN", "A", "203.0.113.66"))
    w.serve(LEAF, "example.com.", "mail.example.com. A")
    w.serve(LEAF, "example.com.", "alias.example.com. A")
    answered(w, "alias.example.com. A")
    return w


@case
def iter_alias_chain():
    w = plain("chain over zones", text="a CNAME b\nb CNAME c.example.net.\nd CNAME www.example.net.\n", net="c CNAME d.example.com.\nwww A 203.0.113.77\n")
    tops(w)
    w.serve(LEAF, "example.com.", "a.example.com. A", "d.example.com. A")
    w.serve(NETLEAF, "example.net.", "c.example.net. A", "www.example.net. A")
    every = [w.respond("example.com.", "a.example.com. A"), w.respond("example.net.", "c.example.net. A"), w.respond("example.com.", "d.example.com. A"),
             w.respond("example.net.", "www.example.net. A")]
    w.ask("a.example.com. A", answer=sum((r.answer for r in every), []), do=False)
    return w


@case
def iter_alias_nodata_other_zone():
    w = plain("alias to nodata", text="a CNAME www.example.net.\nx CNAME no.example.net.\n")
    tops(w)
    w.serve(LEAF, "example.com.", "a.example.com. AAAA", "x.example.com. A", "x.example.com. CNAME")
    w.serve(NETLEAF, "example.net.", "www.example.net. AAAA", "no.example.net. A")
    for question, target in (("a.example.com. AAAA", "www.example.net. AAAA"), ("x.example.com. A", "no.example.net. A")):
        other = w.respond("example.net.", target)
        w.ask(question, rcode=other.rcode, answer=w.respond("example.com.", question).answer, authority=other.authority, do=False)
    answered(w, "x.example.com. CNAME")
    return w


@case
def iter_alias_target_fails():
    w = plain("alias to a dead zone", text="a CNAME www.example.net.\n")
    tops(w)
    w.serve(LEAF, "example.com.", "a.example.com. A")
    w.serve(NETLEAF, "example.net.", "www.example.net. A", change=lambda r, q: Response("SERVFAIL"), only=True)
    w.ask("a.example.com. A", rcode="SERVFAIL", answer=[], do=False, match="rcode flags question")
    return w


@case
def iter_dname_plain():
    w = plain("dname", text="dn DNAME example.net.\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.dn.example.com. A", "x.dn.example.com. A")
    w.serve(NETLEAF, "example.net.", "www.example.net. A", "x.example.net. A")
    for question, target in (("www.dn.example.com. A", "www.example.net. A"), ("x.dn.example.com. A", "x.example.net. A")):
        other = w.respond("example.net.", target)
        w.ask(question, rcode=other.rcode, answer=w.respond("example.com.", question).answer + other.answer, authority=other.authority, do=False)
    return w


# Minimised questions (RFC 9156).

DEEP = "www.a.b.c.example.com. A"


def minimised(change, title):
    def build():
        w = plain(title, minimise=True, text="www.a.b.c A 203.0.113.1\n")
        tops(w)
        entries = []
        for owner in ("c.example.com. A", "b.c.example.com. A", "a.b.c.example.com. A"):
            response = change(w.respond("example.com.", owner))
            if response is not None:
                entries.append((owner, response, "qname qtype"))
        w.raw(LEAF, entries)
        w.serve(LEAF, "example.com.", DEEP)
        answered(w, DEEP)
        return w
    return build


CASES["iter_minimised_ent"] = minimised(lambda r: r, "empty names on the way")


def says(rcode):
    def change(r):
        made = r.copy()
        made.rcode = rcode
        if rcode != "NXDOMAIN":
            made.authority = []
        return made
    return change


for rcode in ("NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMPL"):
    CASES["iter_minimised_" + rcode.lower()] = minimised(says(rcode), "names on the way get " + rcode)
CASES["iter_minimised_upward"] = minimised(lambda r: upward(None, None), "referrals upward on the way")
CASES["iter_minimised_nothing"] = minimised(lambda r: None, "no entries on the way")


@case
def iter_minimised_alias_on_the_way():
    """A name on the way is an alias."""
    w = plain("alias on the way", minimise=True, text="c CNAME elsewhere\nwww.a.b.c A 203.0.113.1\n")
    tops(w)
    alias = Response()
    alias.answer = [dns.rrset.from_text("c.example.com.", 3600, "IN", "CNAME", "elsewhere.example.com.")]
    w.raw(LEAF, [("c.example.com. A", alias, "qname qtype")])
    for owner in ("b.c.example.com. A", "a.b.c.example.com. A"):
        w.raw(LEAF, [(owner, w.respond("example.com.", owner), "qname qtype")])
    w.serve(LEAF, "example.com.", DEEP)
    answered(w, DEEP)
    return w


# Stub and forward zones.

def block(kind, zone, *lines):
    return "\n".join(["%s-zone:" % kind, "\tname: \"%s\"" % zone] + ["\t" + line for line in lines]) + "\n"


@case
def stub_zone():
    """A stub zone's servers are asked iteratively; what they refer to is followed."""
    w = plain("stub", blocks=block("stub", "example.com", "stub-addr: 192.0.2.9"))
    tops(w)
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", "missing.example.com. A")
    answered(w, "www.example.com. A")
    answered(w, "missing.example.com. A")
    return w


@case
def stub_first():
    w = plain("stub with fallback", blocks=block("stub", "example.com", "stub-addr: 192.0.2.9", "stub-first: yes"))
    tops(w)
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", change=lambda r, q: Response("SERVFAIL"), only=True)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def stub_not_first():
    w = plain("stub without fallback", blocks=block("stub", "example.com", "stub-addr: 192.0.2.9"))
    tops(w)
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", change=lambda r, q: Response("SERVFAIL"), only=True)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False)
    return w


@case
def stub_host():
    w = plain("stub by name", blocks=block("stub", "example.com", "stub-host: www.example.net"), net="www A 192.0.2.9\n")
    tops(w)
    w.serve(NETLEAF, "example.net.", "www.example.net. A", "www.example.net. AAAA")
    w.serve("192.0.2.9", "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def stub_below_stub():
    """The closest stub zone counts; its child's referral is followed."""
    w = plain("stub below stub", blocks=block("stub", "example.com", "stub-addr: 192.0.2.9") + block("stub", "sub.example.com", "stub-addr: 192.0.2.10"))
    w.zone("sub.example.com.", "www A 203.0.113.8\n")
    tops(w)
    w.serve("192.0.2.9", "example.com.", "www.example.com. A")
    w.serve("192.0.2.10", "sub.example.com.", "www.sub.example.com. A")
    answered(w, "www.example.com. A")
    w.ask("www.sub.example.com. A", zone="sub.example.com.", do=False)
    return w


def forwarded(r, q):
    r.aa = False
    r.flags += ["RD", "RA"]


@case
def fwd_zone():
    w = plain("forward", blocks=block("forward", "example.com", "forward-addr: 192.0.2.9"))
    tops(w)
    w.serve("192.0.2.9", "example.com.", *QUESTIONS, change=forwarded, only=True)
    for question in QUESTIONS:
        answered(w, question, match="rcode flags question answer")
    return w


@case
def fwd_root():
    """Everything is forwarded."""
    w = World("forward all", blocks=block("forward", ".", "forward-addr: 192.0.2.9"))
    w.zone("example.com.", "www A 203.0.113.1\nalias CNAME www\nfar CNAME www.example.net.\n")
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", "alias.example.com. A", "missing.example.com. A", "www.example.com. ANY",
            change=forwarded, only=True)
    far = Response(aa=False)
    far.flags += ["RD", "RA"]
    far.answer = [dns.rrset.from_text("far.example.com.", 3600, "IN", "CNAME", "www.example.net."),
                  dns.rrset.from_text("www.example.net.", 3600, "IN", "A", "203.0.113.77")]
    w.raw("192.0.2.9", [("far.example.com. A", far, "qname qtype"), ("www.example.net. A", w_answer(far), "qname qtype")])
    for question in ("www.example.com. A", "alias.example.com. A", "missing.example.com. A"):
        answered(w, question, match="rcode flags question answer")
    w.ask("far.example.com. A", answer=far.answer, do=False)
    answered(w, "www.example.com. ANY")
    return w


def w_answer(far):
    made = far.copy()
    made.answer = far.answer[-1:]
    return made


@case
def fwd_two():
    """The first forwarder fails."""
    w = World("two forwarders", blocks=block("forward", ".", "forward-addr: 192.0.2.9", "forward-addr: 192.0.2.10"))
    w.zone("example.com.", "www A 203.0.113.1\n")
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", change=lambda r, q: Response("SERVFAIL", aa=False), only=True)
    w.serve("192.0.2.10", "example.com.", "www.example.com. A", change=forwarded, only=True)
    answered(w, "www.example.com. A")
    return w


@case
def fwd_two_dead():
    w = World("a dead forwarder", blocks=block("forward", ".", "forward-addr: %s" % DEAD, "forward-addr: 192.0.2.10"))
    w.zone("example.com.", "www A 203.0.113.1\n")
    w.serve("192.0.2.10", "example.com.", "www.example.com. A", change=forwarded, only=True)
    answered(w, "www.example.com. A")
    return w


@case
def fwd_first():
    w = plain("forward with fallback", blocks=block("forward", "example.com", "forward-addr: 192.0.2.9", "forward-first: yes"))
    tops(w)
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", change=lambda r, q: Response("REFUSED", aa=False), only=True)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def fwd_error():
    w = World("the only forwarder fails", blocks=block("forward", ".", "forward-addr: 192.0.2.9"))
    w.zone("example.com.", "www A 203.0.113.1\n")
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", change=lambda r, q: Response("SERVFAIL", aa=False), only=True)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False)
    return w


@case
def fwd_bogus():
    """A validating forwarder client: the forwarder's data must be signed."""
    w = World("validating behind a forwarder", anchor="example.com.", blocks=block("forward", ".", "forward-addr: 192.0.2.9"))
    w.zone("example.com.", "www A 203.0.113.1\nbad A 203.0.113.2\n@ NS ns.example.com.\n", "nsec")
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", "no.example.com. A", "example.com. DNSKEY", change=forwarded, only=True)
    w.serve("192.0.2.9", "example.com.", "bad.example.com. A", change=lambda r, q: forwarded(r.forged(), q), only=True)
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    w.ask("no.example.com. A", zone="example.com.", ad=True)
    w.ask("bad.example.com. A", rcode="SERVFAIL", answer=[])
    return w


@case
def fwd_ds_of_insecure():
    """DS records and their absence through a forwarder."""
    w = World("insecure behind a forwarder", anchor="example.com.", blocks=block("forward", ".", "forward-addr: 192.0.2.9"))
    w.zone("example.com.", "@ NS ns.example.com.\n", "nsec")
    w.zone("sub.example.com.", "www A 203.0.113.9\n")
    w.delegate("example.com.", "sub.example.com.", LEAF)
    w.serve("192.0.2.9", "example.com.", "sub.example.com. DS", "example.com. DNSKEY", change=forwarded, only=True)
    w.serve("192.0.2.9", "sub.example.com.", "www.sub.example.com. A", "no.sub.example.com. A", change=forwarded, only=True)
    denial = w.respond("example.com.", "sub.example.com. DS")
    denial.aa = False
    w.raw("192.0.2.9", [("www.sub.example.com. DS", w.respond("sub.example.com.", "www.sub.example.com. DS"), "qname qtype")])
    w.ask("www.sub.example.com. A", zone="sub.example.com.")
    w.ask("no.sub.example.com. A", zone="sub.example.com.")
    return w


@case
def fwd_below_stub():
    """A forward zone below a stub zone."""
    w = plain("forward below stub", blocks=block("stub", "example.com", "stub-addr: 192.0.2.9") + block("forward", "sub.example.com", "forward-addr: 192.0.2.10"))
    w.zone("sub.example.com.", "www A 203.0.113.8\n")
    tops(w)
    w.serve("192.0.2.9", "example.com.", "www.example.com. A")
    w.serve("192.0.2.10", "sub.example.com.", "www.sub.example.com. A", change=forwarded, only=True)
    answered(w, "www.example.com. A")
    w.ask("www.sub.example.com. A", zone="sub.example.com.", do=False)
    return w


@case
def iter_do_not_query():
    w = plain("never asked", "do-not-query-address: %s" % LEAF, glue=(LEAF, SECOND))
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: bad(r), only=True)
    w.serve(SECOND, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


@case
def stub_do_not_query():
    """Servers named by the configuration are not asked either."""
    w = plain("never asked, though named", "do-not-query-address: 192.0.2.9",
              blocks=block("stub", "example.com", "stub-addr: 192.0.2.9", "stub-addr: 192.0.2.10"))
    tops(w)
    w.serve("192.0.2.9", "example.com.", "www.example.com. A", change=lambda r, q: bad(r), only=True)
    w.serve("192.0.2.10", "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    return w


def bad(r):
    made = r.copy()
    made.answer = [dns.rrset.from_text("www.example.com.", 3600, "IN", "A", "203.0.113.66")]
    return made


@case
def iter_private_address():
    w = plain("private addresses", "private-address: 203.0.113.2", "private-address: 10.0.0.0/8", "private-domain: \"home.example.com\"",
              text="www A 203.0.113.1\nmix A 203.0.113.1\nmix A 10.1.2.3\nonly A 10.1.2.4\nh.home A 10.1.2.5\nsix AAAA 2001:db8::1\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", "mix.example.com. A", "only.example.com. A", "h.home.example.com. A", "six.example.com. AAAA")
    answered(w, "www.example.com. A")
    w.ask("mix.example.com. A", answer=["mix.example.com. 3600 A 203.0.113.1"], do=False)
    w.ask("only.example.com. A", answer=[], do=False, match="rcode flags question answer")
    answered(w, "h.home.example.com. A")
    answered(w, "six.example.com. AAAA")
    return w
