/// The bounds on the work of validation.
///
/// Each that fires is counted in ``ValidationBudget/fired``.
package struct ValidationLimits: Sendable {
    /// Public-key operations for one client query, good and bad ones together.
    ///
    /// Cached verifications are free.
    package var verificationsPerQuery = 64
    /// Public-key operations of one query that may say no.
    package var failedVerificationsPerQuery = 8
    /// Signatures of one RRset that are looked at.
    package var signaturesPerRRset = 8
    /// Keys of one zone with the same tag and algorithm that are tried (KeyTrap, CVE-2023-50387).
    package var keysPerTag = 2
    /// Keys of one zone that are looked at.
    package var keysPerZone = 64
    /// DS records of one delegation that are looked at.
    package var delegationSigners = 8
    /// NSEC3 iterations above which a zone counts as unsigned (RFC 9276 3.2).
    package var nsec3Iterations: UInt16 = 50
    /// Names hashed for one client query (CVE-2023-50868).
    package var nsec3HashesPerQuery = 600
    /// NSEC and NSEC3 records of one answer that are looked at.
    package var denialRecords = 16
    /// How far the clock may be off, in seconds, as a part of the signature's life; see ``skew(of:)``.
    package var skewMinimum: UInt32 = 3600
    /// The most that ``skewMinimum`` and a tenth of a signature's life may come to, in seconds.
    package var skewMaximum: UInt32 = 86400

    package init() {}

    /// The tolerance for a signature that is valid for `life` seconds: a tenth of it, between minimum and maximum.
    package func skew(of life: UInt32) -> UInt32 {
        min(max(life / 10, skewMinimum), skewMaximum)
    }
}

/// The names of the limits, for counters and the log.
package enum ValidationLimit: String, Hashable, Sendable, CaseIterable {
    case verifications, failedVerifications = "failed-verifications", signatures, keysPerTag = "keys-per-tag",
        keys
    case delegationSigners = "ds", nsec3Hashes = "nsec3-hashes", denialRecords = "denial-records"
}

/// What one client query may still spend on validation.
///
/// Lives in the query's state and is never renewed by a restart.
package struct ValidationBudget: Sendable {
    package let limits: ValidationLimits
    package private(set) var verifications = 0
    package private(set) var failures = 0
    package private(set) var hashes = 0
    /// The limits that this query has reached.
    package private(set) var fired: Set<ValidationLimit> = []

    /// A whole budget.
    package init(_ limits: ValidationLimits = ValidationLimits()) {
        self.limits = limits
    }

    /// Takes one public-key operation; false when none is left.
    mutating func takeVerification() -> Bool {
        guard failures < limits.failedVerificationsPerQuery else { return fire(.failedVerifications) }
        guard verifications < limits.verificationsPerQuery else { return fire(.verifications) }
        verifications += 1
        return true
    }

    /// Notes that an operation said no.
    mutating func noteFailure() { failures += 1 }

    /// Takes one name to hash; false when none is left.
    mutating func takeHash() -> Bool {
        guard hashes < limits.nsec3HashesPerQuery else { return fire(.nsec3Hashes) }
        hashes += 1
        return true
    }

    /// Notes that `limit` was reached.
    @discardableResult
    mutating func fire(_ limit: ValidationLimit) -> Bool {
        fired.insert(limit)
        return false
    }

    /// Which limit on operations is exhausted, if any.
    var exhausted: ValidationLimit? {
        if failures >= limits.failedVerificationsPerQuery { return .failedVerifications }
        return verifications >= limits.verificationsPerQuery ? .verifications : nil
    }
}
