internal import CLDNS
internal import CShims

/// One message as ldns parsed it: the second reader, which tests hold beside ``Message/init(parsing:)-(RawSpan)``.
///
/// It does not read what strangers send. ldns 1.8.3 follows names in record data over the data's end, and then finds
/// other records in a message than the survey counted; NSAP-PTR and SINK it cannot read at all.
///
/// Owns the `ldns_pkt` and frees it at the end of its own life. Made only from octets that ``MessageView`` accepted.
@safe struct ParsedMessage: ~Copyable {
    private let packet: UnsafeMutablePointer<ldns_struct_pkt>

    init(parsing bytes: borrowing RawSpan) throws(MessageError) {
        var parsed: UnsafeMutablePointer<ldns_struct_pkt>?
        let status = unsafe bytes.withUnsafeBytes { raw in
            unsafe torii_ldns_parse(&parsed, raw.baseAddress?.assumingMemoryBound(to: UInt8.self), raw.count)
        }
        guard status == 0, let parsed = unsafe parsed else { throw .rejectedByLibrary(status: status) }
        unsafe packet = parsed
    }

    deinit { unsafe torii_ldns_free(packet) }

    borrowing func questions() -> [Question] {
        var result: [Question] = []
        for index in 0..<(unsafe torii_ldns_count(packet, 0)) {
            var record = unsafe torii_ldns_record()
            guard unsafe torii_ldns_get(packet, 0, index, &record) else { continue }
            unsafe result.append(
                Question(
                    name: ParsedMessage.name(record), type: RRType(rawValue: record.type),
                    recordClass: RRClass(rawValue: record.rclass)))
        }
        return result
    }

    /// The records of a section, OPT and TSIG not among them.
    borrowing func records(_ section: Section) throws(MessageError) -> [ResourceRecord] {
        let total = unsafe torii_ldns_count(packet, Int32(section.rawValue))
        var result: [ResourceRecord] = []
        result.reserveCapacity(total)
        for index in 0..<total {
            var record = unsafe torii_ldns_record()
            guard unsafe torii_ldns_get(packet, Int32(section.rawValue), index, &record) else { continue }
            let data = unsafe [UInt8](unsafeUninitializedCapacity: Int(record.rdlength)) { buffer, count in
                count = unsafe torii_ldns_rdata(record.rr, buffer.baseAddress, buffer.count)
            }
            unsafe result.append(
                ResourceRecord(
                    owner: ParsedMessage.name(record), type: RRType(rawValue: record.type),
                    recordClass: RRClass(rawValue: record.rclass), ttl: record.ttl, data: RecordData(data)))
        }
        return result
    }

    private static func name(_ record: torii_ldns_record) -> Name {
        let buffer = unsafe UnsafeBufferPointer(start: record.owner, count: Int(record.owner_length))
        return unsafe Name(trustedWire: Array(buffer))
    }
}
