internal import DNSCore
private import Glibc
internal import NTS
internal import Operations

/// What is known of a lease file since it was last read.
struct LeaseFileState {
    var stamp: FileStamp?
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

extension RouterAgent {
    /// Reads the lease files that have changed, and enters their hosts in the place of those they had before.
    func readLeases() {
        var hasChanged = false
        for file in configuration.hosts.leases {
            let stamp = FileStamp(file.file)
            guard stamp != leaseFiles[file.file]?.stamp else { continue }
            hasChanged = true
            let octets = (try? FileContents.read(file.file, limit: 16 << 20)) ?? []
            let leases = LeaseFile(suffix: file.suffix).read(
                String(decoding: octets, as: UTF8.self), format: file.format, epoch: epoch)
            leaseFiles[file.file] = LeaseFileState(stamp: stamp, leases: leases)
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
        cache.rulesChanged(hosts, epoch: epoch, actions: &pendingActions)
        requestFlush()
    }
}
