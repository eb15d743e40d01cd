internal import Authority
internal import DNSCore
internal import Glibc

/// Checks a zone file as `toriictl check zone` and `toriid --check` show it.
enum ZoneCheck {
    /// Prints warnings and errors, each with file and line.
    ///
    /// - Returns: whether the zone can be served.
    static func run(apex: Name, file: String, recordLimit: Int) -> Bool {
        do throws(ZoneError) {
            let loaded = try ZoneLoader.load(file: file, apex: apex, recordLimit: recordLimit)
            for warning in loaded.warnings { print("warning: \(warning)", to: &StandardError.stream) }
            if loaded.warningCount > loaded.warnings.count {
                print("warning: and \(loaded.warningCount - loaded.warnings.count) more", to: &StandardError.stream)
            }
            print("zone \(apex): loaded serial \(loaded.snapshot.serial.rawValue), \(loaded.recordCount) records")
            return true
        } catch {
            print("error: zone \(apex): \(error)", to: &StandardError.stream)
            return false
        }
    }
}

/// Standard error as a text stream.
struct StandardError: TextOutputStream {
    nonisolated(unsafe) static var stream = StandardError()

    mutating func write(_ text: String) {
        unsafe fputs(text, stderr)
    }
}
