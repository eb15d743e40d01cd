/// A look at a file's octets before the YAML parser sees them.
///
/// Finds what the parser would answer with unbounded work or an unclear error: control octets (a binary file), flow
/// collections nested too deep, and keys that are not plain scalars. (The parser hashes each key to find doubled
/// ones; a key made of aliases of aliases would take forever.)
enum ConfigurationScreening {
    struct Finding {
        let message: String
        let location: ConfigurationLocation
    }

    /// The first thing that must not reach the parser; nil when there is none.
    static func firstProblem(in octets: [UInt8]) -> Finding? {
        var scan = Scan()
        for index in octets.indices {
            let octet = octets[index]
            if octet < 0x20, octet != 0x0a, octet != 0x0d, octet != 0x09 {
                return Finding(
                    message: "holds the octet \(octet), which no text file does",
                    location: location(of: index, in: octets))
            }
            if let message = scan.take(octet, next: index + 1 < octets.count ? octets[index + 1] : 0x0a) {
                return Finding(message: message, location: location(of: index, in: octets))
            }
        }
        return nil
    }

    /// Line and column of the octet at `offset`.
    static func location(of offset: Int, in octets: [UInt8]) -> ConfigurationLocation {
        var line = 1
        var column = 1
        for octet in octets.prefix(offset) {
            if octet == 0x0a {
                line += 1
                column = 1
            } else if octet & 0xc0 != 0x80 {
                column += 1
            }
        }
        return ConfigurationLocation(line: line, column: column)
    }

    /// Where `key` stands again after its place `first`: in the same column if it does, else the next time.
    static func location(
        ofKey key: String, after first: ConfigurationLocation, in octets: [UInt8]
    ) -> ConfigurationLocation? {
        // The empty key stands everywhere.
        guard !key.isEmpty else { return nil }
        let lines = String(decoding: octets, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        var nearest: ConfigurationLocation?
        for (index, line) in lines.enumerated().dropFirst(first.line - 1) {
            var rest = line[...]
            while let range = rest.firstRange(of: key) {
                let column = line[..<range.lowerBound].unicodeScalars.count + 1
                let tail = line[range.upperBound...].drop { $0 == " " || $0 == "\"" || $0 == "'" }
                rest = line[range.upperBound...]
                let place = ConfigurationLocation(line: index + 1, column: column)
                guard tail.first == ":", place > first else { continue }
                if place.column == first.column || place.line == first.line { return place }
                nearest = nearest ?? place
            }
        }
        return nearest
    }

    /// Follows quotes, comments and brackets octet by octet.
    private struct Scan {
        private enum Place { case plain, single, double, doubleEscape, comment }
        private var place = Place.plain
        private var nesting = 0
        /// The last octet outside quotes and comments that is no blank; a line feed at the start of a line.
        private var lastInk: UInt8 = 0x0a
        private var previous: UInt8 = 0x0a
        /// Whether the present token is an alias, that is began with an asterisk.
        private var isAlias = false
        private var isTokenStart = true

        mutating func take(_ octet: UInt8, next: UInt8) -> String? {
            defer { previous = octet }
            switch place {
            case .comment:
                if octet == 0x0a { endLine() }
            case .single:
                if octet == UInt8(ascii: "'") { place = .plain }
            case .double:
                if octet == UInt8(ascii: "\\") { place = .doubleEscape }
                if octet == UInt8(ascii: "\"") { place = .plain }
            case .doubleEscape:
                place = .double
            case .plain:
                return takePlain(octet, next: next)
            }
            return nil
        }

        private mutating func endLine() {
            place = .plain
            lastInk = 0x0a
            isTokenStart = true
            isAlias = false
        }

        private mutating func takePlain(_ octet: UInt8, next: UInt8) -> String? {
            let isBlankNext = next == 0x20 || next == 0x0a || next == 0x09 || next == 0x0d
            switch octet {
            case 0x0a:
                endLine()
                return nil
            case 0x20, 0x09, 0x0d:
                return nil
            case UInt8(ascii: "#") where previous == 0x20 || previous == 0x09 || previous == 0x0a:
                place = .comment
                return nil
            case UInt8(ascii: "'") where isTokenStart: place = .single
            case UInt8(ascii: "\"") where isTokenStart: place = .double
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                nesting += 1
                if nesting > ConfigurationFile.maximumNesting {
                    return "brackets nested deeper than \(ConfigurationFile.maximumNesting)"
                }
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                nesting = max(0, nesting - 1)
            case UInt8(ascii: "?") where isTokenStart && isBlankNext:
                return "a key must be plain text"
            case UInt8(ascii: ":") where isBlankNext || nesting > 0:
                if lastInk == UInt8(ascii: "]") || lastInk == UInt8(ascii: "}") || (isAlias && isBlankNext) {
                    return "a key must be plain text"
                }
            case UInt8(ascii: "*") where isTokenStart:
                isAlias = true
            default: break
            }
            let separates =
                octet == UInt8(ascii: ",") || octet == UInt8(ascii: "[") || octet == UInt8(ascii: "{")
            let introduces = (octet == UInt8(ascii: ":") || octet == UInt8(ascii: "-")) && isBlankNext
            isTokenStart = (separates || introduces)
            if isTokenStart { isAlias = false }
            lastInk = octet
            return nil
        }
    }
}
