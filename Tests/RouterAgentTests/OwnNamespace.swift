import Foundation

/// Runs `body` on a thread with a network namespace of its own, which goes with the thread.
///
/// Needs root.
func inOwnNamespace<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result
{
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread {
            // Glibc hides the function without _GNU_SOURCE; 0x40000000 is CLONE_NEWNET.
            let unshare = dlsym(nil, "unshare").map {
                unsafeBitCast($0, to: (@convention(c) (Int32) -> Int32).self)
            }
            guard unshare?(0x4000_0000) == 0 else {
                return continuation.resume(throwing: POSIXError(POSIXErrorCode(rawValue: errno) ?? .EPERM))
            }
            continuation.resume(with: Swift.Result { try body() })
        }
        thread.stackSize = 8 << 20
        thread.start()
    }
}

/// Whether this machine lets us make namespaces.
let canUnshare = geteuid() == 0
