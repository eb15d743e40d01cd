private import CNftables

/// One long-lived libnftables context.
///
/// Our table is owned by its netlink socket: it goes when this object or the process goes, whatever happens.
///
/// Belongs to one thread.
@safe final class Nftables {
    private let context: OpaquePointer

    /// - Throws: ``RouterError/noNftables``.
    init() throws(RouterError) {
        guard let context = unsafe nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else { throw .noNftables }
        unsafe self.context = context
        // Both buffers stay with the context until it is freed.
        unsafe nft_ctx_buffer_error(context)
        unsafe nft_ctx_buffer_output(context)
    }

    deinit { unsafe nft_ctx_free(context) }

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

    /// Runs a `list` command and returns what it prints; nil when it failed.
    func list(_ command: String) -> String? {
        guard unsafe nft_run_cmd_from_buffer(context, command) == 0,
            let text = unsafe nft_ctx_get_output_buffer(context)
        else { return nil }
        return unsafe String(cString: text)
    }
}
