import Foundation
import Testing

/// Evil servers, spoofers and floods against a real toriid; see `Tests/SystemTests/Attacks`.
@Suite("Attacks on the resolver", .enabled(if: Places.canUnshare, "needs root for a network namespace"))
struct AttackTests {
    @Test("Every attack stays within its figure")
    func attacks() throws {
        let rig = Places.checkout.appendingPathComponent("Tests/SystemTests/Attacks/attack.py").path
        let result = try Tool.run(
            "/usr/bin/python3", ["-B", rig, "--toriid", Places.program("toriid")], within: 900)
        let failed = result.output.split(separator: "\n").filter {
            $0.hasPrefix("FAIL") || $0.hasPrefix("    ")
        }
        #expect(result.succeeded, "\(failed.joined(separator: "\n"))\n\(result.errors)")
    }
}
