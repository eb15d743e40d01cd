internal import DNSCore
internal import Operations

/// The last queries of one worker, for `toriictl top`.
///
/// A ring of fixed size: noting a query copies its name and address and nothing else.
@safe final class RecentQueries {
    /// Queries that are remembered.
    static let capacity = 4096
    /// Failures that are remembered.
    static let failureCapacity = 512
    private static let stride = 280

    /// A query that failed.
    struct Failure: Sendable {
        var name: String
        var client: String
        var reason: String
    }

    private let base: UnsafeMutableRawPointer
    private var count = 0
    private var failures: [Failure] = []
    private var failureCount = 0

    init() {
        unsafe base = .allocate(byteCount: RecentQueries.capacity * RecentQueries.stride, alignment: 8)
    }

    deinit { unsafe base.deallocate() }

    /// Notes a question.
    @inline(__always)
    func note(_ key: borrowing NameKey, _ type: RRType, from client: IPAddress) {
        let entry = unsafe base + (count & (RecentQueries.capacity - 1)) * RecentQueries.stride
        count &+= 1
        unsafe entry.storeBytes(of: client.high, as: UInt64.self)
        unsafe entry.storeBytes(of: client.low, toByteOffset: 8, as: UInt64.self)
        unsafe entry.storeBytes(of: type.rawValue, toByteOffset: 16, as: UInt16.self)
        unsafe entry.storeBytes(of: client.isIPv6, toByteOffset: 18, as: Bool.self)
        let length = min(key.length, 255)
        unsafe entry.storeBytes(of: UInt8(truncatingIfNeeded: length), toByteOffset: 19, as: UInt8.self)
        unsafe (entry + 20).copyMemory(from: key.octets(), byteCount: length)
    }

    /// Notes a question that was answered with SERVFAIL.
    func note(_ failure: Failure) {
        if failures.count < RecentQueries.failureCapacity {
            failures.append(failure)
        } else {
            failures[failureCount % RecentQueries.failureCapacity] = failure
        }
        failureCount &+= 1
    }

    /// What is remembered, counted.
    func tally(_ subject: Subject) -> [String: Int] {
        var counts: [String: Int] = [:]
        if subject == .failures {
            for failure in failures { counts["\(failure.name) \(failure.reason)", default: 0] += 1 }
            return counts
        }
        for index in 0..<min(count, RecentQueries.capacity) {
            let entry = unsafe base + index * RecentQueries.stride
            let text: String
            if subject == .clients {
                let high = unsafe entry.load(as: UInt64.self)
                let low = unsafe entry.load(fromByteOffset: 8, as: UInt64.self)
                let isIPv6 = unsafe entry.load(fromByteOffset: 18, as: Bool.self)
                text =
                    isIPv6
                    ? "\(IPAddress(high: high, low: low))"
                    : "\(IPAddress(v4: UInt32(truncatingIfNeeded: low)))"
            } else {
                let length = Int(unsafe entry.load(fromByteOffset: 19, as: UInt8.self))
                let type = RRType(rawValue: unsafe entry.load(fromByteOffset: 16, as: UInt16.self))
                let wire = unsafe UnsafeRawBufferPointer(start: entry + 20, count: length)
                text = unsafe "\(Name(trustedWire: Array(wire))) \(type)"
            }
            counts[text, default: 0] += 1
        }
        return counts
    }

    /// What is counted.
    enum Subject: String, CaseIterable, Sendable {
        case clients
        case names
        case failures = "servfail"
    }
}
