package import DNSCore

/// Where a zone's fault stands: a line of a file, or the place in a transfer or update when there is no file.
package struct ZonePlace: Hashable, Sendable, CustomStringConvertible {
    /// The master file's path as it was opened; empty when the record came over the network.
    package var file: String
    /// Line, counted from 1; 0 when there is none.
    package var line: Int

    package init(file: String = "", line: Int = 0) {
        self.file = file
        self.line = line
    }

    /// `file:line`, or only what there is of it.
    package var description: String {
        line > 0 ? "\(file):\(line)" : file
    }
}

/// Why a zone is refused.
///
/// The zone keeps its former contents; without any, its queries are answered SERVFAIL.
package enum ZoneError: Error, Equatable, Sendable {
    /// The file cannot be read, or a line of it is not a record (RFC 1035 5.1).
    case text(ZoneTextError)
    /// No SOA at the apex (RFC 1035 5.2).
    case noSOA(Name)
    /// A second SOA, or one that is not at the apex (RFC 2181 6.1).
    case repeatedSOA(Name, ZonePlace)
    /// No NS at the apex (RFC 1034 4.2.1).
    case noApexNS(Name)
    /// An owner that is not at or below the apex (RFC 1035 5.2).
    case outsideZone(Name, ZonePlace)
    /// A class other than the zone's (RFC 1035 5.2).
    case wrongClass(Name, RRClass, ZonePlace)
    /// A type no zone can hold (RFC 6895 3.1).
    case metaType(Name, RRType, ZonePlace)
    /// Data that does not have its type's form.
    case malformedData(Name, RRType, ZonePlace)
    /// A CNAME beside other data (RFC 1034 3.6.2, RFC 2181 10.1).
    case cnameBesideData(Name, ZonePlace)
    /// A second CNAME (RFC 2181 10.1).
    case repeatedCNAME(Name, ZonePlace)
    /// A second DNAME (RFC 6672 2.4).
    case repeatedDNAME(Name, ZonePlace)
    /// Data below a DNAME (RFC 6672 2.4).
    case belowDNAME(Name, dname: Name, ZonePlace)
    /// More records than the zone may hold.
    case tooManyRecords(limit: Int)
    /// The process may not take the memory that the zone needs.
    case outOfMemory(records: Int)
    /// More types at one name than there may be.
    case tooManyTypes(Name, limit: Int)
    /// A set of more records or octets than one may hold.
    case tooManyInSet(Name, RRType, limit: Int)
    /// More than one fault: those that were kept, at most ``faultLimit``, in the order of their places; how many there
    /// were.
    case several([ZoneError], count: Int)
}

extension ZoneError {
    /// Faults of one zone that are told; more are only counted.
    package static let faultLimit = 100

    /// One line for each fault, and how many more there are.
    package var lines: [String] {
        guard case .several(let faults, let count) = self else { return ["\(self)"] }
        let lines = faults.map { "\($0)" }
        return count > faults.count ? lines + ["and \(count - faults.count) more"] : lines
    }

    /// Where the fault stands; nil when it has no line.
    var place: ZonePlace? {
        switch self {
        case .text(let error): ZonePlace(file: error.file, line: error.line)
        case .repeatedSOA(_, let place), .outsideZone(_, let place), .wrongClass(_, _, let place),
            .metaType(_, _, let place), .malformedData(_, _, let place), .cnameBesideData(_, let place),
            .repeatedCNAME(_, let place), .repeatedDNAME(_, let place), .belowDNAME(_, _, let place):
            place
        case .noSOA, .noApexNS, .tooManyRecords, .outOfMemory, .tooManyTypes, .tooManyInSet, .several: nil
        }
    }
}

/// The faults of a zone that is being read, so that an operator sees them all at once.
struct ZoneFaults {
    private var kept: [ZoneError] = []
    private(set) var count = 0

    /// Notes a fault.
    mutating func note(_ fault: ZoneError) {
        count += 1
        if kept.count < ZoneError.faultLimit { kept.append(fault) }
    }

    /// What to throw; nil without faults.
    ///
    /// In the order of lines, a file after that which was read before it; what has no line comes last.
    var error: ZoneError? {
        guard count > 1 else { return kept.first }
        var files: [String: Int] = [:]
        let ordered = kept.enumerated().map { offset, fault in
            let place = fault.place
            let file = place.map { place in
                files[place.file]
                    ?? {
                        let next = files.count
                        files[place.file] = next
                        return next
                    }()
            }
            return (file: file ?? .max, line: place?.line ?? 0, offset: offset, fault: fault)
        }
        .sorted { ($0.file, $0.line, $0.offset) < ($1.file, $1.line, $1.offset) }
        return .several(ordered.map(\.fault), count: count)
    }
}

extension ZoneError: CustomStringConvertible {
    /// One line for the operator: place first, as in `zones/example.zone:12: ...`.
    package var description: String {
        switch self {
        case .text(let error): "\(error)"
        case .noSOA(let name): "\(name): no SOA record at the apex"
        case .repeatedSOA(let name, let place):
            place.prefix + "\(name): a second SOA record, or one below the apex"
        case .noApexNS(let name): "\(name): no NS record at the apex"
        case .outsideZone(let name, let place): place.prefix + "\(name): owner outside the zone"
        case .wrongClass(let name, let found, let place):
            place.prefix + "\(name): class \(found) in a zone of class IN"
        case .metaType(let name, let type, let place): place.prefix + "\(name): no zone holds \(type) records"
        case .malformedData(let name, let type, let place):
            place.prefix + "\(name): data that does not have the form of \(type)"
        case .cnameBesideData(let name, let place): place.prefix + "\(name): CNAME beside other data"
        case .repeatedCNAME(let name, let place): place.prefix + "\(name): a second CNAME record"
        case .repeatedDNAME(let name, let place): place.prefix + "\(name): a second DNAME record"
        case .belowDNAME(let name, let dname, let place):
            place.prefix + "\(name): data below the DNAME record of \(dname)"
        case .tooManyRecords(let limit): "more than \(limit) records"
        case .outOfMemory(let records): "no memory for the zone after \(records) records (memory-reserve)"
        case .tooManyTypes(let name, let limit): "\(name): more than \(limit) types"
        case .tooManyInSet(let name, let type, let limit):
            "\(name) \(type): more than \(limit) records in a set"
        case .several(let faults, let count):
            faults.first.map { "\($0) (and \(count - 1) more)" } ?? "\(count) faults"
        }
    }
}

extension ZonePlace {
    /// What stands before a message about this place.
    fileprivate var prefix: String { line > 0 || !file.isEmpty ? "\(self): " : "" }
}

/// What is odd in a zone but does not keep it from being served.
package enum ZoneWarning: Hashable, Sendable {
    /// NS beside DNAME below the apex (RFC 6672 2.3).
    case nsBesideDNAME(Name, ZonePlace)
    /// Data below a zone cut that is not glue: never served (RFC 2181 6.1).
    case belowCut(Name, RRType, ZonePlace)
    /// A name server within the zone that has no address.
    case nsWithoutAddress(Name, server: Name, ZonePlace)
    /// Records of one set with different TTLs; the smallest counts (RFC 2181 5.2).
    case ttlDiffers(Name, RRType, ZonePlace)
    /// The same record twice; it counts once (RFC 2181 5).
    case repeatedRecord(Name, RRType, ZonePlace)
    /// More NSEC3 iterations than are worked through: the zone is served without its proofs (RFC 9276 3.2).
    case tooManyIterations(Name, limit: Int)
}

extension ZoneWarning: CustomStringConvertible {
    /// One line for the operator: place first.
    package var description: String {
        switch self {
        case .nsBesideDNAME(let name, let place): place.prefix + "\(name): NS beside DNAME"
        case .belowCut(let name, let type, let place):
            place.prefix + "\(name) \(type): below a zone cut and not glue, never served"
        case .nsWithoutAddress(let name, let server, let place):
            place.prefix + "\(name): the name server \(server) has no address in this zone"
        case .ttlDiffers(let name, let type, let place):
            place.prefix + "\(name) \(type): TTLs differ within the set, the smallest counts"
        case .repeatedRecord(let name, let type, let place):
            place.prefix + "\(name) \(type): the same record again"
        case .tooManyIterations(let name, let limit):
            "\(name): more than \(limit) NSEC3 iterations, served without proofs of denial"
        }
    }
}
