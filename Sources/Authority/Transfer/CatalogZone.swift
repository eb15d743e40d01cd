package import DNSCore
internal import DNSSecurity

/// What a catalog zone lists (RFC 9432 4).
package struct CatalogContents: Sendable, Equatable {
    /// One listed zone.
    package struct Member: Sendable, Equatable {
        package var zone: Name
        /// The label that identifies the listing: another one for the same zone means a fresh start (RFC 9432 5.6).
        package var label: [UInt8]
        /// Values of the `group` property (RFC 9432 4.4.2).
        package var groups: [String]
        /// The catalog that the zone moves to (RFC 9432 4.4.1).
        package var successor: Name?
    }

    /// Why a catalog is broken.
    ///
    /// Its members stay as they were (RFC 9432 5.1).
    package enum Fault: Error, Sendable, Equatable {
        /// No version property, or more than one.
        case noVersion
        /// A version other than 2.
        case version(String)
        /// A member node with other than one PTR.
        case ambiguousMember(Name)
        /// A zone that two member nodes list.
        case listedTwice(Name)
        /// More members than allowed.
        case tooMany(limit: Int)
    }

    /// Members by zone.
    package private(set) var members: [Name: Member] = [:]

    /// An empty catalog: what there was before the first.
    package init() {}

    /// Reads a catalog zone.
    ///
    /// - Parameter limit: members that it may have.
    package init(_ catalog: ZoneSnapshot, limit: Int = 1_000_000) throws(Fault) {
        guard let versionName = CatalogContents.name("version", catalog.apex),
            let version = catalog.rrset(at: versionName, type: .txt), version.data.count == 1
        else { throw .noVersion }
        let text = CatalogContents.text(version.data[0])
        guard text == "2" else { throw .version(text) }
        guard let zones = CatalogContents.name("zones", catalog.apex) else { throw .noVersion }
        let depth = zones.labelCount + 1
        var fault: Fault?
        var found: [Name: Member] = [:]
        catalog.forEachRRset { set in
            guard fault == nil, set.type == .ptr, set.owner.isBelow(zones), set.owner.labelCount == depth
            else { return }
            guard set.data.count == 1, let zone = set.data[0].names(as: .ptr).first else {
                fault = .ambiguousMember(set.owner)
                return
            }
            guard found[zone] == nil else {
                fault = .listedTwice(zone)
                return
            }
            guard found.count < limit else {
                fault = .tooMany(limit: limit)
                return
            }
            var member = Member(
                zone: zone, label: set.owner.lowercased.labels.first.map { Array($0) } ?? [], groups: [])
            if let name = CatalogContents.name("group", set.owner),
                let groups = catalog.rrset(at: name, type: .txt)
            {
                member.groups = groups.data.map { CatalogContents.text($0) }.sorted()
            }
            if let name = CatalogContents.name("coo", set.owner),
                let coo = catalog.rrset(at: name, type: .ptr),
                coo.data.count == 1
            {
                member.successor = coo.data[0].names(as: .ptr).first
            }
            found[zone] = member
        }
        if let fault { throw fault }
        members = found
    }

    /// What a consumer has to do, in the order of the zones' names.
    package enum Change: Sendable, Equatable {
        case add(Member)
        case remove(Name)
        /// Forget the zone's contents and begin anew (RFC 9432 5.6).
        case reset(Member)
        /// Other groups or another successor.
        case alter(Member)
    }

    /// What leads from `old` to this.
    package func changes(from old: CatalogContents) -> [Change] {
        var result: [Change] = []
        for zone in Set(old.members.keys).union(members.keys).sorted() {
            switch (old.members[zone], members[zone]) {
            case (nil, let member?): result.append(.add(member))
            case (_?, nil): result.append(.remove(zone))
            case (let before?, let now?) where before.label != now.label: result.append(.reset(now))
            case (let before?, let now?) where before != now: result.append(.alter(now))
            default: break
            }
        }
        return result
    }

    private static func name(_ label: String, _ suffix: Name) -> Name? {
        try? Name(wire: [UInt8(label.utf8.count)] + Array(label.utf8) + suffix.wire)
    }

    private static func text(_ data: RecordData) -> String {
        var result: [UInt8] = []
        var position = 0
        while position < data.octets.count {
            let end = min(data.octets.count, position + 1 + Int(data.octets[position]))
            result += data.octets[(position + 1)..<end]
            position = end
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension CatalogContents.Fault: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .noVersion: "it needs one TXT record named version"
        case .version(let text): "version \(text) is none that we know; it must be 2"
        case .ambiguousMember(let name): "\(name) has more than one PTR record"
        case .listedTwice(let zone): "\(zone) is listed twice"
        case .tooMany(let limit): "more than \(limit) members"
        }
    }
}
