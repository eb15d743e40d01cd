internal import DNSCore

/// Reading names and data of a set back to uncompressed octets.
extension ZoneSet {
    /// Expands the name at `position` of the records.
    ///
    /// `target` needs room for 255 octets.
    ///
    /// - Returns: octets written, as they were in the zone file.
    func expandName(at start: Int, of node: ZoneNode, to target: UnsafeMutablePointer<UInt8>) -> Int {
        let octets = unsafe records.assumingMemoryBound(to: UInt8.self)
        var position = start
        var count = 0
        while true {
            let label = Int(unsafe octets[position])
            if label == 0 {
                unsafe target[count] = 0
                return count + 1
            }
            if label >= 0xc0 {
                let value = (label & 0x3f) << 8 | Int(unsafe octets[position + 1])
                if value & 0x2000 != 0 {
                    position = value & 0x1fff
                    continue
                }
                let owner = unsafe node.ownerAsWritten + (node.ownerLength - value)
                unsafe UnsafeMutableRawPointer(target + count).copyMemory(from: owner, byteCount: value)
                return count + value
            }
            unsafe UnsafeMutableRawPointer(target + count)
                .copyMemory(from: octets + position, byteCount: label + 1)
            count += label + 1
            position += label + 1
        }
    }

    /// Octets of the name at `position` as it stands in the records, placeholder included.
    private func storedLength(at start: Int) -> Int {
        let octets = unsafe records.assumingMemoryBound(to: UInt8.self)
        var position = start
        while true {
            let label = Int(unsafe octets[position])
            if label == 0 { return position + 1 - start }
            if label >= 0xc0 { return position + 2 - start }
            position += 1 + label
        }
    }

    /// The offset in the records of the record after the one at `position`.
    @inline(__always)
    func nextRecord(after position: Int) -> Int {
        let length = UInt16(
            bigEndian: unsafe records.loadUnaligned(fromByteOffset: position + 10, as: UInt16.self))
        return position + 12 + Int(length)
    }

    /// Expands the data of the record at `position`.
    ///
    /// `target` needs room for 65,535 octets; what would exceed that is cut.
    ///
    /// - Returns: octets written.
    func expandData(of record: Int, node: ZoneNode, to target: UnsafeMutablePointer<UInt8>) -> Int {
        let start = record + 12
        let end = nextRecord(after: record)
        guard patchCount > 0, RDataRegistry.hasCompressibleName(type) else {
            unsafe UnsafeMutableRawPointer(target).copyMemory(from: records + start, byteCount: end - start)
            return end - start
        }
        var position = start
        var count = 0
        if type == .mx {
            unsafe UnsafeMutableRawPointer(target).copyMemory(from: records + start, byteCount: 2)
            position += 2
            count = 2
        }
        var names = type == .soa || type == .minfo ? 2 : 1
        while names > 0, position < end {
            unsafe count += expandName(at: position, of: node, to: target + count)
            position += storedLength(at: position)
            names -= 1
        }
        unsafe UnsafeMutableRawPointer(target + count)
            .copyMemory(from: records + position, byteCount: end - position)
        return count + end - position
    }

    /// The records as a value; nil when the set has signatures only.
    func value(of node: ZoneNode) -> RRset? {
        guard recordCount > 0 else { return nil }
        var data: [RecordData] = []
        data.reserveCapacity(recordCount)
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 0x1_0000) { scratch in
            guard let base = scratch.baseAddress else { return }
            var position = 0
            for _ in 0..<recordCount {
                let length = unsafe expandData(of: position, node: node, to: base)
                unsafe data.append(RecordData(Array(UnsafeBufferPointer(start: base, count: length))))
                position = nextRecord(after: position)
            }
        }
        return RRset(owner: node.ownerName, type: type, ttl: ttl, data: data)
    }

    /// Calls `body` with the TTL and data of each signature.
    func forEachSignature(_ body: (UInt32, UnsafeBufferPointer<UInt8>) -> Void) {
        guard isSigned else { return }
        let (start, count, _) = unsafe signatures
        var position = 0
        for _ in 0..<count {
            let ttl = UInt32(
                bigEndian: unsafe start.loadUnaligned(fromByteOffset: position + 6, as: UInt32.self))
            let length = Int(
                UInt16(bigEndian: unsafe start.loadUnaligned(fromByteOffset: position + 10, as: UInt16.self)))
            let octets = unsafe (start + position + 12).assumingMemoryBound(to: UInt8.self)
            unsafe body(ttl, UnsafeBufferPointer(start: octets, count: length))
            position += 12 + length
        }
    }
}

extension ZoneNode {
    /// All sets as values; the signatures together as one set of type RRSIG at the end.
    func values() -> [RRset] {
        var result: [RRset] = []
        var signatures: [RecordData] = []
        var ttl = UInt32.max
        forEachSet { set in
            if let value = set.value(of: self) { result.append(value) }
            unsafe set.forEachSignature { signatureTTL, data in
                unsafe signatures.append(RecordData(Array(data)))
                ttl = min(ttl, signatureTTL)
            }
        }
        if !signatures.isEmpty {
            result.append(RRset(owner: ownerName, type: .rrsig, ttl: ttl, data: signatures))
        }
        return result
    }

    /// The set of `type` as a value; RRSIG means all signatures.
    func value(_ type: RRType) -> RRset? {
        if type == .rrsig { return values().last { $0.type == .rrsig } }
        return set(type)?.value(of: self)
    }
}
