internal import DNSCore
internal import Synchronization

/// Signed updates of late, by their signature: none is carried out twice.
///
/// A client that heard nothing sends the same octets again, from the same port; it gets the response that the first
/// copy got, or will get. The same octets from anywhere else are somebody else's copy: NOTAUTH with BADTIME, as if it had
/// come too late (RFC 8945 5.2.3). Copies older than the signature's fudge never come this far. Remembers the newest
/// `limit` signatures; a copy of an older one is carried out like a new update.
final class UpdateReplays: Sendable {
    /// What is known of a signature.
    enum Finding: Equatable {
        /// It is new, and remembered from now on.
        case new
        /// Its update waits for the disk: the response to the first copy will do.
        case underWay
        /// Its update ended like this.
        case settled(ResponseCode)
        /// It came before, from elsewhere.
        case copied
    }

    /// Who sent it.
    struct Sender: Equatable {
        let address: IPAddress
        let port: UInt16
    }

    private struct State {
        var known: [UInt64: (sender: Sender, code: ResponseCode?)] = [:]
        /// Ring of the signatures by age.
        var order: [UInt64] = []
        var next = 0
    }

    private let limit: Int
    private let state = Mutex(State())
    private let copies = Atomic<UInt64>(0)
    private let repetitions = Atomic<UInt64>(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// Copies from elsewhere that were refused.
    var copyCount: UInt64 { copies.load(ordering: .relaxed) }
    /// Repetitions by the same client.
    var repetitionCount: UInt64 { repetitions.load(ordering: .relaxed) }

    /// Looks a signature up, and remembers it when it is new.
    func begin(_ signature: UInt64, from sender: Sender) -> Finding {
        let finding: Finding = state.withLock { state in
            if let known = state.known[signature] {
                guard known.sender == sender else { return .copied }
                return known.code.map { .settled($0) } ?? .underWay
            }
            state.known[signature] = (sender, nil)
            if state.order.count < limit {
                state.order.append(signature)
            } else {
                state.known[state.order[state.next]] = nil
                state.order[state.next] = signature
                state.next = (state.next + 1) % limit
            }
            return .new
        }
        switch finding {
        case .new: break
        case .copied: copies.add(1, ordering: .relaxed)
        case .underWay, .settled: repetitions.add(1, ordering: .relaxed)
        }
        return finding
    }

    /// Its update has ended; after SERVFAIL, when nothing has happened, the client may try again.
    func settle(_ signature: UInt64, _ code: ResponseCode) {
        state.withLock { state in
            if code == .serverFailure {
                state.known[signature] = nil
            } else {
                state.known[signature]?.code = code
            }
        }
    }
}
