internal import CShims

/// Unpredictable numbers from the kernel, fetched some thousand octets at a time and erased as they are used.
@safe package final class RandomPool {
    private let octets: UnsafeMutableRawBufferPointer
    private var position: Int

    /// - Parameter capacity: octets fetched by one system call.
    package init(capacity: Int = 4096) {
        unsafe octets = .allocate(byteCount: max(64, capacity), alignment: 8)
        position = unsafe octets.count
    }

    deinit {
        unsafe torii_erase(octets.baseAddress, octets.count)
        unsafe octets.deallocate()
    }

    /// A number, every value equally likely.
    ///
    /// Message IDs and ports come from here.
    package func nextUInt16() -> UInt16 {
        let place = take(2)
        defer { unsafe octets.storeBytes(of: 0, toByteOffset: place, as: UInt16.self) }
        return unsafe octets.loadUnaligned(fromByteOffset: place, as: UInt16.self)
    }

    /// A number, every value equally likely.
    package func nextUInt64() -> UInt64 {
        let place = take(8)
        defer { unsafe octets.storeBytes(of: 0, toByteOffset: place, as: UInt64.self) }
        return unsafe octets.loadUnaligned(fromByteOffset: place, as: UInt64.self)
    }

    private func take(_ count: Int) -> Int {
        if unsafe position + count > octets.count {
            // The kernel fails this only where it has no such call at all (before Linux 3.17); waiting is all there is.
            while unsafe torii_random(octets.baseAddress, octets.count) != 0 {}
            position = 0
        }
        defer { position += count }
        return position
    }
}

extension RandomPool: RandomNumberGenerator {
    package func next() -> UInt64 { nextUInt64() }
}
