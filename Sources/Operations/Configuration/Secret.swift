/// The octets of a secret; its description never shows them.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package let octets: [UInt8]

    package init(_ octets: [UInt8]) {
        self.octets = octets
    }

    package var description: String { "(secret)" }
    package var debugDescription: String { description }
}

extension ConfigurationSection {
    /// The secret that `secret` holds in base 64, or the file that `secret-file` names; empty after an error.
    package func secret() -> (secret: Secret, file: String?) {
        let written = optional("secret", .base64)
        let file = file("secret-file")
        return (Secret(secretOctets(written, file)), file)
    }

    private func secretOctets(_ written: [UInt8]?, _ file: String?) -> [UInt8] {
        guard isPresent else { return [] }
        switch (has("secret"), file) {
        case (true, nil): return written ?? []
        case (true, .some): report("secret and secret-file are both given; give one")
        case (false, nil): report("secret or secret-file is missing")
        case (false, .some(let path)):
            do throws(FileContents.Failure) {
                let text = String(decoding: try FileContents.read(path, limit: 4096), as: UTF8.self)
                if let octets = Base64.decode(text), !octets.isEmpty { return octets }
                report("\(path) does not hold base 64", on: "secret-file")
            } catch {
                report("\(path) \(error)", on: "secret-file")
            }
        }
        return []
    }
}

extension ConfigurationScalar where Value == [UInt8] {
    /// Octets in base 64.
    package static var base64: ConfigurationScalar<[UInt8]> {
        // The text is a secret: it does not belong in the message.
        ConfigurationScalar("base 64") { text throws(ConfigurationProblem) in
            guard let octets = Base64.decode(text), !octets.isEmpty else {
                throw ConfigurationProblem("not base 64")
            }
            return octets
        }
    }
}
