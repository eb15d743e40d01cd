import Resolver
import Testing

@Suite("Resolver metrics")
struct ResolverMetricsTests {
    @Test("Every counter is published, under a name of its own and with a sentence that says what it counts")
    func published() {
        let figures = ResolverMetrics.figures
        #expect(figures.count == Mirror(reflecting: ResolverMetrics()).children.count)
        #expect(Set(figures.map(\.name)).count == figures.count)
        #expect(Set(figures.map(\.value)).count == figures.count)
        #expect(figures.allSatisfy { $0.help.hasSuffix(".") && $0.help.contains(" ") })
    }
}
