package import DNSCore

/// Values by prefix; the longest prefix that holds an address decides.
///
/// One look into a hash table for each prefix length in use, however many prefixes there are.
package struct PrefixTable<Value: Sendable>: Sendable {
    /// Longest first.
    private var tables: [(length: Int, isIPv6: Bool, values: [IPAddress: Value])] = []

    package init() {}

    /// Whether there is no prefix.
    package var isEmpty: Bool { tables.isEmpty }
    /// Prefixes in the table.
    package var count: Int { tables.reduce(0) { $0 + $1.values.count } }

    /// The value of exactly `prefix`.
    package subscript(prefix: IPPrefix) -> Value? {
        get {
            tables.first { $0.length == prefix.length && $0.isIPv6 == prefix.address.isIPv6 }?
                .values[prefix.address]
        }
        set {
            let isIPv6 = prefix.address.isIPv6
            if let index = tables.firstIndex(where: { $0.length == prefix.length && $0.isIPv6 == isIPv6 }) {
                tables[index].values[prefix.address] = newValue
                if tables[index].values.isEmpty { tables.remove(at: index) }
            } else if let newValue {
                let place = tables.firstIndex { $0.length < prefix.length } ?? tables.count
                tables.insert((prefix.length, isIPv6, [prefix.address: newValue]), at: place)
            }
        }
    }

    /// The value of the longest prefix that holds `address`.
    package func longest(_ address: IPAddress) -> Value? {
        for table in tables where table.isIPv6 == address.isIPv6 {
            if let value = table.values[IPPrefix(address, length: table.length).address] { return value }
        }
        return nil
    }
}
