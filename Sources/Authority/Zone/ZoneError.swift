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

/// Why a zone is refused. The zone keeps its former contents; without any, its queries are answered SERVFAIL.
package enum ZoneError: Error, Hashable, Sendable {
    /// The file cannot be read; the system's reason.
    case unreadable(file: String, reason: Int32)
    /// A line is not a record (RFC 1035 5.1); `reason` is the scanner's own words.
    case syntax(ZonePlace, reason: String)
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
    /// A set of more records or octets than one may hold.
    case tooManyInSet(Name, RRType, limit: Int)
}
