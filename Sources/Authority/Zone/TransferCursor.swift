package import DNSCore

/// A place in the stream of a zone's records for AXFR: the SOA, every other record once, the SOA again
/// (RFC 5936 2.2).
///
/// Keeps its snapshot alive, so that a slow reader gets one version of the zone from beginning to end.
package struct TransferCursor: ~Copyable {
    private let records: [ResourceRecord]
    private var position = 0

    /// Starts at the zone's opening SOA.
    package init(_ snapshot: ZoneSnapshot) {
        var records: [ResourceRecord] = []
        snapshot.forEachRRset { records.append(contentsOf: $0.records) }
        records.append(contentsOf: snapshot.soa.records)
        self.records = records
    }

    /// Whether every record has been written, the closing SOA included.
    package var isFinished: Bool { position == records.count }

    /// Appends the next records to the answer section, as many as fit.
    ///
    /// - Returns: how many were written. 0 with ``isFinished`` false means that one record alone is too large for
    ///   the composer's limit.
    package mutating func fill(_ composer: inout MessageComposer) -> Int {
        let start = position
        while position < records.count, composer.append(records[position]) { position += 1 }
        return position - start
    }
}
