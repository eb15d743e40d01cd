private import Glibc

/// Tells the service manager how we are (the protocol of `sd_notify`), when it has asked to be told.
package enum ServiceManager {
    /// What there is to tell.
    package enum State: Sendable, Equatable {
        /// Start is complete: queries are answered.
        case ready
        /// The configuration is being read again; ``ready`` follows.
        case reloading
        /// The end has begun.
        case stopping
        /// A line for `systemctl status`.
        case status(String)
        /// Still alive.
        case watchdog

        var text: String {
            switch self {
            case .ready: return "READY=1"
            case .reloading:
                var time = timespec()
                unsafe clock_gettime(CLOCK_MONOTONIC, &time)
                return "RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)"
            case .stopping: return "STOPPING=1"
            case .status(let line): return "STATUS=\(line.replacing("\n", with: " "))"
            case .watchdog: return "WATCHDOG=1"
            }
        }
    }

    /// Sends `state` to the socket that `NOTIFY_SOCKET` names.
    ///
    /// - Returns: whether it was sent; false also when nobody asked.
    @discardableResult
    package static func notify(_ state: State) -> Bool {
        guard let variable = unsafe getenv("NOTIFY_SOCKET") else { return false }
        return notify(state, path: unsafe String(cString: variable))
    }

    static func notify(_ state: State, path: String) -> Bool {
        var octets = Array(path.utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard let first = octets.first, octets.count < capacity else { return false }
        // A leading @ stands for the zero octet of the abstract name space.
        if first == UInt8(ascii: "@") { octets[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: octets) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let message = Array(state.text.utf8)
        let length = socklen_t(2 + octets.count + (octets[0] == 0 ? 0 : 1))
        let sent = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
        return sent == message.count
    }
}
