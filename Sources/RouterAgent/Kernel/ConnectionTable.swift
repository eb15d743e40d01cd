internal import CShims
internal import DNSCore
internal import NTS

/// The kernel's connection table, from which we delete what would keep a change from having effect.
final class ConnectionTable {
    private let descriptor: Int32
    /// Entries deleted so far.
    private(set) var deleted: UInt64 = 0

    /// - Throws: ``RouterError/connectionTable(errno:)``.
    init() throws(RouterError) {
        descriptor = torii_conntrack_open()
        guard descriptor >= 0 else { throw .connectionTable(errno: -descriptor) }
    }

    deinit { _ = torii_close(descriptor) }

    /// Deletes the one flow whose first packet was `flow`, if the kernel has it.
    func forget(_ flow: EarlyFlows.Flow) {
        let source = flow.source.octets
        let destination = flow.destination.octets
        let result = unsafe torii_conntrack_delete_flow(
            descriptor, flow.source.isIPv6 ? 6 : 4, flow.transport, source, destination, flow.sourcePort,
            flow.destinationPort)
        if result == 0 { deleted &+= 1 }
    }

    /// Deletes flows of `gn` that our table led to `host`, or to any host.
    ///
    /// Walks the whole table: for the owner's commands.
    func forgetFlows(of gn: IPPrefix, to host: IPAddress?, mark: UInt32) {
        var filter = torii_flow_filter()
        filter.family = gn.address.isIPv6 ? 6 : 4
        filter.source_length = UInt8(gn.length)
        store(gn.address, in: &filter.source)
        if let host { store(host, in: &filter.reply_source) } else { filter.is_any_host = true }
        filter.mark = mark
        let count = unsafe torii_conntrack_delete(descriptor, &filter)
        if count > 0 { deleted &+= UInt64(count) }
    }

    /// Who has flows that our table let in, with which hosts: also those whose permission ended long ago.
    ///
    /// Walks the whole table: for the owner's commands.
    ///
    /// - Parameter gn: only flows of these; their family counts too.
    /// - Returns: at most ``pairLimit`` pairs.
    func pairs(of gn: IPPrefix, mark: UInt32) -> Set<RequestCache.Pair> {
        var filter = torii_flow_filter()
        let isIPv6 = gn.address.isIPv6
        filter.family = isIPv6 ? 6 : 4
        filter.source_length = UInt8(gn.length)
        store(gn.address, in: &filter.source)
        filter.is_any_host = true
        filter.mark = mark
        var found = [torii_flow_pair](repeating: torii_flow_pair(), count: Self.pairLimit)
        let count = unsafe torii_conntrack_pairs(descriptor, &filter, &found, Int32(Self.pairLimit))
        var result: Set<RequestCache.Pair> = []
        for var pair in found.prefix(max(0, Int(count))) {
            guard let source = load(&pair.source, isIPv6), let host = load(&pair.reply_source, isIPv6) else {
                continue
            }
            result.insert(RequestCache.Pair(gn: IPPrefix(source), host: host))
        }
        return result
    }

    /// Pairs of one listing.
    private static let pairLimit = 16_384

    /// The address in a field of a pair.
    private func load<Field>(_ field: inout Field, _ isIPv6: Bool) -> IPAddress? {
        unsafe withUnsafeBytes(of: &field) { unsafe IPAddress(octets: Array($0.prefix(isIPv6 ? 16 : 4))) }
    }

    /// Copies an address into a field of the filter.
    private func store<Field>(_ address: IPAddress, in field: inout Field) {
        unsafe withUnsafeMutableBytes(of: &field) { unsafe $0.copyBytes(from: address.octets) }
    }
}
