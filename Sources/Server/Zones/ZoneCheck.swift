internal import Authority
internal import DNSCore
internal import Operations

/// Checks a zone file as `toriictl check zone` and `toriid --check` show it.
enum ZoneCheck {
    /// Prints warnings and errors, each with file and line.
    ///
    /// - Parameters:
    ///   - isQuiet: whether nothing is printed.
    ///   - output: where the zone is written, in canonical order and with absolute names; `-`: standard output.
    /// - Returns: whether the zone can be served.
    static func run(
        apex: Name, file: String, recordLimit: Int, zonemd: DigestOption = .off, isQuiet: Bool = false,
        output: String? = nil
    ) -> Bool {
        do throws(ZoneError) {
            let loaded = try ZoneLoader.load(file: file, apex: apex, recordLimit: recordLimit)
            if let fault = zonemd.fault(in: loaded.snapshot) {
                if !isQuiet { StandardStream(isError: true).write("error: zone \(apex): \(fault)") }
                return false
            }
            if let output, !write(loaded.snapshot, to: output) {
                if !isQuiet { StandardStream(isError: true).write("error: \(output) cannot be written") }
                return false
            }
            guard !isQuiet else { return true }
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
            guard !isQuiet else { return false }
            for line in error.lines { StandardStream(isError: true).write("error: zone \(apex): \(line)") }
            return false
        }
    }

    private static func write(_ zone: ZoneSnapshot, to output: String) -> Bool {
        var text = ZoneTextWriter(origin: .root, comments: [])
        zone.forEachRecord { text.write($0) }
        let octets = String(decoding: text.take(), as: UTF8.self)
        guard output != "-" else {
            StandardStream(isError: false).write(octets)
            return true
        }
        return StateFile.write(output, octets, mode: 0o644) == 0
    }
}
