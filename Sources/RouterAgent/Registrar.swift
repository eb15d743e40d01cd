internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations
internal import Transport

/// Announces this router to its servers, so that they know it without probing (nts.md 2.6, registration).
struct Registrar {
    /// An announcement that was sent and not yet answered.
    struct Waiting {
        var signature: V2Message.RequestSignature
        var server: IPEndpoint
    }

    /// When each server is told next.
    var due: [IPAddress: Duration] = [:]
    var waiting: [UInt16: Waiting] = [:]
    var nextID = UInt16.random(in: .min ... .max)
    /// Servers whose last answer was NOERROR.
    var accepted: Set<IPAddress> = []

    /// Whether `octets` are the answer to one of our announcements.
    func isResponse(_ octets: borrowing RawSpan, from source: IPEndpoint) -> Bool {
        guard let id = octets.uint16(at: 0), let flags = octets.octet(at: 2), flags & 0xf8 == 0xa8 else {
            return false
        }
        return waiting[id]?.server == source
    }
}

extension RouterAgent {
    /// Tells the servers that are due.
    ///
    /// A third of the announced lifetime passes between two announcements.
    func register() {
        for server in configuration.servers where server.registrationPort != 0 {
            guard registrar.due[server.address, default: .zero] <= now, let name = server.key,
                let key = keyring[name],
                let router = outsideAddresses.sorted().first(where: { $0.isIPv4 })
                    ?? outsideAddresses.sorted().first,
                let peer = SocketAddress(octets: server.address.octets, port: server.registrationPort),
                let socket = sockets.first(where: { $0.address.family == peer.family })
            else { continue }
            registrar.due[server.address] =
                now
                + (registrar.accepted.contains(server.address) ? server.registrationInterval : .seconds(10))
            let seconds = server.registrationInterval.components.seconds
            let prefixes = configuration.router.inside.flatMap { Interfaces.addresses(of: $0) }
                .filter { $0.isGlobal && $0.address.isIPv6 && !$0.address.isPrivate }.map(\.network)
            let registration = V2Message.Registration(
                router: router, port: configuration.router.listen.port, prefixes: Array(Set(prefixes)),
                lifetime: UInt32(clamping: seconds * 3))
            registrar.nextID &+= 1
            guard
                let request = V2Message.request(
                    id: registrar.nextID, permissions: [], registration: registration, key: key, epoch: epoch)
            else { continue }
            if registrar.waiting.count > 256 { registrar.waiting = [:] }
            registrar.waiting[registrar.nextID] = Registrar.Waiting(
                signature: request.signature,
                server: IPEndpoint(server.address, port: server.registrationPort))
            unsafe request.octets.withUnsafeBytes { _ = unsafe socket.send($0, to: peer) }
        }
    }

    /// A server has answered our announcement.
    func receiveRegistration(_ octets: borrowing RawSpan, from server: IPEndpoint) {
        guard let layout = try? MessageView.survey(octets),
            let waiting = registrar.waiting.removeValue(forKey: layout.id)
        else { return }
        guard waiting.signature.isAnswered(by: octets, layout: layout, epoch: epoch) else {
            metrics.badSignatures &+= 1
            return
        }
        if layout.flags.responseCode == .noError {
            if registrar.accepted.insert(server.address).inserted {
                log.info("announced", ["server": "\(server.address)"])
            }
            if let entry = configuration.servers.first(where: { $0.address == server.address }) {
                registrar.due[server.address] = now + entry.registrationInterval
            }
        } else {
            registrar.accepted.remove(server.address)
            log.limited(
                .warning, "registration", "a server does not take our announcement",
                ["server": "\(server.address)", "code": "\(layout.flags.responseCode)"])
        }
    }
}
