import Foundation
import Testing

/// The same names resolved by toriid and Unbound over one generated hierarchy; see `Attacks/compare.py`.
@Suite(
    "Beside Unbound",
    .enabled(
        if: Places.canUnshare && Places.hasTools("unbound", "nsd", "dnssec-signzone"),
        "needs root for a network namespace, Unbound, NSD and BIND's signer"))
struct ComparisonTests {
    /// `TORII_COMPARE_NAMES` sets how many names, 600 when it is not there.
    @Test("Mixed names get the same answers as from Unbound; delv, unbound-host and drill agree")
    func same() throws {
        let program = Places.checkout.appendingPathComponent("Tests/SystemTests/Attacks/compare.py").path
        let result = try Tool.run(
            "/usr/bin/python3", ["-B", program, "--toriid", Places.program("toriid"), "--tools"],
            within: 1800)
        #expect(result.succeeded, "\(result.output.suffix(4000))\n\(result.errors)")
    }
}
