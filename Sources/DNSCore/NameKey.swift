/// A name in lower case with the place and the hash of each of its suffixes: what the flat tables are searched with.
///
/// Made once per worker and loaded again for every query: loading allocates nothing.
@safe package struct NameKey: ~Copyable {
    private static let octetsCapacity = 264  // 255, and room for reading in words
    private static let labelsCapacity = 128  // 127, and the root

    private let octetsBase: UnsafeMutablePointer<UInt8>
    private let offsetsBase: UnsafeMutablePointer<UInt8>
    private let hashesBase: UnsafeMutablePointer<UInt64>
    /// Octets of the name on the wire, the root label included.
    package private(set) var length = 1
    /// Labels of the name, the root label not counted.
    package private(set) var labelCount = 0

    /// A key that holds the root.
    package init() {
        unsafe octetsBase = .allocate(capacity: NameKey.octetsCapacity)
        unsafe octetsBase.initialize(repeating: 0, count: NameKey.octetsCapacity)
        unsafe offsetsBase = .allocate(capacity: NameKey.labelsCapacity)
        unsafe offsetsBase.initialize(repeating: 0, count: NameKey.labelsCapacity)
        unsafe hashesBase = .allocate(capacity: NameKey.labelsCapacity)
        unsafe hashesBase.initialize(repeating: NameHash.root, count: NameKey.labelsCapacity)
    }

    deinit {
        unsafe octetsBase.deallocate()
        unsafe offsetsBase.deallocate()
        unsafe hashesBase.deallocate()
    }

    /// Loads the uncompressed name at `offset`.
    ///
    /// - Returns: false when there is no whole, uncompressed name; the key then holds the root.
    package mutating func load(_ bytes: borrowing RawSpan, at offset: Int) -> Bool {
        guard offset >= 0, offset < bytes.byteCount else { return reset() }
        let readable = bytes.byteCount - offset
        let available = min(readable, 255)
        let offsets = unsafe offsetsBase
        var position = 0
        var count = 0
        let isWhole = unsafe bytes.withUnsafeBytes { raw in
            guard let start = raw.baseAddress else { return false }
            let source = unsafe (start + offset).assumingMemoryBound(to: UInt8.self)
            while position < available {
                let label = Int(unsafe source[position])
                unsafe offsets[count] = UInt8(truncatingIfNeeded: position)
                position &+= 1 &+ label
                if label == 0 {
                    unsafe copyLowercased(UnsafeRawPointer(source), count: position, readable: readable)
                    return true
                }
                guard label < 64 else { return false }
                count &+= 1
            }
            return false
        }
        guard isWhole else { return reset() }
        finish(labelCount: count, length: position)
        return true
    }

    /// Loads `name`.
    package mutating func load(_ name: Name) {
        _ = unsafe load(name.wire.span.bytes, at: 0)
    }

    /// Loads the uncompressed name at `octets`, which the caller knows to be well formed.
    package mutating func load(trusted octets: UnsafePointer<UInt8>, length: Int) {
        _ = unsafe load(RawSpan(_unsafeStart: octets, byteCount: length), at: 0)
    }

    /// Offset of label `index` in the name; that of the root label for ``labelCount``.
    @inlinable @inline(__always)
    package func offset(ofLabel index: Int) -> Int {
        Int(offsetStored(index))
    }

    /// Hash of the name that starts at label `index`; that of the root for ``labelCount``.
    @inlinable @inline(__always)
    package func hash(ofSuffixAt index: Int) -> UInt64 {
        hashStored(index)
    }

    /// The lower-case octets from label `index` to the end; valid until the next load.
    @unsafe package func octets(fromLabel index: Int = 0) -> UnsafePointer<UInt8> {
        unsafe UnsafePointer(octetsBase + offset(ofLabel: index))
    }

    /// A copy as a name, in lower case, without the first `dropped` labels.
    package func name(droppingLabels dropped: Int = 0) -> Name {
        let start = offset(ofLabel: dropped)
        let buffer = unsafe UnsafeBufferPointer(start: octetsBase + start, count: length - start)
        return unsafe Name(trustedWire: Array(buffer))
    }

    /// What ``offset(ofLabel:)`` reads, behind its bounds check.
    @usableFromInline
    package func offsetStored(_ index: Int) -> UInt8 {
        precondition(index >= 0 && index < NameKey.labelsCapacity)
        return unsafe offsetsBase[index]
    }

    /// What ``hash(ofSuffixAt:)`` reads, behind its bounds check.
    @usableFromInline
    package func hashStored(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < NameKey.labelsCapacity)
        return unsafe hashesBase[index]
    }

    private mutating func reset() -> Bool {
        unsafe octetsBase[0] = 0
        finish(labelCount: 0, length: 1)
        return false
    }

    /// Copies in words of 8, beyond `count` where there is something to read: there is room for it, and
    /// nobody looks at it.
    ///
    /// Length octets are below 64 and so never mistaken for capital letters.
    @inline(__always)
    private func copyLowercased(_ source: UnsafeRawPointer, count: Int, readable: Int) {
        let target = unsafe UnsafeMutableRawPointer(octetsBase)
        var index = 0
        while index < count, index &+ 8 <= readable {
            let word = unsafe source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            unsafe target.storeBytes(of: NameKey.lowercase(word), toByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        while index < count {
            unsafe octetsBase[index] = source.load(fromByteOffset: index, as: UInt8.self).lowercasedASCII
            index &+= 1
        }
    }

    /// Sets bit 5 of every octet that is an ASCII capital.
    @inline(__always)
    private static func lowercase(_ word: UInt64) -> UInt64 {
        let low = word & 0x7f7f_7f7f_7f7f_7f7f
        let atLeastA = low &+ 0x3f3f_3f3f_3f3f_3f3f
        let aboveZ = low &+ 0x2525_2525_2525_2525
        let capital = atLeastA & ~aboveZ & ~word & 0x8080_8080_8080_8080
        return word | capital >> 2
    }

    @inline(__always)
    private mutating func finish(labelCount count: Int, length octets: Int) {
        length = octets
        labelCount = count
        unsafe offsetsBase[count] = UInt8(octets - 1)
        var hash = NameHash.root
        unsafe hashesBase[count] = hash
        var index = count - 1
        while index >= 0 {
            hash = unsafe NameHash.extend(hash, label: octetsBase + Int(offsetsBase[index]))
            unsafe hashesBase[index] = hash
            index -= 1
        }
    }
}

/// The addresses inside a ``NameKey``, for lookups that cannot borrow it: valid until its next load.
///
/// Other rooms read the stored properties: a function of this one would cost them a call each time.
@safe package struct NameKeyView {
    /// The lower-case octets.
    package let base: UnsafePointer<UInt8>
    /// Where each label starts, the root label last.
    package let offsets: UnsafePointer<UInt8>
    /// The hash of the name from each label on.
    package let hashes: UnsafePointer<UInt64>
    /// Octets of the name, the root label included.
    package let length: Int
    /// Labels of the name, the root label not counted.
    package let labelCount: Int

    fileprivate init(
        base: UnsafePointer<UInt8>, offsets: UnsafePointer<UInt8>, hashes: UnsafePointer<UInt64>, length: Int,
        labelCount: Int
    ) {
        unsafe self.base = base
        unsafe self.offsets = offsets
        unsafe self.hashes = hashes
        self.length = length
        self.labelCount = labelCount
    }

    /// Where label `index` starts; 0 to ``labelCount``.
    @inline(__always)
    package func offset(ofLabel index: Int) -> Int { Int(unsafe offsets[index]) }

    /// Hash of the name that starts at label `index`; 0 to ``labelCount``.
    @inline(__always)
    package func hash(from index: Int) -> UInt64 { unsafe hashes[index] }

    /// The lower-case octets from label `index` to the end.
    @inline(__always)
    @unsafe package func octets(from index: Int) -> UnsafePointer<UInt8> {
        unsafe base + Int(unsafe offsets[index])
    }

    /// Octets from label `index` to the end.
    @inline(__always)
    package func length(from index: Int) -> Int { length - Int(unsafe offsets[index]) }
}

extension NameKey {
    /// The addresses inside; valid until the next load and no longer than this key.
    @unsafe package var view: NameKeyView {
        unsafe NameKeyView(
            base: octetsBase, offsets: offsetsBase, hashes: hashesBase, length: length, labelCount: labelCount
        )
    }
}
