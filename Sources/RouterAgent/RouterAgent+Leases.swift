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

extension RouterAgent {
    /// Has lease files read as soon as they change.
    func watchLeases() {
        leaseWatch?.close()
        leaseWatch = nil
        let paths = configuration.hosts.leases.map(\.file)
        guard !paths.isEmpty else { return }
        leaseWatch = FileWatch(paths, on: loop) { [unowned self] in readLeases() }
    }

    /// Reads the lease files that have changed, and enters their hosts in the place of those they had before.
    func readLeases() {
        var hasChanged = false
        for file in configuration.hosts.leases {
            let paths = file.format.paths(file.file)
            let stamps = paths.map { FileStamp($0) }
            guard stamps != leaseFiles[file.file]?.stamps else { continue }
            hasChanged = true
            let text = paths.map { path in
                String(decoding: (try? FileContents.read(path, limit: 16 << 20)) ?? [], as: UTF8.self)
            }
            let leases = LeaseFile(suffix: file.suffix).read(
                text.joined(separator: "\n"), format: file.format, epoch: epoch)
            leaseFiles[file.file] = LeaseFileState(stamps: stamps, leases: leases)
        }
        guard hasChanged else { return }
        let all = leaseFiles.values.flatMap(\.leases)
        let current = Set(all.map { "\($0.name) \($0.address)" })
        for entry in hosts.all where entry.source == .lease {
            let addresses = [entry.ipv4, entry.ipv6].compactMap(\.self)
            if !addresses.allSatisfy({ current.contains("\(entry.name) \($0)") }) { hosts.remove(entry.name) }
        }
        for lease in all {
            register(lease.name, address: lease.address, source: .lease, expiry: lease.expiry)
        }
        cache.rulesChanged(hosts, now: now, epoch: epoch, actions: &pendingActions)
        requestFlush()
    }
}
