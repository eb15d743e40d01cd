private import Glibc

/// The signals that operators send to daemons.
package enum DaemonSignal: Sendable, Equatable {
    /// SIGTERM or SIGINT: stop cleanly.
    case stop
    /// SIGHUP: read the configuration again.
    case reload
    /// SIGUSR1: open log files again; ours has none.
    case reopen
}

/// Takes the daemon's signals on a thread of its own, so that nothing is ever interrupted.
///
/// Call ``block()`` first thing in `main`, before any other thread starts: threads inherit what is blocked.
package enum SignalWatcher {
    private static var watched: sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { unsafe sigaddset(&set, signal) }
        return set
    }

    /// Blocks the watched signals in this thread and all that it starts, and ignores SIGPIPE.
    package static func block() {
        var set = watched
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Waits for the next watched signal.
    ///
    /// To be called on one thread only.
    package static func next() -> DaemonSignal {
        var set = watched
        while true {
            var number: Int32 = 0
            guard unsafe sigwait(&set, &number) == 0 else { continue }
            switch number {
            case SIGHUP: return .reload
            case SIGUSR1: return .reopen
            default: return .stop
            }
        }
    }

    /// Calls `handler` for each watched signal, on a thread of its own, for good.
    package static func start(_ handler: @escaping @Sendable (DaemonSignal) -> Void) {
        ServiceThread.start("torii-signal") {
            while true { handler(next()) }
        }
    }

    /// Sends this process the signal that means `signal`.
    package static func raise(_ signal: DaemonSignal) {
        let number =
            switch signal {
            case .stop: SIGTERM
            case .reload: SIGHUP
            case .reopen: SIGUSR1
            }
        kill(getpid(), number)
    }
}
