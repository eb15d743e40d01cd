"""E: servers that stumble over what they do not know, or something before them that drops it; names are resolved all the same."""

import concurrent.futures
import struct

import dns.message
from rig import addresses, ask, rr


def good(q):
    if q.kind == "A":
        return q.reply([rr("%s 60 A 192.0.2.18" % q.name)])
    return q.negative(".".join(q.name.to_text().split(".")[-4:]), 0)


def bare(q, rcode, question=True):
    """A response of nothing but a header, and a question."""
    asked = q.wire[12:12 + len(q.name.to_wire()) + 4] if question else b""
    return struct.pack("!HHHHHH", q.id, 0x8400 | rcode, 1 if question else 0, 0, 0, 0) + asked


def with_opt(q, rcode):
    message = dns.message.make_response(q.message)
    message.use_edns(0, 0)
    message.set_rcode(rcode)
    return message.to_wire()


def extended(q):
    return q.message.edns >= 0


def optioned(q):
    return bool(q.message.options)


def mixed(q):
    asked = q.wire[12:12 + len(q.name.to_wire())]
    return asked != asked.lower()


def deep(q):
    return len(q.name) < 7


def unless(condition, otherwise):
    return lambda q: otherwise(q) if condition(q) else good(q)


# What each does with questions that it does not like.
SERVERS = {
    "formerr": unless(extended, lambda q: bare(q, 1)),
    "formerr-header": unless(extended, lambda q: bare(q, 1, question=False)),
    "formerr-opt": unless(extended, lambda q: with_opt(q, 1)),
    "formerr-options": unless(optioned, lambda q: with_opt(q, 1)),
    "notimp": unless(extended, lambda q: bare(q, 4)),
    "badvers": unless(extended, lambda q: with_opt(q, 16)),
    "drops-edns": unless(extended, lambda q: None),
    "drops-options": unless(optioned, lambda q: None),
    "drops-do": unless(lambda q: q.message.ednsflags & 0x8000, lambda q: None),
    "drops-case": unless(mixed, lambda q: None),
    "lowers-case": lambda q: good(q)[:12] + q.name.to_wire() + good(q)[12 + len(q.name.to_wire()):],
    "deep-drops": unless(deep, lambda q: None),
    "deep-nxdomain": unless(deep, lambda q: bare(q, 3)),
    "deep-refused": unless(deep, lambda q: bare(q, 5)),
    "deep-servfail": unless(deep, lambda q: bare(q, 2)),
    "deep-empty": unless(deep, lambda q: bare(q, 0)),
    "trailing": lambda q: good(q) + b"trailing",
    "truncates": lambda q: good(q) if q.is_tcp else q.reply(tc=True),
}


def e1(stage):
    """EDNS, cookies, mixed case, minimised questions: without them where they are answered with errors or silence."""
    for number, (what, handler) in enumerate(SERVERS.items()):
        stage.servers.on("127.69.1.%d" % (number + 1), handler)
        stage.tree.delegate("%s.e1.example." % what, "127.69.1.%d" % (number + 1))
    key = stage.key("slow.e1.example.")
    stage.tree.delegate("slow.e1.example.", "127.69.2.1", key)
    stage.servers.on("127.69.2.1", lambda q: [(0.9, q.reply(key.sign(key.set) if q.kind == "DNSKEY" else key.sign(rr("%s 60 A 192.0.2.19" % q.name))))])
    with stage.daemon():
        names = ["%s%s.e1.example." % ("a.b.c.d." if what.startswith("deep") else "www.", what) for what in SERVERS]
        for turn in range(3):
            with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
                answers = list(pool.map(ask, [name.replace("www", "w%d" % turn).replace("a.b", "a%d.b" % turn) for name in names]))
            for what, answer in zip(SERVERS, answers):
                stage.check(addresses(answer) == ["192.0.2.18"], "%s: %s" % (what, answer))
        ask("www.slow.e1.example.")
        stage.check(all(extended(q) for q in stage.servers.since(0) if b"slow" in q.name.labels), "a slow signed server was asked without EDNS")
        mark = stage.servers.mark()
        ask("again.drops-edns.e1.example.")
        asked = [extended(q) for q in stage.servers.since(mark) if b"again" in q.name.labels]
        stage.check(asked == [False], "what two answers have shown is not remembered: %s" % asked)
        stage.innocent()


CASES = {"E1": e1}
