import Foundation

/// RFC 1034, 1035, 2181, 2308, 4343, 6672: the lookup and its sections.
extension DigCase {
    static let soa =
        "example.net. 300 SOA ns1.example.net. hostmaster.example.net. 2026010101 7200 900 1209600 300"
    static let apexNS = ["example.net. 3600 NS ns1.example.net.", "example.net. 3600 NS ns2.example.org."]

    static let lookup: [DigCase] = [
        DigCase(
            "RFC 1034 4.3.2 3a: a name in the zone answers with AA", "www.example.net A +norec",
            answer: ["www.example.net. 3600 A 192.0.2.1", "www.example.net. 3600 A 192.0.2.2"]),
        DigCase(
            "RFC 1034 4.3.2 3a: another type at the same name", "www.example.net AAAA +norec",
            answer: ["www.example.net. 3600 AAAA 2001:db8::1"]),
        DigCase(
            "RFC 1034 4.3.2: the apex SOA", "example.net SOA +norec",
            answer: [soa.replacingOccurrences(of: " 300 SOA", with: " 3600 SOA")]),
        DigCase(
            "RFC 1034 4.3.2 6: apex NS brings the addresses it has", "example.net NS +norec", answer: apexNS,
            authority: [],
            additional: ["ns1.example.net. 3600 A 192.0.2.53", "ns1.example.net. 3600 AAAA 2001:db8::53"]),
        DigCase(
            "RFC 1035 3.3.9: MX brings the exchange's address", "example.net MX +norec",
            answer: ["example.net. 3600 MX 10 mail.example.net."],
            additional: ["mail.example.net. 3600 A 192.0.2.25"]),
        DigCase(
            "RFC 4592 3.3.1: MX brings the address that the exchange has through a wildcard",
            "mxwild.example.net MX +norec",
            answer: [
                "mxwild.example.net. 3600 MX 10 some.wild.example.net.",
                "mxwild.example.net. 3600 MX 20 ghost.ns1.example.net.",
            ], additional: ["some.wild.example.net. 3600 A 192.0.2.7"]),
        DigCase(
            "RFC 2782: SRV brings the target's address", "_sip._tcp.example.net SRV +norec",
            answer: ["_sip._tcp.example.net. 3600 SRV 10 20 5060 sip.example.net."],
            additional: ["sip.example.net. 3600 A 192.0.2.60"]),
        DigCase(
            "RFC 1034 3.6.2: a CNAME is followed within the zone", "alias.example.net A +norec",
            answer: [
                "alias.example.net. 3600 CNAME www.example.net.", "www.example.net. 3600 A 192.0.2.1",
                "www.example.net. 3600 A 192.0.2.2",
            ]),
        DigCase(
            "RFC 1034 3.6.2: a chain of CNAMEs", "alias2.example.net AAAA +norec",
            answer: [
                "alias2.example.net. 3600 CNAME alias.example.net.",
                "alias.example.net. 3600 CNAME www.example.net.",
                "www.example.net. 3600 AAAA 2001:db8::1",
            ]),
        DigCase(
            "RFC 1034 3.6.2: a query for CNAME is not followed", "alias.example.net CNAME +norec",
            answer: ["alias.example.net. 3600 CNAME www.example.net."]),
        DigCase(
            "RFC 1034 3.6.2: a CNAME that leaves our zones", "outside.example.net A +norec",
            answer: ["outside.example.net. 3600 CNAME www.example.invalid."]),
        DigCase(
            "RFC 1034 3.6.2: a CNAME loop ends with the chain once", "loop1.example.net A +norec",
            answer: [
                "loop1.example.net. 3600 CNAME loop2.example.net.",
                "loop2.example.net. 3600 CNAME loop1.example.net.",
            ]),
        DigCase(
            "RFC 6604 3: the RCODE speaks of the last name of the chain", "nowhere.example.net A +norec",
            rcode: "NXDOMAIN", answer: ["nowhere.example.net. 3600 CNAME missing.example.net."],
            authority: [soa]),
        DigCase(
            "RFC 1034 4.3.2: a CNAME into a delegation gives the referral", "tocut.example.net A +norec",
            answer: ["tocut.example.net. 3600 CNAME host.child.example.net."],
            authority: [
                "child.example.net. 3600 NS ns.child.example.net.",
                "child.example.net. 3600 NS ns2.example.org.",
            ],
            additional: [
                "ns.child.example.net. 3600 A 192.0.2.54", "ns.child.example.net. 3600 AAAA 2001:db8::54",
            ]),
        DigCase(
            "RFC 1034 4.3.2: a CNAME to a wildcard", "towild.example.net A +norec",
            answer: [
                "towild.example.net. 3600 CNAME abc.wild.example.net.",
                "abc.wild.example.net. 3600 A 192.0.2.7",
            ]),
        DigCase(
            "RFC 1034 4.3.2 3b: a name below a cut is a referral without AA, with glue",
            "host.child.example.net A +norec", flags: "qr", answer: [],
            authority: [
                "child.example.net. 3600 NS ns.child.example.net.",
                "child.example.net. 3600 NS ns2.example.org.",
            ],
            additional: [
                "ns.child.example.net. 3600 A 192.0.2.54", "ns.child.example.net. 3600 AAAA 2001:db8::54",
            ]),
        DigCase(
            "RFC 1034 4.2.1: the cut itself is a referral too", "child.example.net NS +norec", flags: "qr",
            answer: [],
            authority: [
                "child.example.net. 3600 NS ns.child.example.net.",
                "child.example.net. 3600 NS ns2.example.org.",
            ]),
        DigCase(
            "RFC 1034 4.2.1: glue is not authoritative data", "ns.child.example.net A +norec", flags: "qr",
            answer: [],
            authority: [
                "child.example.net. 3600 NS ns.child.example.net.",
                "child.example.net. 3600 NS ns2.example.org.",
            ]),
        DigCase(
            "RFC 2181 5.4.1: data below a cut is hidden", "deep.child.example.net A +norec", flags: "qr",
            answer: []),
        DigCase(
            "RFC 4035 3.1.4.1: DS at a cut is answered by the parent", "child.example.net DS +norec",
            answer: [
                "child.example.net. 3600 DS 12345 13 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE49FD46E6C4B45C55 D4AC69CB"
            ]),
        DigCase(
            "RFC 4035 3.1.4.1: no DS at a cut is NODATA of the parent", "sibling.example.net DS +norec",
            answer: [],
            authority: [soa]),
        DigCase(
            "RFC 9471 2.2: sibling glue is sent when it fits", "x.sibling.example.net A +norec", flags: "qr",
            answer: [],
            authority: ["sibling.example.net. 3600 NS ns.child.example.net."],
            additional: [
                "ns.child.example.net. 3600 A 192.0.2.54", "ns.child.example.net. 3600 AAAA 2001:db8::54",
            ]),
        DigCase(
            "RFC 1034 4.3.1: a child zone on the same server answers itself",
            "www.kid.parent.example.org A +norec",
            answer: ["www.kid.parent.example.org. 3600 A 192.0.2.71"]),
        DigCase(
            "RFC 4035 3.1.4.1: DS of that child still comes from the parent zone",
            "kid.parent.example.org DS +norec",
            answer: [],
            authority: [
                "parent.example.org. 300 SOA ns.parent.example.org. hostmaster.parent.example.org. 1 7200 900 1209600 300"
            ]),
        DigCase(
            "RFC 2308 2.1: NXDOMAIN carries the SOA with the negative TTL", "missing.example.net A +norec",
            rcode: "NXDOMAIN", answer: [], authority: [soa]),
        DigCase(
            "RFC 2308 2.2: NODATA carries the SOA with the negative TTL", "mail.example.net AAAA +norec",
            answer: [],
            authority: [soa]),
        DigCase(
            "RFC 4592 2.2.2: an empty non-terminal exists", "b.ent.example.net A +norec", answer: [],
            authority: [soa]),
        DigCase(
            "RFC 4592 2.2.2: and so does the one above it", "ent.example.net A +norec", answer: [],
            authority: [soa]),
        DigCase(
            "RFC 8020 2: below a name that does not exist is NXDOMAIN", "x.y.missing.example.net A +norec",
            rcode: "NXDOMAIN", authority: [soa]),
        DigCase(
            "RFC 4343 3: owner names match without regard to case", "wWw.eXaMpLe.NeT AAAA +norec",
            answer: ["wWw.eXaMpLe.NeT. 3600 AAAA 2001:db8::1"]),
        DigCase(
            "RFC 4343 4.1: an owner written in mixed case is found", "mixedcase.example.net A +norec",
            answer: ["mixedcase.example.net. 3600 A 192.0.2.11"]),
        DigCase(
            "RFC 1035 5.1: an escaped dot is no label separator", "e\\.scaped.example.net A +norec",
            answer: ["e\\.scaped.example.net. 3600 A 192.0.2.31"]),
        DigCase(
            "RFC 1035 5.1: a decimal escape", "sp\\032ace.example.net A +norec",
            answer: ["sp\\032ace.example.net. 3600 A 192.0.2.32"]),
        DigCase(
            "RFC 1035 3.2.1: a TTL of zero is kept", "zerottl.example.net A +norec",
            answer: ["zerottl.example.net. 0 A 192.0.2.30"]),
        DigCase(
            "RFC 1034 4.3.1: a name outside our zones is refused", "www.example.com A +norec",
            rcode: "REFUSED",
            flags: "qr", answer: [], authority: []),
        DigCase(
            "RFC 1035 3.2.4: class HS is not ours", "HS A www.example.net +norec", rcode: "REFUSED",
            flags: "qr",
            answer: []),
        DigCase(
            "RFC 6672 2.2: DNAME with the synthesised CNAME", "host.old.example.net A +norec",
            answer: [
                "old.example.net. 3600 DNAME new.example.net.",
                "host.old.example.net. 3600 CNAME host.new.example.net.",
                "host.new.example.net. 3600 A 192.0.2.20",
            ]),
        DigCase(
            "RFC 6672 2.3: DNAME does not redirect its owner", "old.example.net A +norec", answer: [],
            authority: [soa]),
        DigCase(
            "RFC 6672 3.1: a query for the DNAME itself", "old.example.net DNAME +norec",
            answer: ["old.example.net. 3600 DNAME new.example.net."]),
        DigCase(
            "RFC 6672 2.2: DNAME to a name that does not exist", "x.old.example.net A +norec",
            rcode: "NXDOMAIN",
            answer: [
                "old.example.net. 3600 DNAME new.example.net.",
                "x.old.example.net. 3600 CNAME x.new.example.net.",
            ],
            authority: [soa]),
        DigCase(
            "RFC 6672 2.2: DNAME out of our zones", "a.b.away.example.net A +norec",
            answer: [
                "away.example.net. 3600 DNAME example.invalid.",
                "a.b.away.example.net. 3600 CNAME a.b.example.invalid.",
            ]),
        DigCase(
            "RFC 6672 2.2: a name that becomes too long is YXDOMAIN",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbb.long.example.net A +norec",
            rcode: "YXDOMAIN"),
    ]
}
