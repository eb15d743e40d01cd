extension RecordData {
    /// Reads the presentation format of `type`'s data, or the form of RFC 3597.
    ///
    /// - Throws: ``ZoneTextError`` in the text called "text".
    package init(
        parsing text: some StringProtocol, as type: RRType, origin: Name = .root
    ) throws(ZoneTextError) {
        var options = ZoneTextOptions(defaultTTL: 0, allowsInclude: false)
        options.requiredClass = nil
        let line = Array(". 0 CLASS1 TYPE\(type.rawValue) ".utf8) + text.utf8
        self = try ResourceRecord.only(line, name: "text", origin: origin, options: options).data
    }
}

extension ResourceRecord {
    /// Reads one record in presentation format: owner, perhaps TTL and class, type and data.
    ///
    /// - Parameters:
    ///   - text: one record and nothing else; directives other than `$TTL` and `$ORIGIN` are refused.
    ///   - name: what errors call the text.
    ///   - defaultTTL: the TTL when the text gives none; nil makes that an error.
    /// - Throws: ``ZoneTextError``.
    package init(
        parsing text: some StringProtocol, name: String = "text", origin: Name = .root,
        defaultTTL: UInt32? = 3600
    ) throws(ZoneTextError) {
        var options = ZoneTextOptions(defaultTTL: defaultTTL, allowsInclude: false)
        options.requiredClass = nil
        options.generateLimit = 0
        self = try ResourceRecord.only(Array(text.utf8), name: name, origin: origin, options: options)
    }

    /// All records of a text in memory.
    ///
    /// - Throws: the first ``ZoneTextError``.
    package static func parsing(
        _ text: some StringProtocol, name: String = "text", origin: Name = .root, defaultTTL: UInt32? = 3600
    ) throws(ZoneTextError) -> [ResourceRecord] {
        var options = ZoneTextOptions(defaultTTL: defaultTTL, allowsInclude: false)
        options.requiredClass = nil
        var scanner = ZoneTextScanner(text: Array(text.utf8), name: name, origin: origin, options: options)
        var records: [ResourceRecord] = []
        while try scanner.next() { records.append(scanner.record()) }
        return records
    }

    fileprivate static func only(
        _ text: [UInt8], name: String, origin: Name, options: ZoneTextOptions
    ) throws(ZoneTextError) -> ResourceRecord {
        var scanner = ZoneTextScanner(text: text, name: name, origin: origin, options: options)
        guard try scanner.next() else { throw ZoneTextError(file: name, line: 1, reason: .missingType) }
        let record = scanner.record()
        if try scanner.next() {
            throw ZoneTextError(
                file: name, line: scanner.line, reason: .surplusField(text: scanner.type.description))
        }
        return record
    }
}
