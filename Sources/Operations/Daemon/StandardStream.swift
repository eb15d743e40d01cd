private import Glibc

/// Standard output or standard error, written whole: for what a program says before it has a log.
package struct StandardStream: Sendable {
    private let descriptor: Int32

    package init(isError: Bool) {
        descriptor = isError ? 2 : 1
    }

    /// Writes `text`, and a line feed when it ends in none.
    ///
    /// - Returns: false when nobody reads.
    @discardableResult
    package func write(_ text: String) -> Bool {
        let octets = Array(text.utf8) + (text.hasSuffix("\n") ? [] : [0x0a])
        var start = 0
        while start < octets.count {
            let count = unsafe octets[start...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            start += count
        }
        return true
    }
}
