internal import Synchronization

/// What became of transfers in and of NOTIFYs.
final class TransferCounters: Sendable {
    /// One counter.
    enum Counter: Int, CaseIterable {
        case transferred, failed, refused, overLimit, waited, notified

        /// Its name among the figures, and what it counts.
        var figure: (name: String, help: String) {
            switch self {
            case .transferred: ("torii_transfer_in_total", "Zone versions taken over from primaries.")
            case .failed: ("torii_transfer_in_failed_total", "Transfers that broke off or were malformed.")
            case .refused: ("torii_transfer_in_refused_total", "Transferred zones refused or not kept.")
            case .overLimit:
                ("torii_transfer_in_over_limit_total", "Transfers with more records than allowed.")
            case .waited: ("torii_transfer_in_waited_total", "Transfers that waited for a place.")
            case .notified: ("torii_notify_sent_total", "NOTIFY messages sent.")
            }
        }
    }

    private let values = Mutex([UInt64](repeating: 0, count: Counter.allCases.count))

    /// Counts one.
    func count(_ counter: Counter) { values.withLock { $0[counter.rawValue] &+= 1 } }

    /// The value of a counter.
    func value(_ counter: Counter) -> UInt64 { values.withLock { $0[counter.rawValue] } }
}
