internal import NTS

extension KernelTable {
    /// The most ports of the router itself that are kept off translation; a machine with more has its lowest ones kept.
    static let listeningLimit = 512

    /// Keeps exactly these ports of the router itself off translation.
    ///
    /// - Returns: whether the kernel has them.
    mutating func reserve(_ ports: Set<ListeningPorts.Port>) -> Bool {
        let wanted = Set(ports.sorted().prefix(Self.listeningLimit))
        guard wanted != listening else { return true }
        batch.begin()
        batch.flush("listening")
        for port in wanted.sorted() {
            let key = ElementValue().then(transport: port.transport).then(port: port.port)
            batch.add(SetElement(set: "listening", key: key))
        }
        guard case .made = batch.commit(through: nftables.descriptor) else { return false }
        listening = wanted
        return true
    }
}
