internal import Authority
internal import DNSCore
internal import Operations

/// Checks a zone file as `toriictl check zone` and `toriid --check` show it.
enum ZoneCheck {
    /// Prints warnings and errors, each with file and line.
    ///
    /// - Returns: whether the zone can be served.
    static func run(apex: Name, file: String, recordLimit: Int) -> Bool {
        do throws(ZoneError) {
            let loaded = try ZoneLoader.load(file: file, apex: apex, recordLimit: recordLimit)
            for warning in loaded.warnings { StandardStream(isError: true).write("warning: \(warning)") }
            if loaded.warningCount > loaded.warnings.count {
                StandardStream(isError: true).write(
                    "warning: and \(loaded.warningCount - loaded.warnings.count) more")
            }
            StandardStream(isError: false).write(
                "zone \(apex): loaded serial \(loaded.snapshot.serial.rawValue), \(loaded.recordCount) records"
            )
            return true
        } catch {
            StandardStream(isError: true).write("error: zone \(apex): \(error)")
            return false
        }
    }
}
