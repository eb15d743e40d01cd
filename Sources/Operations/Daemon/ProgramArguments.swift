/// The words of the command line.
package enum ProgramArguments {
    /// All words, the program's own name first.
    ///
    /// From the kernel: the runtime looks for them beside the environment, and finds nothing once a preloaded library
    /// (a shifted clock, an allocator) has added a variable to it before the program begins.
    package static var all: [String] {
        guard let octets = try? FileContents.read("/proc/self/cmdline", limit: 4 << 20), !octets.isEmpty
        else {
            return CommandLine.arguments
        }
        return octets.dropLast().split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// The words after the program's name.
    package static var words: [String] { Array(all.dropFirst()) }
}
