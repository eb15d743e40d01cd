internal import Glibc
internal import Resolver
internal import Transport

/// The wall clock, read through libc so that a preloaded clock can replay old signatures.
enum WallClock {
    /// The beginning of 2026, before which this program cannot run.
    static let earliest: Int64 = 1_767_225_600

    /// Seconds since 1970.
    static var seconds: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec)
    }
}

extension WallClock {
    /// Both clocks, as the resolver wants them.
    static var moment: Moment { Moment(monotonic: MonotonicTime.now().nanoseconds, wall: seconds) }
}

/// What the machine offers.
enum Machine {
    /// Processors that this process may use; at least 1.
    static var processors: Int {
        max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }
}
