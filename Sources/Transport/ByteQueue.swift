/// Octets that wait: put in at the end, taken out at the front.
///
/// Owns its memory; empty ones own none.
@safe struct ByteQueue: ~Copyable {
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private var head = 0
    private var tail = 0

    init() {}

    deinit { unsafe memory?.deallocate() }

    /// Octets that wait.
    var count: Int { tail - head }
    var isEmpty: Bool { tail == head }

    /// What waits.
    ///
    /// Good until the next change.
    var contents: UnsafeRawBufferPointer {
        guard let memory = unsafe memory else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: memory + head, count: count)
    }

    /// Room for `octets` more, behind what waits.
    ///
    /// Fill it, then call ``extend(by:)``.
    mutating func reserve(_ octets: Int) -> UnsafeMutableRawBufferPointer {
        if capacity - tail < octets {
            let waiting = count
            if capacity - waiting >= octets, let memory = unsafe memory {
                unsafe memory.copyMemory(from: memory + head, byteCount: waiting)
            } else {
                let larger = max(512, waiting + octets, capacity + capacity / 2)
                let fresh = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
                if let memory = unsafe memory {
                    unsafe fresh.copyMemory(from: memory + head, byteCount: waiting)
                    unsafe memory.deallocate()
                }
                unsafe memory = unsafe fresh
                capacity = larger
            }
            head = 0
            tail = waiting
        }
        return unsafe UnsafeMutableRawBufferPointer(start: memory.map { unsafe $0 + tail }, count: octets)
    }

    /// Counts octets written into the reserved room.
    mutating func extend(by octets: Int) { tail = min(capacity, tail + octets) }

    /// Copies octets to the end.
    mutating func append(_ octets: UnsafeRawBufferPointer) {
        guard octets.count > 0 else { return }
        unsafe reserve(octets.count).copyMemory(from: octets)
        extend(by: octets.count)
    }

    /// Copies a message of at most 65,535 octets to the end, its 2-octet length before it.
    mutating func append(message: UnsafeRawBufferPointer) {
        let space = unsafe reserve(message.count + 2)
        unsafe space[0] = UInt8(truncatingIfNeeded: message.count >> 8)
        unsafe space[1] = UInt8(truncatingIfNeeded: message.count)
        unsafe UnsafeMutableRawBufferPointer(rebasing: space[2...]).copyMemory(from: message)
        extend(by: message.count + 2)
    }

    /// Takes octets away from the front.
    mutating func consume(_ octets: Int) {
        head = min(tail, head + octets)
        if head == tail {
            head = 0
            tail = 0
        }
    }

    /// Forgets everything; the memory stays for next time.
    mutating func removeAll() {
        head = 0
        tail = 0
    }

    /// Gives the memory back if nothing waits.
    mutating func release() {
        guard isEmpty else { return }
        unsafe memory?.deallocate()
        unsafe memory = nil
        capacity = 0
        removeAll()
    }
}
