private import Glibc
private import Operations

/// Standard output and standard error.
///
/// A reader that is gone ends the program quietly.
enum Output {
    case standard
    case error

    /// Writes `text`, and a line feed when it has none.
    func line(_ text: String) {
        guard StandardStream(isError: self == .error).write(text) else { exit(1) }
    }
}
