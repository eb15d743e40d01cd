private import CNftables
internal import CShims
private import Synchronization

/// One long-lived libnftables context: it writes and lists our table, and its netlink socket owns it.
///
/// The table goes when this object or the process goes, whatever happens. The elements of its sets do not pass through
/// libnftables, which reads text at a tenth of the speed: ``ElementBatch`` sends them through the same socket, since
/// the kernel takes changes of an owned table from its owner alone.
///
/// Belongs to one thread.
@safe final class Nftables {
    private let context: OpaquePointer
    /// While one context is made or freed no other is: the sockets of both could not be told apart.
    private static let making = Mutex<Void>(())
    /// The context's netlink socket; it closes with the context.
    let descriptor: Int32

    /// - Throws: ``RouterError/noNftables``.
    init() throws(RouterError) {
        // libnftables does not say which socket is its own: it is the one that was not there before.
        let made = unsafe Self.making.withLock { _ -> (context: OpaquePointer, descriptor: Int32)? in
            let before = Self.sockets()
            guard let context = unsafe nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else { return nil }
            let new = Self.sockets().subtracting(before)
            if new.count == 1, let descriptor = new.first { return unsafe (context, descriptor) }
            unsafe nft_ctx_free(context)
            return nil
        }
        guard let made = unsafe made else { throw .noNftables }
        unsafe context = made.context
        descriptor = unsafe made.descriptor
        _ = torii_netfilter_buffers(descriptor, 8 << 20)
        // Both buffers stay with the context until it is freed.
        unsafe nft_ctx_buffer_error(context)
        unsafe nft_ctx_buffer_output(context)
    }

    deinit { Self.making.withLock { _ in unsafe nft_ctx_free(context) } }

    private static func sockets() -> Set<Int32> {
        var found = [Int32](repeating: -1, count: 64)
        let count = unsafe torii_netfilter_sockets(&found, Int32(found.count))
        return Set(found.prefix(max(0, Int(count))))
    }

    /// Runs commands as one transaction.
    ///
    /// - Returns: nil, or what went wrong; nothing has changed then.
    func run(_ commands: String) -> String? {
        guard unsafe nft_run_cmd_from_buffer(context, commands) != 0 else {
            _ = unsafe nft_ctx_get_error_buffer(context)
            return nil
        }
        guard let text = unsafe nft_ctx_get_error_buffer(context) else { return "unknown error" }
        return unsafe String(cString: text)
    }

    /// Whether the kernel would take commands; nothing is changed.
    func isPossible(_ commands: String) -> Bool {
        unsafe nft_ctx_set_dry_run(context, true)
        defer { unsafe nft_ctx_set_dry_run(context, false) }
        return run(commands) == nil
    }

    /// Runs a `list` command and returns what it prints; nil when it failed.
    func list(_ command: String) -> String? {
        guard unsafe nft_run_cmd_from_buffer(context, command) == 0,
            let text = unsafe nft_ctx_get_output_buffer(context)
        else { return nil }
        return unsafe String(cString: text)
    }
}
