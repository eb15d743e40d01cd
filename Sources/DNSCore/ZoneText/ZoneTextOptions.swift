/// How zone text is read, and its limits.
package struct ZoneTextOptions: Sendable {
    /// The TTL of records that have none when neither `$TTL` nor an earlier record gives one; nil makes that
    /// an error.
    ///
    /// An SOA record without a TTL takes its own minimum field first, as BIND does.
    package var defaultTTL: UInt32?
    /// The only class allowed; nil allows any.
    package var requiredClass: RRClass? = .internet
    /// Whether `$INCLUDE` may open files.
    package var allowsInclude = true
    /// How many files may be open at a time, the first one counted.
    package var includeDepthLimit = 16
    /// Longest line in octets.
    package var lineLengthLimit = 1 << 20
    /// Most records that one `$GENERATE` may make.
    package var generateLimit = 1 << 20
    /// Whether records of meta types (RFC 6895 3.1) and empty data are let through: for UPDATE scripts and tests.
    package var allowsMetaTypes = false

    package init(defaultTTL: UInt32? = nil, allowsInclude: Bool = true) {
        self.defaultTTL = defaultTTL
        self.allowsInclude = allowsInclude
    }
}
