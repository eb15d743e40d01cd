internal import DNSCore
internal import DNSSecurity

/// What every response of this server carries, fixed until the next reload.
package struct ResponseSettings: Sendable {
    /// Octets that a UDP response may take at most, and what our OPT record offers.
    ///
    /// 512...4096.
    package var udpPayloadSize: UInt16 = 1232
    /// The server identifier (RFC 5001); empty = no NSID.
    package var nsid: [UInt8] = []
    /// Whether responses carry server cookies (RFC 7873).
    package var sendsCookies = true
    /// Time a TCP client may stay idle, told in units of 100 ms (RFC 7828).
    package var tcpKeepalive: UInt16 = 100
    /// Whether answers may be for a client subnet alone (RFC 7871), so that room is kept for saying so.
    package var answersSubnets = false

    package init() {}
}

/// The end of every response: OPT with its options, padding, then TSIG, in that order and nowhere else.
enum ResponseFinisher {
    /// Octets to keep free while the sections are composed.
    static func reserve(
        _ context: borrowing QueryContext, _ settings: borrowing ResponseSettings, _ query: borrowing RawSpan
    )
        -> Int
    {
        var octets = 0
        if let edns = context.layout.edns {
            octets += 11
            if context.cookieOption != nil, settings.sendsCookies { octets += 4 + ServerCookies.length }
            if !settings.nsid.isEmpty, edns.option(.nsid, in: query) != nil {
                octets += 4 + settings.nsid.count
            }
            if context.isStream, edns.option(.tcpKeepalive, in: query) != nil { octets += 6 }
            if settings.answersSubnets, let subnet = edns.option(.clientSubnet, in: query) {
                octets += 4 + subnet.count
            }
        }
        if let session = context.session { octets += session.reservedLength }
        return octets
    }

    /// Writes what follows the sections.
    ///
    /// - Parameters:
    ///   - extendedResponseCode: the upper bits of the response code.
    ///   - wall: seconds since 1970.
    static func finish(
        _ composer: inout MessageComposer, _ context: borrowing QueryContext,
        _ settings: borrowing ResponseSettings,
        _ cookies: borrowing ServerCookies, query: borrowing RawSpan, code: ResponseCode, wall: UInt64
    ) {
        composer.start(.additional)
        composer.setLimit(context.limit - (context.session?.reservedLength ?? 0))
        guard let edns = context.layout.edns,
            composer.beginOPT(
                payloadSize: settings.udpPayloadSize, extendedResponseCode: code.extended,
                wantsDNSSEC: edns.wantsDNSSEC)
        else { return }
        if edns.options.count > 0 {
            writeAskedOptions(&composer, context, edns, settings, cookies, query: query, wall: wall)
        }
        if let extendedError = context.extendedError {
            write(extendedError, context.extendedText, &composer)
        }
        if context.isEncrypted, edns.option(.padding, in: query) != nil { pad(&composer) }
        composer.endOPT()
    }

    private static func writeAskedOptions(
        _ composer: inout MessageComposer, _ context: borrowing QueryContext, _ edns: EDNSLayout,
        _ settings: borrowing ResponseSettings, _ cookies: borrowing ServerCookies, query: borrowing RawSpan,
        wall: UInt64
    ) {
        if settings.sendsCookies, let option = context.cookieOption {
            if case .valid(isFresh: true) = context.cookie {
                composer.appendOption(.cookie, query.extracting(option))
            } else {
                let made = cookies.make(
                    query, clientCookie: option.lowerBound, address: context.address,
                    now: UInt32(truncatingIfNeeded: wall))
                unsafe composer.appendOption(.cookie, made.span.bytes)
            }
        }
        if !settings.nsid.isEmpty, edns.option(.nsid, in: query) != nil {
            unsafe composer.appendOption(.nsid, settings.nsid.span.bytes)
        }
        if let subnet = context.answeredSubnet, var data = query.copy(subnet), data.count >= 4 {
            // The answer holds for the whole of what was asked for, and for nobody else (RFC 7871 7.2.1).
            data[3] = data[2]
            unsafe composer.appendOption(.clientSubnet, data.span.bytes)
        }
        if context.isStream, edns.option(.tcpKeepalive, in: query) != nil {
            let value = [UInt8(settings.tcpKeepalive >> 8), UInt8(settings.tcpKeepalive & 0xff)]
            unsafe composer.appendOption(.tcpKeepalive, value.span.bytes)
        }
    }

    private static func write(_ code: ExtendedError, _ text: String, _ composer: inout MessageComposer) {
        let info = EDNSOption.extendedError(code, text: text).data
        unsafe composer.appendOption(.extendedError, info.span.bytes)
    }

    /// Pads to a multiple of 468 octets (RFC 8467 4.1).
    private static func pad(_ composer: inout MessageComposer) {
        let length = composer.count + 4
        let target = min((length + 467) / 468 * 468, composer.limit)
        guard target >= length else { return }
        let zeros = [UInt8](repeating: 0, count: target - length)
        unsafe composer.appendOption(.padding, zeros.span.bytes)
    }
}
