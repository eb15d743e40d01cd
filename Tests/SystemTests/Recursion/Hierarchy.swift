import Foundation

/// A small Internet on 127/8 in a namespace: a root, a top-level domain, and zones below it, on NSD and BIND, port 53.
///
///     .               127.1.0.1  nsd, signed
///     example.        127.1.0.2  named, signed
///     signed.example.     127.1.0.3  nsd, signed (NSEC3)
///     plain.example.      127.1.0.3  nsd, not signed: an insecure delegation
///     bogus.example.      127.1.0.3  nsd, signed with a key that the DS does not name
///     lame.example.       127.1.0.4  nobody answers there; 127.1.0.3 refuses
final class Hierarchy: @unchecked Sendable {
    let space: Namespace
    let directory: TemporaryDirectory
    let daemon: Daemon
    private(set) var servers: [Peer] = []

    static let shared = Result { try Hierarchy() }

    init() throws {
        space = try Namespace(["127.1.0.1", "127.1.0.2", "127.1.0.3"])
        space.removeAtExit()
        directory = try TemporaryDirectory()
        let signer = Signer(directory)
        let (signed, signedDS) = try signer.sign("signed.example", Self.signed, nsec3: true)
        let (bogus, _) = try signer.sign("bogus.example", Self.bogus)
        let (_, wrongDS) = try signer.sign("bogus.example", Self.bogus)
        let (top, topDS) = try signer.sign("example", Self.top + signedDS + wrongDS)
        let (root, rootDS) = try signer.sign(".", Self.root + topDS)

        let leaves = try TemporaryDirectory(), rootDirectory = try TemporaryDirectory(),
            topDirectory = try TemporaryDirectory()
        servers = [
            try Peer.nsd(
                zones: [".": root], in: rootDirectory, address: "127.1.0.1", port: 53, inside: space),
            try Peer.named(
                rest: "zone \"example\" { type primary; file \"example.zone\"; };",
                files: ["example.zone": top],
                in: topDirectory, address: "127.1.0.2", port: 53, inside: space),
            try Peer.nsd(
                zones: ["signed.example": signed, "bogus.example": bogus, "plain.example": Self.plain],
                in: leaves,
                address: "127.1.0.3", port: 53, inside: space),
        ]
        let anchor = rootDS.split(separator: "\n").map {
            "\"\($0.replacingOccurrences(of: "\t", with: " "))\""
        }
        .joined(separator: ", ")
        daemon = try Daemon(
            Daemon.basics + """
                access:
                  recursion: [ { from: 127.0.0.66/32, action: refuse }, { from: 127.0.0.0/8, action: allow } ]
                recursion:
                  enabled: true
                  ipv6: false
                  root-hints: [ { name: a.root.example., address: 127.1.0.1 } ]
                dnssec:
                  trust-anchors: [ \(anchor) ]
                  signal-trust-anchors: false

                """, inside: space)
        try directory.write("root.ds", rootDS)
    }

    /// Records that `dig` got from toriid, without TTL.
    static func bare(_ records: [String]) -> [String] {
        records.map { line in
            var fields = line.split(separator: " ").map(String.init)
            if fields.count > 2 { fields.remove(at: 1) }
            return fields.joined(separator: " ")
        }.sorted()
    }

    private static let root = """
        $TTL 3600
        . SOA a.root.example. h.root.example. 1 3600 900 604800 300
        . NS a.root.example.
        a.root.example. A 127.1.0.1
        example. NS ns.example.
        ns.example. A 127.1.0.2

        """
    private static let top = """
        $TTL 3600
        $ORIGIN example.
        @ SOA ns h 1 3600 900 604800 300
        @ NS ns
        ns A 127.1.0.2
        www A 192.0.2.1
        signed NS ns.signed
        ns.signed A 127.1.0.3
        plain NS ns.plain
        ns.plain A 127.1.0.3
        bogus NS ns.bogus
        ns.bogus A 127.1.0.3
        lame NS ns.lame
        lame NS ns2.lame
        ns.lame A 127.1.0.4
        ns2.lame A 127.1.0.3
        glueless NS ns.plain

        """
    static let signed = """
        $TTL 600
        $ORIGIN signed.example.
        @ SOA ns h 1 3600 900 604800 300
        @ NS ns
        ns A 127.1.0.3
        www A 192.0.2.10
        www AAAA 2001:db8::10
        alias CNAME www
        toplain CNAME www.plain.example.
        tobogus CNAME www.bogus.example.
        *.wild A 192.0.2.11
        dn DNAME signed.example.
        big TXT \(String(repeating: "\"\(String(repeating: "x", count: 200))\" ", count: 12))
        short 2 A 192.0.2.12

        """
    static let plain = """
        $TTL 600
        $ORIGIN plain.example.
        @ SOA ns h 1 3600 900 604800 300
        @ NS ns
        ns A 127.1.0.3
        www A 192.0.2.20
        alias CNAME www.signed.example.
        loop1 CNAME loop2
        loop2 CNAME loop1
        *.wild TXT "w"

        """
    private static let bogus = """
        $TTL 600
        $ORIGIN bogus.example.
        @ SOA ns h 1 3600 900 604800 300
        @ NS ns
        ns A 127.1.0.3
        www A 192.0.2.66

        """
}

/// Signs zone texts with BIND's tools.
struct Signer {
    let directory: TemporaryDirectory
    init(_ directory: TemporaryDirectory) { self.directory = directory }

    /// The signed text, and the DS record of its new key with an absolute owner.
    func sign(_ zone: String, _ text: String, nsec3: Bool = false) throws -> (text: String, ds: String) {
        let folder = "keys-\(UUID().uuidString.prefix(6))"
        let file = try directory.write("\(folder)/zone", text)
        let path = (file as NSString).deletingLastPathComponent
        let key = try Tool.run(
            "dnssec-keygen", ["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", path, zone])
        guard key.succeeded else { throw HarnessError.ended("dnssec-keygen: \(key.errors)") }
        let name = key.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let signed = try Tool.run(
            "dnssec-signzone",
            ["-q", "-z", "-S", "-K", path, "-o", zone, "-f", path + "/signed", "-d", path, "-x"]
                + (nsec3 ? ["-3", "-"] : [])
                + [file], directory: path)
        guard signed.succeeded else {
            throw HarnessError.ended("dnssec-signzone: \(signed.errors)\(signed.output)")
        }
        let ds = try Tool.run("dnssec-dsfromkey", ["-2", path + "/" + name + ".key"])
        return (try String(contentsOfFile: path + "/signed", encoding: .utf8), ds.output)
    }
}
