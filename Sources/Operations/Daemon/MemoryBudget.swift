internal import Glibc
internal import Synchronization

/// How much memory the process may still take, so that what is too big ends with an error while there is room for one.
///
/// A process at its limit is killed, or dies in the next allocation, and every client suffers for one zone. So whatever
/// may be large (zones that are loaded or transferred, updates) asks here first. Limits are those of the system: the
/// address space (`ulimit -v`) and the memory of the control group, both read anew each time. Without limits there is
/// always room.
package enum MemoryBudget {
    /// Octets that stay free for answering queries.
    private static let reserve = Atomic<Int>(32 << 20)
    private static let shortages = Atomic<UInt64>(0)
    /// Milliseconds of the monotonic clock at the last look of ``isShort``, and what it found.
    private static let lookedAt = Atomic<Int64>(0)
    private static let wasShort = Atomic<Bool>(false)
    /// For how long ``isShort`` believes its last look, milliseconds.
    private static let freshness: Int64 = 50

    /// How often there was no room.
    package static var shortageCount: UInt64 { shortages.load(ordering: .relaxed) }

    /// Sets what stays free, in octets.
    package static func keep(_ octets: Int) { reserve.store(octets, ordering: .relaxed) }

    /// The program has its threads and tables; what it frees from here on can be had again.
    package static func settle() {
        if let pages = pages() { untouched.store(pages.free, ordering: .relaxed) }
    }

    /// Whether `octets` more can be had with the reserve untouched; counted when not.
    ///
    /// Takes some ten microseconds.
    package static func hasRoom(for octets: Int) -> Bool { hasRoom(for: octets, inMapped: false) }

    /// - Parameter isMappedFree: whether memory counts that is mapped and not in use: small things find a place in it.
    private static func hasRoom(for octets: Int, inMapped isMappedFree: Bool) -> Bool {
        let wanted = octets.addingReportingOverflow(reserve.load(ordering: .relaxed))
        let groupsLeave = groups.reduce(.max) { min($0, $1.left()) }
        let available = min(addressSpaceLeft(isMappedFree), groupsLeave)
        guard available <= (wanted.overflow ? .max - 1 : wanted.partialValue) else { return true }
        shortages.add(1, ordering: .relaxed)
        // What earlier work has left behind goes back to the system; the next to ask may find room.
        _ = giveBack?(0)
        return false
    }

    /// Whether not even the reserve is free; looks closely only now and then.
    package static var isShort: Bool {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        let moment = Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
        let last = lookedAt.load(ordering: .relaxed)
        guard moment - last >= freshness || last == 0,
            lookedAt.compareExchange(expected: last, desired: moment, ordering: .relaxed).exchanged
        else { return wasShort.load(ordering: .relaxed) }
        let isShort = !hasRoom(for: 0, inMapped: true)
        wasShort.store(isShort, ordering: .relaxed)
        return isShort
    }

    /// Octets of address space that the process may still take; `Int.max` without a limit.
    private static func addressSpaceLeft(_ isMappedFree: Bool) -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
            limit.rlim_cur < rlim_t(Int.max / 2)
        else { return .max }
        guard let pages = pages() else { return .max }
        let free = isMappedFree ? max(0, pages.free - untouched.load(ordering: .relaxed)) : 0
        return Int(limit.rlim_cur) - (pages.mapped - free) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Pages of the address space that are mapped, and those of them that are writable, private and not in memory: the
    /// allocator's free pages, and stacks.
    private static func pages() -> (mapped: Int, free: Int)? {
        // Mapped, resident, of these shared, code, nothing, private and writable.
        let numbers = text(of: "/proc/self/statm").split(separator: " ").compactMap { Int($0) }
        return numbers.count >= 6 ? (numbers[0], numbers[5] - (numbers[1] - numbers[2])) : nil
    }

    /// What of such pages there was when the program had settled.
    private static let untouched = Atomic<Int>(.max / 2)

    /// `malloc_trim`, which is in no module of the C library.
    private static let giveBack: (@convention(c) (Int) -> Int32)? = {
        guard let symbol = unsafe dlsym(nil, "malloc_trim") else { return nil }
        return unsafe unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)
    }()

    /// A control group that bounds the memory of this process.
    private struct Group {
        let limit: String
        let usage: String
        let statistics: String
        /// The line of `statistics` with the octets of the page cache, which makes room when it must.
        let cache: String

        func left() -> Int {
            guard let most = MemoryBudget.number(in: limit), most < Int.max / 2,
                let used = MemoryBudget.number(in: usage)
            else { return .max }
            let lines = MemoryBudget.text(of: statistics).split(separator: "\n")
            let cached = lines.first { $0.hasPrefix(cache) }?.dropFirst(cache.count)
            return most - used + (cached.flatMap { Int($0) } ?? 0)
        }
    }

    /// The group of this process and those that it is in, of either version of control groups.
    private static let groups: [Group] = {
        var groups: [Group] = []
        for line in text(of: "/proc/self/cgroup").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isNew = parts[0] == "0" && parts[1].isEmpty
            guard isNew || parts[1].split(separator: ",").contains("memory") else { continue }
            let root = isNew ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
            var path = parts[2].split(separator: "/")
            // In a container the path may be that of the host: then the root is the container's own group.
            while true {
                let directory = ([root] + path.map(String.init)).joined(separator: "/")
                let limit = directory + (isNew ? "/memory.max" : "/memory.limit_in_bytes")
                if unsafe access(limit, R_OK) == 0 {
                    groups.append(
                        Group(
                            limit: limit,
                            usage: directory + (isNew ? "/memory.current" : "/memory.usage_in_bytes"),
                            statistics: directory + "/memory.stat", cache: isNew ? "file " : "total_cache "))
                }
                guard path.popLast() != nil else { break }
            }
        }
        return groups
    }()

    /// The number that a file begins with; nil when it does not.
    private static func number(in path: String) -> Int? {
        Int(text(of: path).prefix { $0.isASCII && $0.isNumber })
    }

    private static func text(of path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var octets = [UInt8](repeating: 0, count: 8192)
        let count = unsafe octets.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: octets.prefix(max(0, count)), as: UTF8.self)
    }
}
