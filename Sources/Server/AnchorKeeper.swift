internal import DNSCore
internal import DNSSecurity
internal import Operations
internal import Resolver
internal import Synchronization
internal import Transport

/// Trust anchors that are followed through their rollovers (RFC 5011), on disk.
///
/// What one worker sees all workers trust, and the next start goes on with it: a file for each zone in the folder
/// `anchors` of the state directory. A file that was written for other configured anchors is not used.
final class AnchorKeeper: Sendable {
    private struct State {
        /// By zone, what ``Resolver/restoreAnchor(_:file:of:at:)`` takes.
        var texts: [Name: String] = [:]
        /// What the anchors in force were configured as.
        var seed = ""
    }

    private let state = Mutex(State())
    /// Files are written one at a time.
    private let writing = Mutex(())
    private let directory: String

    init(stateDirectory: String) {
        directory = "\(stateDirectory)/anchors"
    }

    /// Begins with the anchors of a configuration, and with what the disk has of them.
    func configure(_ configuration: ResolverConfiguration?) {
        guard let validation = configuration?.validation, validation.isEnabled, validation.followsRollovers
        else { return state.withLock { $0 = State() } }
        let seed = AnchorKeeper.seed(validation.trustAnchors)
        if state.withLock({ $0.seed == seed }) { return }
        var texts: [Name: String] = [:]
        for zone in Set(validation.trustAnchors.map(\.owner.lowercased)) {
            let path = path(zone)
            guard FileIdentity(path: path) != nil else { continue }
            do throws(FileContents.Failure) {
                let text = String(decoding: try FileContents.read(path, limit: 1 << 20), as: UTF8.self)
                if text.hasPrefix(AnchorKeeper.heading(seed)) {
                    texts[zone] = text
                } else {
                    Logs.resolver.warning("not used: written for other trust anchors", ["file": path])
                }
            } catch {
                Logs.resolver.error("\(path) \(error)")
            }
        }
        let found = texts
        state.withLock { $0 = State(texts: found, seed: seed) }
    }

    /// Has the resolvers of a worker trust what is known; on the worker's thread.
    func restore(to worker: Worker) {
        let texts = state.withLock(\.texts)
        for (zone, text) in texts {
            for resolver in worker.resolvers where resolver.configuration.validation.isEnabled {
                if !resolver.restoreAnchor(text, file: path(zone), of: zone, at: worker.moment) {
                    Logs.resolver.error("damaged, not used", ["file": path(zone)])
                }
            }
        }
    }

    /// A worker's resolver has seen a zone's keys change.
    func keep(_ changes: [AnchorChange], from worker: Worker) {
        let seed = state.withLock { state in
            for change in changes {
                state.texts[change.zone.lowercased] = AnchorKeeper.heading(state.seed) + change.text
            }
            return state.seed
        }
        for change in changes {
            for event in change.events {
                Logs.resolver.notice("trust anchor: \(event)", ["zone": "\(change.zone)"])
            }
        }
        for other in worker.core.workers where other !== worker {
            other.loop.mailbox.post { self.restore(to: other) }
        }
        ServiceThread.start("torii-anchors") { self.write(seed) }
    }

    private func write(_ seed: String) {
        writing.withLock { _ in
            Directories.make(directory, mode: 0o750)
            let texts = state.withLock { $0.seed == seed ? $0.texts : [:] }
            for (zone, text) in texts {
                let fault = StateFile.write(path(zone), text)
                guard fault != 0 else { continue }
                Logs.resolver.error("trust anchor not kept: \(SystemError.text(fault))", ["file": path(zone)])
            }
        }
    }

    private func path(_ zone: Name) -> String {
        let name =
            zone.isRoot ? "root." : "\(zone.lowercased)".map { $0 == "/" ? "=2F" : String($0) }.joined()
        return "\(directory)/\(name)key"
    }

    private static func heading(_ seed: String) -> String { "; begun with \(seed)\n" }

    private static func seed(_ anchors: [ResourceRecord]) -> String {
        let text = anchors.map { "\($0.owner.lowercased) \($0.type) \($0.data)" }.sorted().joined(
            separator: "\n")
        return SHA256.digest(Array(text.utf8)).map { String($0, radix: 16) }.joined()
    }
}
