package import DNSCore
package import DNSSecurity

/// How an update ended and why, as a value: for the response, the log, the extended error and `update explain`.
package enum UpdateReason: Error, Sendable, Equatable {
    /// What makes an update a format error.
    package enum Fault: Sendable, Equatable {
        /// Octets after the last record.
        case trailingOctets
        /// Other than one entry in the zone section (RFC 2136 2.3).
        case zoneCount
        /// The zone entry's type is not SOA (RFC 2136 2.3).
        case zoneType
        /// TTL other than zero where it must be zero (RFC 2136 3.2.5, 3.4.1.3).
        case ttl
        /// Data where there must be none.
        case unexpectedData
        /// Data that does not have its type's form.
        case recordData
        /// A class that has no meaning here.
        case recordClass
        /// A meta type that has no meaning here (RFC 2136 3.4.1.2).
        case type
    }

    /// Why a change is ignored (RFC 2136 3.4.2).
    package enum Obstacle: Sendable, Equatable {
        /// The name has other data, the addition is a CNAME.
        case otherData
        /// The name has a CNAME, the addition is something else.
        case cname
        /// An SOA that is not the apex's, or whose serial is not newer.
        case serial
        /// The SOA and the last NS of the apex stay.
        case neededAtApex
    }

    /// The zone changed, or only its SOA; the new version is on disk.
    case applied(from: Serial, to: Serial)
    /// Nothing to change: every addition was there, every deletion was not, or the rules had it ignored.
    case unchanged(Serial)
    /// FORMERR: `record` counts within the section, from 1.
    case malformed(Fault, Section, record: Int)
    /// NOTZONE: the owner is outside the zone (RFC 2136 3.2.5, 3.4.1.3).
    case outsideZone(Name, Section, record: Int)
    /// NOTAUTH: no zone of ours (RFC 2136 3.1.2).
    case notAuthoritative(Name, RRClass)
    /// REFUSED: the zone has its primary elsewhere, and updates are not handed on (RFC 2136 6).
    case notForwarded(Name)
    /// YXDOMAIN, NXDOMAIN, YXRRSET or NXRRSET.
    case prerequisite(PrerequisiteFailure)
    /// REFUSED: a SIG(0) signature that does not count (RFC 2931); FORMERR for one without its form.
    case signature(TransactionSignatureVerdict)
    /// NOTAUTH: a copy of a signed update that came before, from another source (RFC 8945 5.2.3).
    case copied
    /// REFUSED: no rule allows it, or a rule forbids it.
    case refused(UpdateDenial)
    /// REFUSED: an addition below a DNAME, or a DNAME above existing names (RFC 6672 2.4, 5.2).
    case belowDNAME(Name, dname: Name)
    /// REFUSED: a private address from a source outside (`private-addresses: refuse`).
    case privateAddress(Name, IPAddress)
    /// REFUSED: the deletion would leave a name server of the zone without address (`check-name-servers`).
    case nameServerAddress(Name)
    /// REFUSED, to the operator only: what RFC 2136 3.4.2 has ignored in silence when a client asks for it.
    case withoutEffect(Name, RRType, Obstacle)
    /// SERVFAIL: more records than a set or a message may hold.
    case tooManyRecords(Name, RRType, limit: Int)
    /// SERVFAIL: the zone is frozen by its operator.
    case frozen
    /// SERVFAIL: more updates wait than `update-quota` allows.
    case queueFull(limit: Int)
    /// SERVFAIL: the process may take no more memory.
    case outOfMemory
    /// SERVFAIL: the journal cannot be written; nothing was changed.
    case storage(JournalError)
    /// SERVFAIL: the server is stopping, or the zone was removed meanwhile.
    case stopping
}

/// A prerequisite that did not hold.
package struct PrerequisiteFailure: Sendable, Equatable {
    /// What was demanded (RFC 2136 2.4).
    package enum Demand: Sendable, Equatable {
        case rrsetExists, rrsetExistsWithData, rrsetDoesNotExist, nameInUse, nameNotInUse
    }
    package var demand: Demand
    package var name: Name
    package var type: RRType
    /// Place in the section, from 1; for a set with data, that of its first record.
    package var record: Int
}

extension UpdateReason {
    /// The response code that the client sees.
    package var responseCode: ResponseCode {
        switch self {
        case .applied, .unchanged: .noError
        case .malformed: .formatError
        case .outsideZone: .notZone
        case .notAuthoritative, .copied: .notAuth
        case .prerequisite(let failure):
            switch failure.demand {
            case .rrsetExists, .rrsetExistsWithData: .nxRRset
            case .rrsetDoesNotExist: .yxRRset
            case .nameInUse: .nameError
            case .nameNotInUse: .yxDomain
            }
        case .signature(.malformed): .formatError
        case .signature, .refused, .belowDNAME, .privateAddress, .nameServerAddress,
            .notForwarded, .withoutEffect:
            .refused
        case .tooManyRecords, .frozen, .queueFull, .outOfMemory, .storage, .stopping: .serverFailure
        }
    }

    /// The extended error that tells an authenticated client the cause (RFC 8914); nil where the response code says all.
    package var extendedError: ExtendedError? {
        switch self {
        case .applied, .unchanged, .malformed, .outsideZone, .prerequisite: nil
        case .notAuthoritative: .notAuthoritative
        case .refused, .notForwarded, .signature, .copied: .prohibited
        case .belowDNAME, .privateAddress, .nameServerAddress, .withoutEffect: .other
        case .tooManyRecords, .queueFull, .outOfMemory: .other
        case .frozen, .stopping: .notReady
        case .storage: .other
        }
    }
}

extension UpdateReason: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .applied(let old, let new): "applied, serial \(old.rawValue) -> \(new.rawValue)"
        case .unchanged(let serial): "nothing to change, serial \(serial.rawValue)"
        case .malformed(let fault, let section, let record):
            "malformed: \(fault) in the \(UpdateReason.name(of: section))"
                + (record > 0 ? ", record \(record)" : "")
        case .outsideZone(let name, let section, let record):
            "\(name) is outside the zone (\(UpdateReason.name(of: section)), record \(record))"
        case .notAuthoritative(let name, let rrclass): "not authoritative for \(name) \(rrclass)"
        case .notForwarded(let name): "\(name) is a secondary zone here, without forward-updates"
        case .prerequisite(let failure): failure.description
        case .signature(let verdict): "SIG(0) signature: \(verdict)"
        case .copied: "a copy of a signed update that came before from another source"
        case .refused(let denial): denial.description
        case .belowDNAME(let name, let dname): "\(name) would stand below the DNAME at \(dname)"
        case .privateAddress(let name, let address):
            "private address \(address) for \(name) from a source outside"
        case .nameServerAddress(let name):
            "\(name) is a name server of the zone and would lose its last address"
        case .withoutEffect(let name, let type, let obstacle): "\(name) \(type): \(obstacle)"
        case .tooManyRecords(let name, .any, let limit):
            "more than \(limit) types at \(name), or records in the update"
        case .tooManyRecords(let name, let type, let limit): "more than \(limit) records at \(name) \(type)"
        case .frozen: "the zone is frozen"
        case .queueFull(let limit): "more than \(limit) updates wait (update-quota)"
        case .outOfMemory: "no memory left (memory-reserve)"
        case .storage(let error): "journal: \(error)"
        case .stopping: "the zone is being closed"
        }
    }

    private static func name(of section: Section) -> String {
        switch section {
        case .question: "zone section"
        case .answer: "prerequisites"
        case .authority: "updates"
        case .additional: "additional section"
        }
    }
}

extension PrerequisiteFailure: CustomStringConvertible {
    package var description: String {
        switch demand {
        case .rrsetExists: "prerequisite \(record): \(name) has no \(type)"
        case .rrsetExistsWithData: "prerequisite \(record): \(name) \(type) has other data"
        case .rrsetDoesNotExist: "prerequisite \(record): \(name) has \(type)"
        case .nameInUse: "prerequisite \(record): \(name) is not in use"
        case .nameNotInUse: "prerequisite \(record): \(name) is in use"
        }
    }
}

extension UpdateReason.Obstacle: CustomStringConvertible {
    package var description: String {
        switch self {
        case .otherData: "a CNAME cannot stand beside other data"
        case .cname: "the name is an alias, nothing can stand beside its CNAME"
        case .serial: "not at the apex, or the serial is not newer"
        case .neededAtApex: "the apex needs its SOA and an NS"
        }
    }
}

extension UpdateReason.Fault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .trailingOctets: "octets after the last record"
        case .zoneCount: "other than one entry"
        case .zoneType: "another type than SOA"
        case .ttl: "a TTL other than zero"
        case .unexpectedData: "data where there must be none"
        case .recordData: "data that does not fit its type"
        case .recordClass: "a class without meaning here"
        case .type: "a type without meaning here"
        }
    }
}
