package import DNSCore
package import Operations

/// One element of `listen`: an address, a port and what is spoken there.
package struct ListenSection: ConfigurationRecord {
    /// The address to bind; `0.0.0.0` and `::` mean all of their family, and answers leave from the address asked.
    package let address: IPAddress
    /// The port to bind.
    ///
    /// When it is left out: 853 for `tls`, 443 for `https`, else 53.
    package let port: UInt16
    /// What is spoken: `udp` and `tcp`, or `tls` (RFC 7858), or `https` (RFC 8484, under `/dns-query`).
    package let protocols: Set<ListenProtocolOption>
    /// The certificate chain in PEM, for `tls` and `https`.
    ///
    /// Read again on reload.
    package let certificate: String?
    /// The private key in PEM, for `tls` and `https`.
    ///
    /// Read again on reload.
    package let key: String?
    /// Where the certificate and the key are named in the file.
    package let places: (certificate: String, key: String)
    /// Front ends whose PROXY v2 header names the client; from them the header must be there, from others it must not.
    package let proxyFrom: [IPPrefix]

    package init(_ section: ConfigurationSection) {
        address = section.required("address", .address, placeholder: .loopbackIPv4)
        let list = section.list("protocols", .choice, default: [ListenProtocolOption.udp, .tcp])
        let usual: UInt16 = list.contains(.tls) ? 853 : list.contains(.https) ? 443 : 53
        port = section.value("port", .port, default: usual)
        protocols = Set(list)
        certificate = section.file("certificate")
        key = section.file("key")
        places = (section.place(of: "certificate"), section.place(of: "key"))
        proxyFrom = section.list("proxy-from", .prefix)

        if list.isEmpty { section.report("names no protocol", on: "protocols") }
        let needsCertificate = protocols.contains(.tls) || protocols.contains(.https)
        if needsCertificate, certificate == nil || key == nil {
            section.report("certificate and key are needed for tls and https")
        }
        if !needsCertificate, section.has("certificate") || section.has("key") {
            section.report("certificate and key are for the protocols tls and https only")
        }
        if needsCertificate, protocols.contains(.tcp) || protocols.count(where: { $0 != .udp }) > 1 {
            section.report("tcp, tls and https cannot share a port", on: "protocols")
        }
        if protocols.contains(.https), !proxyFrom.isEmpty {
            section.report("PROXY headers are not read over https", on: "proxy-from")
        }
        guard section.has("address") else { return }
        for streamProtocol in protocols {
            let transport = streamProtocol == .udp ? "udp" : "tcp"
            section.define("\(address)#\(port)/\(transport)", in: "listen", on: "port")
        }
    }
}

/// What may be spoken on a listening socket.
package enum ListenProtocolOption: String, ConfigurationChoice {
    case udp
    case tcp
    case tls
    case https
}

/// The `control` section of the server.
package struct ServerControlSection: ConfigurationRecord {
    /// The section's values.
    package let control: ControlConfiguration

    package init(_ section: ConfigurationSection) {
        control = ControlConfiguration(section, defaultSocket: "run/torii.sock")
    }
}
