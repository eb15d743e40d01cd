internal import DNSCore

/// The message during a lookup: the composer's state as plain values, so that records are copied without a
/// call into another room.
///
/// The composer itself is asked only for what needs its table of names.
@safe struct SectionWriter {
    private(set) var raw: MessageComposer.Raw
    private let composer: UnsafeMutablePointer<MessageComposer>

    /// Takes the state of the composer at `composer`, which must stay there.
    init(_ composer: UnsafeMutablePointer<MessageComposer>) {
        unsafe self.composer = composer
        unsafe raw = composer.pointee.raw()
    }

    /// Gives the state back to the composer.
    func giveBack() {
        unsafe composer.pointee.adopt(raw)
    }

    /// Octets written.
    @inline(__always) var count: Int { raw.count }
    /// The message's first octet.
    @inline(__always) var base: UnsafeMutableRawPointer { unsafe raw.base }
    /// Records in the answer section.
    @inline(__always) var answers: UInt16 { raw.answers }

    /// Goes on to a later section.
    @inline(__always)
    mutating func start(_ section: Section) {
        raw.section = section
    }

    /// The memory behind what has been written; nil when `octets` more do not fit.
    @inline(__always)
    func space(for octets: Int) -> UnsafeMutableRawPointer? {
        guard raw.count + octets <= raw.limit else { return nil }
        return unsafe raw.base + raw.count
    }

    /// Counts what has been written to ``space(for:)``.
    @inline(__always)
    mutating func advance(by octets: Int, records: Int) {
        raw.count += octets
        let number = UInt16(truncatingIfNeeded: records)
        switch raw.section {
        case .answer: raw.answers &+= number
        case .authority: raw.authorities &+= number
        default: raw.additionals &+= number
        }
    }

    /// Where the name at `offset` goes on after its first `labels` labels, pointers followed.
    func offset(ofNameAt offset: Int, droppingLabels labels: Int) -> Int {
        var position = offset
        var remaining = labels
        var jumps = 0
        while position + 1 < raw.count {
            let length = Int(unsafe raw.base.load(fromByteOffset: position, as: UInt8.self))
            if length >= 0xc0 {
                guard jumps < 128 else { return position }
                jumps += 1
                position =
                    (length & 0x3f) << 8
                    | Int(unsafe raw.base.load(fromByteOffset: position + 1, as: UInt8.self))
                continue
            }
            guard remaining > 0, length > 0 else { return position }
            position += 1 + length
            remaining -= 1
        }
        return position
    }

    /// Octets of the record at `offset`, whose owner is a pointer.
    @inline(__always)
    func recordLength(at offset: Int) -> Int {
        12
            + Int(
                UInt16(bigEndian: unsafe raw.base.loadUnaligned(fromByteOffset: offset + 10, as: UInt16.self))
            )
    }

    /// Lets the composer append something; it begins and ends with the state of this writer.
    @inline(never)
    mutating func lend(_ body: (inout MessageComposer) -> Bool) -> Bool {
        giveBack()
        guard unsafe body(&composer.pointee) else { return false }
        unsafe raw = composer.pointee.raw()
        return true
    }
}

/// Numbers of the types that lookups ask for: comparing plain numbers takes no call into another room.
enum TypeNumber {
    static let a: UInt16 = 1
    static let ns: UInt16 = 2
    static let cname: UInt16 = 5
    static let soa: UInt16 = 6
    static let aaaa: UInt16 = 28
    static let dname: UInt16 = 39
    static let ds: UInt16 = 43
    static let rrsig: UInt16 = 46
    static let nsec: UInt16 = 47
    static let nsec3: UInt16 = 50
    static let svcb: UInt16 = 64
    static let https: UInt16 = 65
    static let any: UInt16 = 255
}

extension NameKeyView {
    /// Where label `index` starts; 0 to `labelCount`.
    @inline(__always) func start(_ index: Int) -> Int { Int(unsafe offsets[index]) }
    /// Hash of the name from label `index` on.
    @inline(__always) func hashed(_ index: Int) -> UInt64 { unsafe hashes[index] }
    /// The lower-case octets from label `index` on.
    @inline(__always) func name(_ index: Int) -> UnsafePointer<UInt8> {
        unsafe base + Int(unsafe offsets[index])
    }
    /// Octets from label `index` on.
    @inline(__always) func size(_ index: Int) -> Int { length - Int(unsafe offsets[index]) }
}
