internal import CShims
package import DNSCore

/// A shared secret with its name and algorithm (RFC 8945 4).
///
/// The secret is hashed into the two halves of its HMAC once; no message allocates afterwards. Immutable, so it may
/// be shared by all threads.
@safe package final class TSIGKey: @unchecked Sendable {
    /// The key's name, in lower case.
    package let name: Name
    package let algorithm: TSIGAlgorithm
    /// The prepared key; never written after `init`, which is what makes the class sendable.
    private let prepared: UnsafeMutablePointer<torii_hmac_key>

    /// A key from its secret octets.
    package init(name: Name, algorithm: TSIGAlgorithm, secret: [UInt8]) {
        self.name = name.lowercased
        self.algorithm = algorithm
        unsafe prepared = .allocate(capacity: 1)
        unsafe prepared.initialize(to: torii_hmac_key())
        _ = unsafe torii_hmac_prepare(prepared, algorithm.digest, secret, secret.count)
    }

    /// A key as configurations write it; nil when `base64` is not base64 or holds no octet.
    package convenience init?(name: Name, algorithm: TSIGAlgorithm, base64: String) {
        guard let secret = Base64.decode(base64), !secret.isEmpty else { return nil }
        self.init(name: name, algorithm: algorithm, secret: secret)
    }

    deinit {
        unsafe torii_forget(prepared, MemoryLayout<torii_hmac_key>.size)
        unsafe prepared.deallocate()
    }

    /// The prepared key for ``HMAC``.
    @unsafe var pointer: UnsafePointer<torii_hmac_key> { unsafe UnsafePointer(prepared) }
}

/// The keys that a server knows, found by name in any case (RFC 8945 5.2.1).
package struct TSIGKeyring: Sendable {
    private var byName: [Name: TSIGKey] = [:]
    /// Keys by hash of the name, so that a name can be looked up where it stands in a message; two keys whose names
    /// hash alike share an entry.
    private var byHash: [UInt64: [TSIGKey]] = [:]

    /// A keyring with `keys`; of two with one name the later counts.
    package init(_ keys: [TSIGKey] = []) {
        for key in keys { add(key) }
    }

    /// Adds `key`, in place of one with the same name.
    package mutating func add(_ key: TSIGKey) {
        let hash = TSIGKeyring.hash(key.name.wire)
        byName[key.name] = key
        byHash[hash, default: []].removeAll { $0.name == key.name }
        byHash[hash, default: []].append(key)
    }

    /// The keys, in the order of their names.
    package var keys: [TSIGKey] { byName.values.sorted { $0.name < $1.name } }

    /// The key called `name`.
    package subscript(name: Name) -> TSIGKey? { byName[name] }

    /// The key whose name in lower case is `wire`; allocates nothing.
    func key(lowercasedWire wire: UnsafeBufferPointer<UInt8>) -> TSIGKey? {
        guard let candidates = byHash[unsafe TSIGKeyring.hash(wire)] else { return nil }
        for candidate in candidates where unsafe candidate.name.wire.elementsEqual(wire) { return candidate }
        return nil
    }

    /// FNV-1a from a random start.
    private static func hash(_ octets: some Sequence<UInt8>) -> UInt64 {
        var hash = NameHash.root
        for octet in octets { hash = (hash ^ UInt64(octet)) &* 0x0000_0100_0000_01b3 }
        return hash
    }
}
