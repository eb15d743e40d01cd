internal import DNSCore

/// Why the server cannot start, or keeps its old configuration.
enum ServerError: Error {
    /// A root hints file without usable servers.
    case noRootServers(file: String)
    /// A line of a file that the configuration names cannot be used.
    case badFile(path: String, line: Int, reason: String)
    /// A record in the configuration cannot be read.
    case badRecord(text: String, option: String, reason: String)
    /// What an option of the configuration names cannot be used; `place` is that of the option.
    case badOption(place: String, reason: String)
    /// An address cannot be listened on.
    case cannotListen(address: String, reason: String)
    /// The cache's memory cannot be had.
    case noMemory(octets: Int)
    /// A thread or an event loop cannot be made.
    case system(what: String, reason: String)
    /// A zone that must be there at the start cannot be loaded.
    case zone(name: Name, reason: String)
}

extension ServerError: CustomStringConvertible {
    var description: String {
        switch self {
        case .noRootServers(let file): "\(file): no root server with an address in it"
        case .badFile(let path, let line, let reason): line > 0 ? "\(path):\(line): \(reason)" : reason
        case .badRecord(let text, let option, let reason): "\(option): \"\(text)\": \(reason)"
        case .badOption(let place, let reason): "\(place): \(reason)"
        case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
        case .noMemory(let octets): "no memory for a cache of \(octets) octets"
        case .system(let what, let reason): "\(what): \(reason)"
        case .zone(let name, let reason): "zone \(name): \(reason)"
        }
    }
}
