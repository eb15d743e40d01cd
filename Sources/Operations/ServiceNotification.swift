internal import Glibc

/// Tells whoever started the program how it is doing, as `sd_notify(3)` describes it.
///
/// The service manager (systemd with `Type=notify`, or a test) passes the path of a datagram socket in
/// `NOTIFY_SOCKET`. Without it every call does nothing. A manager that does not listen is no error of ours.
package enum ServiceNotification {
    /// A state the manager understands.
    package enum State {
        /// Serving: after the start, and again after each reload, whether it took the new configuration or kept the old.
        case ready(status: String)
        /// A reload has begun.
        case reloading
        /// A clean stop has begun.
        case stopping

        /// The lines of the datagram.
        var message: String {
            switch self {
            case .ready(let status): "READY=1\nSTATUS=\(status.filter { $0 != "\n" })"
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(ServiceNotification.monotonicMicroseconds())"
            case .stopping: "STOPPING=1"
            }
        }
    }

    /// Sends `state`; never blocks, never fails.
    package static func send(_ state: State) {
        guard let path = unsafe getenv("NOTIFY_SOCKET").map({ unsafe String(cString: $0) }) else { return }
        let octets = Array(path.utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard !octets.isEmpty, octets.count < capacity else { return }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
            unsafe room.copyBytes(from: octets)
            // A leading "@" names the abstract name space, whose names begin with a zero octet.
            if octets.first == UInt8(ascii: "@") { unsafe room[0] = 0 }
        }
        let isAbstract = octets.first == UInt8(ascii: "@")
        let length = 2 + octets.count + (isAbstract ? 0 : 1)
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        let message = Array(state.message.utf8)
        _ = unsafe message.withUnsafeBytes { bytes in
            unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    unsafe sendto(
                        socket, bytes.baseAddress, bytes.count,
                        Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT),
                        generic, socklen_t(length))
                }
            }
        }
    }

    private static func monotonicMicroseconds() -> Int64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000
    }
}
