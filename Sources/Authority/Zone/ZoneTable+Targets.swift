internal import DNSCore

extension ZoneTable {
    /// Octets of memory that the table takes.
    var memorySize: Int { byteCount + (mask + 1) * 8 + (denial?.count ?? 0) * 12 }

    /// Writes into each set of names, as in NS, MX and SRV records, where in the table those names are.
    ///
    /// - Parameters:
    ///   - referring: the offsets of the nodes that hold such sets.
    ///   - lonely: called with each NS record whose server is in the zone and has no address.
    func resolveTargets(_ referring: [Int], lonely: (ZoneNode, Name) -> Void) {
        let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: 264)
        unsafe scratch.initialize(repeating: 0, count: 264)
        defer { unsafe scratch.deallocate() }
        for offset in referring {
            let node = unsafe ZoneNode(base: unsafe UnsafeRawPointer(arena + offset))
            node.forEachSet { set in
                guard set.flags.contains(.references), let at = ZoneNodeWriter.targetOffset(set.typeNumber)
                else {
                    return
                }
                var record = 0
                for number in 0..<set.recordCount {
                    defer { record = set.nextRecord(after: record) }
                    guard set.reference(number) == TargetReference.unknown else { continue }
                    let length = unsafe set.expandName(at: record + 12 + at, of: node, to: scratch)
                    for index in 0..<length { unsafe scratch[index] = scratch[index].lowercasedASCII }
                    // `.` is the owner itself (RFC 9460 2.5).
                    let found =
                        unsafe length == 1
                        ? node : find(hash: WireName.hash(lowercase: scratch), name: scratch, length: length)
                    if let found {
                        let reference = UInt32(
                            truncatingIfNeeded: unsafe (found.base - UnsafeRawPointer(arena)) >> 3)
                        unsafe UnsafeMutableRawPointer(mutating: set.base).storeBytes(
                            of: reference, toByteOffset: set.referencesOffset + 4 * number, as: UInt32.self)
                    }
                    if set.type == .ns, found?.set(.a) == nil, found?.set(.aaaa) == nil {
                        lonely(
                            node,
                            unsafe Name(
                                trustedWire: Array(UnsafeBufferPointer(start: scratch, count: length))))
                    }
                }
            }
        }
    }
}
