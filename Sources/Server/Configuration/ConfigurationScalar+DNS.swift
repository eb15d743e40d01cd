package import DNSCore
package import Operations

extension ConfigurationScalar where Value == IPAddress {
    /// An IPv4 or IPv6 address.
    package static var address: ConfigurationScalar<IPAddress> {
        ConfigurationScalar("an IP address") { IPAddress($0) }
    }
}

extension ConfigurationScalar where Value == IPPrefix {
    /// An address prefix such as `192.0.2.0/24`, or one address.
    package static var prefix: ConfigurationScalar<IPPrefix> {
        ConfigurationScalar("an address prefix") { text throws(ConfigurationProblem) in
            do throws(IPPrefixError) {
                return try IPPrefix(parsing: text)
            } catch {
                switch error {
                case .notAPrefix: throw ConfigurationProblem("\(text) is not an address prefix")
                case .badLength(let width):
                    throw ConfigurationProblem("\(text) has a length that is not between 0 and \(width)")
                case .hostBitsSet(let meant):
                    throw ConfigurationProblem(
                        "\(text) has bits set after its length; \(meant) is meant perhaps")
                }
            }
        }
    }
}

extension ConfigurationScalar where Value == Name {
    /// A domain name; always absolute, with or without its final dot.
    package static var name: ConfigurationScalar<Name> {
        ConfigurationScalar("a domain name") { text throws(ConfigurationProblem) in
            guard text != "@" else { throw ConfigurationProblem("@ has no meaning here; write the name") }
            do throws(NameError) {
                return try Name(text)
            } catch {
                throw ConfigurationProblem("\(text.isEmpty ? "''" : text) is not a domain name: \(error)")
            }
        }
    }
}

extension ConfigurationScalar where Value == RRType {
    /// The mnemonic of a record type, or `TYPE` and its number (RFC 3597).
    package static var recordType: ConfigurationScalar<RRType> {
        ConfigurationScalar("a record type") { RRType(mnemonic: $0) }
    }
}
