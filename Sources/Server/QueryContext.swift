internal import DNSCore
internal import DNSSecurity
internal import Transport

/// What is known of one query while it passes through the pipeline.
///
/// Lives on the stack of its worker.
struct QueryContext {
    /// Where the parts of the query stand.
    let layout: MessageLayout
    /// The client's address; that of the proxied client behind a trusted proxy.
    let address: IPAddress
    let port: UInt16
    /// Whether it came over a transport that has proved the source address and needs no truncation.
    let isStream: Bool
    /// Whether the transport is encrypted, so that padding makes sense (RFC 8467).
    let isEncrypted: Bool
    /// Octets that the whole response may take, OPT and TSIG included.
    var limit: Int
    /// The client's view, counted from 1; 0: none.
    var view = 0
    /// Whether this client may use recursion; tells RA.
    var recursionAllowed = false
    /// What the cookie option amounts to.
    var cookie = CookieVerdict.absent
    /// Where the cookie option's data stands in the query.
    var cookieOption: Range<Int>?
    /// Where the client subnet stands in the query that the answer is made for; nil when none counts.
    var answeredSubnet: Range<Int>?
    /// The extended error of the response, when there is one.
    var extendedError: ExtendedError?
    /// Text for the extended error; shown only where ``QueryContext/showsReasons`` allows it.
    var extendedText = ""
    /// The signed exchange; nil when the query was not signed.
    var session: TSIGSession?
    /// What the resumed stages of the pipeline left.
    var resumed: ResumedQuery?
    /// What the query has waited for; nothing for a new one.
    var resumption: Resumption { resumed?.state ?? .none }

    init(layout: MessageLayout, peer: Peer, capacity: Int, _ settings: borrowing ResponseSettings) {
        self.layout = layout
        address = IPAddress(peer.address)
        port = peer.address.port
        isStream = peer.transport.isConnected
        isEncrypted = peer.transport.isEncrypted
        if isStream {
            limit = min(capacity, 65535)
        } else {
            let offered = layout.edns.map { max(512, $0.payloadSize) } ?? 512
            limit = min(capacity, Int(min(offered, settings.udpPayloadSize)))
        }
    }

    /// The key that signed the query, when it counts.
    var keyName: Name? {
        guard let session, session.error == nil else { return nil }
        return session.key?.name
    }

    /// Whether the client has proved that it is where it says.
    var isSourceProved: Bool {
        if isStream { return true }
        if case .valid = cookie { return true }
        return false
    }

    /// Whether the query wants DNSSEC records.
    var wantsDNSSEC: Bool { layout.edns?.wantsDNSSEC ?? false }
}

extension IPAddress {
    /// The address of a peer, without port and scope.
    init(_ address: SocketAddress) {
        if address.family == .ipv6 {
            self.init(high: address.high, low: address.low)
        } else {
            self.init(v4: address.ipv4)
        }
    }
}

extension SocketAddress {
    /// An address with a port as the transport wants it.
    init(_ endpoint: IPEndpoint) {
        if let v4 = endpoint.address.v4 {
            self.init(ipv4: v4, port: endpoint.port)
        } else {
            self.init(
                high: endpoint.address.high, low: endpoint.address.low, port: endpoint.port, family: .ipv6)
        }
    }
}
