internal import CShims
internal import DNSCore

/// An element's key or value as the kernel has it: the parts of a concatenation, each padded to four octets.
struct ElementValue: Hashable {
    private(set) var octets: [UInt8] = []

    init() { octets.reserveCapacity(32) }

    /// An address.
    init(_ address: IPAddress) { octets = address.octets }

    /// The same with an address behind it.
    func then(_ address: IPAddress) -> ElementValue {
        var result = self
        result.octets += address.octets
        return result
    }

    /// The same with a transport protocol behind it.
    func then(transport: UInt8) -> ElementValue {
        var result = self
        result.octets += [transport, 0, 0, 0]
        return result
    }

    /// The same with a port behind it.
    func then(port: UInt16) -> ElementValue {
        var result = self
        result.octets += [UInt8(port >> 8), UInt8(port & 0xff), 0, 0]
        return result
    }
}

/// One element of one of our sets.
struct SetElement {
    var set: String
    var key: ElementValue
    /// Of an interval: its last key.
    var end: ElementValue?
    /// What a map gives for the key.
    var value: ElementValue?
    /// Seconds; 0 = for ever.
    var timeout: UInt32 = 0
}

/// One transaction, gathered change by change and made at once over netlink.
@safe final class ElementBatch {
    /// What the kernel said.
    enum Verdict: Equatable {
        case made
        /// Nothing has changed.
        ///
        /// `places`: the changes that the kernel named, counted from 0; it need not have named any.
        case refused(errno: Int32, places: [Int])
    }

    private static let reportLimit = 4096
    private let batch: OpaquePointer
    private var failed = [UInt32](repeating: 0, count: reportLimit)

    /// - Throws: ``RouterError/noNftables`` without memory.
    init(table: String) throws(RouterError) {
        guard let batch = unsafe torii_nft_batch_new(table) else { throw .noNftables }
        unsafe self.batch = batch
        begin()
    }

    deinit { unsafe torii_nft_batch_free(batch) }

    /// Changes gathered.
    var count: Int { Int(unsafe torii_nft_batch_count(batch)) }

    /// Forgets what was gathered.
    func begin() { unsafe torii_nft_batch_begin(batch) }

    /// Adds an element; that it is there already, with the same value, is no error.
    func add(_ element: SetElement) { write(element, isDeletion: false) }

    /// Takes an element away, whether or not its timeout or the packet path has done so before.
    ///
    /// Deleting what is gone would fail the whole transaction: so it is added as it was, and then deleted.
    func clear(_ element: SetElement) {
        write(element, isDeletion: false)
        write(element, isDeletion: true)
    }

    /// Empties a set.
    func flush(_ set: String) { unsafe torii_nft_batch_flush(batch, set) }

    private func write(_ element: SetElement, isDeletion: Bool) {
        let value = element.value?.octets ?? []
        unsafe element.key.octets.withUnsafeBufferPointer { key in
            unsafe value.withUnsafeBufferPointer { value in
                var raw = unsafe torii_nft_element(
                    key: key.baseAddress, key_end: nil, key_length: UInt32(key.count),
                    value: value.baseAddress,
                    value_length: UInt32(value.count), timeout: UInt64(element.timeout) * 1000)
                guard let end = element.end else {
                    return unsafe torii_nft_batch_element(batch, isDeletion, element.set, &raw)
                }
                unsafe end.octets.withUnsafeBufferPointer { end in
                    unsafe raw.key_end = end.baseAddress
                    unsafe torii_nft_batch_element(batch, isDeletion, element.set, &raw)
                }
            }
        }
    }

    /// Makes all changes, or none, through the socket that owns the table.
    func commit(through descriptor: Int32) -> Verdict {
        var count: Int32 = 0
        let result = unsafe torii_nft_batch_commit(
            batch, descriptor, &failed, Int32(Self.reportLimit), &count)
        guard result != 0 else { return .made }
        return .refused(errno: -result, places: failed.prefix(Int(count)).map { Int($0) })
    }
}
