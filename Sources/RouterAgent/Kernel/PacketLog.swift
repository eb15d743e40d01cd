internal import CShims
internal import DNSCore
internal import Transport

/// A packet that our rules logged, as far as it matters here.
struct LoggedPacket {
    /// Which rule logged it.
    var group: UInt16
    /// 0 prerouting, 4 postrouting.
    var hook: UInt8
    /// The first character of the rule's prefix; 0 = none.
    var tag: UInt8
    var inInterface: UInt32
    /// The Ethernet address that it came from, where there is one.
    var link: UInt64?
    var source: IPAddress
    var destination: IPAddress
    /// 6 TCP, 17 UDP, 1 ICMP.
    var transport: UInt8
    /// Ports of TCP and UDP; 0 otherwise or when the log is too short.
    var sourcePort: UInt16
    var destinationPort: UInt16
    /// Octets after the IP header.
    var payload: [UInt8]

    /// Reads an IP packet; nil when it is neither IPv4 nor IPv6, or a fragment that is not the first.
    init?(_ record: borrowing RawSpan, group: UInt16, hook: UInt8, inInterface: UInt32, tag: UInt8 = 0) {
        guard let first = record.octet(at: 0) else { return nil }
        let start: Int
        let end: Int
        switch first >> 4 {
        case 4:
            guard let protocolNumber = record.octet(at: 9), let total = record.uint16(at: 2),
                let fragment = record.uint16(at: 6), fragment & 0x1fff == 0,
                let source = record.copy(12..<16).flatMap({ IPAddress(octets: $0) }),
                let destination = record.copy(16..<20).flatMap({ IPAddress(octets: $0) })
            else { return nil }
            start = Int(first & 15) * 4
            end = min(record.byteCount, Int(total))
            transport = protocolNumber
            self.source = source
            self.destination = destination
        case 6:
            guard let next = record.octet(at: 6), let length = record.uint16(at: 4),
                let source = record.copy(8..<24).flatMap({ IPAddress(octets: $0) }),
                let destination = record.copy(24..<40).flatMap({ IPAddress(octets: $0) })
            else { return nil }
            start = 40
            end = min(record.byteCount, 40 + Int(length))
            transport = next
            self.source = source
            self.destination = destination
        default: return nil
        }
        guard start >= 20, start <= end, let payload = record.copy(start..<end) else { return nil }
        self.group = group
        self.hook = hook
        self.tag = tag
        self.inInterface = inInterface
        self.payload = payload
        let hasPorts = (transport == 6 || transport == 17) && payload.count >= 4
        sourcePort = hasPorts ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : 0
        destinationPort = hasPorts ? UInt16(payload[2]) << 8 | UInt16(payload[3]) : 0
    }
}

/// What the kernel logs to our NFLOG groups, on the loop.
@safe final class PacketLog: EventSource {
    private let descriptor: Int32
    private let loop: EventLoop
    private let buffer: UnsafeMutableRawBufferPointer
    private let handler: (LoggedPacket) -> Void
    /// Times that the kernel had to drop events.
    ///
    /// They are hints, so that nothing is lost but a statistic or a name.
    private(set) var overruns: UInt64 = 0
    private static let datagramsPerRound = 64

    /// - Throws: ``RouterError/packetLog(errno:)``.
    init(
        groups: [UInt16], on loop: EventLoop, _ handler: @escaping (LoggedPacket) -> Void
    ) throws(RouterError) {
        let descriptor = unsafe torii_nflog_open(groups, Int32(groups.count), 4 << 20)
        guard descriptor >= 0 else { throw .packetLog(errno: -descriptor) }
        self.descriptor = descriptor
        self.loop = loop
        self.handler = handler
        unsafe buffer = .allocate(byteCount: 256 << 10, alignment: 16)
        do {
            try loop.watch(descriptor, for: .readable, source: self)
        } catch {
            throw .packetLog(errno: 0)
        }
    }

    deinit {
        _ = torii_close(descriptor)
        unsafe buffer.deallocate()
    }

    /// Stops listening.
    func close() { loop.unwatch(descriptor) }

    func ready(_ events: Readiness, tag: UInt32) {
        for _ in 0..<Self.datagramsPerRound {
            let count = unsafe torii_nflog_receive(descriptor, buffer.baseAddress, buffer.count)
            guard count > 0 else {
                if count == -105 { overruns &+= 1 }  // ENOBUFS
                return
            }
            read(count)
        }
    }

    private func read(_ count: Int) {
        guard let base = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        var offset = 0
        var record = unsafe torii_logged()
        while unsafe torii_nflog_next(base, count, &offset, &record) {
            guard let payload = unsafe record.payload else { continue }
            let span = unsafe RawSpan(_unsafeStart: payload, byteCount: Int(record.length))
            var packet = unsafe LoggedPacket(
                span, group: record.group, hook: record.hook, inInterface: record.in_interface,
                tag: UInt8(bitPattern: record.tag))
            if unsafe record.has_link { packet?.link = unsafe record.link }
            if let packet { handler(packet) }
        }
    }
}
