internal import NTS

/// The ports that this machine itself listens on, as `/proc/net` tells them: a mapped asker would lose them.
struct ListeningPorts {
    /// One of them.
    struct Port: Hashable, Comparable, CustomStringConvertible {
        /// 6 or 17.
        var transport: UInt8
        var port: UInt16

        var description: String { "\(transport == 17 ? "udp" : "tcp")/\(port)" }

        static func < (left: Port, right: Port) -> Bool {
            (left.transport, left.port) < (right.transport, right.port)
        }
    }

    /// The contents of a file.
    let read: (String) -> String?
    /// Sockets that are bound to these addresses count beside those bound to all addresses.
    ///
    /// As the kernel writes them in `/proc/net`.
    let addresses: Set<String>

    /// All ports that can be reached from outside.
    ///
    /// UDP ports that the kernel hands out to clients are no services.
    func all() -> Set<Port> {
        let clients = read("/proc/sys/net/ipv4/ip_local_port_range").flatMap {
            $0.split { $0 == "\t" || $0 == " " || $0 == "\n" }.first.flatMap { UInt16($0) }
        }
        var found: Set<Port> = []
        for (file, transport) in [("tcp", 6), ("tcp6", 6), ("udp", 17), ("udp6", 17)] as [(String, UInt8)] {
            for line in (read("/proc/net/\(file)") ?? "").split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ", maxSplits: 5)
                // 0A listening TCP, 07 bound UDP without a peer.
                guard fields.count > 3, fields[3] == (transport == 6 ? "0A" : "07") else { continue }
                let local = fields[1].split(separator: ":")
                guard local.count == 2, let port = UInt16(local[1], radix: 16),
                    local[0].allSatisfy({ $0 == "0" }) || addresses.contains(String(local[0])),
                    transport == 6 || port < clients ?? 32768
                else { continue }
                found.insert(Port(transport: transport, port: port))
            }
        }
        return found
    }
}
