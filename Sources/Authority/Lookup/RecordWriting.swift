internal import DNSCore

/// Copying sets into the message.
extension LookupStep {
    /// Writes a set, and its signatures if they are wanted, under the owner that stands at `ownerAt` in the message.
    ///
    /// - Returns: false when they do not fit; then nothing is written.
    mutating func write(
        _ set: ZoneSet, of node: ZoneNode, ownerAt: Int, _ out: inout SectionWriter
    ) -> Bool {
        let mark = out
        guard writeRecords(set, of: node, ownerAt: ownerAt, &out) else { return false }
        guard wantsDNSSEC, set.isSigned else { return true }
        guard writeSignatures(of: set, ownerAt: ownerAt, &out) else {
            out = mark
            return false
        }
        return true
    }

    /// Writes the records of a set.
    ///
    /// - Returns: false when they do not fit; then nothing is written.
    mutating func writeRecords(
        _ set: ZoneSet, of node: ZoneNode, ownerAt: Int, _ out: inout SectionWriter
    ) -> Bool {
        let patches = set.patchCount
        let start = out.count
        guard patches == 0 || (isDirect && start + set.byteCount <= 0x3fff), ownerAt <= 0x3fff else {
            return writeExpanded(set, of: node, ownerAt: ownerAt, &out)
        }
        let size = set.byteCount
        guard let target = unsafe out.space(for: size) else { return false }
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
        out.advance(by: size, records: set.recordCount)
        return true
    }

    /// Writes the signatures over a set.
    ///
    /// - Returns: false when they do not fit; then nothing is written.
    func writeSignatures(of set: ZoneSet, ownerAt: Int, _ out: inout SectionWriter) -> Bool {
        let (records, count, size) = unsafe set.signatures
        guard ownerAt <= 0x3fff else { return false }
        guard let target = unsafe out.space(for: size) else { return false }
        unsafe target.copyMemory(from: records, byteCount: size)
        if ownerAt != 12 { unsafe LookupStep.setOwners(target, size, ownerAt) }
        out.advance(by: size, records: count)
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
        _ set: ZoneSet, of node: ZoneNode, ownerAt: Int, _ out: inout SectionWriter
    ) -> Bool {
        let (question, isOffered) = (key, offersQuestion())
        let buffer = unsafe scratch.data
        let mark = out
        let fits = out.lend { composer in
            if isOffered { composer.offerQuestion(question) }
            var position = 0
            for _ in 0..<set.recordCount {
                let length = unsafe set.expandData(of: position, node: node, to: buffer)
                let data = unsafe UnsafeBufferPointer(start: UnsafePointer(buffer), count: length)
                let fits =
                    ownerAt <= 0x3fff
                    ? unsafe composer.append(
                        ownerOffset: ownerAt, type: set.type, recordClass: .internet, ttl: set.ttl, data: data
                    )
                    : unsafe composer.append(
                        ownerOctets: question.base, ownerLength: question.length, type: set.type,
                        recordClass: .internet, ttl: set.ttl, data: data)
                guard fits else { return false }
                position = set.nextRecord(after: position)
            }
            return true
        }
        if !fits { out = mark }
        return fits
    }

    /// Where in the message the owner of `node` stands as a suffix of the effective name; nil when it does not.
    func placeInMessage(of node: ZoneNode, _ out: borrowing SectionWriter) -> Int? {
        let length = node.ownerLength
        let surplus = key.length - length
        guard surplus >= 0, unsafe ZoneTable.isSame(node.owner, key.name(0) + surplus, length) else {
            return nil
        }
        var label = 0
        while label <= key.labelCount, key.start(label) < surplus { label += 1 }
        guard key.start(label) == surplus else { return nil }
        return isDirect ? 12 + surplus : out.offset(ofNameAt: nameOffset, droppingLabels: label)
    }

    /// Writes a set under an owner that may stand nowhere in the message yet, with signatures if they are wanted.
    ///
    /// - Returns: where its owner stands in the message; nil when they do not fit, and nothing is written.
    mutating func writeWithOwner(
        _ set: ZoneSet, of node: ZoneNode, _ out: inout SectionWriter
    ) -> Int? {
        if let place = placeInMessage(of: node, out) {
            return write(set, of: node, ownerAt: place, &out) ? place : nil
        }
        let start = out.count
        let mark = out
        guard writeUnderOwnName(set, of: node, &out) else {
            out = mark
            return nil
        }
        if wantsDNSSEC, set.isSigned, !writeSignatures(of: set, ownerAt: start, &out) {
            out = mark
            return nil
        }
        return start
    }

    /// Writes the records of a set, the first with its owner's name, the others with a pointer to that.
    private mutating func writeUnderOwnName(
        _ set: ZoneSet, of node: ZoneNode, _ out: inout SectionWriter
    ) -> Bool {
        // The usual case, an NSEC of the question's zone: the labels below the apex, then a pointer to the apex.
        let apexLength = unsafe view.pointee.apexLength
        let own = node.ownerLength - apexLength
        if isDirect, set.patchCount == 0, set.recordCount == 1, own >= 0 {
            let size = set.byteCount
            guard let target = unsafe out.space(for: own + size) else { return false }
            unsafe target.copyMemory(from: node.owner, byteCount: own)
            unsafe (target + own).copyMemory(from: set.records, byteCount: size)
            let apexAt = 12 + key.length - apexLength
            unsafe target.storeBytes(
                of: UInt16(truncatingIfNeeded: 0xc000 | apexAt).bigEndian, toByteOffset: own, as: UInt16.self)
            out.advance(by: own + size, records: 1)
            return true
        }
        let (question, isOffered) = (key, offersQuestion())
        let buffer = unsafe scratch.data
        let start = out.count
        return out.lend { composer in
            if isOffered { composer.offerQuestion(question) }
            var position = 0
            for index in 0..<set.recordCount {
                let length = unsafe set.expandData(of: position, node: node, to: buffer)
                let data = unsafe UnsafeBufferPointer(start: UnsafePointer(buffer), count: length)
                let fits =
                    index == 0 || start > 0x3fff
                    ? unsafe composer.append(
                        ownerOctets: node.owner, ownerLength: node.ownerLength, type: set.type,
                        recordClass: .internet, ttl: set.ttl, data: data)
                    : unsafe composer.append(
                        ownerOffset: start, type: set.type, recordClass: .internet, ttl: set.ttl, data: data)
                guard fits else { return false }
                position = set.nextRecord(after: position)
            }
            return true
        }
    }
}
