internal import CShims
internal import DNSCore
internal import Transport

/// Sends ICMP messages.
///
/// What arrives is read from the packet log, since the kernel would answer it too.
final class EchoSocket {
    private let descriptor: Int32

    /// - Throws: ``RouterError/icmp(errno:)``.
    init() throws(RouterError) {
        descriptor = torii_icmp_open()
        guard descriptor >= 0 else { throw .icmp(errno: -descriptor) }
    }

    deinit { _ = torii_close(descriptor) }

    /// Sends one whole ICMP message from our address `source`.
    func send(_ octets: [UInt8], to destination: IPAddress, from source: IPAddress) {
        var remote = raw(destination)
        var local = raw(source)
        _ = unsafe torii_send_to(descriptor, octets, octets.count, &remote, &local)
    }

    private func raw(_ address: IPAddress) -> torii_address {
        torii_address(
            high: 0, low: 0x0000_ffff_0000_0000 | address.low, scope: 0, port: 0, family: 4, reserved: 0)
    }
}
