internal import CShims
internal import DNSCore

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

    /// Deletes flows of `gn` that our table led to `host`.
    ///
    /// Walks the whole table: for the owner's commands.
    func forgetFlows(of gn: IPPrefix, to host: IPAddress, mark: UInt32) {
        var filter = torii_flow_filter()
        filter.family = gn.address.isIPv6 ? 6 : 4
        filter.source_length = UInt8(gn.length)
        store(gn.address, in: &filter.source)
        store(host, in: &filter.reply_source)
        filter.mark = mark
        let count = unsafe torii_conntrack_delete(descriptor, &filter)
        if count > 0 { deleted &+= UInt64(count) }
    }

    /// Copies an address into a field of the filter.
    private func store<Field>(_ address: IPAddress, in field: inout Field) {
        unsafe withUnsafeMutableBytes(of: &field) { unsafe $0.copyBytes(from: address.octets) }
    }
}
