package import DNSCore
package import Operations

/// Another server that we transfer from or send NOTIFY to.
package struct RemoteSection: ConfigurationRecord, Hashable {
    /// The server's address.
    package let address: IPAddress
    /// The server's port.
    package let port: UInt16
    /// The TSIG key that we sign with and that must sign the answers.
    ///
    /// Absent: unsigned.
    package let key: Name?
    /// The address that we send from.
    ///
    /// Absent: the system chooses.
    package let source: IPAddress?

    package init(_ section: ConfigurationSection) {
        address = section.required("address", .address, placeholder: .loopbackIPv4)
        port = section.value("port", .port, default: 53)
        key = section.keyReference()
        source = section.optional("source", .address)
        if let source, source.isIPv6 != address.isIPv6 {
            section.report("source and address are of different families", on: "source")
        }
    }
}

/// A server that answers queries of ours, known by address or by name.
package struct UpstreamSection: ConfigurationRecord, Hashable {
    /// The server's address.
    ///
    /// Give this or `name`.
    package let address: IPAddress?
    /// The server's name, which is resolved first.
    package let name: Name?
    /// The server's port.
    ///
    /// When it is left out: 53, or 853 with `tls`.
    package let port: UInt16?

    package init(_ section: ConfigurationSection) {
        address = section.optional("address", .address)
        name = section.optional("name", .name)
        port = section.optional("port", .port)
        if section.isPresent, section.has("address") == section.has("name") {
            section.report("give either address or name")
        }
    }
}
