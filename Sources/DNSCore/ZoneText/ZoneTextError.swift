internal import Glibc

/// What is wrong with a zone file, and where.
///
/// The operator sees ``description``; no client ever does.
package struct ZoneTextError: Error, Equatable, Sendable {
    /// The file as it was opened, or the name given to the text.
    package var file: String
    /// Line, counted from 1.
    package var line: Int
    /// Column of the offending text, counted from 1 in octets; nil when the whole line is meant.
    package var column: Int?
    package var reason: Reason

    package init(file: String, line: Int, column: Int? = nil, reason: Reason) {
        self.file = file
        self.line = line
        self.column = column
        self.reason = reason
    }

    /// What is wrong.
    ///
    /// Text payloads are what stood in the file, cut to 64 octets.
    package enum Reason: Error, Equatable, Sendable {
        /// The file cannot be opened or read; `errno`.
        case unreadable(path: String, errno: Int32)
        /// The file that `$INCLUDE` names is one of those being read.
        case includeCycle(path: String)
        /// More files include each other than ``ZoneTextOptions/includeDepthLimit``.
        case includeTooDeep(limit: Int)
        /// `$INCLUDE` in text that may not read files.
        case includeNotAllowed
        /// A line is longer than ``ZoneTextOptions/lineLengthLimit``.
        case lineTooLong(limit: Int)
        /// A `(` without `)`, or the reverse.
        case unbalancedParenthesis
        /// A quotation mark without its partner on the same line.
        case unbalancedQuote
        /// A backslash that no character or three digits up to 255 follow (RFC 1035 5.1).
        case badEscape
        /// The first record begins with a blank: it has no owner.
        case missingOwner
        /// The line ends before the record's type.
        case missingType
        case unknownType(String)
        /// A type of which no zone holds records (RFC 6895 3.1).
        case metaType(RRType)
        /// The record's class is not that of the zone.
        case wrongClass(RRClass)
        /// No TTL on the record, none before it, and no `$TTL` (RFC 2308 4).
        case missingTTL
        case badName(NameError, text: String)
        /// Text that is not what its field demands.
        case badField(ZoneTextExpectation, text: String)
        /// The record ends before this field.
        case missingField(ZoneTextExpectation)
        /// Text after the last field.
        case surplusField(text: String)
        /// `\#` data of another length than it says (RFC 3597 5).
        case wrongGenericLength(said: Int, found: Int)
        /// Data that does not have the form its type demands.
        case malformedData(RRType)
        /// More than 65,535 octets of data.
        case dataTooLong
        /// A line that begins with `$` and is none of `$ORIGIN`, `$TTL`, `$INCLUDE`, `$GENERATE`.
        case unknownDirective(String)
        /// `$GENERATE` over more numbers than ``ZoneTextOptions/generateLimit``.
        case generateTooLong(limit: Int)
        /// `$GENERATE` with a range or a `${...}` that cannot be read.
        case badGenerate(text: String)
    }
}

/// What a field of a zone file's entry should have been.
package enum ZoneTextExpectation: String, Equatable, Sendable {
    case number, number8 = "number up to 255", number16 = "number up to 65535", number32 =
        "number up to 4294967295"
    case ttl = "TTL", name = "domain name", ipv4 = "IPv4 address", ipv6 = "IPv6 address"
    case string = "character-string of at most 255 octets", hex = "hexadecimal digits", base64 = "base64 data"
    case base32 = "base32hex data", type = "record type", algorithm = "DNSSEC algorithm", time = "time"
    case locator = "64-bit locator", eui48 = "EUI-48 address", eui64 = "EUI-64 address"
    case serviceParameter = "service parameter", tag = "property tag", addressPrefix = "address prefix"
    case gateway, relay, certificateType = "certificate type", scheme = "DSYNC scheme"
    case location = "location", services = "list of services", path = "file path", range = "number range"
    case genericData = "\\# data"
}

extension ZoneTextExpectation {
    /// The expectation with the article it needs.
    fileprivate var phrase: String {
        switch self {
        case .hex, .base64, .base32, .genericData: rawValue
        default: ("aeiouAEIO".contains(rawValue.prefix(1)) ? "an " : "a ") + rawValue
        }
    }
}

extension ZoneTextError: CustomStringConvertible {
    /// `file:line:column: what is wrong`; without a place when no line was read.
    package var description: String {
        guard line > 0 else { return "\(reason)" }
        let place = column.map { "\(file):\(line):\($0)" } ?? "\(file):\(line)"
        return "\(place): \(reason)"
    }
}

extension ZoneTextError.Reason: CustomStringConvertible {
    /// One sentence for the operator.
    package var description: String {
        switch self {
        case .unreadable(let path, let code): "cannot read \(path): \(unsafe String(cString: strerror(code)))"
        case .includeCycle(let path): "$INCLUDE of \(path), which includes this file"
        case .includeTooDeep(let limit): "more than \(limit) nested $INCLUDE"
        case .includeNotAllowed: "$INCLUDE is not allowed here"
        case .lineTooLong(let limit): "line longer than \(limit) octets"
        case .unbalancedParenthesis: "unbalanced parenthesis"
        case .unbalancedQuote: "unbalanced quotation mark"
        case .badEscape: "bad escape after a backslash"
        case .missingOwner: "the first record has no owner name"
        case .missingType: "no record type"
        case .unknownType(let text): "unknown record type '\(text)'"
        case .metaType(let type): "\(type) records cannot stand in a zone"
        case .wrongClass(let found): "class \(found) is not the zone's"
        case .missingTTL: "no TTL, and no $TTL before"
        case .badName(let error, let text): "'\(text)' is not a domain name: \(error)"
        case .badField(let expected, let text): "'\(text)' is not \(expected.phrase)"
        case .missingField(let expected): "the record ends where \(expected.phrase) should stand"
        case .surplusField(let text): "unexpected '\(text)' after the record"
        case .wrongGenericLength(let said, let found): "\\# says \(said) octets, there are \(found)"
        case .malformedData(let type): "malformed \(type) record data"
        case .dataTooLong: "record data longer than 65535 octets"
        case .unknownDirective(let text): "unknown directive '\(text)'"
        case .generateTooLong(let limit): "$GENERATE of more than \(limit) records"
        case .badGenerate(let text): "bad $GENERATE '\(text)'"
        }
    }
}
