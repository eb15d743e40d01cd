/// All values of one metric at one moment.
package struct MetricFamily: Sendable, Equatable {
    /// What kind of number it is.
    package enum Kind: String, Sendable {
        /// Only ever rises; its name ends in `_total`.
        case counter
        /// Rises and falls.
        case gauge
        /// Counts of observations by size.
        case histogram
    }

    /// A value and what tells it from its siblings.
    package struct Sample: Sendable, Equatable {
        /// Labels in the order in which they are written: `proto`, `udp`.
        package let labels: [Label]
        package let value: Value

        package init(labels: [Label], value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    /// The name of a dimension and where on it a sample is.
    package struct Label: Sendable, Equatable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The number itself.
    package enum Value: Sendable, Equatable {
        case integer(UInt64)
        case number(Double)
        /// Observations up to each bound (not cumulative), those beyond the last bound, and the sum of all.
        case histogram(bounds: [Double], counts: [UInt64], sum: Double)
    }

    /// `torii_` and what is counted, with its unit.
    package let name: String
    /// One sentence for people.
    package let help: String
    package let kind: Kind
    package private(set) var samples: [Sample]

    package init(name: String, help: String, kind: Kind, samples: [Sample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }

    mutating func add(_ more: [Sample]) {
        samples += more
    }

    /// What is wrong with the name by the rules of Prometheus and our own; nil when nothing is.
    package var namingProblem: String? {
        let isWord = name.utf8.allSatisfy { $0 &- 97 < 26 || $0 &- 48 < 10 || $0 == UInt8(ascii: "_") }
        guard isWord, name.hasPrefix("torii_") || name.hasPrefix("process_") else {
            return "\(name) is not torii_ and lower-case words"
        }
        if kind == .counter, !name.hasSuffix("_total"), name != "process_cpu_seconds_total" {
            return "\(name) is a counter and does not end in _total"
        }
        if kind != .counter, name.hasSuffix("_total") { return "\(name) ends in _total and is no counter" }
        if kind == .histogram, !["_seconds", "_bytes", "_records"].contains(where: name.hasSuffix) {
            return "\(name) is a histogram without a unit"
        }
        return help.isEmpty ? "\(name) has no help" : nil
    }
}

/// The metrics of one scrape, gathered from all rooms.
package struct MetricsCollection: Sendable {
    /// In the order in which they first came.
    package private(set) var families: [MetricFamily] = []
    private var places: [String: Int] = [:]

    package init() {}

    /// Adds samples; those of a name that is there already join it.
    package mutating func add(_ family: MetricFamily) {
        if let place = places[family.name] {
            families[place].add(family.samples)
        } else {
            places[family.name] = families.count
            families.append(family)
        }
    }

    /// Adds a counter's value.
    package mutating func counter(
        _ name: String, _ help: String, _ value: UInt64, _ labels: KeyValuePairs<String, String> = [:]
    ) {
        add(name, help, .counter, .integer(value), labels)
    }

    /// Adds a counter of seconds.
    package mutating func counter(
        _ name: String, _ help: String, seconds value: Double, _ labels: KeyValuePairs<String, String> = [:]
    ) {
        add(name, help, .counter, .number(value), labels)
    }

    /// Adds a gauge's value.
    package mutating func gauge(
        _ name: String, _ help: String, _ value: Double, _ labels: KeyValuePairs<String, String> = [:]
    ) {
        add(name, help, .gauge, .number(value), labels)
    }

    /// Adds a histogram: observations in each class (not cumulative), one more class than bounds.
    package mutating func histogram(
        _ name: String, _ help: String, bounds: [Double], counts: [UInt64], sum: Double,
        _ labels: KeyValuePairs<String, String> = [:]
    ) {
        add(name, help, .histogram, .histogram(bounds: bounds, counts: counts, sum: sum), labels)
    }

    private mutating func add(
        _ name: String, _ help: String, _ kind: MetricFamily.Kind, _ value: MetricFamily.Value,
        _ labels: KeyValuePairs<String, String>
    ) {
        let list = labels.map { MetricFamily.Label($0.key, $0.value) }
        add(MetricFamily(name: name, help: help, kind: kind, samples: [.init(labels: list, value: value)]))
    }
}
