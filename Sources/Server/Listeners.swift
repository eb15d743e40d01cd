internal import DNSCore
internal import Operations
internal import Transport

/// The sockets that queries come in by: opened before privileges are dropped, given to the workers, kept over reloads.
struct Listeners {
    /// One way in: an address, a port and a protocol.
    struct Way: Hashable, CustomStringConvertible {
        var address: SocketAddress
        var transport: TransportKind

        /// `127.0.0.1:853 (tls)`.
        var description: String { "\(address) (\(transport))" }
    }

    private(set) var sockets: [Way: [ListeningSocket]] = [:]
    /// What is shown to clients of encrypted ways.
    private(set) var contexts: [Way: TLSContext] = [:]
    /// Front ends whose PROXY header names the client, by way.
    private(set) var proxies: [Way: ProxyTrust] = [:]

    /// Opens what `sections` name and is not open yet; closes nothing.
    ///
    /// - Returns: the ways that were opened.
    /// - Throws: ``ServerError``: badOption before a socket is opened, cannotListen; ways opened by this call are closed again.
    mutating func open(_ sections: [ListenSection], workers: Int) throws(ServerError) -> Set<Way> {
        var made: [Way: TLSContext] = [:]
        for section in sections {
            for way in section.ways where way.transport.isEncrypted && sockets[way] == nil {
                do throws(IdentityFault) {
                    made[way] = try Listeners.context(section, way)
                } catch {
                    throw .badOption(place: error.place, reason: error.reason)
                }
            }
        }
        var opened: Set<Way> = []
        for way in sections.flatMap(\.ways) where sockets[way] == nil {
            do throws(TransportError) {
                sockets[way] = try ListeningSocket.open(
                    way.address, stream: way.transport != .udp,
                    count: way.transport == .https ? 1 : workers)
                opened.insert(way)
            } catch {
                for way in opened { sockets[way] = nil }
                throw .cannotListen(address: "\(way)", reason: "\(error)")
            }
        }
        contexts.merge(made) { $1 }
        return opened
    }

    /// Takes over who `sections` say may name other clients by a PROXY header.
    mutating func trust(_ sections: [ListenSection]) {
        proxies = [:]
        for section in sections where !section.proxyFrom.isEmpty {
            for way in section.ways { proxies[way] = ProxyTrust(section.proxyFrom) }
        }
    }

    /// What is to be shown to clients of the encrypted ways of `sections`, read again from its files.
    ///
    /// A certificate or key that may no longer be read, as privileges have been dropped, is not renewed.
    ///
    /// - Returns: the contexts, and what the operator should know.
    /// - Throws: ``ServerError/badOption(place:reason:)`` for files that cannot be used.
    func renewal(
        _ sections: [ListenSection]
    ) throws(ServerError) -> (contexts: [Way: TLSContext], notes: [String]) {
        var renewed: [Way: TLSContext] = [:]
        var notes: [String] = []
        for section in sections {
            for way in section.ways where way.transport.isEncrypted {
                do throws(IdentityFault) {
                    renewed[way] = try Listeners.context(section, way)
                } catch {
                    guard contexts[way] != nil, error.isForbidden else {
                        throw .badOption(place: error.place, reason: error.reason)
                    }
                    notes.append("\(error.place): \(error.reason); the certificate in use stays")
                }
            }
        }
        return (renewed, notes)
    }

    /// Shows the certificates of a ``renewal(_:)`` on the ways that stay open.
    ///
    /// - Returns: those of them that changed.
    mutating func adopt(_ renewed: [Way: TLSContext]) -> [Way: TLSContext] {
        let kept = renewed.filter { contexts[$0.key] != nil }
        contexts.merge(kept) { $1 }
        return kept
    }

    /// Why a certificate or key cannot be used.
    private struct IdentityFault: Error {
        var place: String
        var reason: String
        /// Whether the file is there and may not be read.
        var isForbidden = false
    }

    private static func context(_ section: ListenSection, _ way: Way) throws(IdentityFault) -> TLSContext {
        let identity = SecureIdentity(certificateFile: section.certificate ?? "", keyFile: section.key ?? "")
        let isKey: Bool
        do throws(TransportError) {
            return try TLSContext(identity, transport: way.transport)
        } catch .certificate(let file) {
            isKey = file == identity.keyFile && file != identity.certificateFile
        } catch {
            throw IdentityFault(place: section.places.certificate, reason: "\(error)")
        }
        let file = isKey ? identity.keyFile : identity.certificateFile
        var fault = IdentityFault(
            place: isKey ? section.places.key : section.places.certificate,
            reason: isKey
                ? "\(file) is no private key in PEM that fits the certificate"
                : "\(file) is no certificate in PEM")
        do throws(FileContents.Failure) {
            try FileContents.probe(file)
        } catch {
            fault.reason = "\(file) \(error)"
            fault.isForbidden = error.isForbidden
        }
        throw fault
    }

    /// Forgets the ways that `sections` no longer name; their sockets close when their listeners let go.
    mutating func close(exceptFor sections: [ListenSection]) -> Set<Way> {
        let gone = Set(sockets.keys).subtracting(sections.flatMap(\.ways))
        for way in gone {
            sockets[way] = nil
            contexts[way] = nil
        }
        return gone
    }
}

extension ListenSection {
    /// The ways in that the section names, one for each protocol.
    var ways: [Listeners.Way] {
        protocols.map { option in
            Listeners.Way(
                address: SocketAddress(IPEndpoint(address, port: port)), transport: TransportKind(option))
        }
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
