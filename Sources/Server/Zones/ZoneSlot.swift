internal import Authority
internal import DNSCore
internal import Synchronization

/// The place of one zone: its settings, and the version of its data that is served now.
///
/// Kept over reloads. Writers publish a new version; a worker sees by a number that there is one.
final class ZoneSlot: Sendable {
    let name: Name
    /// Where the slot's settings are; replaced as a whole by a reload.
    private let settings: Mutex<ZoneSection>
    private let current: Mutex<ZoneSnapshot?>
    private let published = Atomic<UInt64>(1)

    init(name: Name, section: ZoneSection) {
        self.name = name
        settings = Mutex(section)
        current = Mutex(nil)
    }

    /// The zone's part of the configuration.
    var section: ZoneSection {
        get { settings.withLock { $0 } }
        set { settings.withLock { $0 = newValue } }
    }

    /// The version that is served; nil before the zone has been loaded, and when it has expired.
    var snapshot: ZoneSnapshot? { current.withLock { $0 } }

    /// Number of the served version; only ever grows.
    var number: UInt64 { published.load(ordering: .acquiring) }

    /// Serves `snapshot` from now on; nil answers SERVFAIL.
    func publish(_ snapshot: ZoneSnapshot?) {
        current.withLock { $0 = snapshot }
        published.add(1, ordering: .releasing)
    }
}
