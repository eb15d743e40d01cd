/// A point in time as the resolver sees it: the caller reads both clocks and passes them in.
///
/// Time-outs and the ages of cached records count on the monotonic clock; the validity of signatures on the wall clock.
package struct Moment: Hashable, Comparable, Sendable {
    /// Nanoseconds of the monotonic clock.
    package var monotonic: UInt64
    /// Seconds since 1970 of the wall clock.
    package var wall: Int64

    package init(monotonic: UInt64, wall: Int64) {
        self.monotonic = monotonic
        self.wall = wall
    }

    package static func < (left: Moment, right: Moment) -> Bool { left.monotonic < right.monotonic }

    /// This moment `nanoseconds` later.
    package func advanced(byNanoseconds nanoseconds: UInt64) -> Moment {
        Moment(
            monotonic: monotonic &+ nanoseconds,
            wall: wall &+ Int64(truncatingIfNeeded: nanoseconds / 1_000_000_000))
    }

    /// This moment `duration` later.
    package func advanced(by duration: Duration) -> Moment {
        advanced(byNanoseconds: duration.wholeNanoseconds)
    }

    /// Whole seconds of the monotonic clock: what the cache counts in.
    ///
    /// Forty-eight days ahead, so that what a snapshot brings may be older than the machine's last start.
    package var seconds: UInt32 { UInt32(truncatingIfNeeded: monotonic / 1_000_000_000) &+ 1 << 22 }
}

extension Duration {
    /// The duration in nanoseconds; negative durations count as zero.
    package var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(seconds) &* 1_000_000_000 &+ UInt64(attoseconds / 1_000_000_000)
    }

    /// The duration in whole seconds, at most what 32 bits hold.
    package var wholeSeconds: UInt32 {
        UInt32(clamping: components.seconds)
    }
}
