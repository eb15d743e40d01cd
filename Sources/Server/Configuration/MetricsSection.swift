package import Operations

/// The `metrics` section of the server.
package struct ServerMetricsSection: ConfigurationRecord, Equatable {
    /// The address and port of the HTTP listener; `/metrics` answers in the Prometheus text format.
    package let listen: HostPort
    /// Whose names the commonest figures are shown under as well, for dashboards that exist already: `unbound`
    /// (unbound_exporter), `coredns`.
    package let compat: [MetricsDialectOption]

    package init(_ section: ConfigurationSection) {
        listen = section.required("listen", .hostPort, placeholder: HostPort(host: "127.0.0.1", port: 9153))
        compat = section.list("compat", .choice)
    }
}

/// Names that other servers have for their figures.
package enum MetricsDialectOption: String, ConfigurationChoice {
    case unbound
    case coredns
}
