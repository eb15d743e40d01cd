internal import CShims

/// The certificate chain and private key of a listener, in PEM files.
package struct SecureIdentity: Sendable, Hashable {
    package var certificateFile: String
    package var keyFile: String

    package init(certificateFile: String, keyFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// A certificate chain with its key, ready for connections: the server's side of TLS 1.2 and 1.3 by the system's OpenSSL.
@safe package final class TLSContext: Sendable {
    /// OpenSSL allows making connections of one context on several threads.
    fileprivate nonisolated(unsafe) let raw: OpaquePointer

    /// Reads the files.
    ///
    /// - Parameter transport: `tls` or `https`; decides on the protocols offered (ALPN).
    /// - Throws: ``TransportError/certificate(file:)`` with the file that is to blame.
    package init(_ identity: SecureIdentity, transport: TransportKind) throws(TransportError) {
        let names = transport == .tls ? ["dot"] : ["h2", "http/1.1"]
        let protocols = names.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        var problem: Int32 = 0
        // Clients of DNS over TLS often name no protocol, or one of their own: they are served.
        let raw = unsafe torii_tls_context_create(
            identity.certificateFile, identity.keyFile, protocols, protocols.count, transport == .https,
            &problem)
        guard let raw = unsafe raw else {
            let isKey = Int(problem) == TORII_TLS_BAD_KEY
            throw .certificate(file: isKey ? identity.keyFile : identity.certificateFile)
        }
        unsafe self.raw = unsafe raw
    }

    deinit { unsafe torii_tls_context_free(raw) }
}

/// How servers are asked over TLS (RFC 7858, RFC 8310): the client's side of TLS 1.2 and 1.3 by the system's OpenSSL.
@safe package final class TLSClientContext: Sendable {
    /// OpenSSL allows making connections of one context on several threads.
    fileprivate nonisolated(unsafe) let raw: OpaquePointer
    /// The name that servers' certificates must show; nil: their address.
    let name: String?

    /// - Parameters:
    ///   - name: asked for (SNI), and demanded of certificates; nil: they must show the server's address.
    ///   - authorities: a PEM file; nil: the system's.
    ///   - verifies: whether certificates must be good at all.
    /// - Throws: ``TransportError/certificate(file:)`` when the authorities cannot be read.
    package init(name: String?, authorities: String?, verifies: Bool) throws(TransportError) {
        let protocols: [UInt8] = [3] + Array("dot".utf8)
        var problem: Int32 = 0
        let raw = unsafe torii_tls_client_context_create(
            authorities, verifies, protocols, protocols.count, &problem)
        guard let raw = unsafe raw else { throw .certificate(file: authorities ?? "") }
        unsafe self.raw = unsafe raw
        self.name = name
    }

    deinit { unsafe torii_tls_context_free(raw) }
}

/// One TLS connection as octets in and octets out; touches no socket.
@safe final class TLSSession {
    /// What reading found.
    enum Arrival: Equatable {
        case octets(Int)
        /// Nothing until more comes from the network.
        case nothing
        /// The peer has said that it sends no more.
        case closed
        /// Not TLS, refused or broken. What is pending tells the peer why.
        case failed
    }

    private let raw: OpaquePointer
    /// What the connection needs to live.
    private let context: AnyObject

    /// The client's side of a connection to `server`.
    ///
    /// Nil without memory.
    init?(_ context: TLSClientContext, to server: SocketAddress) {
        let address = server.octets
        guard let raw = unsafe torii_tls_create_client(context.raw, context.name, address, address.count)
        else {
            return nil
        }
        unsafe self.raw = unsafe raw
        self.context = context
    }

    /// Nil without memory.
    init?(_ context: TLSContext) {
        guard let raw = unsafe torii_tls_create(context.raw) else { return nil }
        unsafe self.raw = unsafe raw
        self.context = context
    }

    deinit { unsafe torii_tls_free(raw) }

    /// Takes octets from the network.
    ///
    /// False: no memory.
    func feed(_ octets: UnsafeRawBufferPointer) -> Bool {
        unsafe torii_tls_feed(raw, octets.baseAddress, octets.count)
    }

    /// Reads what is for us, and drives the handshake.
    func read(into space: UnsafeMutableRawBufferPointer) -> Arrival {
        let count = unsafe torii_tls_read(raw, space.baseAddress, space.count)
        if count > 0 { return .octets(count) }
        return count == 0 ? .nothing : count == TORII_TLS_CLOSED ? .closed : .failed
    }

    /// Encrypts octets for the peer.
    ///
    /// False: it cannot get any more.
    func write(_ octets: UnsafeRawBufferPointer) -> Bool {
        unsafe torii_tls_write(raw, octets.baseAddress, octets.count)
    }

    /// Tells the peer that we send no more.
    func finish() { unsafe torii_tls_finish(raw) }

    /// Octets that wait for the network.
    var pending: Int { unsafe torii_tls_pending(raw) }

    /// Takes octets for the network; returns how many.
    func take(into space: UnsafeMutableRawBufferPointer) -> Int {
        unsafe torii_tls_take(raw, space.baseAddress, space.count)
    }

    /// Whether the handshake is over.
    var isEstablished: Bool { unsafe torii_tls_is_established(raw) }

    /// The application protocol agreed on, if any.
    var negotiatedProtocol: String? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { name in
            let length = unsafe torii_tls_protocol(raw, name.baseAddress, name.count)
            guard length > 0 else { return nil }
            return unsafe String(decoding: UnsafeRawBufferPointer(name).prefix(length), as: UTF8.self)
        }
    }
}
