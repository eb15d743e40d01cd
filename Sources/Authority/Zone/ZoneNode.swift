internal import DNSCore
internal import Synchronization

/// One name of a zone in flat memory: a header, the owner, then the record sets, each ready to be copied into a message.
///
///     node:  flags 2 | superseded 1 | owner length 1 | sets 2 | labels 1 | - 1 | children 4 | octets 4
///            owner in lower case | owner as written, if that differs | set...
///     set:   type 2 | records 2 | patches 2 | flags 2 | octets of records 4 | octets of the set 4
///            records | patch offsets 2 each | target references 4 each | signatures
///     signatures: count 2 | - 2 | octets 4 | RRSIG records
///
/// Integers stand in host order, records in wire format. Every record's owner is the pointer `C0 0C`, right for an
/// answer whose owner is the question's name. A name in a record's data that shares a suffix with the owner ends in a
/// *placeholder*: `110 00000 n` stands for the last `n` octets of the owner, `111 o` for the name at octet `o` of the
/// set's records. The patch offsets say where placeholders stand; sending adds the message's offsets to them.
@safe struct ZoneNode {
    let base: UnsafeRawPointer

    static let headerSize = 16

    /// What the flags word says.
    struct Flags: OptionSet {
        var rawValue: UInt16
        /// An NS set that is not the apex's: a zone cut (RFC 2181 6).
        static let cut = Flags(rawValue: 1)
        /// Below a cut or a DNAME when the table was built.
        static let occluded = Flags(rawValue: 2)
        /// The name `*` directly below exists.
        static let wildcardChild = Flags(rawValue: 4)
        static let cname = Flags(rawValue: 8)
        static let dname = Flags(rawValue: 16)
        static let apex = Flags(rawValue: 32)
        /// In an overlay: the name is gone.
        static let removed = Flags(rawValue: 64)
        /// The owner is stored a second time, as it was written.
        static let keepsCase = Flags(rawValue: 128)
        static let nsec = Flags(rawValue: 256)
        static let nsec3 = Flags(rawValue: 512)
        /// The first label is `*`.
        static let wildcard = Flags(rawValue: 1024)

        /// What may lie above a name that does not exist, or at its closest encloser.
        static let covered: Flags = [.cut, .dname, .occluded]
        /// What ends a search that comes from above.
        static let barrier: Flags = [.cut, .dname]
    }

    @inline(__always) var flags: Flags { Flags(rawValue: unsafe base.load(as: UInt16.self)) }
    @inline(__always) var ownerLength: Int { Int(unsafe base.load(fromByteOffset: 3, as: UInt8.self)) }
    @inline(__always) var setCount: Int { Int(unsafe base.load(fromByteOffset: 4, as: UInt16.self)) }
    @inline(__always) var labelCount: Int { Int(unsafe base.load(fromByteOffset: 6, as: UInt8.self)) }
    @inline(__always) var childCount: UInt32 { unsafe base.load(fromByteOffset: 8, as: UInt32.self) }
    /// Octets of the whole node, a multiple of 8.
    @inline(__always) var byteCount: Int { Int(unsafe base.load(fromByteOffset: 12, as: UInt32.self)) }
    /// The owner in lower case.
    @inline(__always) var owner: UnsafePointer<UInt8> {
        unsafe (base + ZoneNode.headerSize).assumingMemoryBound(to: UInt8.self)
    }
    /// The owner as it was written.
    var ownerAsWritten: UnsafePointer<UInt8> {
        unsafe flags.contains(.keepsCase) ? owner + ownerLength : owner
    }
    /// The owner as a value, as it was written.
    var ownerName: Name {
        unsafe Name(trustedWire: Array(UnsafeBufferPointer(start: ownerAsWritten, count: ownerLength)))
    }

    /// Whether an overlay may hold a newer version.
    ///
    /// The only octet of a table that ever changes.
    @inline(__always) var isSuperseded: Bool {
        unsafe base.advanced(by: 2).assumingMemoryBound(to: Atomic<UInt8>.self).pointee
            .load(ordering: .relaxed) != 0
    }

    /// Notes that an overlay holds a newer version.
    func supersede() {
        unsafe base.advanced(by: 2).assumingMemoryBound(to: Atomic<UInt8>.self).pointee
            .store(1, ordering: .relaxed)
    }

    /// The first set; only valid when ``setCount`` is not 0.
    @inline(__always) var firstSet: ZoneSet {
        let owner = ownerLength
        let kept = flags.contains(.keepsCase) ? 2 * owner : owner
        return unsafe ZoneSet(base: base + ZoneNode.headerSize + kept)
    }

    /// The set of `type`; nil when there is none.
    ///
    /// A set that has only signatures is none.
    @inline(__always)
    func set(_ type: RRType) -> ZoneSet? { set(type.rawValue) }

    /// The set of the type with this number; nil when there is none.
    @inline(__always)
    func set(_ type: UInt16) -> ZoneSet? {
        var remaining = setCount
        guard remaining > 0 else { return nil }
        var set = firstSet
        while true {
            if set.typeNumber == type { return set.recordCount > 0 ? set : nil }
            remaining -= 1
            if remaining == 0 { return nil }
            set = set.next
        }
    }

    /// Calls `body` with each set, signature-only ones included.
    @inline(__always)
    func forEachSet(_ body: (ZoneSet) -> Void) {
        var remaining = setCount
        guard remaining > 0 else { return }
        var set = firstSet
        while true {
            body(set)
            remaining -= 1
            if remaining == 0 { return }
            set = set.next
        }
    }
}

/// One record set of a ``ZoneNode``.
@safe struct ZoneSet {
    let base: UnsafeRawPointer

    static let headerSize = 16
    static let signaturesHeaderSize = 8

    /// What the flags word says.
    struct Flags: OptionSet {
        var rawValue: UInt16
        static let signed = Flags(rawValue: 1)
        /// One reference a record to the node that its name means.
        static let references = Flags(rawValue: 2)
    }

    @inline(__always) var typeNumber: UInt16 { unsafe base.loadUnaligned(as: UInt16.self) }
    var type: RRType { RRType(rawValue: typeNumber) }
    @inline(__always) var recordCount: Int {
        Int(unsafe base.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    }
    @inline(__always) var patchCount: Int {
        Int(unsafe base.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
    }
    @inline(__always) var flags: Flags {
        Flags(rawValue: unsafe base.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
    }
    /// Octets of the records.
    @inline(__always) var byteCount: Int {
        Int(unsafe base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    }
    @inline(__always) var next: ZoneSet {
        unsafe ZoneSet(
            base: unsafe base + Int(unsafe base.loadUnaligned(fromByteOffset: 12, as: UInt32.self)))
    }
    @inline(__always) var records: UnsafeRawPointer { unsafe base + ZoneSet.headerSize }
    /// The TTL of the records; that of the signatures in a set that has only those.
    @inline(__always) var ttl: UInt32 {
        let from = unsafe recordCount > 0 ? records : signatures.records
        return UInt32(bigEndian: unsafe from.loadUnaligned(fromByteOffset: 6, as: UInt32.self))
    }
    @inline(__always) private var patches: UnsafeRawPointer { unsafe records + byteCount }
    /// The offset in the records of placeholder `index`.
    @inline(__always) func patch(_ index: Int) -> Int {
        Int(unsafe patches.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
    }
    @inline(__always) private var references: UnsafeRawPointer { unsafe patches + 2 * patchCount }
    /// What record `index` refers to; see ``TargetReference``.
    @inline(__always) func reference(_ index: Int) -> UInt32 {
        guard flags.contains(.references) else { return TargetReference.unknown }
        return unsafe references.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
    }
    /// The signatures over this set; valid only when ``Flags/signed`` is set.
    @inline(__always) var signatures: (records: UnsafeRawPointer, count: Int, byteCount: Int) {
        let block = unsafe references + (flags.contains(.references) ? 4 * recordCount : 0)
        return unsafe (
            block + ZoneSet.signaturesHeaderSize, Int(block.loadUnaligned(as: UInt16.self)),
            Int(block.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        )
    }
    @inline(__always) var isSigned: Bool { flags.contains(.signed) }
    /// Where the references stand from the set's start.
    var referencesOffset: Int { ZoneSet.headerSize + byteCount + 2 * patchCount }
}

/// What a record's target is known to be: a node of the same table (its offset in units of 8), or one of these.
enum TargetReference {
    /// The name is outside the zone.
    static let outside: UInt32 = 0
    /// The name is in the zone, but to be searched: there was no such node, or the set stands in an overlay.
    static let unknown: UInt32 = 1
}
