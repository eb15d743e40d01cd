internal import Glibc

/// Growing raw memory that zones are built in.
///
/// What grows may move: places in it are offsets, never pointers.
@safe struct RawBuffer: ~Copyable {
    /// The memory; valid up to `capacity`, zero where nothing was written.
    private(set) var base: UnsafeMutableRawPointer
    private var capacity: Int
    /// Octets in use.
    private(set) var count = 0

    init(capacity wanted: Int) {
        capacity = max(wanted, 64)
        unsafe base = RawBuffer.allocate(capacity)
    }

    deinit {
        unsafe free(base)
    }

    /// Makes room for `octets` more and counts them as used.
    ///
    /// - Returns: the offset of the first of them.
    @inline(__always)
    mutating func extend(by octets: Int) -> Int {
        let start = count
        if start + octets > capacity { grow(to: start + octets) }
        count = start + octets
        return start
    }

    /// Gives back what was taken last, down to `newCount`.
    mutating func truncate(to newCount: Int) {
        count = min(count, newCount)
    }

    /// Appends a copy of `octets` octets at `source`, which must not lie in this memory.
    @inline(__always)
    mutating func append(_ source: UnsafeRawPointer, _ octets: Int) {
        let start = extend(by: octets)
        unsafe (base + start).copyMemory(from: source, byteCount: octets)
    }

    /// Ends the building: cuts the memory to what is used and hands it over.
    ///
    /// The new owner calls `free`.
    consuming func release() -> UnsafeMutableRawPointer {
        let kept = unsafe realloc(base, max(count, 1)) ?? base
        discard self
        return unsafe kept
    }

    private mutating func grow(to needed: Int) {
        let enough = max(needed, capacity + max(capacity / 2, 4096))
        guard let moved = unsafe realloc(base, enough) else {
            preconditionFailure("out of memory")
        }
        unsafe base = moved
        capacity = enough
    }

    private static func allocate(_ octets: Int) -> UnsafeMutableRawPointer {
        guard let memory = unsafe malloc(octets) else { preconditionFailure("out of memory") }
        return unsafe memory
    }
}
