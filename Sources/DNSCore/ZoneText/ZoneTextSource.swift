internal import Glibc

/// One file or piece of text that is being read: hands out windows of whole lines.
///
/// The octets `start..<end` always end with a line feed, so that the lexer needs no other end mark. Holds one buffer of
/// 256 KiB, which grows only for a longer line. A file that shrinks while it is read merely ends early.
@safe final class ZoneTextSource {
    /// What errors call it.
    let name: String
    /// The device and inode of an open file, to notice a file that includes itself.
    let identity: (device: UInt64, inode: UInt64)?

    private let descriptor: Int32
    private let lineLengthLimit: Int
    private var buffer: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var filled = 0
    private var windowEnd = 0
    private var isAtEnd = false

    /// Opens a file.
    init(path: String, lineLengthLimit: Int) throws(ZoneTextError.Reason) {
        let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw .unreadable(path: path, errno: errno) }
        var status = stat()
        guard unsafe fstat(opened, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
            let code = status.st_mode & S_IFMT == S_IFDIR ? EISDIR : errno
            close(opened)
            throw .unreadable(path: path, errno: code)
        }
        name = path
        identity = (UInt64(status.st_dev), UInt64(status.st_ino))
        descriptor = opened
        self.lineLengthLimit = lineLengthLimit
        capacity = 256 * 1024
        unsafe buffer = .allocate(capacity: capacity + 1)
    }

    /// Reads from memory.
    init(octets: some Collection<UInt8>, name: String) {
        self.name = name
        identity = nil
        descriptor = -1
        lineLengthLimit = .max
        capacity = octets.count
        unsafe buffer = .allocate(capacity: capacity + 1)
        for octet in octets {
            unsafe buffer[filled] = octet
            filled += 1
        }
        isAtEnd = true
    }

    deinit {
        unsafe buffer.deallocate()
        if descriptor >= 0 { close(descriptor) }
    }

    /// The next whole lines; nil at the end.
    ///
    /// The window before it is no longer valid.
    func nextWindow() throws(ZoneTextError.Reason) -> UnsafeBufferPointer<UInt8>? {
        let rest = filled - windowEnd
        if windowEnd > 0, rest > 0 { unsafe buffer.update(from: buffer + windowEnd, count: rest) }
        filled = rest
        windowEnd = 0
        var searched = 0
        while !isAtEnd {
            if filled == capacity, try !grow() { break }
            let count = unsafe read(descriptor, buffer + filled, capacity - filled)
            if count < 0 {
                if errno == EINTR { continue }
                let code = errno
                isAtEnd = true
                filled = 0
                throw .unreadable(path: name, errno: code)
            }
            if count == 0 { isAtEnd = true; break }
            filled += count
            if let end = lastLineEnd(from: searched) {
                windowEnd = end
                return unsafe UnsafeBufferPointer(start: buffer, count: end)
            }
            searched = filled
        }
        guard filled > 0 else { return nil }
        if unsafe buffer[filled - 1] != 0x0a {
            unsafe buffer[filled] = 0x0a
            filled += 1
        }
        windowEnd = filled
        return unsafe UnsafeBufferPointer(start: buffer, count: filled)
    }

    private func lastLineEnd(from start: Int) -> Int? {
        var index = filled
        while index > start {
            if unsafe buffer[index - 1] == 0x0a { return index }
            index -= 1
        }
        return nil
    }

    private func grow() throws(ZoneTextError.Reason) -> Bool {
        guard capacity < lineLengthLimit else {
            isAtEnd = true
            filled = 0
            throw .lineTooLong(limit: lineLengthLimit)
        }
        let larger = capacity * 2
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger + 1)
        unsafe moved.update(from: buffer, count: filled)
        unsafe buffer.deallocate()
        unsafe buffer = moved
        capacity = larger
        return true
    }
}
