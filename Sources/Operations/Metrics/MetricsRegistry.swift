private import Glibc
private import Synchronization

/// Where the rooms' figures come together when somebody asks.
package final class MetricsRegistry: Sendable {
    /// Adds a room's figures to a collection.
    ///
    /// Called on the thread that asks.
    package typealias Source = @Sendable (inout MetricsCollection) -> Void

    private let sources = Mutex<[Source]>([])
    private let version: String

    /// A registry that also tells of the process and the build.
    package init(version: String) {
        self.version = version
    }

    /// Adds a source; the order of sources is the order of the text.
    package func register(_ source: @escaping Source) {
        sources.withLock { $0.append(source) }
    }

    /// All figures now.
    package func collect() -> MetricsCollection {
        var collection = MetricsCollection()
        collection.gauge(
            "torii_build_info", "Which build this is; the value is always 1.", 1, ["version": version])
        for source in sources.withLock({ $0 }) { source(&collection) }
        collection.counter(
            "torii_log_lines_dropped_total", "Log lines dropped because nobody read them fast enough.",
            UInt64(LogSink.standardError.linesDropped))
        ProcessFigures.add(to: &collection)
        return collection
    }

    /// What `/metrics` answers: the Prometheus text format, version 0.0.4.
    package func renderPrometheus() -> String {
        collect().prometheusText
    }
}

/// The figures that Prometheus expects of every process.
enum ProcessFigures {
    /// When the process started, in seconds since 1970; nil when the system does not say.
    static var started: Double? {
        guard let octets = try? FileContents.read("/proc/self/stat", limit: 4096),
            // The second field is the program's name in brackets and may hold anything.
            let bracket = octets.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = String(decoding: octets[(bracket + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
        var booted = timespec()
        guard unsafe clock_gettime(CLOCK_BOOTTIME, &booted) == 0 else { return nil }
        let age =
            Double(booted.tv_sec) + Double(booted.tv_nsec) / 1e9 - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        return (Double(Clock.wall.seconds) - age).rounded()
    }

    static func add(to collection: inout MetricsCollection) {
        if let started {
            collection.gauge(
                "process_start_time_seconds", "When the process started, in seconds since 1970.", started)
        }
        var usage = rusage()
        unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        let micros = Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
        collection.counter(
            "process_cpu_seconds_total", "Processor time used, in seconds.",
            seconds: seconds + micros / 1_000_000)
        let pages = (try? FileContents.read("/proc/self/statm", limit: 4096)).flatMap { octets in
            String(decoding: octets, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap {
                Double($0)
            }
        }
        if let pages {
            collection.gauge(
                "process_resident_memory_bytes", "Memory that is really there, in octets.",
                pages * Double(sysconf(Int32(_SC_PAGESIZE))))
        }
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 {
            collection.gauge(
                "process_max_fds", "Files that may be open at one time.", Double(limit.rlim_cur))
        }
    }
}
