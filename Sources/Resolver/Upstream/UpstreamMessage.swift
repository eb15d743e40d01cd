internal import DNSCore

/// A response as the resolver reads it: its header, and its records gathered into sets with their signatures.
///
/// The octets are walked once after the survey; names are expanded, data checked for their type's form. Records of
/// other classes and data of the wrong form are left out and counted.
struct UpstreamMessage {
    var flags: HeaderFlags
    var responseCode: ResponseCode = .noError
    var hasEDNS = false
    /// The sections' sets, as credible as their section is.
    var answers: [RecordSet] = []
    var authorities: [RecordSet] = []
    var additionals: [RecordSet] = []
    /// Records left out because their data did not have the type's form.
    var malformedRecords = 0
    /// Bits of the client's subnet that the response was made for (RFC 7871 6); zero means for everyone.
    var subnetScope: UInt8 = 0
    /// The first extended error of the sender (RFC 8914).
    var extendedError: ExtendedError?

    /// Why a response is of no use.
    enum Fault: Error { case tooManyRecords, tooLargeSet }

    /// Reads a surveyed message.
    ///
    /// - Throws: ``Fault`` when a limit is passed.
    init(
        _ bytes: borrowing RawSpan, layout: MessageLayout, limits: ResolverLimits,
        metrics: inout ResolverMetrics
    )
        throws(Fault)
    {
        flags = layout.flags
        var code = layout.flags.responseCode.rawValue
        if let edns = layout.edns {
            hasEDNS = true
            code |= UInt16(edns.extendedResponseCode) << 4
            if let option = edns.option(.extendedError, in: bytes),
                let value = bytes.uint16(at: option.lowerBound)
            {
                extendedError = ExtendedError(rawValue: value)
            }
            if let option = edns.option(.clientSubnet, in: bytes), option.count >= 4 {
                subnetScope = bytes.octet(at: option.lowerBound + 3) ?? 0
            }
        }
        responseCode = ResponseCode(rawValue: code)
        let total = Int(layout.answerCount) + Int(layout.authorityCount) + Int(layout.additionalCount)
        guard total <= limits.recordsPerResponse else {
            metrics.limitRecordsPerResponse += 1
            throw .tooManyRecords
        }
        var reader = RecordReader(limits: limits)
        var position = layout.questionEnd
        let wantsSignatures = layout.questionType == .rrsig || layout.questionType == .any
        answers = try reader.read(
            bytes, Int(layout.answerCount), &position,
            layout.flags.contains(.authoritative) ? .authoritative : .answer,
            keepsLoneSignatures: wantsSignatures, &metrics)
        authorities = try reader.read(
            bytes, Int(layout.authorityCount), &position, .authority, keepsLoneSignatures: false, &metrics)
        additionals = try reader.read(
            bytes, Int(layout.additionalCount), &position, .additional, keepsLoneSignatures: false, &metrics)
        malformedRecords = reader.malformed
    }

    /// The set of `type` at `owner` in the answer section.
    func answer(_ owner: Name, _ type: RRType) -> RecordSet? {
        answers.first { $0.type == type && $0.owner == owner }
    }
}

/// Gathers the records of a section into sets.
private struct RecordReader {
    let limits: ResolverLimits
    var malformed = 0
    /// The name read last and where it stood: most records repeat it.
    private var lastOffset = -1
    private var lastName = Name.root

    init(limits: ResolverLimits) {
        self.limits = limits
    }

    /// - Parameter credibility: that of the section.
    mutating func read(
        _ bytes: borrowing RawSpan, _ count: Int, _ position: inout Int, _ credibility: Credibility,
        keepsLoneSignatures: Bool, _ metrics: inout ResolverMetrics
    ) throws(UpstreamMessage.Fault) -> [RecordSet] {
        var sets: [RecordSet] = []
        var loneSignatures: [(owner: Name, covered: RRType, ttl: UInt32, range: Range<Int>)] = []
        for _ in 0..<count {
            let start = position
            // The survey has checked every length and pointer.
            guard let fixed = try? MessageView.skipName(bytes, at: start), let type = bytes.uint16(at: fixed),
                let recordClass = bytes.uint16(at: fixed + 2), let rawTTL = bytes.uint32(at: fixed + 4),
                let length = bytes.uint16(at: fixed + 8)
            else { return sets }
            let range = (fixed + 10)..<(fixed + 10 + Int(length))
            position = range.upperBound
            guard recordClass == 1, type != 41, type != 250 else { continue }
            let ttl = TTL(rawValue: rawTTL).rawValue
            let owner = name(bytes, at: start)
            let recordType = RRType(rawValue: type)
            if recordType == .rrsig {
                guard let covered = bytes.uint16(at: range.lowerBound), range.count > 18 else {
                    malformed += 1
                    continue
                }
                loneSignatures.append((owner, RRType(rawValue: covered), ttl, range))
                continue
            }
            let index: Int
            if let found = sets.lastIndex(where: { $0.type == recordType && $0.owner == owner }) {
                index = found
                sets[index].ttl = min(sets[index].ttl, ttl)
            } else {
                index = sets.count
                var set = RecordSet(owner: owner, type: recordType, ttl: ttl)
                set.credibility = credibility
                sets.append(set)
            }
            guard
                sets[index].data.append(
                    expecting: range.count, { RecordReader.copy(recordType, bytes, range, into: &$0) })
            else {
                malformed += 1
                if sets[index].data.isEmpty { sets.remove(at: index) }
                continue
            }
            guard sets[index].data.count <= limits.recordsPerSet else {
                metrics.limitRecordsPerSet += 1
                throw .tooLargeSet
            }
        }
        for index in sets.indices { sets[index].data.removeDuplicates() }
        for signature in loneSignatures {
            var index = sets.lastIndex { $0.type == signature.covered && $0.owner == signature.owner }
            if index == nil, keepsLoneSignatures {
                index = sets.lastIndex { $0.type == .rrsig && $0.owner == signature.owner }
                if index == nil {
                    index = sets.count
                    sets.append(RecordSet(owner: signature.owner, type: .rrsig, ttl: signature.ttl))
                }
                if let index {
                    _ = sets[index].data.append(expecting: signature.range.count) {
                        RecordReader.copy(.rrsig, bytes, signature.range, into: &$0)
                    }
                    continue
                }
            }
            guard let index else { continue }
            guard sets[index].signatures.count < limits.signaturesPerSet else {
                metrics.limitSignaturesPerSet += 1
                continue
            }
            guard
                sets[index].signatures.append(
                    expecting: signature.range.count,
                    { RecordReader.copy(.rrsig, bytes, signature.range, into: &$0) }
                )
            else {
                malformed += 1
                continue
            }
        }
        return sets
    }

    /// The name at `start`; the one read last is reused when it stood at the same place.
    private mutating func name(_ bytes: borrowing RawSpan, at start: Int) -> Name {
        var place = start
        if let octet = bytes.octet(at: start), octet >= 0xc0, let pointer = bytes.uint16(at: start) {
            place = Int(pointer & 0x3fff)
        }
        if place != lastOffset {
            lastOffset = place
            lastName = (try? MessageView.name(in: bytes, at: start)) ?? .root
        }
        return lastName
    }

    /// Appends a record's data to `target` with its names expanded.
    ///
    /// - Returns: false when the data do not have the form of `type`.
    static func copy(
        _ type: RRType, _ bytes: borrowing RawSpan, _ range: Range<Int>, into target: inout [UInt8]
    ) -> Bool {
        switch type {
        case .a where range.count == 4, .aaaa where range.count == 16:
            append(bytes, range, to: &target)
            return true
        default: break
        }
        guard let fields = RDataRegistry.fields(of: type) else {
            append(bytes, range, to: &target)
            return true
        }
        let start = target.count
        var position = range.lowerBound
        for field in fields {
            switch field {
            case .compressibleName, .name, .exactName:
                guard let end = expand(bytes, position, range.upperBound, into: &target) else { return false }
                position = end
            case .octets(let length):
                guard position + length <= range.upperBound else { return false }
                append(bytes, position..<(position + length), to: &target)
                position += length
            default:
                // No names from here on.
                append(bytes, position..<range.upperBound, to: &target)
                position = range.upperBound
                return RecordData(Array(target[start...])).isWellFormed(as: type)
            }
        }
        return position == range.upperBound
    }

    private static func append(_ bytes: borrowing RawSpan, _ range: Range<Int>, to target: inout [UInt8]) {
        unsafe bytes.extracting(range).withUnsafeBytes { raw in
            unsafe target.append(contentsOf: raw)
        }
    }

    /// Copies the name at `start`, which must end by `limit`, pointers followed; returns where it ends.
    private static func expand(
        _ bytes: borrowing RawSpan, _ start: Int, _ limit: Int, into target: inout [UInt8]
    ) -> Int? {
        guard let end = try? MessageView.skipName(bytes, at: start), end <= limit else { return nil }
        var position = start
        while let octet = bytes.octet(at: position) {
            if octet == 0 { break }
            if octet >= 0xc0 {
                position = Int((bytes.uint16(at: position) ?? 0) & 0x3fff)
                continue
            }
            append(bytes, position..<(position + 1 + Int(octet)), to: &target)
            position += 1 + Int(octet)
        }
        target.append(0)
        return end
    }
}
