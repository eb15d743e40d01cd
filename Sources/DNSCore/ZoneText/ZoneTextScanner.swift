/// Reads zone-file text record by record (RFC 1035 5, RFC 2308 4, RFC 3597 5).
///
/// Call ``next()`` until it returns false; after each true the properties describe one record, whose memory is valid
/// until the next call. Nothing is allocated per record. When ``next()`` throws, the reader stands behind the faulty
/// entry: whoever wants all errors of a file simply goes on calling it. What one fault would bring about in its wake is
/// not reported: good records that share a faulty owner are passed over, and a missing TTL is told once.
///
/// Understood: `@`, relative names, blank owner, `( )`, `"..."`, `;`, `\X`, `\DDD`, TTL and class in either order or
/// absent, `TYPEn`, `CLASSn`, `\#`, `$ORIGIN`, `$TTL`, `$INCLUDE` (relative to the file it stands in; origin and owner
/// are restored after it) and `$GENERATE`. Owners outside the zone are not judged here.
@safe package struct ZoneTextScanner: ~Copyable {
    /// Wire octets of the owner name, uncompressed, in the case of the file.
    @unsafe package var owner: UnsafePointer<UInt8> { unsafe UnsafePointer(ownerBuffer.base) }
    /// How many octets ``owner`` has.
    package var ownerCount: Int { ownerBuffer.count }
    /// Whether the owner has the same octets as the owner of the record before.
    package private(set) var ownerIsRepeated = false
    /// The record's type; 0 behind an entry that was faulty before its type was read.
    package private(set) var type = RRType(rawValue: 0)
    /// The record's class.
    package private(set) var recordClass = RRClass.internet
    /// The record's TTL in seconds, at most 2^31 - 1 (RFC 2181 8).
    package private(set) var ttl: UInt32 = 0
    /// Whether the TTL stood on the record itself.
    package private(set) var ttlIsExplicit = false
    /// Wire octets of the record's data, names in it uncompressed.
    @unsafe package var rdata: UnsafePointer<UInt8> { unsafe UnsafePointer(data.base) }
    /// How many octets ``rdata`` has.
    package var rdataCount: Int { data.count }
    /// The file the record stands in.
    package var file: String { lexer.source.name }
    /// The line the record begins on, counted from 1.
    package private(set) var line = 0

    private let options: ZoneTextOptions
    private var lexer: ZoneTextLexer
    private var data = RDataBuffer()
    private var ownerBuffer = NameBuffer()
    private var scratch = NameBuffer()
    private var originBuffer: NameBuffer
    private var hasOwner = false
    /// Whether the last owner could not be read, so that entries without one belong to nothing.
    private var ownerIsFaulty = false
    private var defaultTTL: UInt32?
    private var lastTTL: UInt32?
    private var included: [Inclusion] = []
    private var generator: ZoneTextGenerator?

    /// What to come back to after an included file.
    private struct Inclusion {
        let place: ZoneTextLexer.Suspension
        let origin: Name
        let owner: Name
        let isGenerated: Bool
    }

    /// Opens the file at `path`.
    ///
    /// - Throws: ``ZoneTextError`` at line 0 when it cannot be opened.
    package init(
        path: String, origin: Name, options: ZoneTextOptions = ZoneTextOptions()
    ) throws(ZoneTextError) {
        let source: ZoneTextSource
        do throws(ZoneTextError.Reason) {
            source = try ZoneTextSource(path: path, lineLengthLimit: options.lineLengthLimit)
        } catch {
            throw ZoneTextError(file: path, line: 0, reason: error)
        }
        self.init(source: source, origin: origin, options: options)
    }

    /// Reads `text`, which errors call `name`.
    ///
    /// `$INCLUDE` in it is relative to the working directory.
    package init(
        text: some Collection<UInt8>, name: String = "text", origin: Name,
        options: ZoneTextOptions = ZoneTextOptions(allowsInclude: false)
    ) {
        self.init(source: ZoneTextSource(octets: text, name: name), origin: origin, options: options)
    }

    private init(source: ZoneTextSource, origin: Name, options: ZoneTextOptions) {
        self.options = options
        lexer = ZoneTextLexer(source)
        originBuffer = NameBuffer(origin)
    }

    /// The current origin: that of the last `$ORIGIN`.
    package var origin: Name { originBuffer.name }

    /// Moves to the next record.
    ///
    /// - Returns: false at the end of the text.
    /// - Throws: ``ZoneTextError``; the next call goes on behind the faulty entry.
    package mutating func next() throws(ZoneTextError) -> Bool {
        while true {
            do throws(ZoneTextError.Reason) {
                if generator != nil, try enterGeneratedEntry() { continue }
                guard try lexer.beginEntry() else {
                    guard leaveInclusion() else { return false }
                    continue
                }
                if try readEntry() { return true }
            } catch {
                let place = lexer.place
                let located = ZoneTextError(file: file, line: place.line, column: place.column, reason: error)
                lexer.skipEntry()
                throw located
            }
        }
    }

    /// The current record as a value.
    package func record() -> ResourceRecord {
        ResourceRecord(
            owner: ownerBuffer.name, type: type, recordClass: recordClass, ttl: ttl,
            data: RecordData(data.octets))
    }

    /// Reads one entry; false when it was blank or a directive.
    private mutating func readEntry() throws(ZoneTextError.Reason) -> Bool {
        line = lexer.line
        type = RRType(rawValue: 0)
        guard try lexer.nextToken() else { return false }
        if lexer.startsWithBlank {
            guard hasOwner || ownerIsFaulty else { throw .missingOwner }
            ownerIsRepeated = true
        } else {
            if lexer.tokenCount > 1, lexer.tokenStart[0] == UInt8(ascii: "$"), !lexer.tokenIsQuoted {
                try readDirective()
                return false
            }
            ownerIsFaulty = true
            scratch.count = unsafe try lexer.readName(to: scratch.base, origin: originBuffer)
            ownerIsFaulty = false
            ownerIsRepeated = hasOwner && scratch.equals(ownerBuffer)
            if !ownerIsRepeated { swap(&scratch, &ownerBuffer) }
            hasOwner = true
            guard try lexer.nextToken() else { throw .missingType }
        }
        let given = try readTTLClassType()
        if type.isMeta || type.rawValue == 0, !options.allowsMetaTypes { throw .metaType(type) }
        try lexer.readData(of: type, into: &data, origin: originBuffer)
        try settleTTL(given)
        return !ownerIsFaulty
    }

    /// RFC 1035 5.1: `[TTL] [class] type` or `[class] [TTL] type`.
    ///
    /// No type begins with a digit.
    private mutating func readTTLClassType() throws(ZoneTextError.Reason) -> UInt32? {
        var given: UInt32?
        var hasClass = false
        recordClass = options.requiredClass ?? .internet
        while true {
            if lexer.tokenCount > 0, lexer.tokenStart[0] &- 48 < 10, given == nil {
                let seconds = TTL(rawValue: try lexer.period()).rawValue
                given = seconds
                lastTTL = seconds
            } else if !hasClass,
                let found = unsafe RRTypeTable.recordClass(lexer.tokenStart, count: lexer.tokenCount)
            {
                if let required = options.requiredClass, found != required { throw .wrongClass(found) }
                recordClass = found
                hasClass = true
            } else {
                type = try lexer.recordType()
                return given
            }
            guard try lexer.nextToken() else { throw .missingType }
        }
    }

    /// RFC 2308 4: the record's own TTL, else `$TTL`, else the TTL before it (RFC 1035 5.1).
    private mutating func settleTTL(_ given: UInt32?) throws(ZoneTextError.Reason) {
        ttlIsExplicit = given != nil
        if let given {
            ttl = given
        } else if let usual = defaultTTL ?? lastTTL {
            ttl = usual
        } else if type == .soa, data.count >= 20 {
            let bytes = unsafe RawSpan(_unsafeStart: data.base, byteCount: data.count)
            ttl = TTL(rawValue: bytes.uint32(at: data.count - 4) ?? 0).rawValue
            lastTTL = ttl
        } else if let usual = options.defaultTTL {
            ttl = usual
        } else {
            lastTTL = 0
            throw .missingTTL
        }
    }

    private mutating func readDirective() throws(ZoneTextError.Reason) {
        let isGenerated = included.last?.isGenerated ?? false
        if isGenerated { throw .unknownDirective(lexer.tokenText) }
        if lexer.tokenIs("$ORIGIN") {
            try lexer.require(.name)
            scratch.count = unsafe try lexer.readName(to: scratch.base, origin: originBuffer)
            swap(&scratch, &originBuffer)
        } else if lexer.tokenIs("$TTL") {
            try lexer.require(.ttl)
            defaultTTL = TTL(rawValue: try lexer.period()).rawValue
        } else if lexer.tokenIs("$INCLUDE") {
            return try readInclude()
        } else if lexer.tokenIs("$GENERATE") {
            generator = try ZoneTextGenerator(reading: &lexer, line: line, limit: options.generateLimit)
        } else {
            throw .unknownDirective(lexer.tokenText)
        }
        if try lexer.nextToken() { throw .surplusField(text: lexer.tokenText) }
    }

    /// `$INCLUDE file [origin]`: the origin holds for that file only.
    private mutating func readInclude() throws(ZoneTextError.Reason) {
        guard options.allowsInclude else { throw .includeNotAllowed }
        try lexer.require(.path)
        data.removeAll()
        try lexer.readText(into: &data)
        var path = String(decoding: data.octets, as: UTF8.self)
        if !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") {
            path = file[...slash] + path
        }
        let outerOrigin = originBuffer.name
        if try lexer.nextToken() {
            scratch.count = unsafe try lexer.readName(to: scratch.base, origin: originBuffer)
            if try lexer.nextToken() { throw .surplusField(text: lexer.tokenText) }
        } else {
            scratch.assign(originBuffer)
        }
        guard included.count + 2 <= options.includeDepthLimit else {
            throw .includeTooDeep(limit: options.includeDepthLimit)
        }
        let source = try ZoneTextSource(path: path, lineLengthLimit: options.lineLengthLimit)
        if let identity = source.identity {
            let open = included.map(\.place.identity) + [lexer.source.identity]
            for other in open where other?.device == identity.device && other?.inode == identity.inode {
                throw .includeCycle(path: path)
            }
        }
        swap(&scratch, &originBuffer)
        included.append(
            Inclusion(
                place: lexer.suspend(for: source), origin: outerOrigin, owner: ownerBuffer.name,
                isGenerated: false))
    }

    /// Goes back to the including text; false when there is none.
    private mutating func leaveInclusion() -> Bool {
        guard let last = included.popLast() else { return false }
        lexer.resume(last.place)
        originBuffer.assign(last.origin)
        ownerBuffer.assign(last.owner)
        return true
    }

    /// Puts the next line of a `$GENERATE` before the reader; false when the last one has been read.
    private mutating func enterGeneratedEntry() throws(ZoneTextError.Reason) -> Bool {
        if included.last?.isGenerated ?? false { return false }
        guard var current = generator, let text = current.nextLine() else {
            generator = nil
            return false
        }
        generator = current
        let source = ZoneTextSource(octets: text, name: file)
        let place = lexer.suspend(for: source, firstLine: current.line)
        included.append(
            Inclusion(place: place, origin: originBuffer.name, owner: ownerBuffer.name, isGenerated: true))
        return true
    }
}
