import Foundation

/// Another server on loopback, for transfers, hierarchies and comparisons.
final class Peer: @unchecked Sendable {
    let port: UInt16
    let process: ChildProcess
    let directory: TemporaryDirectory

    private init(_ process: ChildProcess, port: UInt16, directory: TemporaryDirectory) {
        (self.process, self.port, self.directory) = (process, port, directory)
    }

    deinit { process.signal(SIGKILL) }

    private static func start(
        _ program: String, _ arguments: [String], _ space: Namespace?
    ) throws -> ChildProcess {
        try space?.start(program, arguments) ?? ChildProcess(program, arguments)
    }

    func stop() throws {
        process.signal(SIGTERM)
        try process.waitForExit()
    }

    /// The whole zone by AXFR, as sorted lines in lower case without the second SOA; nil when it is refused.
    ///
    /// NSD keeps names in lower case; the case of a name carries no meaning (RFC 4343).
    func transfer(_ zone: String, key: String? = nil) throws -> [String]? {
        try Self.transfer(zone, port: port, key: key)
    }

    static func transfer(_ zone: String, port: UInt16, key: String? = nil) throws -> [String]? {
        let result = try Tool.run(
            "dig",
            [
                "-r", "@127.0.0.1", "-p", "\(port)", zone, "AXFR", "+onesoa", "+nocmd", "+nostats",
                "+nocomments",
            ]
                + (key.map { ["-y", $0] } ?? []))
        let lines = result.output.split(separator: "\n").filter {
            !$0.hasPrefix(";") && !$0.contains("\tTSIG\t")
        }
        guard !lines.isEmpty else { return nil }
        return lines.map { line in
            line.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ").lowercased()
        }.sorted()
    }

    /// NSD with zone texts by origin.
    ///
    /// `extra` goes into each zone's block.
    static func nsd(
        zones: [String: String], extra: String = "", global: String = "", in directory: TemporaryDirectory,
        address: String = "127.0.0.1", port fixed: UInt16? = nil, inside space: Namespace? = nil
    ) throws -> Peer {
        let port = try fixed ?? Ports.free()
        var configuration = """
            server:
              ip-address: \(address)@\(port)
              username: ""
              chroot: ""
              zonesdir: "\(directory.path)"
              database: ""
              pidfile: ""
              xfrdfile: "\(directory.path)/xfrd.state"
              zonelistfile: "\(directory.path)/zone.list"
              xfrdir: "\(directory.path)"
              verbosity: 2
              server-count: 1
            remote-control:
              control-enable: no
            \(global)

            """
        for (zone, text) in zones {
            if !text.isEmpty { try directory.write("nsd/\(zone).zone", text) }
            configuration += """
                zone:
                  name: \(zone)
                  zonefile: nsd/\(zone).zone
                \(extra)

                """
        }
        let file = try directory.write("nsd.conf", configuration)
        let process = try Self.start("nsd", ["-d", "-c", file], space)
        try process.waitForError("nsd started")
        return Peer(process, port: port, directory: directory)
    }

    /// BIND.
    ///
    /// `options` goes into the options block, `rest` after it. `$PORT` and `$DIR` are replaced.
    static func named(
        options: String = "recursion no;", rest: String, files: [String: String] = [:],
        in directory: TemporaryDirectory, address: String = "127.0.0.1", port fixed: UInt16? = nil,
        inside space: Namespace? = nil
    ) throws -> Peer {
        let port = try fixed ?? Ports.free()
        for (name, text) in files { try directory.write(name, text) }
        let text = """
            options {
              directory "\(directory.path)"; pid-file none; session-keyfile "\(directory.path)/session.key";
              listen-on port \(port) { \(address); }; listen-on-v6 { none; };
              dnssec-validation no; managed-keys-directory "\(directory.path)";
              \(options)
            };
            controls { };
            \(rest)
            """
        let file = try directory.write("named.conf", Daemon.fill(text, port: port, directory: directory))
        let process = try Self.start("named", ["-g", "-n", "1", "-c", file], space)
        try process.waitForError(" running")
        return Peer(process, port: port, directory: directory)
    }

    /// Knot DNS.
    ///
    /// `sections` is the text of the `zone:` list and of what else it needs. Zones are kept in `directory`: those of
    /// another test, in the place that Knot has for the whole machine, would be taken for its own.
    static func knotd(
        _ sections: String, files: [String: String] = [:], in directory: TemporaryDirectory,
        address: String = "127.0.0.1", port fixed: UInt16? = nil, inside space: Namespace? = nil
    ) throws -> Peer {
        let port = try fixed ?? Ports.free()
        for (name, text) in files { try directory.write(name, text) }
        let text = """
            server:
                listen: \(address)@\(port)
                rundir: \(directory.path)
                udp-workers: 1
                tcp-workers: 1
                background-workers: 1
            database:
                storage: \(directory.path)/knot-db
            log:
              - target: stderr
                any: info
            template:
              - id: default
                storage: \(directory.path)
            \(sections)
            """
        try directory.write("knot-db/.keep", "")
        let file = try directory.write("knot.conf", Daemon.fill(text, port: port, directory: directory))
        let process = try Self.start("knotd", ["-c", file], space)
        try process.waitForError("server started")
        return Peer(process, port: port, directory: directory)
    }

    /// Unbound, listening on `port`.
    static func unbound(
        _ configuration: String, files: [String: String] = [:], in directory: TemporaryDirectory,
        address: String = "127.0.0.1", port fixed: UInt16? = nil, inside space: Namespace? = nil
    ) throws -> Peer {
        let port = try fixed ?? Ports.free()
        for (name, text) in files { try directory.write(name, text) }
        let text = """
            server:
              interface: \(address)@\(port)
              port: \(port)
              username: ""
              chroot: ""
              directory: "\(directory.path)"
              pidfile: ""
              use-syslog: no
              verbosity: 1
              do-not-query-localhost: no
            \(configuration)
            remote-control:
              control-enable: no
            """
        let file = try directory.write("unbound.conf", Daemon.fill(text, port: port, directory: directory))
        let process = try Self.start("unbound", ["-d", "-c", file], space)
        try process.waitForError("start of service")
        return Peer(process, port: port, directory: directory)
    }
}
