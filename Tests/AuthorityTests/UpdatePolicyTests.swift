import DNSCore
import DNSSecurity
import Testing

@testable import Authority

@Suite struct UpdatePolicyTests {
    private let key = Sample.name("host")
    private var signed: UpdateRequestor {
        UpdateRequestor(source: Sample.address("198.51.100.7"), key: key, algorithm: .hmacSHA256)
    }

    private func code(
        _ rules: [UpdateRule], _ lines: [String], from requestor: UpdateRequestor,
        privateAddresses: UpdatePolicy.PrivateAddresses = .accept
    ) throws -> ResponseCode {
        try Sample.run(
            Sample.zone(), lines.map { Sample.change($0) }, from: requestor,
            policy: UpdatePolicy(rules: rules, privateAddresses: privateAddresses)
        ).0.responseCode
    }

    @Test("Without a rule everything is refused")
    func noRules() throws {
        #expect(try code([], ["add new 60 A 192.0.2.7"], from: signed) == .refused)
        guard case .failure(.refused) = UpdatePolicy().admits(signed) else {
            Issue.record("expected a refusal")
            return
        }
    }

    @Test(
        "Names: exact, below, at or below, and those of the key",
        arguments: [
            (UpdateNameMatch.exact(Sample.name("new")), "new", true),
            (.exact(Sample.name("new")), "x.new", false),
            (.below(Sample.apex), "new", true), (.below(Sample.apex), "a.b.c", true),
            (.below(Sample.apex), "@", false),
            (.atOrBelow(Sample.name("sub")), "sub", true), (.atOrBelow(Sample.name("sub")), "x.sub", true),
            (.atOrBelow(Sample.name("sub")), "xsub", false), (.keyName, "HOST", true),
            (.keyName, "x.host", false),
            (.atOrBelowKeyName, "host", true), (.atOrBelowKeyName, "x.host", true),
            (.atOrBelowKeyName, "new", false),
            (.belowKeyName, "host", false), (.belowKeyName, "x.host", true),
        ])
    func names(match: UpdateNameMatch, owner: String, isAllowed: Bool) throws {
        let rules = [UpdateRule(key: key, names: [match])]
        #expect(
            try code(rules, ["add \(owner) 60 TXT x"], from: signed) == (isAllowed ? .noError : .refused))
    }

    @Test("The first match decides, deny or allow; every record is judged")
    func order() throws {
        let rules = [
            UpdateRule(key: key, names: [.exact(Sample.name("secret"))], action: .refuse),
            UpdateRule(key: key, types: [UpdateTypeMatch(.a), UpdateTypeMatch(.txt)]),
        ]
        #expect(try code(rules, ["add new 60 A 192.0.2.7"], from: signed) == .noError)
        #expect(try code(rules, ["add secret 60 A 192.0.2.7"], from: signed) == .refused)
        #expect(try code(rules, ["add new 60 A 192.0.2.7", "add new 60 MX 1 www"], from: signed) == .refused)
        var unsigned = signed
        unsigned.key = nil
        #expect(try code(rules, ["add new 60 A 192.0.2.7"], from: unsigned) == .refused)
    }

    @Test("Sources by prefix; an IPv4-mapped source counts as IPv4")
    func sources() throws {
        let rules = [UpdateRule(from: [Sample.prefix("198.51.100.0/24"), Sample.prefix("2001:db8::/32")])]
        for (source, expected): (String, ResponseCode) in [
            ("198.51.100.7", .noError), ("::ffff:198.51.100.7", .noError), ("198.51.101.7", .refused),
            ("2001:db8::7", .noError), ("2001:db9::7", .refused),
        ] {
            let requestor = UpdateRequestor(source: try #require(IPAddress(source)))
            #expect(try code(rules, ["add new 60 A 192.0.2.7"], from: requestor) == expected)
        }
    }

    @Test("A type's count limits the records of a name; what is there already may come again")
    func counts() throws {
        let rules = [UpdateRule(key: key, types: [UpdateTypeMatch(.a, count: 2)])]
        #expect(try code(rules, ["add www 300 A 192.0.2.82"], from: signed) == .refused)
        #expect(try code(rules, ["add www 60 A 192.0.2.80"], from: signed) == .noError)
        #expect(try code(rules, ["delete www A", "add www 60 A 192.0.2.82"], from: signed) == .noError)
        #expect(try code(rules, ["delete www", "add www 60 A 192.0.2.82"], from: signed) == .noError)
        #expect(try code(rules, ["add n 60 A 192.0.2.1", "add n 60 A 192.0.2.2"], from: signed) == .noError)
        #expect(
            try code(
                rules, ["add n 60 A 192.0.2.1", "add n 60 A 192.0.2.2", "add n 60 A 192.0.2.3"], from: signed)
                == .refused)
    }

    @Test("Deletion of a name is judged for each type that it has, and by its name when it has none")
    func deletionOfNames() throws {
        let rules = [UpdateRule(key: key, names: [.below(Sample.name("deep"))], types: [UpdateTypeMatch(.a)])]
        #expect(try code(rules, ["delete a.deep"], from: signed) == .noError)
        #expect(try code(rules, ["delete b.deep"], from: signed) == .noError)
        #expect(try code(rules, ["delete nope"], from: signed) == .refused)
        let onlyText = [UpdateRule(key: key, types: [UpdateTypeMatch(.txt)])]
        #expect(try code(onlyText, ["delete www"], from: signed) == .refused)
    }

    @Test("The reverse name of the source, only when the source cannot be forged")
    func reverse() throws {
        let apex = try Name("100.51.198.in-addr.arpa")
        let zone = try ZoneSnapshot(
            apex: apex,
            records: [
                ResourceRecord(
                    owner: apex, type: .soa, ttl: 60, data: RecordData(Sample.data("1", .soa))),
                ResourceRecord(owner: apex, type: .ns, ttl: 60, data: RecordData(Sample.name("ns1").wire)),
            ])
        let policy = UpdatePolicy(rules: [UpdateRule(names: [.sourceReverse], types: [UpdateTypeMatch(.ptr)])]
        )
        func code(_ last: String, isStream: Bool) throws -> ResponseCode {
            let requestor = UpdateRequestor(
                source: try #require(IPAddress("198.51.100.7")), isStream: isStream)
            let record = ResourceRecord(
                owner: try Name(last, origin: apex), type: .ptr, ttl: 60,
                data: RecordData(Sample.name("www").wire))
            return try Sample.run(zone, [record], from: requestor, policy: policy).0.responseCode
        }
        #expect(try code("7", isStream: true) == .noError)
        #expect(try code("8", isStream: true) == .refused)
        #expect(try code("7", isStream: false) == .refused)
    }

    @Test("Private addresses from a source outside: taken, refused, or replaced by the source")
    func privateAddresses() throws {
        let rules = [UpdateRule()]
        let line = "add new 60 A 192.168.1.5"
        #expect(try code(rules, [line], from: signed) == .noError)
        #expect(try code(rules, [line], from: signed, privateAddresses: .refuse) == .refused)
        let inside = UpdateRequestor(source: try #require(IPAddress("192.168.1.9")))
        #expect(try code(rules, [line], from: inside, privateAddresses: .refuse) == .noError)
        let (_, zone, _) = try Sample.run(
            Sample.zone(), [Sample.change(line)], from: signed,
            policy: UpdatePolicy(rules: rules, privateAddresses: .replace))
        #expect(
            zone.rrset(at: Sample.name("new"), type: .a)?.data == [RecordData([198, 51, 100, 7])])
        // There is no IPv6 source to take the place of a private IPv6 address.
        #expect(
            try code(rules, ["add new 60 AAAA fd00::1"], from: signed, privateAddresses: .replace) == .refused
        )
    }

    @Test("A refusal names the rule that decided, or says of each why it did not match")
    func reasons() throws {
        let other = Sample.name("other-key")
        let rules = [
            UpdateRule(key: other),
            UpdateRule(key: key, names: [.exact(Sample.name("secret"))], action: .refuse),
        ]
        let policy = UpdatePolicy(rules: rules)
        let denied = policy.explain(owner: Sample.name("secret"), type: .a, requestor: signed)
        #expect(!denied.isAllowed && denied.decidedBy == 2)
        #expect(denied.lines.first?.contains("it wants key other-key.example.net.") == true)
        let unmatched = policy.explain(owner: Sample.name("new"), type: .a, requestor: signed)
        #expect(!unmatched.isAllowed && unmatched.decidedBy == nil && unmatched.lines.count == 3)
        let (reason, _, _) = try Sample.run(
            Sample.zone(), [Sample.change("add new 60 A 192.0.2.7")], from: signed, policy: policy)
        #expect("\(reason)".contains("key host.example.net. hmac-sha256"))
        #expect("\(reason)".contains("rule 1: it wants key other-key.example.net."))
        #expect(reason.extendedError == .prohibited)
    }
}
