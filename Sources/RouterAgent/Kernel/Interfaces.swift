internal import CShims
internal import DNSCore
internal import Transport

/// An address of an interface and the network that is reached through it.
struct InterfaceAddress: Hashable {
    var address: IPAddress
    var network: IPPrefix
    var isGlobal: Bool
    /// Whether it is about to go.
    var isDeprecated = false
    /// When it was made, in hundredths of a second on the kernel's own clock.
    var created: UInt32 = 0
}

/// Reads interfaces, and tells when they change.
final class Interfaces: EventSource {
    private let descriptor: Int32
    private let changed: () -> Void

    /// Calls `changed` whenever addresses or links of the machine change.
    ///
    /// Without the kernel's help it is never called.
    init(on loop: EventLoop, changed: @escaping () -> Void) {
        self.changed = changed
        descriptor = torii_interface_watch()
        if descriptor >= 0 { try? loop.watch(descriptor, for: .readable, source: self) }
    }

    deinit { if descriptor >= 0 { _ = torii_close(descriptor) } }

    func ready(_ events: Readiness, tag: UInt32) {
        torii_interface_drain(descriptor)
        changed()
    }

    /// The addresses of interface `name`.
    static func addresses(of name: String) -> [InterfaceAddress] {
        let capacity = 64
        return unsafe withUnsafeTemporaryAllocation(of: torii_interface_address.self, capacity: capacity) {
            buffer in
            let count = unsafe torii_interface_addresses(name, buffer.baseAddress, Int32(capacity))
            var result: [InterfaceAddress] = []
            for index in 0..<min(capacity, max(0, Int(count))) {
                let raw = unsafe buffer[index]
                let octets = unsafe withUnsafeBytes(of: raw.octets) {
                    unsafe Array($0.prefix(raw.family == 4 ? 4 : 16))
                }
                guard let address = IPAddress(octets: octets) else { continue }
                result.append(
                    InterfaceAddress(
                        address: address, network: IPPrefix(address, length: Int(raw.prefix_length)),
                        isGlobal: raw.is_global,
                        isDeprecated: raw.is_deprecated, created: raw.created))
            }
            return result
        }
    }

    /// The number of the interface by which the kernel would send to `address`; nil when it would not.
    static func index(towards address: IPAddress) -> UInt32? {
        let index = unsafe torii_route_interface(address.isIPv6 ? 6 : 4, address.octets)
        return index == 0 ? nil : index
    }

    /// The number of interface `name`; nil when there is none.
    static func index(of name: String) -> UInt32? {
        let index = unsafe torii_interface_index(name)
        return index == 0 ? nil : index
    }
}
