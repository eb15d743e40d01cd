package import DNSCore

/// A place in the stream of a zone's records for AXFR: the SOA, every other record once, the SOA again
/// (RFC 5936 2.2).
///
/// Keeps its snapshot alive, so that a slow reader gets one version of the zone from beginning to end. Records come in
/// the order of the zone's memory, not in canonical order.
package struct TransferCursor: ~Copyable {
    private let snapshot: ZoneSnapshot
    private let added: [ZoneNode]
    private var phase = Phase.opening
    /// Offset of the next node in the table; then number of the next among `added`.
    private var place: Int
    /// The set within the node, and what of it has been written.
    private var set = 0
    private var record = 0
    private var inSignatures = false

    private enum Phase { case opening, table, added, closing, finished }

    /// Starts at the zone's opening SOA.
    package init(_ snapshot: ZoneSnapshot) {
        self.snapshot = snapshot
        added = snapshot.addedNodes()
        place = snapshot.table.firstNode
    }

    /// Whether every record has been written, the closing SOA included.
    package var isFinished: Bool { phase == .finished }

    /// Appends the next records to the answer section, as many as fit.
    ///
    /// - Returns: how many were written. 0 with ``isFinished`` false means that one record alone is too large for
    ///   the composer's limit.
    package mutating func fill(_ composer: inout MessageComposer) -> Int {
        let start = composer.recordCount(in: .answer)
        loop: while true {
            switch phase {
            case .opening:
                guard composer.append(snapshot.soa) else { break loop }
                phase = .table
            case .table:
                guard place < snapshot.table.byteCount else {
                    phase = .added
                    place = 0
                    continue
                }
                let node = unsafe ZoneNode(base: unsafe snapshot.view.arena + place)
                if let now = snapshot.view.current(node) {
                    guard write(now, &composer) else { break loop }
                }
                place += node.byteCount
            case .added:
                guard place < added.count else {
                    phase = .closing
                    continue
                }
                guard write(added[place], &composer) else { break loop }
                place += 1
            case .closing:
                guard composer.append(snapshot.soa) else { break loop }
                phase = .finished
            case .finished:
                break loop
            }
        }
        return composer.recordCount(in: .answer) - start
    }

    /// Writes the rest of a node.
    ///
    /// - Returns: false when the message is full; the place within the node is kept.
    private mutating func write(_ node: ZoneNode, _ composer: inout MessageComposer) -> Bool {
        let values = node.values().flatMap(\.records)
        while record < values.count {
            if values[record].type != .soa || !node.flags.contains(.apex) {
                guard composer.append(values[record]) else { return false }
            }
            record += 1
        }
        record = 0
        return true
    }
}
