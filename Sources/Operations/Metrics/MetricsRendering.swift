extension MetricsCollection {
    /// The Prometheus text format, version 0.0.4.
    package var prometheusText: String {
        var text = ""
        for family in families {
            text +=
                "# HELP \(family.name) \(family.help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples {
                Self.write(sample, of: family.name, to: &text)
            }
        }
        return text
    }

    /// One `name{labels}=value` a line, for `toriictl stats`; of histograms the count and the sum.
    package var statisticsText: String {
        statistics.map { "\($0.name)=\(Self.show($0.value))" }.joined(separator: "\n")
    }

    /// One object with a member for each line of ``statisticsText``.
    package var statisticsData: JSONValue {
        .object(
            statistics.map { line in
                let isWhole = line.value == line.value.rounded() && abs(line.value) < 9e15
                return .init(line.name, isWhole ? .integer(Int(line.value)) : .number(line.value))
            })
    }

    private var statistics: [(name: String, value: Double)] {
        families.flatMap { family in
            family.samples.flatMap { sample -> [(name: String, value: Double)] in
                let labels = Self.labels(sample.labels)
                switch sample.value {
                case .integer(let value): return [(family.name + labels, Double(value))]
                case .number(let value): return [(family.name + labels, value)]
                case .histogram(_, let counts, let sum):
                    let count = counts.reduce(0, &+)
                    return [
                        ("\(family.name)_count\(labels)", Double(count)),
                        ("\(family.name)_sum\(labels)", sum),
                    ]
                }
            }
        }
    }

    private static func write(_ sample: MetricFamily.Sample, of name: String, to text: inout String) {
        let labels = labels(sample.labels)
        switch sample.value {
        case .integer(let value): text += "\(name)\(labels) \(value)\n"
        case .number(let value): text += "\(name)\(labels) \(show(value))\n"
        case .histogram(let bounds, let counts, let sum):
            var cumulative: UInt64 = 0
            for (index, count) in counts.enumerated() {
                cumulative &+= count
                let bound = index < bounds.count ? show(bounds[index]) : "+Inf"
                text += "\(name)_bucket\(Self.labels(sample.labels + [.init("le", bound)])) \(cumulative)\n"
            }
            text += "\(name)_sum\(labels) \(show(sum))\n\(name)_count\(labels) \(cumulative)\n"
        }
    }

    private static func labels(_ labels: [MetricFamily.Label]) -> String {
        guard !labels.isEmpty else { return "" }
        let list = labels.map { label in
            let value = label.value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(label.name)=\"\(value)\""
        }
        return "{\(list.joined(separator: ","))}"
    }

    private static func show(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 9e15 ? String(Int(value)) : String(value)
    }
}
