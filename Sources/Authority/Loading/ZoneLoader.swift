package import DNSCore
internal import Glibc

/// Reads zones from master files or records, checks them, and makes snapshots of them.
package enum ZoneLoader {
    /// What became of a zone that could be loaded.
    package struct Loaded: Sendable {
        package let snapshot: ZoneSnapshot
        /// The first hundred warnings; each names file and line where it can.
        package let warnings: [ZoneWarning]
        /// How many warnings there were in all.
        package let warningCount: Int
        /// Records read, repeated ones included.
        package let recordCount: Int
    }

    /// Loads the zone `apex` from the file at `path`.
    ///
    /// - Parameter recordLimit: more records than this are an error.
    /// - Throws: ``ZoneError`` with file and line of each fault; nothing of the zone is kept then.
    package static func load(
        file path: String, apex: Name, recordLimit: Int = .max, options: ZoneTextOptions = ZoneTextOptions()
    ) throws(ZoneError) -> Loaded {
        var status = stat()
        let size = unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
        let scanner: ZoneTextScanner
        do throws(ZoneTextError) {
            scanner = try ZoneTextScanner(path: path, origin: apex, options: options)
        } catch {
            throw .text(error)
        }
        return try load(scanner, apex: apex, expected: size / 32, recordLimit: recordLimit)
    }

    /// Loads the zone `apex` from text, which errors call `name`.
    ///
    /// - Throws: ``ZoneError`` with `name` and line.
    package static func load(
        text: some Collection<UInt8>, name: String = "text", apex: Name, recordLimit: Int = .max
    ) throws(ZoneError) -> Loaded {
        let scanner = ZoneTextScanner(text: text, name: name, origin: apex)
        return try load(scanner, apex: apex, expected: text.count / 32, recordLimit: recordLimit)
    }

    /// Makes a zone of records that came over the network.
    ///
    /// - Throws: ``ZoneError``.
    package static func load(
        records: some Sequence<ResourceRecord>, apex: Name, recordLimit: Int = .max
    ) throws(ZoneError) -> Loaded {
        var builder = ZoneTableBuilder(
            apex: apex, expected: records.underestimatedCount, recordLimit: recordLimit)
        for record in records { try builder.add(record) }
        return try finish(&builder, apex: apex)
    }

    private static func load(
        _ scanner: consuming ZoneTextScanner, apex: Name, expected: Int, recordLimit: Int
    ) throws(ZoneError) -> Loaded {
        var builder = ZoneTableBuilder(apex: apex, expected: expected, recordLimit: recordLimit)
        var fileName = ""
        var file = 255
        while true {
            do throws(ZoneTextError) {
                guard try scanner.next() else { break }
            } catch {
                builder.refuse(.text(error), type: scanner.type)
                continue
            }
            let current = scanner.file
            if file == 255 || current != fileName {
                fileName = current
                file = builder.file(fileName)
            }
            guard scanner.recordClass == .internet else {
                builder.refuse(
                    .wrongClass(
                        scanner.record().owner, scanner.recordClass,
                        ZonePlace(file: fileName, line: scanner.line)))
                continue
            }
            do throws(ZoneError) {
                try unsafe builder.add(
                    owner: scanner.owner, length: scanner.ownerCount, type: scanner.type, ttl: scanner.ttl,
                    data: scanner.rdata, dataLength: scanner.rdataCount, file: file, line: scanner.line)
            } catch {
                builder.refuse(error)
                // No use in reading on: the rest would only fill memory.
                switch error {
                case .tooManyRecords, .outOfMemory: throw builder.faults.error ?? error
                default: break
                }
            }
        }
        return try finish(&builder, apex: apex)
    }

    private static func finish(_ builder: inout ZoneTableBuilder, apex: Name) throws(ZoneError) -> Loaded {
        let table = try builder.finish()
        return Loaded(
            snapshot: ZoneSnapshot(apex: apex, table: table), warnings: builder.warnings,
            warningCount: builder.warningCount, recordCount: builder.recordCount)
    }
}
