import Foundation
import Operations
import Testing

@Suite struct MetricsTests {
    enum Counter: Int, CaseIterable { case queries, answers }

    @Test("The Prometheus text format, word for word")
    func prometheus() {
        var collection = MetricsCollection()
        collection.counter("torii_queries_total", "Queries.", 3, ["proto": "udp", "zone": "a\"b\\c\n"])
        collection.gauge("torii_zones", "Zones\nnow.", 2)
        collection.counter("torii_queries_total", "Queries.", 4, ["proto": "tcp", "zone": ""])
        collection.histogram(
            "torii_response_seconds", "Time.", bounds: [0.001, 0.5], counts: [1, 2, 3], sum: 4.25,
            ["proto": "udp"])
        #expect(
            collection.prometheusText == """
                # HELP torii_queries_total Queries.
                # TYPE torii_queries_total counter
                torii_queries_total{proto="udp",zone="a\\"b\\\\c\\n"} 3
                torii_queries_total{proto="tcp",zone=""} 4
                # HELP torii_zones Zones\\nnow.
                # TYPE torii_zones gauge
                torii_zones 2
                # HELP torii_response_seconds Time.
                # TYPE torii_response_seconds histogram
                torii_response_seconds_bucket{proto="udp",le="0.001"} 1
                torii_response_seconds_bucket{proto="udp",le="0.5"} 3
                torii_response_seconds_bucket{proto="udp",le="+Inf"} 6
                torii_response_seconds_sum{proto="udp"} 4.25
                torii_response_seconds_count{proto="udp"} 6

                """)
        #expect(collection.statisticsText.contains("torii_response_seconds_count{proto=\"udp\"}=6"))
        #expect(collection.statisticsData["torii_zones"] == 2)
    }

    @Test("Counters and histograms of several threads are summed")
    func sums() {
        let blocks = [CounterBlock<Counter>(), CounterBlock<Counter>()]
        blocks[0].add(.queries)
        blocks[1].add(.queries, 4)
        #expect(
            CounterBlock.sum(.queries, over: blocks) == 5 && CounterBlock.sum(.answers, over: blocks) == 0)
        let histograms = [HistogramBlock(bounds: [1, 2]), HistogramBlock(bounds: [1, 2])]
        for value in [0.5, 1, 1.5, 9] { histograms[0].observe(value) }
        histograms[1].observe(2)
        let sum = HistogramBlock.sum(histograms)
        #expect(sum.counts == [2, 2, 1] && sum.sum == 14)
    }

    @Test(
        "Names keep to the rules",
        arguments: [
            ("torii_queries_total", MetricFamily.Kind.counter, true), ("torii_queries", .counter, false),
            ("torii_zones", .gauge, true), ("torii_zones_total", .gauge, false),
            ("queries_total", .counter, false),
            ("torii_Queries_total", .counter, false), ("torii_wait_seconds", .histogram, true),
            ("torii_wait", .histogram, false),
        ])
    func names(name: String, kind: MetricFamily.Kind, isGood: Bool) {
        let family = MetricFamily(name: name, help: "Help.", kind: kind, samples: [])
        #expect((family.namingProblem == nil) == isGood)
    }

    @Test("The registry adds the build and the process")
    func registry() {
        let registry = MetricsRegistry(version: "1.2.3")
        registry.register { $0.counter("torii_x_total", "X.", 7) }
        let text = registry.renderPrometheus()
        #expect(
            text.contains("torii_build_info{version=\"1.2.3\"} 1\n") && text.contains("\ntorii_x_total 7\n"))
        #expect(
            text.contains("process_resident_memory_bytes ") && text.contains("process_cpu_seconds_total "))
        for family in registry.collect().families { #expect(family.namingProblem == nil) }
        let start = text.split(separator: "\n").first { $0.hasPrefix("process_start_time_seconds ") }
        let seconds = start.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
        let age = Date().timeIntervalSince1970 - seconds
        #expect(age > -2 && age < 86400)
    }
}
