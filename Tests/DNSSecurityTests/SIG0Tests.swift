import DNSCore
import Testing

@testable import DNSSecurity

/// Updates that BIND's nsupdate signed with keys that dnssec-keygen made, one for each algorithm.
@Suite struct SIG0Tests {
    private static let messages: [(algorithm: UInt8, key: String, message: String)] = [
        (
            8,
            """
            AwEAAbxSHpOK61UAqKSomsCIYOTuwzNo9Uc0LXbQectH2bwqlm8j8LfHt8d91JGM/b/FBxaji/vIZ+bnEPw/mkXc\
            baHkXj8+SPpJxEBRWOQh/LNzRzvwFAA8XAFxMp1qCq7AY9tPwcGuzN8foclRFZsZJFEMZy0sjUT+ZBsaltbnf+xb
            """,
            """
            6bdd28000001000000010001076578616d706c65036e6574000006000104686f7374c00c000100010000003c\
            0004c000020700001800ff0000000000a400000800000000006b0167496b0164f1827204686f737407657861\
            6d706c65036e65740009a38d3846eaade01840cd9a5913e6b88b081c657a82a6f383305138174694d9898937\
            da35ce633aa66a9faaa280d2ee42a8c4ea82edb244a2ef94c8940f9d0e5463870f8e744c08a9bd2852080095\
            7b0edfac4f73f87cb6430b9e8cdaeb3b61ee7289fc462d476c0999c03bf31c762623121e9177ad045ee856c4\
            a236f5719f
            """
        ),
        (
            13,
            """
            saZVYUfsWUWqIfL4VKb99G0HaBpcRYBsSBJUMa28fCKzaM+ob4+AEUX9ciE/Zir4+IqSCukKuKpRZcZZyx9IIw==
            """,
            """
            793e28000001000000010001076578616d706c65036e6574000006000104686f7374c00c000100010000003c\
            0004c000020700001800ff00000000006400000d00000000006b0167496b0164f1017004686f737407657861\
            6d706c65036e657400206df8b0c07a41af100f5b640ecc49bd02c5aef309b1638809c1cd25906618fcb85f42\
            65ec38343e5f8c40a4ba742dbb625277351858e8a74dc9507f6d435f75
            """
        ),
        (
            15,
            """
            ewndeKscVUDeMWGN+cbyUfzLw5/utyvVOZYISWi/yVg=
            """,
            """
            3b1c28000001000000010001076578616d706c65036e6574000006000104686f7374c00c000100010000003c\
            0004c000020700001800ff00000000006400000f00000000006b0167496b0164f1d8b604686f737407657861\
            6d706c65036e657400c37d0ccc23f2c768a0e6537ccdf5224fa62cb649abcd6f51cbf099344ff0ede3047824\
            ac1e3e2d83e46b63608bf2f78692b780dc9343345ae36f8631cef7e40d
            """
        ),
    ]

    /// A moment at which the signatures count.
    private let now: UInt64 = 1795253549

    private func verify(
        _ index: Int, at time: UInt64? = nil, _ change: (inout [UInt8], inout [UInt8]) -> Void = { _, _ in }
    )
        throws -> TransactionSignatureVerdict
    {
        let vector = Self.messages[index]
        var message = octets(vector.message)
        var key = [2, 0, 3, vector.algorithm] + (Base64.decode(vector.key) ?? [])
        change(&message, &key)
        let layout = try MessageView.survey(message)
        let signer = TransactionSignature.signer(message.span.bytes, layout: layout)
        #expect(signer != nil)
        return TransactionSignature.verify(
            message.span.bytes, layout: layout, keys: [RecordData(key)], now: time ?? now)
    }

    @Test("Updates of another implementation are verified", arguments: 0..<3)
    func verified(index: Int) throws {
        #expect(try verify(index) == .verified(Name("host.example.net")))
    }

    @Test("What was changed, comes at the wrong time or with another key is not", arguments: 0..<3)
    func refused(index: Int) throws {
        let signer = try Name("host.example.net")
        #expect(try verify(index) { message, _ in message[14] ^= 1 } == .badSignature(signer))
        #expect(try verify(index) { message, _ in message[message.count - 1] ^= 1 } == .badSignature(signer))
        #expect(try verify(index, at: now + 3600) == .outsideValidity(signer))
        #expect(try verify(index, at: now - 3600) == .outsideValidity(signer))
        guard case .unknownKey = try verify(index, { _, key in key[10] ^= 1 }) else {
            Issue.record("expected an unknown key")
            return
        }
        // A key that prohibits authentication; the tag differs with it, so the signature's is set to match.
        guard case .unknownKey = try verify(index, { _, key in key[0] |= 0x80 }) else {
            Issue.record("expected an unknown key")
            return
        }
    }

    @Test("A message without SIG(0)")
    func unsigned() throws {
        let message = Message(id: 1, questions: [Question(name: .root, type: .soa)]).encoded()
        let layout = try MessageView.survey(message)
        let verdict = TransactionSignature.verify(message.span.bytes, layout: layout, keys: [], now: now)
        #expect(verdict == .unsigned)
    }
}
