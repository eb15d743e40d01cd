private import Glibc

/// Standard output and standard error, written whole.
enum Output {
    case standard
    case error

    /// Writes `text`, and a line feed when it has none. A reader that is gone ends the program quietly.
    func line(_ text: String) {
        let octets = Array(text.utf8) + (text.hasSuffix("\n") ? [] : [0x0a])
        var start = 0
        while start < octets.count {
            let count = unsafe octets[start...].withUnsafeBytes {
                unsafe write(self == .standard ? 1 : 2, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { exit(1) }
            start += count
        }
    }
}
