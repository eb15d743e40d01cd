internal import DNSCore
internal import DNSSecurity

/// Telling outsiders which root keys are trusted here (RFC 8509).
extension Resolver {
    /// Whether a securely answered `root-key-sentinel-is-ta-`/`-not-ta-` question is to end in SERVFAIL.
    func sentinelForbids(_ request: Request) -> Bool {
        guard configuration.validation.answersKeySentinel,
            request.question.type == .a || request.question.type == .aaaa,
            // Shorter labels need not be looked at.
            request.question.name.wire[0] > 20, let label = request.question.name.labels.first,
            request.parts.allSatisfy({ $0.security == .secure }), let anchor = trustAnchors.anchor(of: .root)
        else { return false }
        let text = String(decoding: label.map(\.lowercasedASCII), as: UTF8.self)
        let isPositive = text.hasPrefix("root-key-sentinel-is-ta-")
        guard isPositive || text.hasPrefix("root-key-sentinel-not-ta-"),
            let digits = text.split(separator: "-").last, digits.count == 5, let tag = UInt16(digits)
        else { return false }
        var trusted = anchor.keys.contains { $0.keyTag == tag }
        if !trusted { trusted = anchor.delegationSigners.contains { $0.keyTag == tag } }
        return isPositive != trusted
    }
}
