package import DNSCore
package import DNSSecurity

/// The authenticated form (nts.md 2.6): a DNS UPDATE (RFC 2136) signed with TSIG (RFC 8945).
///
///     zone section        nts. IN SOA
///     update section      FQDN  IN A|AAAA  TTL = asked lifetime, address = GN   (or one APL record: a prefix)
///     additional section  TSIG
///
/// The response repeats the update section with the granted lifetime as TTL; TTL 0 in a NOERROR response means
/// *pending*. For hairpin the address is the host's private one. Granted ports are SRV records in the additional
/// section: `_8080._tcp.FQDN SRV 0 0 40001 FQDN` says that port 8080 of the host is reached at port 40001.
package enum V2Message {
    /// The zone of every v2 message; it names no real zone.
    package static let zone = Name(trustedWire: [3] + Array("nts".utf8) + [0])
    /// Permissions of one message that are looked at; more are a format error.
    package static let permissionLimit = 16

    /// One permission, asked for or granted.
    package struct Permission: Hashable, Sendable {
        package var host: Name
        /// GN.
        ///
        /// A single address goes as A or AAAA, a prefix as APL.
        package var gn: IPPrefix
        /// Seconds; 0 in a response is *pending*.
        package var lifetime: UInt32

        package init(host: Name, gn: IPPrefix, lifetime: UInt32) {
            self.host = host
            self.gn = gn
            self.lifetime = lifetime
        }

        var record: ResourceRecord {
            guard gn.length != gn.address.bitWidth else {
                return ResourceRecord(
                    owner: host, type: gn.address.isIPv6 ? .aaaa : .a, ttl: lifetime,
                    data: RecordData(gn.address.octets))
            }
            var address = gn.address.octets
            while address.last == 0 { address.removeLast() }
            let family: UInt8 = gn.address.isIPv6 ? 2 : 1
            return ResourceRecord(
                owner: host, type: .apl, ttl: lifetime,
                data: RecordData([0, family, UInt8(gn.length), UInt8(address.count)] + address))
        }

        /// Reads a record of the update section.
        ///
        /// - Throws: ``NTSError/badUpdate``.
        init(_ record: ResourceRecord) throws(NTSError) {
            guard record.recordClass == .internet, record.ttl <= 0x7fff_ffff else { throw .badUpdate }
            host = record.owner
            lifetime = record.ttl
            let octets = record.data.octets
            switch record.type {
            case .a, .aaaa:
                guard let address = IPAddress(octets: octets), address.isIPv6 == (record.type == .aaaa)
                else {
                    throw .badUpdate
                }
                gn = IPPrefix(address)
            case .apl:
                // One item, not negated (RFC 3123 4).
                guard octets.count >= 4, octets[0] == 0, octets[1] == 1 || octets[1] == 2,
                    octets[3] & 0x80 == 0,
                    octets.count == 4 + Int(octets[3])
                else { throw .badUpdate }
                let width = octets[1] == 1 ? 4 : 16
                guard octets.count - 4 <= width, Int(octets[2]) <= width * 8,
                    let address = IPAddress(
                        octets: octets[4...] + [UInt8](repeating: 0, count: width - (octets.count - 4)))
                else { throw .badUpdate }
                let prefix = IPPrefix(address, length: Int(octets[2]))
                guard prefix.address == address else { throw .badUpdate }
                gn = prefix
            default: throw .badUpdate
            }
        }
    }

    /// What both directions carry.
    package struct Body: Hashable, Sendable {
        package var id: UInt16
        package var isResponse: Bool
        package var responseCode: ResponseCode
        package var permissions: [Permission]
        package var ports: [PortRecord] = []
        /// Text of an extended error (RFC 8914), if there was one.
        package var explanation: String?
        /// Whether the sender announces itself as a router instead of asking for permissions.
        package var registration: Registration?

        package init(
            id: UInt16, isResponse: Bool, responseCode: ResponseCode, permissions: [Permission]
        ) {
            self.id = id
            self.isResponse = isResponse
            self.responseCode = responseCode
            self.permissions = permissions
        }
    }

    /// A granted port.
    package struct PortRecord: Hashable, Sendable {
        package var host: Name
        /// 6 for TCP, 17 for UDP.
        package var transport: UInt8
        package var privatePort: UInt16
        package var publicPort: UInt16

        package init(host: Name, transport: UInt8, privatePort: UInt16, publicPort: UInt16) {
            self.host = host
            self.transport = transport
            self.privatePort = privatePort
            self.publicPort = publicPort
        }
    }

    /// A router's announcement: its address, port and the prefixes behind it (see ``registrationOwner``).
    package struct Registration: Hashable, Sendable {
        /// Where the router takes notifications.
        package var router: IPAddress
        package var port: UInt16
        /// Prefixes that are reached through it, beside its own address.
        package var prefixes: [IPPrefix]
        /// Seconds for which the announcement holds; 0 takes it back.
        package var lifetime: UInt32

        package init(router: IPAddress, port: UInt16, prefixes: [IPPrefix], lifetime: UInt32) {
            self.router = router
            self.port = port
            self.prefixes = prefixes
            self.lifetime = lifetime
        }
    }

    /// Owner of the records of a registration.
    ///
    /// `router.nts.`
    package static let registrationOwner = Name(trustedWire: [6] + Array("router".utf8) + zone.wire)

    /// What a response must be verified with.
    package struct RequestSignature: Sendable {
        var id: UInt16
        var verifier: TSIGResponseVerifier

        /// Whether `octets` are a response to the request, signed with its key now.
        ///
        /// - Parameter epoch: seconds since 1970.
        package func isAnswered(by octets: borrowing RawSpan, layout: MessageLayout, epoch: UInt64) -> Bool {
            var verifier = verifier
            return layout.id == id && verifier.verify(octets, layout: layout, now: epoch) == .verified
        }
    }

    /// A signed request and what its response must be verified with.
    ///
    /// - Parameter epoch: seconds since 1970.
    /// - Returns: nil when a name is too long for the message.
    package static func request(
        id: UInt16, permissions: [Permission], registration: Registration? = nil, key: TSIGKey,
        epoch: UInt64
    ) -> (octets: [UInt8], signature: RequestSignature)? {
        var records = permissions.map(\.record)
        if let registration { records += registrationRecords(registration) }
        let message = Message(
            id: id, flags: HeaderFlags().with(opcode: .update, responseCode: .noError),
            questions: [Question(name: zone, type: .soa)], authorities: records)
        var session = TSIGSession(signingWith: key)
        var octets = message.encoded()
        guard session.sign(&octets, now: epoch), let verifier = TSIGResponseVerifier(request: session)
        else {
            return nil
        }
        return (octets, RequestSignature(id: id, verifier: verifier))
    }

    /// A response to `request`, signed with the session that verified it; unsigned when there is none.
    package static func response(
        to request: Body, code: ResponseCode, permissions: [Permission], ports: [PortRecord] = [],
        explanation: String? = nil, session: TSIGSession?, epoch: UInt64
    ) -> [UInt8] {
        var message = Message(
            id: request.id, flags: HeaderFlags.response.with(opcode: .update, responseCode: code),
            questions: [Question(name: zone, type: .soa)], authorities: permissions.map(\.record),
            additionals: ports.compactMap(portRecord))
        if let explanation {
            message.edns = EDNS(options: [.extendedError(.prohibited, text: explanation)])
        }
        var octets = message.encoded()
        if var session { session.sign(&octets, now: epoch) }
        return octets
    }

    /// Reads a message whose signature is checked elsewhere.
    ///
    /// - Throws: ``NTSError/badUpdate`` for anything but the form above.
    package static func decode(
        _ octets: borrowing RawSpan, layout: MessageLayout
    ) throws(NTSError)
        -> Body
    {
        guard layout.flags.opcode == .update, layout.questionCount == 1, layout.questionType == .soa,
            layout.questionClass == .internet, layout.end == octets.byteCount, layout.answerCount == 0,
            Int(layout.authorityCount) <= permissionLimit,
            let message = try? Message(parsing: octets, layout: layout),
            message.questions.first?.name == zone
        else { throw .badUpdate }
        var body = Body(
            id: message.id, isResponse: message.flags.contains(.response),
            responseCode: message.responseCode,
            permissions: [])
        for record in message.authorities {
            if record.owner == registrationOwner {
                try readRegistration(record, into: &body)
            } else {
                body.permissions.append(try Permission(record))
            }
        }
        if body.registration != nil, !body.permissions.isEmpty { throw .badUpdate }
        body.ports = message.additionals.prefix(permissionLimit * 4).compactMap(portGrant)
        if let option = message.edns?.option(.extendedError), option.count > 2 {
            body.explanation = String(decoding: option.dropFirst(2).prefix(200), as: UTF8.self)
        }
        return body
    }

    /// The MAC of a signed message: what a router remembers so that a replayed message opens nothing.
    ///
    /// Nil without one.
    package static func signature(of octets: borrowing RawSpan, layout: MessageLayout) -> [UInt8]? {
        guard let start = layout.tsigStart, let fixed = try? MessageView.skipName(octets, at: start),
            let afterName = try? MessageView.skipName(octets, at: fixed + 10),
            let length = octets.uint16(at: afterName + 8)
        else { return nil }
        return octets.copy((afterName + 10)..<(afterName + 10 + Int(length)))
    }

    /// The time at which a signed message was signed, seconds since 1970 (RFC 8945 4.2).
    package static func timeSigned(of octets: borrowing RawSpan, layout: MessageLayout) -> UInt64? {
        guard let start = layout.tsigStart, let fixed = try? MessageView.skipName(octets, at: start),
            let afterName = try? MessageView.skipName(octets, at: fixed + 10),
            let high = octets.uint16(at: afterName), let low = octets.uint32(at: afterName + 2)
        else { return nil }
        return UInt64(high) << 32 | UInt64(low)
    }

    // MARK: Ports

    private static func portRecord(_ grant: PortRecord) -> ResourceRecord? {
        let label = "_\(grant.privatePort)"
        let transport = grant.transport == 17 ? "_udp" : "_tcp"
        let prefix =
            [UInt8(label.utf8.count)] + label.utf8 + [UInt8(transport.utf8.count)] + transport.utf8 + [0]
        guard let owner = grant.host.prefixed(by: Name(trustedWire: prefix)) else { return nil }
        let port = [UInt8(grant.publicPort >> 8), UInt8(grant.publicPort & 0xff)]
        return ResourceRecord(
            owner: owner, type: .srv, ttl: 0, data: RecordData([0, 0, 0, 0] + port + grant.host.wire))
    }

    private static func portGrant(_ record: ResourceRecord) -> PortRecord? {
        guard record.type == .srv, record.data.octets.count > 6, record.owner.labelCount > 2 else {
            return nil
        }
        let labels = record.owner.labels
        guard let service = labels.first, service.first == UInt8(ascii: "_"),
            let port = UInt16(String(decoding: service.dropFirst(), as: UTF8.self))
        else { return nil }
        let isUDP = labels[1].elementsEqual("_udp".utf8)
        guard isUDP || labels[1].elementsEqual("_tcp".utf8) else { return nil }
        let octets = record.data.octets
        return PortRecord(
            host: record.owner.suffix(labels: record.owner.labelCount - 2), transport: isUDP ? 17 : 6,
            privatePort: port, publicPort: UInt16(octets[4]) << 8 | UInt16(octets[5]))
    }

    // MARK: Registration

    private static func registrationRecords(_ registration: Registration) -> [ResourceRecord] {
        let address = registration.router
        let port = [UInt8(registration.port >> 8), UInt8(registration.port & 0xff)]
        var records = [
            ResourceRecord(
                owner: registrationOwner, type: address.isIPv6 ? .aaaa : .a, ttl: registration.lifetime,
                data: RecordData(address.octets)),
            ResourceRecord(
                owner: registrationOwner, type: .srv, ttl: registration.lifetime,
                data: RecordData([0, 0, 0, 0] + port + registrationOwner.wire)),
        ]
        for prefix in registration.prefixes.prefix(permissionLimit - 2) {
            let permission = Permission(
                host: registrationOwner, gn: prefix, lifetime: registration.lifetime)
            records.append(permission.record)
        }
        return records
    }

    private static func readRegistration(
        _ record: ResourceRecord, into body: inout Body
    )
        throws(NTSError)
    {
        var registration =
            body.registration
            ?? Registration(router: .anyIPv4, port: 20053, prefixes: [], lifetime: record.ttl)
        if record.type == .srv {
            guard record.data.octets.count > 6 else { throw .badUpdate }
            registration.port = UInt16(record.data.octets[4]) << 8 | UInt16(record.data.octets[5])
        } else {
            let permission = try Permission(record)
            if registration.router.isUnspecified, permission.gn.length == permission.gn.address.bitWidth {
                registration.router = permission.gn.address
            } else {
                registration.prefixes.append(permission.gn)
            }
        }
        registration.lifetime = min(registration.lifetime, record.ttl)
        body.registration = registration
    }
}
