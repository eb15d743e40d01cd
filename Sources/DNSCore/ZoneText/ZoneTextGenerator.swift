/// One `$GENERATE range owner [TTL] [class] type data` of BIND: makes a line of text for each number of the range.
///
/// In owner and data, `$` is the number, `${offset,width,base}` the number plus an offset, padded with zeros, in base
/// `d`, `o`, `x` or `X` or in nibbles `n` or `N`; `\$` and `$$` are a dollar sign.
struct ZoneTextGenerator {
    /// The line the directive stands on.
    let line: Int
    private let template: [Piece]
    private let stop: Int
    private let step: Int
    private var value: Int

    private enum Piece {
        case text([UInt8])
        case number(offset: Int, width: Int, base: UInt8)
    }

    /// Reads the directive's arguments; the lexer stands on `$GENERATE`.
    init(reading lexer: inout ZoneTextLexer, line: Int, limit: Int) throws(ZoneTextError.Reason) {
        self.line = line
        try lexer.require(.range)
        let range = lexer.tokenText
        let parts = range.split(separator: "/", omittingEmptySubsequences: false)
        let ends = (parts.first ?? "").split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, parts.count <= 2, let start = UInt32(ends[0]), let stop = UInt32(ends[1]),
            let step = parts.count == 2 ? UInt32(parts[1]) : 1, step > 0, start <= stop
        else { throw .badGenerate(text: range) }
        guard (stop - start) / step < limit else { throw .generateTooLong(limit: limit) }
        self.stop = Int(stop)
        self.step = Int(step)
        value = Int(start)
        var pieces: [Piece] = []
        try lexer.require(.name)
        try ZoneTextGenerator.read(lexer.tokenOctets, into: &pieces)
        while try lexer.nextToken() {
            pieces.append(.text([0x20]))
            // The data of BIND's form is one quoted token that holds all fields.
            try ZoneTextGenerator.read(lexer.tokenOctets, into: &pieces)
        }
        pieces.append(.text([0x0a]))
        template = pieces
    }

    /// The line for the next number; nil behind the last.
    mutating func nextLine() -> [UInt8]? {
        guard value <= stop else { return nil }
        var text: [UInt8] = []
        for piece in template {
            switch piece {
            case .text(let octets): text.append(contentsOf: octets)
            case .number(let offset, let width, let base):
                text.append(contentsOf: ZoneTextGenerator.digits(value + offset, width: width, base: base))
            }
        }
        value += step
        return text
    }

    private static func read(_ token: [UInt8], into pieces: inout [Piece]) throws(ZoneTextError.Reason) {
        var text: [UInt8] = []
        var index = 0
        while index < token.count {
            let octet = token[index]
            index += 1
            if octet == UInt8(ascii: "\\"), index < token.count {
                text.append(octet)
                text.append(token[index])
                index += 1
                continue
            }
            guard octet == UInt8(ascii: "$") else {
                text.append(octet)
                continue
            }
            if index < token.count, token[index] == UInt8(ascii: "$") {
                text.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "$")])
                index += 1
                continue
            }
            pieces.append(.text(text))
            text = []
            if index < token.count, token[index] == UInt8(ascii: "{") {
                guard let end = token[index...].firstIndex(of: UInt8(ascii: "}")) else {
                    throw .badGenerate(text: String(decoding: token.prefix(64), as: UTF8.self))
                }
                pieces.append(try modifier(token[(index + 1)..<end]))
                index = end + 1
            } else {
                pieces.append(.number(offset: 0, width: 0, base: UInt8(ascii: "d")))
            }
        }
        pieces.append(.text(text))
    }

    private static func modifier(_ text: ArraySlice<UInt8>) throws(ZoneTextError.Reason) -> Piece {
        let parts = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        let offset = parts.first.flatMap { Int32(String(decoding: $0, as: UTF8.self)) }
        let width = parts.count > 1 ? UInt8(String(decoding: parts[1], as: UTF8.self)) : 0
        let base = parts.count > 2 ? (parts[2].count == 1 ? parts[2].first : nil) : UInt8(ascii: "d")
        guard let offset, let width, let base, "doxXnN".utf8.contains(base), parts.count <= 3 else {
            throw .badGenerate(text: String(decoding: text.prefix(64), as: UTF8.self))
        }
        return .number(offset: Int(offset), width: Int(width), base: base)
    }

    private static func digits(_ value: Int, width: Int, base: UInt8) -> [UInt8] {
        var text: String
        switch base {
        case UInt8(ascii: "o"): text = String(value, radix: 8)
        case UInt8(ascii: "x"), UInt8(ascii: "n"): text = String(value, radix: 16)
        case UInt8(ascii: "X"), UInt8(ascii: "N"): text = String(value, radix: 16, uppercase: true)
        default: text = String(value)
        }
        guard base | 0x20 == UInt8(ascii: "n") else {
            if text.utf8.count < width {
                text = String(repeating: "0", count: width - text.utf8.count) + text
            }
            return Array(text.utf8)
        }
        // Nibbles, the lowest first, with dots between; the width counts the dots (BIND's manual).
        var nibbles = Array(text.utf8.reversed())
        while nibbles.count * 2 - 1 < width { nibbles.append(UInt8(ascii: "0")) }
        return Array(nibbles.map { [$0] }.joined(separator: [UInt8(ascii: ".")]))
    }
}
