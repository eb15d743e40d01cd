"""What the resolver does for its own clients: expired answers, TTL limits, policies, local data, DNS64, key sentinel."""

import dns.rrset
from cases_denial import COM, LEAF, simple
from cases_iteration import answered, block, plain, tops
from worlds import Response, World

CASES = {}
STALE = ["serve-expired: yes", "serve-expired-reply-ttl: 123"]


def case(build):
    CASES[build.__name__] = build
    return build


def servfail(r, q):
    return Response("SERVFAIL", aa=False)


def refused(r, q):
    return Response("REFUSED", aa=False)


def stale(title, *options, text="www 10 A 203.0.113.1\nmail A 203.0.113.2\n", then=None, wait=20, questions=("www.example.com. A",)):
    """An answer that expires; afterwards the servers are silent, or say what `then` makes of it."""
    w = plain(title, *options, text=text)
    tops(w)
    w.serve(LEAF, "example.com.", *questions, last=15)
    if then:
        w.serve(LEAF, "example.com.", *questions, change=then, first=16, only=True)
    else:
        w.raw("203.0.113.200", [], first=16)
    return w


def expired(answer, ttl):
    made = Response()
    made.answer = [dns.rrset.from_rdata(s.name, ttl, *s) for s in answer]
    return made.answer


@case
def serve_expired():
    """With a timeout for clients: fresh data are tried first, and servers fail."""
    w = stale("expired after a failure", *STALE, "serve-expired-client-timeout: 1800", then=servfail)
    answered(w, "www.example.com. A")
    w.wait(20)
    w.ask("www.example.com. A", answer=expired(w.respond("example.com.", "www.example.com. A").answer, 123), do=False, match="all ttl")
    return w


@case
def serve_expired_servers_refuse():
    w = stale("expired after REFUSED", *STALE, "serve-expired-client-timeout: 1800", then=refused)
    answered(w, "www.example.com. A")
    w.wait(20)
    w.ask("www.example.com. A", answer=expired(w.respond("example.com.", "www.example.com. A").answer, 123), do=False, match="all ttl")
    return w


@case
def serve_expired_fresh_first():
    """The servers answer in time: nothing expired is served."""
    w = stale("fresh in time", *STALE, "serve-expired-client-timeout: 1800", then=lambda r, q: newer(r))
    answered(w, "www.example.com. A")
    w.wait(20)
    w.ask("www.example.com. A", answer=["www.example.com. 10 A 203.0.113.99"], do=False, match="all ttl")
    return w


def newer(r):
    r.answer = [dns.rrset.from_text("www.example.com.", 10, "IN", "A", "203.0.113.99")]
    return r


@case
def serve_expired_silent():
    """The servers are silent: the client does not wait for them."""
    w = stale("silence", *STALE, "serve-expired-client-timeout: 1000")
    w.ranges = [r for r in w.ranges if r[1] != "203.0.113.200"]
    answered(w, "www.example.com. A")
    w.wait(20)
    w.ask("www.example.com. A", answer=expired(w.respond("example.com.", "www.example.com. A").answer, 123), do=False, match="all ttl")
    return w


@case
def serve_expired_negative():
    """An expired NXDOMAIN is served too."""
    w = stale("expired absence", *STALE, "serve-expired-client-timeout: 1800", then=servfail, questions=("missing.example.com. A", "www.example.com. AAAA"))
    for question in ("missing.example.com. A", "www.example.com. AAAA"):
        answered(w, question)
    w.ranges = [((f, 25 if f == 0 and a == LEAF else l) if a == LEAF and f == 0 else (26 if a == LEAF and f else f, l), a, e) for (f, l), a, e in w.ranges]
    w.wait(1000)
    for question in ("missing.example.com. A", "www.example.com. AAAA"):
        answered(w, question, match="rcode flags question answer")
    return w


@case
def serve_expired_too_old():
    """Beyond the largest age nothing is served."""
    w = stale("too old", *STALE, "serve-expired-client-timeout: 1800", "serve-expired-ttl: 100", then=servfail)
    answered(w, "www.example.com. A")
    w.wait(200)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False)
    return w


@case
def serve_expired_off():
    w = stale("off", then=servfail)
    answered(w, "www.example.com. A")
    w.wait(20)
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], do=False)
    return w


@case
def serve_expired_alias():
    """A chain whose second part has expired."""
    w = stale("expired chain", *STALE, "serve-expired-client-timeout: 1800", text="a 10 CNAME www\nwww 10 A 203.0.113.1\n", then=servfail,
              questions=("a.example.com. A",))
    answered(w, "a.example.com. A")
    w.wait(20)
    w.ask("a.example.com. A", answer=expired(w.respond("example.com.", "a.example.com. A").answer, 123), do=False, match="all ttl")
    return w


@case
def serve_expired_recovers():
    """After the failure the servers are back: fresh data again."""
    w = plain("back again", *STALE, "serve-expired-client-timeout: 1800", text="www 10 A 203.0.113.1\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", last=15)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=servfail, only=True, first=16, last=35)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: newer(r), first=36)
    answered(w, "www.example.com. A")
    w.wait(20)
    w.ask("www.example.com. A", answer=expired(w.respond("example.com.", "www.example.com. A").answer, 123), do=False, match="all ttl")
    w.wait(200)
    w.ask("www.example.com. A", answer=["www.example.com. 10 A 203.0.113.99"], do=False)
    return w


@case
def serve_expired_bogus():
    """Fresh data that do not validate: expired secure ones are served."""
    w = simple("fresh but bogus", "nsec", *STALE, "serve-expired-client-timeout: 1800", text="www 10 A 203.0.113.1\n")
    w.serve(LEAF, "example.com.", "www.example.com. A", last=15)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: r.forged(), first=16)
    w.ask("www.example.com. A", zone="example.com.", ad=True)
    w.wait(20)
    w.ask("www.example.com. A", zone="example.com.", match="question")
    return w


# TTLs.

def ttl(options, text, seen, question="www.example.com. A"):
    def build():
        w = plain("ttl", *options, text=text)
        tops(w)
        w.serve(LEAF, "example.com.", question)
        w.ask(question, answer=seen, do=False, match="all ttl")
        return w
    return build


CASES["ttl_max"] = ttl(["cache-max-ttl: 100"], "www 5000 A 203.0.113.1\n", ["www.example.com. 100 A 203.0.113.1"])
CASES["ttl_min"] = ttl(["cache-min-ttl: 100"], "www 10 A 203.0.113.1\n", ["www.example.com. 100 A 203.0.113.1"])


@case
def ttl_counts_down():
    w = plain("counts down", text="www 300 A 203.0.113.1\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", last=15)
    w.ask("www.example.com. A", answer=["www.example.com. 300 A 203.0.113.1"], do=False, match="all ttl")
    w.wait(100)
    w.ask("www.example.com. A", answer=["www.example.com. 200 A 203.0.113.1"], do=False, match="all ttl")
    return w


@case
def ttl_zero():
    """TTL zero: for the one who asked, not from the cache."""
    w = plain("zero", text="www 0 A 203.0.113.1\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", last=15)
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: newer(r), first=16)
    w.ask("www.example.com. A", answer=["www.example.com. 0 A 203.0.113.1"], do=False, match="all ttl")
    w.wait(2)
    w.ask("www.example.com. A", answer=["www.example.com. 10 A 203.0.113.99"], do=False)
    return w


@case
def ttl_negative():
    """Absence lives as long as the SOA says, and no longer than allowed."""
    w = plain("absence", "cache-max-negative-ttl: 60")
    tops(w)
    w.serve(LEAF, "example.com.", "new.example.com. A", last=15)
    w.zones["example.com."].add("new A 203.0.113.5")
    w.serve(LEAF, "example.com.", "new.example.com. A", first=36)
    del w.zones["example.com."].sets[next(k for k in w.zones["example.com."].sets if k[0].labels[0] == b"new")]
    answered(w, "new.example.com. A")
    w.wait(30)
    answered(w, "new.example.com. A")
    w.wait(40)
    w.ask("new.example.com. A", answer=["new.example.com. 3600 A 203.0.113.5"], do=False)
    return w


@case
def ttl_different_in_set():
    """Records of one set have one TTL: the smallest (RFC 2181 5.2)."""
    w = plain("different TTLs", text="www A 203.0.113.1\n")
    tops(w)

    def change(r, q):
        r.answer = [dns.rrset.from_text("www.example.com.", 300, "IN", "A", "203.0.113.1"),
                    dns.rrset.from_text("www.example.com.", 100, "IN", "A", "203.0.113.2")]
    w.serve(LEAF, "example.com.", "www.example.com. A", change=change)
    w.ask("www.example.com. A", answer=["www.example.com. 100 A 203.0.113.1", "www.example.com. 100 A 203.0.113.2"], do=False, match="rcode flags question answer")
    return w


# Policies.

def policy(name, records, override="", *more):
    lines = ["rpz:", "\tname: \"%s\"" % name, "\tzonefile:", "TEMPFILE_NAME %s" % name, "TEMPFILE_CONTENTS %s" % name, "$ORIGIN %s" % name,
             "$TTL 3600", "@ IN SOA ns h 1 3600 900 604800 3600", "@ IN NS ns"] + records.strip().splitlines() + ["TEMPFILE_END"]
    lines += ["\trpz-action-override: %s" % override] if override else []
    return "\n".join(lines + list(more)) + "\n"


TEXT = "www A 203.0.113.1\nmail A 203.0.113.2\nbad A 198.51.100.66\nbad6 AAAA 2001:db8:bad::1\nalias CNAME www\nto CNAME bad\nx.deep A 203.0.113.3\nok A 203.0.113.4\n"


def ruled(title, *blocks, questions=()):
    w = plain(title, "module-config: \"respip iterator\"", text=TEXT, blocks="".join(blocks))
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", "mail.example.com. A", "bad.example.com. A", "bad6.example.com. AAAA", "alias.example.com. A",
            "to.example.com. A", "x.deep.example.com. A", "ok.example.com. A", "www.example.com. TXT", "deep.example.com. A", *questions)
    return w


@case
def rpz_qname():
    w = ruled("names", policy("rpz.example.org.", """
www.example.com CNAME .
mail.example.com CNAME *.
*.deep.example.com CNAME .
ok.example.com CNAME rpz-passthru.
*.example.com A 192.0.2.77
bad.example.com A 192.0.2.78
bad.example.com TXT "local"
"""))
    w.ask("www.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    w.ask("mail.example.com. A", answer=[], do=False, match="rcode question answer")
    w.ask("x.deep.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    w.ask("ok.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    w.ask("bad.example.com. A", answer=["bad.example.com. 3600 A 192.0.2.78"], do=False, match="rcode question answer")
    w.ask("bad.example.com. TXT", answer=["bad.example.com. 3600 TXT \"local\""], do=False, match="rcode question answer")
    w.ask("bad.example.com. MX", answer=[], do=False, match="rcode question answer")
    w.ask("any.example.com. A", answer=["any.example.com. 3600 A 192.0.2.77"], do=False, match="rcode question answer")
    return w


@case
def rpz_qname_cname():
    """A policy that sends elsewhere; wildcard targets keep the name in front."""
    w = ruled("elsewhere", policy("rpz.example.org.", """
www.example.com CNAME garden.example.net.
bad.example.com CNAME *.garden.example.net.
"""))
    w.serve("192.0.2.5", "example.net.", "garden.example.net. A", "bad.example.com.garden.example.net. A", change=lambda r, q: garden(q))
    w.ask("www.example.com. A", answer=["www.example.com. 3600 CNAME garden.example.net.", "garden.example.net. 3600 A 192.0.2.99"], do=False,
          match="rcode question answer")
    w.ask("bad.example.com. A", answer=["bad.example.com. 3600 CNAME bad.example.com.garden.example.net.", "bad.example.com.garden.example.net. 3600 A 192.0.2.99"],
          do=False, match="rcode question answer")
    return w


def garden(q):
    made = Response()
    made.answer = [dns.rrset.from_text(q.split()[0], 3600, "IN", "A", "192.0.2.99")]
    return made


@case
def rpz_respip():
    w = ruled("addresses in answers", policy("rpz.example.org.", """
24.0.100.51.198.rpz-ip CNAME .
48.zz.bad.db8.2001.rpz-ip CNAME *.
32.2.113.0.203.rpz-ip A 192.0.2.80
32.4.113.0.203.rpz-ip CNAME rpz-passthru.
24.0.113.0.203.rpz-ip CNAME .
32.1.113.0.203.rpz-ip CNAME rpz-passthru.
"""))
    w.ask("bad.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    w.ask("bad6.example.com. AAAA", answer=[], do=False, match="rcode question answer")
    w.ask("mail.example.com. A", answer=["mail.example.com. 3600 A 192.0.2.80"], do=False, match="rcode question answer")
    w.ask("www.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    w.ask("ok.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    w.ask("x.deep.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    return w


@case
def rpz_nsip_nsdname():
    w = ruled("servers", policy("rpz.example.org.", """
32.5.2.0.192.rpz-nsip CNAME .
ns.example.com.rpz-nsdname CNAME *.
"""))
    w.serve("192.0.2.5", "example.net.", "www.example.net. A")
    w.ask("www.example.net. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    w.ask("www.example.com. A", answer=[], do=False, match="rcode question answer")
    return w


@case
def rpz_client():
    w = ruled("clients", policy("rpz.example.org.", """
32.7.2.0.192.rpz-client-ip CNAME .
24.0.3.0.192.rpz-client-ip A 192.0.2.81
"""))
    w.ask("www.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    w.ask("www.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer", source="192.0.2.7")
    w.ask("www.example.com. A", answer=["www.example.com. 3600 A 192.0.2.81"], do=False, match="rcode question answer", source="192.0.3.9")
    w.ask("www.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    return w


@case
def rpz_order():
    """The first zone with a match decides."""
    w = ruled("order", policy("one.example.org.", "www.example.com CNAME rpz-passthru.\nmail.example.com A 192.0.2.82\n"),
              policy("two.example.org.", "www.example.com CNAME .\nmail.example.com CNAME .\nbad.example.com CNAME .\n"))
    w.ask("www.example.com. A", zone="example.com.", do=False, match="rcode question answer")
    w.ask("mail.example.com. A", answer=["mail.example.com. 3600 A 192.0.2.82"], do=False, match="rcode question answer")
    w.ask("bad.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    return w


def override(word, rcode, kept):
    def build():
        w = ruled("override " + word, policy("rpz.example.org.", "www.example.com A 192.0.2.83\n", word))
        if kept:
            w.ask("www.example.com. A", zone="example.com.", do=False, match="rcode question answer")
        else:
            w.ask("www.example.com. A", rcode=rcode, answer=[], do=False, match="rcode question answer")
        return w
    return build


CASES["rpz_override_nxdomain"] = override("nxdomain", "NXDOMAIN", False)
CASES["rpz_override_nodata"] = override("nodata", "NOERROR", False)
CASES["rpz_override_passthru"] = override("passthru", "NOERROR", True)
CASES["rpz_override_disabled"] = override("disabled", "NOERROR", True)


@case
def rpz_alias_target():
    """The target of an alias is judged too."""
    w = ruled("alias target", policy("rpz.example.org.", "www.example.com CNAME .\nbad.example.com A 192.0.2.84\n"))
    w.ask("to.example.com. A", answer=["to.example.com. 3600 CNAME bad.example.com.", "bad.example.com. 3600 A 192.0.2.84"], do=False, match="rcode question answer")
    w.ask("alias.example.com. A", rcode="NXDOMAIN", match="rcode question", do=False)
    return w


# Local data and the rest.

@case
def local_zones():
    w = plain("local", "local-zone: \"home.example.com.\" static", "local-data: \"gw.home.example.com. 60 IN A 192.0.2.90\"",
              "local-zone: \"ads.example.com.\" redirect", "local-data: \"ads.example.com. 60 IN A 192.0.2.91\"",
              "local-zone: \"no.example.com.\" refuse", "local-data: \"www.example.com. 60 IN A 192.0.2.92\"")
    tops(w)
    w.serve(LEAF, "example.com.", "mail.example.com. A")
    w.ask("gw.home.example.com. A", answer=["gw.home.example.com. 60 A 192.0.2.90"], do=False, match="rcode question answer")
    w.ask("x.home.example.com. A", rcode="NXDOMAIN", answer=[], do=False, match="rcode question answer")
    w.ask("gw.home.example.com. AAAA", answer=[], do=False, match="rcode question answer")
    w.ask("a.b.ads.example.com. A", answer=["a.b.ads.example.com. 60 A 192.0.2.91"], do=False, match="rcode question answer")
    w.ask("x.no.example.com. A", rcode="REFUSED", answer=[], do=False, match="rcode question answer")
    w.ask("www.example.com. A", answer=["www.example.com. 60 A 192.0.2.92"], do=False, match="rcode question answer")
    answered(w, "mail.example.com. A")
    return w


@case
def dns64():
    w = plain("dns64", "module-config: \"dns64 iterator\"", "dns64-prefix: 64:ff9b::/96", text="www A 203.0.113.1\nsix AAAA 2001:db8::1\nalias CNAME www\nnone TXT \"x\"\n")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A", "www.example.com. AAAA", "six.example.com. AAAA", "alias.example.com. AAAA", "alias.example.com. A",
            "none.example.com. AAAA", "none.example.com. A", "missing.example.com. AAAA", "missing.example.com. A")
    w.ask("www.example.com. AAAA", answer=["www.example.com. 3600 AAAA 64:ff9b::cb00:7101"], do=False, match="rcode flags question answer")
    answered(w, "six.example.com. AAAA")
    w.ask("alias.example.com. AAAA", answer=["alias.example.com. 3600 CNAME www.example.com.", "www.example.com. 3600 AAAA 64:ff9b::cb00:7101"], do=False,
          match="rcode flags question answer")
    w.ask("none.example.com. AAAA", answer=[], do=False, match="rcode flags question answer")
    w.ask("missing.example.com. AAAA", rcode="NXDOMAIN", answer=[], do=False, match="rcode flags question answer")
    answered(w, "www.example.com. A")
    return w


@case
def ede_codes():
    """Extended errors say what was wrong."""
    w = simple("extended errors", "nsec", "ede: yes")
    w.serve(LEAF, "example.com.", "www.example.com. A", change=lambda r, q: r.forged())
    w.ask("www.example.com. A", rcode="SERVFAIL", answer=[], ede=6)
    return w


@case
def access():
    w = plain("access", "access-control: 192.0.2.7/32 refuse")
    tops(w)
    w.serve(LEAF, "example.com.", "www.example.com. A")
    answered(w, "www.example.com. A")
    w.ask("www.example.com. A", rcode="REFUSED", answer=[], do=False, match="rcode question answer", source="192.0.2.7")
    return w


_ = (COM, block, World)
