package import DNSCore

/// What a committer must know of a zone to keep it.
package struct JournaledZone: Sendable {
    /// What is done with a zone file that was edited beside the journal.
    package enum FileChanges: String, Sendable {
        /// The journal's updates are applied to the edited file, whose contents otherwise stand.
        case merge
        /// The zone is refused and the difference shown.
        case refuse
    }

    package var apex: Name
    /// The master file; nil for a zone that is kept in the journal alone.
    package var file: String?
    package var policy: UpdatePolicy
    package var settings: UpdateSettings
    package var fileChanges: FileChanges
    /// Octets of journal rows that are kept for differences.
    package var journalSize: Int
    /// Whether the serial is a primary's: it never leaps, and what was lost is transferred again.
    package var isReceived: Bool

    package init(
        apex: Name, file: String?, policy: UpdatePolicy = UpdatePolicy(),
        settings: UpdateSettings = UpdateSettings(),
        fileChanges: FileChanges = .merge, journalSize: Int = 64 << 20, isReceived: Bool = false
    ) {
        self.isReceived = isReceived
        self.apex = apex
        self.file = file
        self.policy = policy
        self.settings = settings
        self.fileChanges = fileChanges
        self.journalSize = journalSize
    }
}

/// How opening a zone went.
package struct ZoneRecovery: Sendable {
    /// The zone with all updates of its journal.
    package var snapshot: ZoneSnapshot
    /// Differences that were replayed.
    package var replayed: Int
    /// Whether the file had been edited and was merged.
    package var merged: Bool
    /// What was lost, and where; empty in the usual case.
    package var damage: [JournalDamage]
}
