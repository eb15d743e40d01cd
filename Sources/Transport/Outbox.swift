internal import CShims

/// Datagrams on their way out, composed one behind the other in one piece of memory and sent by one call.
@safe final class Outbox {
    private let sender: OpaquePointer
    private let datagrams: UnsafeMutablePointer<torii_datagram>
    private let arena: UnsafeMutableRawBufferPointer
    private let slots: Int
    private let largest: Int
    private var count = 0
    private var used = 0

    /// - Parameters:
    ///   - slots: datagrams that fit.
    ///   - largest: octets that each may have.
    /// - Throws: ``TransportError/buffers(slots:)``.
    init(slots: Int, largest: Int) throws(TransportError) {
        guard let sender = unsafe torii_outbox_create(UInt32(slots)) else { throw .buffers(slots: slots) }
        unsafe self.sender = unsafe sender
        unsafe datagrams = .allocate(capacity: slots)
        unsafe datagrams.initialize(repeating: torii_datagram(), count: slots)
        let stride = (largest + 63) / 64 * 64
        unsafe arena = .allocate(byteCount: slots * stride, alignment: 64)
        self.slots = slots
        self.largest = largest
    }

    deinit {
        unsafe torii_outbox_free(sender)
        unsafe datagrams.deallocate()
        unsafe arena.deallocate()
    }

    var isFull: Bool { count == slots }
    var isEmpty: Bool { count == 0 }

    /// Where the next datagram may be composed.
    ///
    /// Call only when not full.
    var next: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: arena[used..<used + largest])
    }

    /// Queues the first `length` octets of ``next``.
    func commit(_ length: Int, to remote: torii_address, from local: torii_address) {
        guard count < slots, let base = unsafe arena.baseAddress else { return }
        unsafe datagrams[count].octets = unsafe (base + used).assumingMemoryBound(to: UInt8.self)
        unsafe datagrams[count].length = UInt32(length)
        unsafe datagrams[count].remote = remote
        unsafe datagrams[count].local = local
        count += 1
        used += (length + 63) / 64 * 64
    }

    /// Sends everything.
    ///
    /// The source address is chosen only where the socket is bound to a wildcard.
    func send(on socket: ListeningSocket) -> (sent: Int, dropped: Int) {
        guard count > 0 else { return (0, 0) }
        if !socket.address.isWildcard {
            for index in 0..<count { unsafe datagrams[index].local.family = 0 }
        }
        var reason: Int32 = 0
        let dropped = unsafe torii_outbox_send(sender, socket.descriptor, datagrams, UInt32(count), &reason)
        defer {
            count = 0
            used = 0
        }
        return (count, Int(dropped))
    }
}
