internal import CShims

/// A kernel thread with a name, and a processor of its own if wished.
///
/// Signals are blocked in it: the main thread takes them.
package final class Thread: Sendable {
    private let handle: UInt64

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - name: shown by `ps -L`; the kernel keeps 15 octets of it.
    ///   - processor: the one to stay on; nil = any.
    /// - Throws: ``TransportError/thread(errno:)``.
    package init(
        name: String, processor: Int? = nil, _ body: @escaping @Sendable () -> Void
    ) throws(TransportError) {
        let box = unsafe Unmanaged.passRetained(Body(body))
        var handle: UInt64 = 0
        let result = unsafe torii_thread_start(
            &handle, name, Int32(clamping: processor ?? -1),
            { context in
                guard let context = unsafe context else { return }
                unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            }, box.toOpaque())
        guard result == 0 else {
            unsafe box.release()
            throw .thread(errno: -result)
        }
        self.handle = handle
    }

    /// Waits for the thread to end.
    ///
    /// Call it once, from another thread.
    package func join() { _ = torii_thread_join(handle) }
}
