/// Cuts zone text into entries and their tokens (RFC 1035 5.1).
///
/// An entry is a line, or several joined by parentheses; comments and blanks are gone. A token stays where it stands in
/// the source's window and is valid until the next call. Quoted tokens come without their quotation marks; escapes are
/// left in place for the field readers. A quoted string may not span lines.
@safe struct ZoneTextLexer: ~Copyable {
    /// Number of the line that is being read, counted from 1.
    private(set) var line = 1
    /// Where the current token begins.
    @safe private(set) var tokenStart: UnsafePointer<UInt8>
    private(set) var tokenCount = 0
    private(set) var tokenIsQuoted = false
    /// Whether a backslash occurs in the token.
    private(set) var tokenHasEscape = false
    /// Whether the entry began with a blank: its owner is that of the record before.
    private(set) var startsWithBlank = false
    private(set) var isAtEntryEnd = true

    private(set) var source: ZoneTextSource
    private var cursor: UnsafePointer<UInt8>
    private var limit: UnsafePointer<UInt8>
    private var lineStart: UnsafePointer<UInt8>
    private var tokenLine = 1
    private var depth = 0

    init(_ source: ZoneTextSource) {
        self.source = source
        unsafe cursor = ZoneTextLexer.nothing
        unsafe limit = cursor
        unsafe lineStart = cursor
        unsafe tokenStart = cursor
    }

    /// A place to point to before the first window.
    nonisolated(unsafe) private static let nothing: UnsafePointer<UInt8> = {
        let place = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
        unsafe place.initialize(to: 0x0a)
        return unsafe UnsafePointer(place)
    }()

    /// The reading position, to come back to after an included file.
    @safe struct Suspension {
        fileprivate let source: ZoneTextSource
        fileprivate let cursor: UnsafePointer<UInt8>
        fileprivate let limit: UnsafePointer<UInt8>
        fileprivate let line: Int
        var name: String { source.name }
        var identity: (device: UInt64, inode: UInt64)? { source.identity }
    }

    /// Goes on with `included` from its start; the current entry must have been read to its end.
    ///
    /// - Parameter firstLine: the number that errors give to its first line.
    mutating func suspend(for included: ZoneTextSource, firstLine: Int = 1) -> Suspension {
        let place = unsafe Suspension(source: source, cursor: cursor, limit: limit, line: line)
        source = included
        unsafe cursor = ZoneTextLexer.nothing
        unsafe limit = cursor
        unsafe lineStart = cursor
        line = firstLine
        isAtEntryEnd = true
        depth = 0
        return place
    }

    /// Goes back to where `place` was made.
    mutating func resume(_ place: Suspension) {
        source = place.source
        unsafe cursor = place.cursor
        unsafe limit = place.limit
        unsafe lineStart = cursor
        line = place.line
        isAtEntryEnd = true
        depth = 0
    }

    /// Begins the next line; false at the end of the source.
    mutating func beginEntry() throws(ZoneTextError.Reason) -> Bool {
        depth = 0
        isAtEntryEnd = true
        if unsafe cursor == limit {
            guard try refill() else { return false }
        }
        isAtEntryEnd = false
        let first = unsafe cursor.pointee
        startsWithBlank = first == 0x20 || first == 0x09
        return true
    }

    /// Moves to the next token of the entry; false at the entry's end.
    ///
    /// - Parameter pairs: whether a quotation mark right after `=` belongs to the token, as in `alpn="h2"`.
    mutating func nextToken(pairs: Bool = false) throws(ZoneTextError.Reason) -> Bool {
        if isAtEntryEnd { return false }
        var at = unsafe cursor
        while true {
            let octet = unsafe at.pointee
            switch octet {
            case 0x20, 0x09, 0x0d:
                unsafe at += 1
            case 0x0a:
                unsafe at += 1
                unsafe cursor = at
                unsafe lineStart = at
                line += 1
                if depth == 0 {
                    isAtEntryEnd = true
                    return false
                }
                if unsafe at == limit {
                    guard try refill() else {
                        isAtEntryEnd = true
                        throw .unbalancedParenthesis
                    }
                    unsafe at = cursor
                }
            case UInt8(ascii: ";"):
                while unsafe at.pointee != 0x0a { unsafe at += 1 }
            case UInt8(ascii: "("):
                depth += 1
                unsafe at += 1
            case UInt8(ascii: ")"):
                unsafe at += 1
                guard depth > 0 else {
                    unsafe mark(at - 1, count: 1)
                    unsafe cursor = at
                    throw .unbalancedParenthesis
                }
                depth -= 1
            case UInt8(ascii: "\""):
                unsafe try scanQuoted(from: at + 1)
                return true
            default:
                unsafe try scanWord(from: at, pairs: pairs)
                return true
            }
        }
    }

    /// Skips what is left of the entry, errors in it included.
    mutating func skipEntry() {
        while !isAtEntryEnd {
            do throws(ZoneTextError.Reason) {
                _ = try nextToken()
            } catch {
                // The cursor stands behind the fault: the entry's end comes nearer with every turn.
            }
        }
    }

    /// The current token as text for an error, at most 64 octets of it.
    var tokenText: String {
        unsafe String(
            decoding: UnsafeBufferPointer(start: tokenStart, count: min(tokenCount, 64)), as: UTF8.self)
    }

    /// A copy of the current token as it stands.
    var tokenOctets: [UInt8] {
        unsafe Array(UnsafeBufferPointer(start: tokenStart, count: tokenCount))
    }

    /// Line and column of the current token, or of the end of the entry.
    var place: (line: Int, column: Int?) {
        isAtEntryEnd ? (tokenLine, nil) : (tokenLine, column)
    }
    private var column: Int? {
        let distance = unsafe tokenStart - lineStart
        return distance >= 0 ? distance + 1 : nil
    }

    /// Whether the token equals `text`, which is in upper case, in any case.
    func tokenIs(_ text: StaticString) -> Bool {
        guard tokenCount == text.utf8CodeUnitCount else { return false }
        for index in 0..<tokenCount {
            var octet = tokenStart[index]
            if octet &- 0x61 < 26 { octet &= 0xdf }
            if unsafe octet != text.utf8Start[index] { return false }
        }
        return true
    }

    private mutating func mark(_ start: UnsafePointer<UInt8>, count: Int) {
        unsafe tokenStart = start
        tokenCount = count
        tokenLine = line
    }

    private mutating func refill() throws(ZoneTextError.Reason) -> Bool {
        unsafe cursor = ZoneTextLexer.nothing
        unsafe limit = cursor
        unsafe lineStart = cursor
        guard let window = unsafe try source.nextWindow(), let base = window.baseAddress else { return false }
        unsafe cursor = base
        unsafe limit = base + window.count
        unsafe lineStart = base
        return true
    }

    private mutating func scanQuoted(from start: UnsafePointer<UInt8>) throws(ZoneTextError.Reason) {
        var at = unsafe start
        tokenHasEscape = false
        tokenIsQuoted = true
        while true {
            let octet = unsafe at.pointee
            if octet == UInt8(ascii: "\"") { break }
            if octet == UInt8(ascii: "\\") {
                tokenHasEscape = true
                unsafe at += 1
            }
            if unsafe at.pointee == 0x0a {
                unsafe mark(start, count: at - start)
                unsafe cursor = at
                throw .unbalancedQuote
            }
            unsafe at += 1
        }
        unsafe mark(start, count: at - start)
        unsafe cursor = at + 1
    }

    private mutating func scanWord(from start: UnsafePointer<UInt8>, pairs: Bool) throws(ZoneTextError.Reason)
    {
        // Tab, line feed, carriage return, space, `"`, `(`, `)`, `;`: the octets below 64 that end a word.
        let ending: UInt64 = 1 << 9 | 1 << 10 | 1 << 13 | 1 << 32 | 1 << 34 | 1 << 40 | 1 << 41 | 1 << 59
        var at = unsafe start
        tokenHasEscape = false
        tokenIsQuoted = false
        while true {
            let octet = unsafe at.pointee
            if octet >= 64 {
                if octet == UInt8(ascii: "\\") {
                    tokenHasEscape = true
                    unsafe at += 1
                    if unsafe at.pointee == 0x0a {
                        unsafe mark(start, count: at - start)
                        unsafe cursor = at
                        throw .badEscape
                    }
                }
                unsafe at += 1
                continue
            }
            if ending &>> UInt64(octet) & 1 == 0 {
                unsafe at += 1
                continue
            }
            if pairs, octet == UInt8(ascii: "\""), unsafe at > start, unsafe at[-1] == UInt8(ascii: "=") {
                unsafe try scanQuoted(from: at + 1)
                let end = unsafe cursor
                unsafe mark(start, count: end - start)
                tokenIsQuoted = false
                return
            }
            break
        }
        unsafe mark(start, count: at - start)
        unsafe cursor = at
    }
}
