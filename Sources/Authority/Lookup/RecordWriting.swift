internal import DNSCore

/// Copying sets into the message.
extension LookupStep {
    /// Writes a set, and its signatures if they are wanted, under the owner that stands at `ownerAt` in the message.
    ///
    /// - Returns: false when they do not fit; then nothing is written.
    mutating func write(
        _ set: ZoneSet, of node: ZoneNode, ownerAt: Int, _ composer: inout MessageComposer
    ) -> Bool {
        let mark = composer.count
        guard writeRecords(set, of: node, ownerAt: ownerAt, &composer) else { return false }
        guard wantsDNSSEC, set.isSigned else { return true }
        guard writeSignatures(of: set, ownerAt: ownerAt, &composer) else {
            composer.takeBack(to: mark, records: set.recordCount)
            return false
        }
        return true
    }

    /// Writes the records of a set.
    ///
    /// - Returns: false when they do not fit; then nothing is written.
    mutating func writeRecords(
        _ set: ZoneSet, of node: ZoneNode, ownerAt: Int, _ composer: inout MessageComposer
    ) -> Bool {
        let patches = set.patchCount
        let start = composer.count
        guard patches == 0 || (isDirect && start + set.byteCount <= 0x3fff), ownerAt <= 0x3fff else {
            return writeExpanded(set, of: node, ownerAt: ownerAt, &composer)
        }
        let size = set.byteCount
        guard let target = unsafe composer.space(for: size) else { return false }
        unsafe target.copyMemory(from: set.records, byteCount: size)
        if ownerAt != 12 { unsafe LookupStep.setOwners(target, size, ownerAt) }
        if patches > 0 {
            // The owner is a suffix of the question's name, or a wildcard that stands for it: they end together.
            let end = 12 + key.length
            for index in 0..<patches {
                let at = set.patch(index)
                let value = Int(
                    UInt16(bigEndian: unsafe target.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
                let place = value & 0x2000 == 0 ? end - (value & 0xff) : start + (value & 0x1fff)
                unsafe target.storeBytes(
                    of: UInt16(truncatingIfNeeded: 0xc000 | place).bigEndian, toByteOffset: at,
                    as: UInt16.self)
            }
        }
        composer.advance(by: size, records: set.recordCount)
        return true
    }

    /// Writes the signatures over a set.
    ///
    /// - Returns: false when they do not fit; then nothing is written.
    func writeSignatures(of set: ZoneSet, ownerAt: Int, _ composer: inout MessageComposer) -> Bool {
        let (records, count, size) = unsafe set.signatures
        guard ownerAt <= 0x3fff else { return false }
        guard let target = unsafe composer.space(for: size) else { return false }
        unsafe target.copyMemory(from: records, byteCount: size)
        if ownerAt != 12 { unsafe LookupStep.setOwners(target, size, ownerAt) }
        composer.advance(by: size, records: count)
        return true
    }

    /// Points the owner of every record at `offset` of the message.
    @inline(__always)
    static func setOwners(_ records: UnsafeMutableRawPointer, _ size: Int, _ offset: Int) {
        let pointer = UInt16(truncatingIfNeeded: 0xc000 | offset).bigEndian
        var position = 0
        while position < size {
            unsafe records.storeBytes(of: pointer, toByteOffset: position, as: UInt16.self)
            let length = UInt16(
                bigEndian: unsafe records.loadUnaligned(fromByteOffset: position + 10, as: UInt16.self))
            position += 12 + Int(length)
        }
    }

    /// Writes the records of a set with names expanded, for the composer to compress as it can.
    private mutating func writeExpanded(
        _ set: ZoneSet, of node: ZoneNode, ownerAt: Int, _ composer: inout MessageComposer
    ) -> Bool {
        offerQuestion(&composer)
        let mark = composer.mark()
        var position = 0
        for _ in 0..<set.recordCount {
            let length = unsafe set.expandData(of: position, node: node, to: scratch.data)
            let data = unsafe UnsafeBufferPointer(start: UnsafePointer(scratch.data), count: length)
            let fits =
                ownerAt <= 0x3fff
                ? unsafe composer.append(
                    ownerOffset: ownerAt, type: set.type, recordClass: .internet, ttl: set.ttl, data: data)
                : unsafe composer.append(
                    ownerOctets: key.octets(from: 0), ownerLength: key.length, type: set.type,
                    recordClass: .internet, ttl: set.ttl, data: data)
            guard fits else {
                composer.rollBack(to: mark)
                return false
            }
            position = set.nextRecord(after: position)
        }
        return true
    }

    /// Where in the message the owner of `node` stands as a suffix of the effective name; nil when it does not.
    func placeInMessage(of node: ZoneNode, _ composer: borrowing MessageComposer) -> Int? {
        let length = node.ownerLength
        let surplus = key.length - length
        guard surplus >= 0, unsafe ZoneTable.isSame(node.owner, key.octets(from: 0) + surplus, length) else {
            return nil
        }
        var label = 0
        while label <= key.labelCount, key.offset(ofLabel: label) < surplus { label += 1 }
        guard key.offset(ofLabel: label) == surplus else { return nil }
        return isDirect ? 12 + surplus : composer.offset(ofNameAt: nameOffset, droppingLabels: label)
    }

    /// Writes a set under an owner that may stand nowhere in the message yet, with signatures if they are wanted.
    ///
    /// - Returns: where its owner stands in the message; nil when they do not fit, and nothing is written.
    mutating func writeWithOwner(
        _ set: ZoneSet, of node: ZoneNode, _ composer: inout MessageComposer
    ) -> Int? {
        if let place = placeInMessage(of: node, composer) {
            return write(set, of: node, ownerAt: place, &composer) ? place : nil
        }
        offerQuestion(&composer)
        let start = composer.count
        let mark = composer.mark()
        var position = 0
        for index in 0..<set.recordCount {
            let length = unsafe set.expandData(of: position, node: node, to: scratch.data)
            let data = unsafe UnsafeBufferPointer(start: UnsafePointer(scratch.data), count: length)
            let fits =
                index == 0 || start > 0x3fff
                ? unsafe composer.append(
                    ownerOctets: node.owner, ownerLength: node.ownerLength, type: set.type,
                    recordClass: .internet, ttl: set.ttl, data: data)
                : unsafe composer.append(
                    ownerOffset: start, type: set.type, recordClass: .internet, ttl: set.ttl, data: data)
            guard fits else {
                composer.rollBack(to: mark)
                return nil
            }
            position = set.nextRecord(after: position)
        }
        if wantsDNSSEC, set.isSigned, !writeSignatures(of: set, ownerAt: start, &composer) {
            composer.rollBack(to: mark)
            return nil
        }
        return start
    }
}
