internal import DNSCore
private import Glibc
internal import NTS
internal import Operations
internal import Transport

/// What is known of a lease file since it was last read.
struct LeaseFileState {
    var stamps: [FileStamp?] = []
    var leases: [Lease] = []
}

/// Tells whether a file has changed.
struct FileStamp: Equatable {
    var seconds: Int
    var nanoseconds: Int
    var size: Int64
    var inode: UInt64

    /// Nil when there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
        size = Int64(status.st_size)
        inode = UInt64(status.st_ino)
    }
}

extension LeaseFormat {
    /// The files that together are the leases of `file`, oldest first.
    ///
    /// Kea keeps what it is about to clean up beside the file that it writes to.
    func paths(_ file: String) -> [String] {
        self == .kea ? [file + ".2", file + ".1", file] : [file]
    }
}

/// Tells when something happens to a file, by watching its folder: DHCP servers replace their files.
@safe final class FileWatch: EventSource {
    private let descriptor: Int32
    private let loop: EventLoop
    private let changed: () -> Void

    /// Nil when the kernel has no watch for us; the files are then looked at every two seconds.
    init?(_ paths: [String], on loop: EventLoop, changed: @escaping () -> Void) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        self.loop = loop
        self.changed = changed
        guard descriptor >= 0 else { return nil }
        for folder in Set(paths.map(Self.folder)) {
            _ = unsafe inotify_add_watch(
                descriptor, folder, UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MODIFY))
        }
        do { try loop.watch(descriptor, for: .readable, source: self) } catch { return nil }
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    private static func folder(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Stops watching.
    func close() { loop.unwatch(descriptor) }

    func ready(_ events: Readiness, tag: UInt32) {
        unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            while unsafe read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
        }
        changed()
    }
}

/// Which leases have gone from their files, and since when.
///
/// A DHCP server may be in the middle of writing its file anew: what is missing for a moment is not gone.
struct VanishedLeases {
    /// How long a lease has to be missing until it counts as gone.
    static let patience = Duration.milliseconds(500)

    private var since: [Name: Duration] = [:]

    /// Names that are waited for.
    var count: Int { since.count }

    /// Takes over which names are missing now.
    ///
    /// - Returns: those that have been missing for so long that they are gone.
    mutating func note(_ missing: Set<Name>, now: Duration) -> [Name] {
        var still: [Name: Duration] = [:]
        var gone: [Name] = []
        for name in missing {
            let start = since[name] ?? now
            if now - start >= Self.patience { gone.append(name) } else { still[name] = start }
        }
        since = still
        return gone.sorted()
    }

    /// When the first of them counts as gone.
    var due: Duration? { since.values.min().map { $0 + Self.patience } }
}

extension RouterAgent {
    /// Has lease files read soon after they change.
    func watchLeases() {
        leaseWatch?.close()
        leaseWatch = nil
        let paths = configuration.hosts.leases.map(\.file)
        guard !paths.isEmpty else { return }
        leaseWatch = FileWatch(paths, on: loop) { [unowned self] in leasesChange() }
    }

    /// A lease file is being written: it is read when its writer has been quiet for a moment, or does not end.
    private func leasesChange() {
        let first = leaseChange ?? now
        leaseChange = first
        if let leaseTimer { loop.cancel(leaseTimer) }
        let wait = max(.zero, min(.milliseconds(100), first + .seconds(1) - now))
        leaseTimer = loop.schedule(after: wait) { [unowned self] in
            leaseTimer = nil
            leaseChange = nil
            readLeases()
        }
    }

    /// Reads the lease files that have changed, and enters their hosts in the place of those they had before.
    ///
    /// A file that is not there, or cannot be read, says nothing: its leases stay until they end.
    ///
    /// - Parameter isAnew: other files are configured; what they do not hold is gone at once.
    func readLeases(isAnew: Bool = false) {
        guard leaseTimer == nil || isAnew else { return }
        var hasChanged = isAnew
        for file in configuration.hosts.leases {
            let paths = file.format.paths(file.file)
            let stamps = paths.map { FileStamp($0) }
            guard stamps != leaseFiles[file.file]?.stamps else { continue }
            let present = zip(paths, stamps).filter { $0.1 != nil }.map(\.0)
            let texts = present.compactMap { path in
                (try? FileContents.read(path, limit: 16 << 20)).map { String(decoding: $0, as: UTF8.self) }
            }
            guard !texts.isEmpty, texts.count == present.count else {
                if !present.isEmpty {
                    log.limited(.warning, "leases", "a lease file cannot be read", ["file": file.file])
                }
                continue
            }
            hasChanged = true
            let leases = LeaseFile(suffix: file.suffix).read(
                texts.joined(separator: "\n"), format: file.format, epoch: epoch)
            leaseFiles[file.file] = LeaseFileState(stamps: stamps, leases: leases)
        }
        let isDue = vanishedLeases.due.map { $0 <= now } ?? false
        guard hasChanged || isDue else { return }
        let all = leaseFiles.values.flatMap(\.leases)
        for name in vanished(all, isAnew: isAnew) { hosts.remove(name) }
        if let due = vanishedLeases.due {
            loop.schedule(after: max(.zero, due - now)) { [unowned self] in readLeases() }
        }
        for lease in all {
            register(lease.name, address: lease.address, source: .lease, expiry: lease.expiry)
        }
        cache.rulesChanged(hosts, now: now, epoch: epoch, actions: &pendingActions)
        requestFlush()
    }

    /// Names whose entries no longer stand in the files: those that have another address at once, the rest when they have
    /// been missing for a moment.
    private func vanished(_ leases: [Lease], isAnew: Bool) -> [Name] {
        let families = Set(leases.map { Family(name: $0.name, isIPv6: $0.address.isIPv6) })
        let pairs = Set(leases.map { Holder(name: $0.name, address: $0.address) })
        var moved: [Name] = []
        var missing: Set<Name> = []
        for entry in hosts.all where entry.source == .lease {
            let gone = [entry.ipv4, entry.ipv6].compactMap(\.self).filter {
                !pairs.contains(Holder(name: entry.name, address: $0))
            }
            guard !gone.isEmpty else { continue }
            let hasMoved = gone.contains { families.contains(Family(name: entry.name, isIPv6: $0.isIPv6)) }
            if hasMoved || isAnew { moved.append(entry.name) } else { missing.insert(entry.name) }
        }
        return moved + vanishedLeases.note(missing, now: now)
    }

    private struct Family: Hashable { var name: Name, isIPv6: Bool }
    private struct Holder: Hashable { var name: Name, address: IPAddress }
}
