internal import ArgumentParser
internal import Operations

struct KeyGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "TSIG keys.", subcommands: [ListKeys.self, Generate.self])

    struct ListKeys: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the names and algorithms of the keys, and who uses them.")
        @OptionGroup var connection: Connection
        var words: [String] { ["key", "list"] }
    }

    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key and print it as an element of `keys`. Needs no daemon.")
        @OptionGroup var connection: Connection
        @Argument(help: "The key's name.")
        var name = "update.example."
        @Option(help: "hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512.")
        var algorithm = "hmac-sha256"

        func run() throws {
            // As many octets as the hash has (RFC 8945 8: at least as long as the hash).
            let sizes = [
                "hmac-sha1": 20, "hmac-sha224": 28, "hmac-sha256": 32, "hmac-sha384": 48, "hmac-sha512": 64,
            ]
            guard let size = sizes[algorithm] else {
                Output.error.line(
                    "toriictl: \(algorithm) is not one of \(sizes.keys.sorted().joined(separator: ", "))")
                throw ExitCode(2)
            }
            let absolute = name.hasSuffix(".") ? name : name + "."
            var generator = SystemRandomNumberGenerator()
            let octets = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let secret = Base64.encode(octets)
            if connection.json {
                let value: JSONValue = [
                    "name": .string(absolute), "algorithm": .string(algorithm), "secret": .string(secret),
                ]
                Output.standard.line(value.text)
            } else {
                Output.standard.line(
                    "- { name: \(absolute), algorithm: \(algorithm), secret: \"\(secret)\" }")
                Output.standard.line("# nsupdate -y \(algorithm):\(absolute):\(secret)")
            }
        }
    }
}
