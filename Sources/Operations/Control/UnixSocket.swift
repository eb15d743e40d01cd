private import Glibc

/// A stream socket in the file system, and the lines that go through it.
struct UnixSocket: ~Copyable {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Gives each read and write so long before it fails; 0: forever.
    borrowing func setTimeouts(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = unsafe setsockopt(
                descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// Connects to the socket at `path`.
    ///
    /// - Throws: ``ControlError/notRunning(path:)`` when nobody listens, else what failed.
    static func connect(to path: String) throws(ControlError) -> UnixSocket {
        let descriptor = try make(path)
        let result = unsafe try withAddress(path) { address, length in
            unsafe Glibc.connect(descriptor, address, length)
        }
        guard result == 0 else {
            let number = errno
            close(descriptor)
            throw number == ENOENT || number == ECONNREFUSED || number == ENOTDIR
                ? .notRunning(path: path) : .system(path: path, call: "connect", errno: number)
        }
        return UnixSocket(adopting: descriptor)
    }

    /// Listens at `path`.
    ///
    /// A socket there that nobody listens on any more is replaced. Mode 0660.
    ///
    /// - Throws: ``ControlError``.
    /// - Returns: the listening descriptor, which the caller owns.
    static func listen(at path: String) throws(ControlError) -> Int32 {
        let descriptor = try make(path)
        func bindIt() throws(ControlError) -> Int32 {
            unsafe try withAddress(path) { address, length in
                unsafe Glibc.bind(descriptor, address, length) == 0 ? 0 : errno
            }
        }
        do throws(ControlError) {
            var number = try bindIt()
            if number == EADDRINUSE {
                var isAlive = true
                do throws(ControlError) {
                    _ = try connect(to: path)
                } catch .notRunning {
                    isAlive = false
                } catch {
                    isAlive = true
                }
                guard !isAlive else { throw .inUse(path: path) }
                // Only a socket is ours to remove.
                var status = stat()
                guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
                    throw .inUse(path: path)
                }
                _ = unsafe unlink(path)
                number = try bindIt()
            }
            guard number == 0 else { throw .system(path: path, call: "bind", errno: number) }
            // Nobody can connect before listen(), so the mode is right before the first client.
            guard unsafe chmod(path, 0o660) == 0, Glibc.listen(descriptor, 32) == 0 else {
                throw .system(path: path, call: "listen", errno: errno)
            }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func make(_ path: String) throws(ControlError) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw .system(path: path, call: "socket", errno: errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func withAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) throws(ControlError) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let octets = Array(path.utf8)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard octets.count < capacity, !octets.isEmpty, !octets.contains(0) else {
            throw .pathTooLong(path: path)
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: octets) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// The next line without its line feed.
    ///
    /// - Throws: ``ControlError/interrupted`` at the end, ``ControlError/malformed`` for a line over `limit` octets,
    ///   ``ControlError/timedOut``.
    mutating func readLine(limit: Int) throws(ControlError) -> [UInt8] {
        var searched = 0
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0a) {
                let line = Array(buffer[..<end])
                buffer.removeFirst(end + 1)
                return line
            }
            searched = buffer.count
            guard buffer.count <= limit else { throw .malformed }
            var chunk = [UInt8](repeating: 0, count: 16384)
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { throw .timedOut }
            guard count > 0 else { throw .interrupted }
            buffer.append(contentsOf: chunk[..<count])
        }
    }

    /// Writes `octets`.
    ///
    /// - Throws: ``ControlError/interrupted`` when nobody reads any more or reads too slowly.
    borrowing func write(_ octets: [UInt8]) throws(ControlError) {
        guard Self.write(octets, to: descriptor) else { throw .interrupted }
    }

    /// Another descriptor of the same socket, which the caller owns; -1 when there is none to be had.
    borrowing func duplicate() -> Int32 {
        fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    }

    /// Writes `octets` to a socket; false when nobody reads any more or reads too slowly.
    static func write(_ octets: [UInt8], to descriptor: Int32) -> Bool {
        var start = 0
        while start < octets.count {
            let count = unsafe octets[start...].withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            start += count
        }
        return true
    }
}
