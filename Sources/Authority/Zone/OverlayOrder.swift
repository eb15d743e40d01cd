internal import DNSCore
internal import Glibc
internal import Synchronization

/// The names that an overlay adds to a zone's chain of NSEC or NSEC3, in canonical order: a skip list that grows only.
///
/// One writer inserts under its overlay's lock; readers walk it at the same time. A name may be here that a reader's
/// version does not show, or not any more: the reader asks the overlay about every name it meets.
@safe final class OverlayOrder: @unchecked Sendable {
    private static let height = 16

    private let apexLength: Int
    /// An element: the node's address 8 | links 8 each.
    ///
    /// The head has no node.
    private let head: UnsafeMutablePointer<Atomic<UInt>>
    private var elements: [UnsafeMutablePointer<Atomic<UInt>>] = unsafe []
    private var random = UInt64.random(in: 1 ... .max)

    init(apexLength: Int) {
        self.apexLength = apexLength
        unsafe head = OverlayOrder.make(height: OverlayOrder.height)
    }

    deinit {
        unsafe free(head)
        for index in unsafe elements.indices { unsafe free(elements[index]) }
    }

    private static func make(height: Int) -> UnsafeMutablePointer<Atomic<UInt>> {
        guard let memory = unsafe calloc(1 + height, 8) else { preconditionFailure("out of memory") }
        return unsafe memory.bindMemory(to: Atomic<UInt>.self, capacity: 1 + height)
    }

    @inline(__always)
    private func next(
        _ element: UnsafeMutablePointer<Atomic<UInt>>, _ level: Int
    ) -> UnsafeMutablePointer<Atomic<UInt>>? {
        unsafe UnsafeMutablePointer(bitPattern: element[1 + level].load(ordering: .acquiring))
    }

    @inline(__always)
    private func owner(_ element: UnsafeMutablePointer<Atomic<UInt>>) -> UnsafePointer<UInt8>? {
        guard let base = unsafe UnsafeRawPointer(bitPattern: element[0].load(ordering: .relaxed)) else {
            return nil
        }
        return unsafe ZoneNode(base: base).owner
    }

    /// Adds a name; does nothing when it is there.
    func insert(_ node: ZoneNode) {
        var before = InlineArray<16, UInt>(repeating: 0)
        var element = unsafe head
        var level = OverlayOrder.height - 1
        while level >= 0 {
            while let following = unsafe next(element, level), let name = unsafe owner(following) {
                let order = unsafe CanonicalOrder.compare(name, node.owner)
                if order == 0 { return }
                if order > 0 { break }
                unsafe element = following
            }
            before[level] = UInt(bitPattern: element)
            level -= 1
        }
        var height = 1
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        while height < OverlayOrder.height, random >> UInt64(2 * height) & 3 == 0 { height += 1 }
        let new = unsafe OverlayOrder.make(height: height)
        unsafe elements.append(new)
        unsafe new[0].store(UInt(bitPattern: node.base), ordering: .relaxed)
        for level in 0..<height {
            guard let previous = unsafe UnsafeMutablePointer<Atomic<UInt>>(bitPattern: before[level]) else {
                continue
            }
            unsafe new[1 + level].store(previous[1 + level].load(ordering: .relaxed), ordering: .relaxed)
        }
        for level in 0..<height {
            guard let previous = unsafe UnsafeMutablePointer<Atomic<UInt>>(bitPattern: before[level]) else {
                continue
            }
            unsafe previous[1 + level].store(UInt(bitPattern: new), ordering: .releasing)
        }
    }

    /// The last name before `name`, or at it if `orAt`; nil when there is none.
    func last(before name: UnsafePointer<UInt8>, orAt: Bool) -> ZoneNode? {
        var element = unsafe head
        var level = OverlayOrder.height - 1
        while level >= 0 {
            while let following = unsafe next(element, level), let other = unsafe owner(following) {
                let order = unsafe CanonicalOrder.compare(other, name)
                if orAt ? order > 0 : order >= 0 { break }
                unsafe element = following
            }
            level -= 1
        }
        guard let base = unsafe UnsafeRawPointer(bitPattern: element[0].load(ordering: .relaxed)) else {
            return nil
        }
        return unsafe ZoneNode(base: unsafe base)
    }

    /// The last name of all.
    var last: ZoneNode? {
        var element = unsafe head
        var level = OverlayOrder.height - 1
        while level >= 0 {
            while let following = unsafe next(element, level) { unsafe element = following }
            level -= 1
        }
        guard let base = unsafe UnsafeRawPointer(bitPattern: element[0].load(ordering: .relaxed)) else {
            return nil
        }
        return unsafe ZoneNode(base: unsafe base)
    }
}
