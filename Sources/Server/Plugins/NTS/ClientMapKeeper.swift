internal import DNSCore
internal import NTS
internal import Operations
internal import Synchronization
internal import Transport

/// Keeps the client map in step with its files: reads them at the start and at each reload, and looks every few
/// seconds whether one has changed.
///
/// On a thread of its own, so that a large lease file holds nobody up.
final class ClientMapKeeper: @unchecked Sendable {
    // Sendable: the loop belongs to the thread; others only post to its mailbox.
    private struct State {
        var sections: [ClientMapSection] = []
        var seen: [FileIdentity?] = []
    }

    private let state = Mutex(State())
    private let loop: EventLoop
    private let thread = Mutex<Thread?>(nil)
    private let adopt: @Sendable (ClientMap) -> Void
    private static let period = Duration.seconds(5)
    private static let largest = 1 << 30

    /// - Parameter adopt: gets each new map, on any thread.
    /// - Throws: ``TransportError``.
    init(_ adopt: @escaping @Sendable (ClientMap) -> Void) throws(TransportError) {
        loop = try EventLoop()
        self.adopt = adopt
    }

    /// Takes over a configuration and reads its files.
    func configure(_ sections: [ClientMapSection]) {
        state.withLock { $0 = State(sections: sections, seen: Self.identities(sections)) }
        adopt(Self.read(sections))
        guard sections.contains(where: { $0.file != nil }) else { return }
        thread.withLock { thread in
            guard thread == nil else { return }
            do throws(TransportError) {
                thread = try Thread(name: "client-map") { [self] in
                    arrange()
                    loop.run()
                }
            } catch {
                Logs.nts.error("files of nts.client-map will not be read again: \(error)")
            }
        }
    }

    func stop() {
        loop.mailbox.stop()
        thread.withLock { $0 }?.join()
    }

    /// Reads the files again when one has changed, and comes back.
    private func look() {
        let changed: [ClientMapSection]? = state.withLock { state in
            let now = Self.identities(state.sections)
            guard now != state.seen else { return nil }
            state.seen = now
            return state.sections
        }
        if let changed { adopt(Self.read(changed)) }
        arrange()
    }

    private func arrange() {
        loop.schedule(after: Self.period) { [weak self] in self?.look() }
    }

    private static func identities(_ sections: [ClientMapSection]) -> [FileIdentity?] {
        sections.flatMap { [$0.file, $0.file6] }.map { $0.flatMap { FileIdentity(path: $0) } }
    }

    /// The map of a configuration, its files included; what cannot be read is logged and left out.
    private static func read(_ sections: [ClientMapSection]) -> ClientMap {
        var map = ClientMap()
        for section in sections {
            if let from = section.from, let address = section.address { map.add(from, address) }
            guard let file = section.file else { continue }
            let format = ClientMap.Format(rawValue: section.format.rawValue) ?? .plain
            let contents = ClientMap.read(
                octets(file), second: section.file6.map { octets($0) } ?? [], format: format,
                now: WallClock.seconds)
            for (prefix, address) in contents.mappings { map.add(prefix, address) }
            if contents.faults > 0 {
                Logs.nts.warning("\(file): \(contents.faults) lines say nothing usable")
            }
        }
        return map
    }

    private static func octets(_ path: String) -> [UInt8] {
        do throws(FileContents.Failure) {
            return try FileContents.read(path, limit: largest)
        } catch {
            Logs.nts.warning("\(path) \(error); no client is known from it")
            return []
        }
    }
}
