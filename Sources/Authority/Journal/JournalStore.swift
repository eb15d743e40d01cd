internal import DNSCore
internal import Foundation
internal import GRDB

/// The embedded database that holds what updates have changed: SQLite in WAL mode with `synchronous=FULL`, so that a
/// transaction that has returned survives the loss of power.
///
/// One row a commit and zone, which holds the differences of all updates of that commit. Row numbers carry the zone in
/// their upper bits, so that a zone's rows lie together and new ones go to the end of its range. Belongs to the thread
/// of its committer.
///
/// What a commit costs is its sync. Three things keep it at what the disk asks for: the log is filled with zeros ahead
/// of its end (`LogReserve`), one statement makes a transaction of its own, and the database is locked for as long as
/// it is open, which also keeps a second server out.
final class JournalStore {
    /// What the journal knows of a zone.
    struct ZoneRow: Sendable {
        var id: Int64
        /// Whether the database has the row; the first update of a zone makes it.
        var isStored: Bool
        /// Rows up to this one are in the zone file.
        var base: Int64
        /// The zone file when it was last read or written.
        var file: FileIdentity?
        /// An export that had begun: the last row that it holds and the digest of the file to come.
        var pending: (base: Int64, digest: [UInt8])?
        /// The serial of the file at the base.
        var baseSerial: Serial
        /// The newest serial ever given out.
        var highestSerial: Serial
    }

    private static let zoneShift: Int64 = 1 << 40
    private let path: String
    private let queue: DatabaseQueue
    private var reserve: LogReserve
    /// The number of the next zone that gets a row.
    private var nextZone: Int64 = 1

    /// Opens or makes the database at `path`.
    init(path: String) throws(JournalError) {
        self.path = path
        var configuration = Configuration()
        configuration.journalMode = .wal
        // The log's index stays in memory, so that a journal can be read when the disk has no room for a file more.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        configuration.maximumReaderCount = 1
        configuration.label = "journal"
        // Before the WAL mode, or its index would lie in shared memory and every commit take file locks.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        let queue: DatabaseQueue
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            // After opening: GRDB sets NORMAL on its own with the WAL mode, and that does not sync a commit.
            let isDurable = try queue.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA wal_autocheckpoint = \(LogReserve.frames)")
                try database.execute(sql: "PRAGMA synchronous = FULL")
                let level = try Int.fetchOne(database, sql: "PRAGMA synchronous")
                let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode")
                return level == 2 && mode == "wal"
            }
            guard isDurable else { throw JournalError.unavailable(path: path, code: 0) }
            nextZone = try queue.write { database in
                try database.execute(sql: JournalStore.schema)
                return try (Int64.fetchOne(database, sql: "SELECT max(id) FROM zone") ?? 0) + 1
            }
        } catch {
            throw .unavailable(path: path, code: JournalStore.code(error))
        }
        self.queue = queue
        reserve = LogReserve(path: path + "-wal")
    }

    private static let schema = """
        CREATE TABLE IF NOT EXISTS zone (
            id INTEGER PRIMARY KEY,
            apex BLOB NOT NULL UNIQUE,
            base INTEGER NOT NULL DEFAULT 0,
            size INTEGER, modified INTEGER, digest BLOB,
            pending_base INTEGER, pending_digest BLOB,
            base_serial INTEGER NOT NULL DEFAULT 0,
            highest_serial INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE IF NOT EXISTS difference (
            id INTEGER PRIMARY KEY,
            entries BLOB NOT NULL
        );
        """

    /// The row of a zone; one that is not stored yet, and that the first ``append(_:new:)`` stores, when there is none.
    func zone(_ apex: Name) throws(JournalError) -> ZoneRow {
        do {
            let found = try queue.read { database in
                try Row.fetchOne(
                    database, sql: "SELECT * FROM zone WHERE apex = ?",
                    arguments: [Data(apex.lowercased.wire)])
            }
            guard let row = found else {
                nextZone += 1
                return ZoneRow(
                    id: nextZone - 1, isStored: false, base: 0, baseSerial: Serial(rawValue: 0),
                    highestSerial: Serial(rawValue: 0))
            }
            var result = ZoneRow(
                id: row["id"] ?? 0, isStored: true, base: row["base"] ?? 0,
                baseSerial: Serial(rawValue: UInt32(truncatingIfNeeded: row["base_serial"] as Int64? ?? 0)),
                highestSerial: Serial(
                    rawValue: UInt32(truncatingIfNeeded: row["highest_serial"] as Int64? ?? 0)))
            if let size = row["size"] as Int64?, let modified = row["modified"] as Int64? {
                result.file = FileIdentity(
                    size: size, modified: modified, digest: (row["digest"] as Data?).map { Array($0) } ?? [])
            }
            if let base = row["pending_base"] as Int64?, let digest = row["pending_digest"] as Data? {
                result.pending = (base, Array(digest))
            }
            return result
        } catch {
            throw .unavailable(path: path, code: JournalStore.code(error))
        }
    }

    /// Writes what a stored row says of the zone file.
    func save(_ row: ZoneRow) throws(JournalError) {
        guard row.isStored else { return }
        try write { database in try JournalStore.update(row, database) }
    }

    private static func update(_ row: ZoneRow, _ database: Database) throws {
        try database.execute(
            sql: """
                UPDATE zone SET base = ?, size = ?, modified = ?, digest = ?, pending_base = ?,
                pending_digest = ?, base_serial = ?, highest_serial = ? WHERE id = ?
                """,
            arguments: [
                row.base, row.file?.size, row.file?.modified, row.file.map { Data($0.digest) },
                row.pending?.base, row.pending.map { Data($0.digest) }, Int64(row.baseSerial.rawValue),
                Int64(row.highestSerial.rawValue), row.id,
            ])
    }

    /// Appends rows, one a zone, in one transaction that is on disk when this returns.
    ///
    /// - Parameter rows: the zone, the row's number within it, and its entries.
    /// - Parameter new: zones whose own row is not stored yet.
    func append(
        _ rows: [(zone: Int64, number: Int64, entries: [UInt8])], new: [(apex: Name, row: ZoneRow)] = []
    ) throws(JournalError) {
        reserve.prepare(for: rows.reduce(0) { $0 + $1.entries.count })
        if new.isEmpty, rows.count == 1, let row = rows.first {
            // A statement outside of a transaction is one itself.
            try mapErrors { try queue.writeWithoutTransaction { try JournalStore.insert([row], $0) } }
            return
        }
        try write { database in
            for (apex, row) in new {
                try database.execute(
                    sql: "INSERT INTO zone (id, apex) VALUES (?, ?)",
                    arguments: [row.id, Data(apex.lowercased.wire)])
                try JournalStore.update(row, database)
            }
            try JournalStore.insert(rows, database)
        }
    }

    private static func insert(
        _ rows: [(zone: Int64, number: Int64, entries: [UInt8])], _ database: Database
    ) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT INTO difference (id, entries) VALUES (?, ?)")
        for row in rows {
            try statement.execute(arguments: [row.zone * zoneShift + row.number, Data(row.entries)])
        }
    }

    /// Puts one row in the place of all rows of a stored zone, and writes `row`, in one transaction.
    func replace(with entries: [UInt8], number: Int64, of row: ZoneRow) throws(JournalError) {
        try write { database in
            try database.execute(
                sql: "DELETE FROM difference WHERE id > ? AND id < ?",
                arguments: [row.id * JournalStore.zoneShift, (row.id + 1) * JournalStore.zoneShift])
            try database.execute(
                sql: "INSERT INTO difference (id, entries) VALUES (?, ?)",
                arguments: [row.id * JournalStore.zoneShift + number, Data(entries)])
            try JournalStore.update(row, database)
        }
    }

    /// Puts other entries in a row.
    func rewrite(_ number: Int64, of zone: Int64, with entries: [UInt8]) throws(JournalError) {
        try write { database in
            try database.execute(
                sql: "UPDATE difference SET entries = ? WHERE id = ?",
                arguments: [Data(entries), zone * JournalStore.zoneShift + number])
        }
    }

    /// Deletes all that is known of a zone.
    func forget(_ apex: Name) throws(JournalError) {
        let row = try zone(apex)
        guard row.isStored else { return }
        try write { database in
            try database.execute(
                sql: "DELETE FROM difference WHERE id > ? AND id < ?",
                arguments: [row.id * JournalStore.zoneShift, (row.id + 1) * JournalStore.zoneShift])
            try database.execute(sql: "DELETE FROM zone WHERE id = ?", arguments: [row.id])
        }
    }

    /// The number of a zone's last row; 0 when there is none.
    func lastNumber(of zone: Int64) throws(JournalError) -> Int64 {
        do {
            let id = try queue.read { database in
                try Int64.fetchOne(
                    database, sql: "SELECT max(id) FROM difference WHERE id > ? AND id < ?",
                    arguments: [zone * JournalStore.zoneShift, (zone + 1) * JournalStore.zoneShift])
            }
            return id.map { $0 - zone * JournalStore.zoneShift } ?? 0
        } catch {
            throw .unavailable(path: path, code: JournalStore.code(error))
        }
    }

    /// Deletes the rows of a zone up to `number`, and those from `damaged` on.
    func delete(zone: Int64, upTo number: Int64, from damaged: Int64? = nil) throws(JournalError) {
        try write { database in
            try database.execute(
                sql: "DELETE FROM difference WHERE id > ? AND id <= ?",
                arguments: [zone * JournalStore.zoneShift, zone * JournalStore.zoneShift + number])
            if let damaged {
                try database.execute(
                    sql: "DELETE FROM difference WHERE id >= ? AND id < ?",
                    arguments: [zone * JournalStore.zoneShift + damaged, (zone + 1) * JournalStore.zoneShift])
            }
        }
    }

    /// Calls `body` with the number and entries of each row of a zone in order; stops when it returns false.
    func forEachRow(of zone: Int64, _ body: (Int64, [UInt8]) -> Bool) throws(JournalError) {
        do {
            try queue.read { database in
                let rows = try Row.fetchCursor(
                    database, sql: "SELECT id, entries FROM difference WHERE id > ? AND id < ? ORDER BY id",
                    arguments: [zone * JournalStore.zoneShift, (zone + 1) * JournalStore.zoneShift])
                while let row = try rows.next() {
                    let id: Int64 = row["id"]
                    let entries: Data = row["entries"] ?? Data()
                    guard body(id - zone * JournalStore.zoneShift, Array(entries)) else { break }
                }
            }
        } catch {
            throw .unavailable(path: path, code: JournalStore.code(error))
        }
    }

    /// How the database syncs: 2 is FULL.
    func synchronousLevel() -> Int? {
        try? queue.read { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
    }

    /// Closes the database; its log is folded into it.
    func close() {
        try? queue.close()
    }

    private func write<Result>(_ body: (Database) throws -> Result) throws(JournalError) -> Result {
        try mapErrors { try queue.write(body) }
    }

    private func mapErrors<Result>(_ body: () throws -> Result) throws(JournalError) -> Result {
        do {
            return try body()
        } catch {
            let code = JournalStore.code(error)
            // SQLITE_FULL; and SQLITE_IOERR_WRITE, which is how a file size limit shows.
            if code & 0xff == 13 { throw .full }
            throw .writeFailed(code: code)
        }
    }

    private static func code(_ error: any Error) -> Int32 {
        (error as? DatabaseError)?.extendedResultCode.rawValue ?? -1
    }
}

/// A zone file by size and time, and by its contents when these do not tell.
struct FileIdentity: Sendable, Equatable {
    var size: Int64
    /// Nanoseconds since 1970.
    var modified: Int64
    /// SHA-256 of the contents.
    var digest: [UInt8]
}

extension JournalStore {
    /// Opens the journal, after a look at its log; a database that cannot be read is moved aside and what can be saved
    /// of it is copied to a new one.
    static func open(_ path: String) throws(JournalError) -> (JournalStore, [JournalDamage]) {
        var damage: [JournalDamage] = []
        if LogInspection.isSuspect(logAt: path + "-wal") {
            let count = LogMending.mend(logAt: path + "-wal")
            if count > 0 { damage.append(JournalDamage(place: .mended(octets: count))) }
        }
        if let place = LogInspection.damage(ofLogAt: path + "-wal") {
            damage.append(JournalDamage(place: place))
        }
        do throws(JournalError) {
            let store = try JournalStore(path: path)
            if try store.isSound() {
                // What lies after a bad frame would be told, and leapt over, at each start.
                if !damage.isEmpty { store.startLogOver() }
                return (store, damage)
            }
            store.close()
        } catch {
            // SQLITE_CORRUPT and SQLITE_NOTADB; anything else is not the database's fault.
            guard case .unavailable(_, let code) = error, code & 0xff == 11 || code & 0xff == 26 else {
                throw error
            }
        }
        let aside = "\(path).damaged-\(time(nil))"
        for suffix in ["", "-wal", "-shm"] { unsafe rename(path + suffix, aside + suffix) }
        damage.append(JournalDamage(place: .database(movedTo: aside)))
        let store = try JournalStore(path: path)
        if try store.salvage(from: aside) == 0, let mended = mend(aside) {
            _ = try store.salvage(from: mended)
            for suffix in ["", "-wal", "-shm"] { unsafe unlink(mended + suffix) }
        }
        return (store, damage)
    }

    /// Folds the log into the database and begins it anew; where there is no room for that, it stays.
    private func startLogOver() {
        try? queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        reserve = LogReserve(path: path + "-wal")
    }

    private func isSound() throws(JournalError) -> Bool {
        do {
            return try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") } == "ok"
        } catch {
            throw .unavailable(path: path, code: JournalStore.code(error))
        }
    }

    /// A copy of a damaged database with the first page of a sound one; nil when it cannot be made.
    ///
    /// That page says where the tables are, without which nothing can be read, and is the same in every journal but for
    /// counts of pages.
    private static func mend(_ aside: String) -> String? {
        let fresh = aside + ".fresh"
        let mended = aside + ".mended"
        let pageSize = 4096
        defer { for suffix in ["", "-wal", "-shm"] { unsafe unlink(fresh + suffix) } }
        do {
            try JournalStore(path: fresh).close()
            var page = try Data(contentsOf: URL(fileURLWithPath: fresh)).prefix(pageSize)
            var contents = try Data(contentsOf: URL(fileURLWithPath: aside))
            guard page.count == pageSize, contents.count >= 2 * pageSize else { return nil }
            let pages = UInt32(contents.count / pageSize).bigEndian
            unsafe withUnsafeBytes(of: pages) { unsafe page.replaceSubrange(28..<32, with: $0) }
            contents.replaceSubrange(0..<pageSize, with: page)
            try contents.write(to: URL(fileURLWithPath: mended))
            if let log = try? Data(contentsOf: URL(fileURLWithPath: aside + "-wal")) {
                try log.write(to: URL(fileURLWithPath: mended + "-wal"))
            }
        } catch {
            return nil
        }
        return mended
    }

    /// Copies the rows of a damaged database up to the first that cannot be read; how many.
    private func salvage(from aside: String) throws(JournalError) -> Int {
        var count = 0
        var configuration = Configuration()
        configuration.readonly = true
        guard let damaged = try? DatabaseQueue(path: aside, configuration: configuration) else { return 0 }
        for table in ["zone", "difference"] {
            var rows: [Row] = []
            try? damaged.read { database in
                let cursor = try Row.fetchCursor(database, sql: "SELECT * FROM \(table) ORDER BY id")
                while let row = try cursor.next() { rows.append(row.copy()) }
            }
            count += rows.count
            try write { database in
                for row in rows {
                    let columns = Array(row.columnNames)
                    let marks = columns.map { _ in "?" }.joined(separator: ", ")
                    try database.execute(
                        sql:
                            "INSERT OR IGNORE INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(marks))",
                        arguments: StatementArguments(row.databaseValues))
                }
            }
        }
        try? damaged.close()
        return count
    }
}
