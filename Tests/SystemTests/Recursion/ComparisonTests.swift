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

    /// Only with `TORII_COMPARE_MUTATIONS`, which sets how many names; `TORII_COMPARE_SEED` chooses them.
    ///
    /// What it has found is in `Scenarios/cases_doubt.py`, and what we knowingly make otherwise in `Attacks/mutations.py`.
    @Test(
        "Responses that contradict themselves are judged as by Unbound, or as the RFCs say",
        .enabled(if: Effort.count("TORII_COMPARE_MUTATIONS", 0) > 0, "asked for by TORII_COMPARE_MUTATIONS"))
    func changed() throws {
        let program = Places.checkout.appendingPathComponent("Tests/SystemTests/Attacks/compare.py").path
        let result = try Tool.run(
            "/usr/bin/python3",
            [
                "-B", program, "--toriid", Places.program("toriid"), "--mutations",
                "--names", String(Effort.count("TORII_COMPARE_MUTATIONS", 0)),
                "--seed", String(Effort.count("TORII_COMPARE_SEED", 1)),
            ], within: 1800)
        #expect(result.succeeded, "\(result.output.suffix(4000))\n\(result.errors)")
    }
}
