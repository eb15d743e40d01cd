internal import DNSCore
internal import Transport

/// The sockets that queries come in by: opened before privileges are dropped, given to the workers, kept over reloads.
struct Listeners {
    /// One way in: an address, a port and a protocol.
    struct Way: Hashable {
        var address: SocketAddress
        var transport: TransportKind
    }

    private(set) var sockets: [Way: [ListeningSocket]] = [:]
    /// What is shown to clients of encrypted ways.
    private(set) var contexts: [Way: TLSContext] = [:]
    /// Front ends whose PROXY header names the client, by way.
    private(set) var proxies: [Way: ProxyTrust] = [:]

    /// Opens what `sections` name and is not open yet; closes nothing.
    ///
    /// - Returns: the ways that were opened.
    /// - Throws: ``ServerError/cannotListen(address:reason:)``; ways opened by this call are closed again.
    mutating func open(_ sections: [ListenSection], workers: Int) throws(ServerError) -> Set<Way> {
        var opened: Set<Way> = []
        for section in sections {
            for option in section.protocols {
                let way = Way(
                    address: SocketAddress(IPEndpoint(section.address, port: section.port)),
                    transport: TransportKind(option))
                guard sockets[way] == nil else { continue }
                if !section.proxyFrom.isEmpty { proxies[way] = ProxyTrust(section.proxyFrom) }
                do {
                    if way.transport.isEncrypted { contexts[way] = try Listeners.context(section, way) }
                    sockets[way] = try ListeningSocket.open(
                        way.address, stream: way.transport != .udp,
                        count: way.transport == .https ? 1 : workers)
                    opened.insert(way)
                } catch {
                    for way in opened { sockets[way] = nil }
                    throw .cannotListen(address: "\(way.address) (\(option.rawValue))", reason: "\(error)")
                }
            }
        }
        return opened
    }

    /// Whether certificates and keys of encrypted ways can be used.
    ///
    /// - Throws: ``ServerError/cannotListen(address:reason:)``.
    static func check(_ sections: [ListenSection]) throws(ServerError) {
        for section in sections {
            for option in section.protocols where TransportKind(option).isEncrypted {
                let way = Way(
                    address: SocketAddress(IPEndpoint(section.address, port: section.port)),
                    transport: TransportKind(option))
                do {
                    _ = try context(section, way)
                } catch {
                    throw .cannotListen(address: "\(way.address) (\(option.rawValue))", reason: "\(error)")
                }
            }
        }
    }

    private static func context(_ section: ListenSection, _ way: Way) throws(TransportError) -> TLSContext {
        try TLSContext(
            SecureIdentity(certificateFile: section.certificate ?? "", keyFile: section.key ?? ""),
            transport: way.transport)
    }

    /// Reads certificates and keys of the ways that stay open again.
    ///
    /// - Throws: ``ServerError/cannotListen(address:reason:)``; nothing has changed then.
    mutating func renew(_ sections: [ListenSection]) throws(ServerError) -> [Way: TLSContext] {
        var renewed: [Way: TLSContext] = [:]
        for section in sections {
            for option in section.protocols {
                let way = Way(
                    address: SocketAddress(IPEndpoint(section.address, port: section.port)),
                    transport: TransportKind(option))
                guard contexts[way] != nil else { continue }
                do {
                    renewed[way] = try Listeners.context(section, way)
                } catch {
                    throw .cannotListen(address: "\(way.address) (\(option.rawValue))", reason: "\(error)")
                }
            }
        }
        contexts.merge(renewed) { $1 }
        return renewed
    }

    /// Forgets the ways that `sections` no longer name; their sockets close when their listeners let go.
    mutating func close(exceptFor sections: [ListenSection]) -> Set<Way> {
        var kept: Set<Way> = []
        for section in sections {
            for option in section.protocols {
                kept.insert(
                    Way(
                        address: SocketAddress(IPEndpoint(section.address, port: section.port)),
                        transport: TransportKind(option)))
            }
        }
        let gone = Set(sockets.keys).subtracting(kept)
        for way in gone {
            sockets[way] = nil
            proxies[way] = nil
            contexts[way] = nil
        }
        return gone
    }
}

extension TransportKind {
    /// The transport that the configuration names.
    init(_ option: ListenProtocolOption) {
        switch option {
        case .udp: self = .udp
        case .tcp: self = .tcp
        case .tls: self = .tls
        case .https: self = .https
        }
    }
}

extension StreamLimits {
    /// The limits of the configuration, divided among `workers` where they hold for the whole server.
    init(_ section: LimitsSection, workers: Int) {
        self.init()
        connections = max(1, section.tcpClients / workers)
        connectionsPerClient = max(1, section.tcpClientsPerPrefix)
        clientBits4 = 24
        queriesInFlight = section.tcpPipeline
        backlog = max(section.tcpBuffer, 1 << 17)
        idleTimeout = section.tcpIdleTimeout
        messageTimeout = section.tcpReadTimeout
        writeTimeout = section.tcpWriteTimeout
    }
}

extension ProxyTrust {
    /// Trust in the front ends of a `proxy-from` list.
    init(_ prefixes: [IPPrefix]) {
        self.init(
            prefixes.map { Prefix(SocketAddress(IPEndpoint($0.address, port: 0)), bits: $0.length) })
    }
}
