package import DNSCore
package import Operations

/// One element of `views`: what some clients find otherwise than the rest.
///
/// A query belongs to the first view whose conditions all hold, and to none when no view's do. What a view does not
/// say is as it is outside of views. Views share the cache of records, never whole answers.
package struct ViewSection: ConfigurationRecord, Hashable {
    /// The view's name, for the log and for people.
    package let name: String
    /// The client's address lies in one of these prefixes.
    ///
    /// Empty: any address.
    package let from: [IPPrefix]
    /// The query came to one of these addresses of ours: `192.0.2.53`, or with a port `192.0.2.53:5300`,
    /// `[2001:db8::53]:53`.
    ///
    /// Empty: any.
    package let listen: [ViewDestination]
    /// The query is signed with this TSIG key, and the signature is good.
    package let key: Name?
    /// Which of our zones are seen: `all`, `none`, or a list of their names.
    ///
    /// Names of a zone that is not seen are resolved like those of others.
    package let zones: ViewZones
    /// Who may ask what.
    package let access: ViewAccessSection
    /// Names answered from the configuration itself, in place of those outside of views.
    package let local: LocalSection?
    /// Which response policy zones hold, by name: `all`, `none`, or a list.
    ///
    /// Their order is that of the section `rpz`.
    package let rpz: ViewZones
    /// IPv6 addresses made from IPv4 ones (RFC 6147), in place of what holds outside of views.
    package let dns64: DNS64Section?
    /// Whether answers are validated.
    package let validation: Bool?

    package init(_ section: ConfigurationSection) {
        name = section.required("name", .text(limit: 63), placeholder: "")
        from = section.list("from", .prefix)
        listen = section.list("listen", .destination)
        key = section.keyReference()
        zones = section.either(
            "zones", .viewZones, orListOf: .name, default: .all, make: { .only(Set($0.map(\.lowercased))) })
        access = section.record("access")
        local = section.optionalRecord("local")
        rpz = section.either(
            "rpz", .viewZones, orListOf: .name, default: .all, make: { .only(Set($0.map(\.lowercased))) })
        dns64 = section.optionalRecord("dns64")
        validation = section.optional("validation", .flag)
        guard section.isPresent else { return }
        section.define(name, in: "views", on: "name")
        if case .only(let names) = zones {
            for name in names { section.refer(to: name.description, in: "zones", on: "zones") }
        }
        if case .only(let names) = rpz {
            for name in names { section.refer(to: name.description, in: "rpz", on: "rpz") }
        }
    }
}

/// The `access` section of a view.
///
/// A list that is absent is as it is outside of views.
package struct ViewAccessSection: ConfigurationRecord, Hashable {
    /// Who may ask at all.
    package let query: [AccessRuleSection]?
    /// Who may also ask for names that are not ours.
    package let recursion: [AccessRuleSection]?

    package init(_ section: ConfigurationSection) {
        let queryRules: [AccessRuleSection] = section.records("query")
        let recursionRules: [AccessRuleSection] = section.records("recursion")
        query = section.has("query") ? queryRules : nil
        recursion = section.has("recursion") ? recursionRules : nil
    }
}

/// Some of the zones of the configuration.
package enum ViewZones: Sendable, Hashable {
    case all
    case none
    /// Those with these names, in lower case.
    case only(Set<Name>)

    /// Whether the zone called `name`, in lower case, is one of them.
    package func contains(_ name: Name) -> Bool {
        switch self {
        case .all: true
        case .none: false
        case .only(let names): names.contains(name)
        }
    }
}

/// An address of ours, with or without a port.
package struct ViewDestination: Sendable, Hashable {
    package let address: IPAddress
    package let port: UInt16?

    package init(address: IPAddress, port: UInt16?) {
        self.address = address
        self.port = port
    }
}

extension ConfigurationScalar where Value == ViewZones {
    fileprivate static var viewZones: ConfigurationScalar<ViewZones> {
        var result = ConfigurationScalar<ViewZones>("`all`, `none`") { text in
            text == "all" ? .all : text == "none" ? ViewZones.none : nil
        }
        result.show = { $0 == .all ? "all" : "none" }
        return result
    }
}

extension ConfigurationScalar where Value == ViewDestination {
    fileprivate static var destination: ConfigurationScalar<ViewDestination> {
        ConfigurationScalar("an address, or an address and port such as 192.0.2.53:53") {
            text throws(ConfigurationProblem) in
            if let address = IPAddress(text) { return ViewDestination(address: address, port: nil) }
            let pair = try ConfigurationScalar<HostPort>.hostPort.parse(text)
            guard let address = IPAddress(pair.host) else {
                throw ConfigurationProblem("\(text) is not an address")
            }
            return ViewDestination(address: address, port: pair.port)
        }
    }
}
