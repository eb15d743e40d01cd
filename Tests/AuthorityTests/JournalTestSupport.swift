import DNSCore
import Foundation
import Synchronization

@testable import Authority

/// A directory of its own with a zone file, and a committer on it.
final class JournalBench: @unchecked Sendable {
    let directory: String
    var zoneFile: String { directory + "/example.net.zone" }
    private let published = Mutex<[Name: ZoneSnapshot]>([:])

    init(_ directory: String? = nil) throws {
        if let directory {
            self.directory = directory
        } else {
            var template = Array("/tmp/torii-journal-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
            self.directory = String(
                decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            try Data("; first\n".utf8).write(to: URL(fileURLWithPath: zoneFile))
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: directory) }

    /// The zone as the workers see it.
    var current: ZoneSnapshot? { published.withLock { $0[Sample.apex] } }

    func options(_ fileChanges: JournaledZone.FileChanges = .merge) -> JournaledZone {
        JournaledZone(apex: Sample.apex, file: zoneFile, policy: Sample.openPolicy, fileChanges: fileChanges)
    }

    func committer(_ settings: ZoneCommitter.Settings = ZoneCommitter.Settings()) throws -> ZoneCommitter {
        ZoneCommitter(stateDirectory: directory, settings: settings) { apex, snapshot in
            self.published.withLock { $0[apex] = snapshot }
        }
    }

    /// Opens the journal and the zone, whose file holds `loaded`.
    func open(
        _ loaded: ZoneSnapshot? = nil, _ fileChanges: JournaledZone.FileChanges = .merge
    ) throws -> (ZoneCommitter, ZoneRecovery) {
        let committer = try committer()
        do {
            return (committer, try committer.open(options(fileChanges), loaded: loaded ?? Sample.zone()))
        } catch {
            committer.stop()
            throw error
        }
    }

    /// As after an edit by hand: other contents, another time.
    func touchFile(_ text: String = "; edited\n") throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: zoneFile))
    }
}

extension ZoneCommitter {
    /// Holds the committer's thread, which does nothing else meanwhile, until the semaphore is signalled.
    func hold() -> DispatchSemaphore {
        let gate = DispatchSemaphore(value: 0)
        let entered = DispatchSemaphore(value: 0)
        enqueue {
            entered.signal()
            gate.wait()
        }
        entered.wait()
        return gate
    }

    /// Submits and waits.
    @discardableResult
    func update(_ lines: [String], from requestor: UpdateRequestor = Sample.loopback) throws -> UpdateReason {
        let request = try Sample.request([], lines.map { Sample.change($0) }, from: requestor)
        let done = DispatchSemaphore(value: 0)
        let outcome = Mutex<UpdateReason>(.stopping)
        submit(request) { reason in
            outcome.withLock { $0 = reason }
            done.signal()
        }
        done.wait()
        return outcome.withLock { $0 }
    }
}
