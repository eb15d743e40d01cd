private import Glibc

/// A kernel thread for the slow side: log, control channel, signals.
///
/// 8 MiB of stack; all signals blocked.
package enum ServiceThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a detached thread that runs `body` once.
    ///
    /// - Returns: false when the system has no thread to give.
    @discardableResult
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setstacksize(&attributes, 8 << 20)
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
        let box = unsafe Unmanaged.passRetained(
            Body {
                setName(name)
                body()
            })
        var handle = pthread_t()
        let result = unsafe pthread_create(
            &handle, &attributes,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        guard result == 0 else {
            unsafe box.release()
            return false
        }
        return true
    }
    /// Names the present thread for `ps -L`; the kernel keeps 15 octets.
    private static func setName(_ name: String) {
        let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let octets = Array(name.utf8.prefix(15))
        _ = unsafe write(descriptor, octets, octets.count)
    }
}
