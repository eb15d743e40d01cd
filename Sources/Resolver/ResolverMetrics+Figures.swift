extension ResolverMetrics {
    /// One counter as it is published.
    package struct Figure {
        /// Its name between `torii_resolver_` and `_total`.
        package let name: String
        /// What it counts, in one sentence.
        package let help: String
        /// Where it is.
        package let value: KeyPath<ResolverMetrics, UInt64>

        fileprivate init(_ name: String, _ help: String, _ value: KeyPath<ResolverMetrics, UInt64>) {
            self.name = name
            self.help = help
            self.value = value
        }
    }

    /// Every counter.
    package static var figures: [Figure] {
        [
            Figure("queries", "Client queries that the cache of whole answers did not answer.", \.queries),
            Figure("joined", "Client queries that joined a question already under way.", \.joined),
            Figure(
                "local_answers", "Answers from local zones, local data and special-use names.", \.localAnswers
            ),
            Figure("answers_from_sets", "Answers made from cached RRsets without asking.", \.answersFromSets),
            Figure(
                "aggressive_answers", "Answers made from cached NSEC and NSEC3 records (RFC 8198).",
                \.aggressiveAnswers),
            Figure(
                "aggressive_wildcards",
                "Answers made from a cached wildcard and the proof that nothing closer exists (RFC 8198 5.3).",
                \.aggressiveWildcards),
            Figure("sent_udp", "Questions sent over UDP.", \.sentUDP),
            Figure("sent_tcp", "Questions sent over TCP.", \.sentTCP),
            Figure("sent_tls", "Questions sent over TLS.", \.sentTLS),
            Figure("responses", "Usable responses.", \.responses),
            Figure("timeouts", "Questions without a response in time.", \.timeouts),
            Figure("unreachable", "Questions the network refused.", \.unreachable),
            Figure(
                "wrong_responses",
                "Responses that were malformed, or answered another question, or came from another place.",
                \.wrongResponses),
            Figure(
                "spoofing_suspicions",
                "Questions repeated over TCP because wrong responses hinted at spoofing.",
                \.spoofingSuspicions),
            Figure("truncated", "Responses with TC.", \.truncated),
            Figure(
                "oversized",
                "Datagrams larger than was offered: taken for pieced together, and asked again over TCP (RFC 9715).",
                \.oversized),
            Figure("lame", "Servers found not to serve a zone.", \.lame),
            Figure(
                "out_of_bailiwick", "Records dropped because the sender had no say over their owners.",
                \.outOfBailiwick),
            Figure(
                "upstream_errors", "Responses with server failure, refusal or the like.", \.upstreamErrors),
            Figure("failures", "SERVFAIL given to clients.", \.failures),
            Figure(
                "cached_failures", "Failures answered from the failure cache (RFC 9520).", \.cachedFailures),
            Figure("stale_answers", "Expired answers served (RFC 8767).", \.staleAnswers),
            Figure("prefetches", "Questions asked ahead of expiry.", \.prefetches),
            Figure("secure", "Answers validated as secure.", \.secure),
            Figure("insecure", "Answers that are provably insecure, or were not validated.", \.insecure),
            Figure("bogus", "Answers that did not validate.", \.bogus),
            Figure(
                "subnet_answers",
                "Answers given again to clients of the subnet that they had been made for (RFC 7871).",
                \.subnetAnswers),
            Figure("policy_hits", "Policy (RPZ) hits.", \.policyHits),
            Figure(
                "private_addresses_removed", "Private addresses removed from answers.",
                \.privateAddressesRemoved),
            Figure(
                "limit_subnet_answers", "How often limits.subnet-answers was reached.", \.limitSubnetAnswers),
            Figure(
                "limit_upstream_queries", "How often limits.upstream-queries was reached.",
                \.limitUpstreamQueries),
            Figure(
                "limit_upstream_queries_per_name", "How often limits.upstream-queries-per-name was reached.",
                \.limitUpstreamQueriesPerName),
            Figure("limit_alias_restarts", "How often limits.cname-chain was reached.", \.limitAliasRestarts),
            Figure("limit_referrals", "How often limits.referrals was reached.", \.limitReferrals),
            Figure(
                "limit_server_names", "How often limits.delegation-servers was reached.", \.limitServerNames),
            Figure(
                "limit_address_lookups", "How often limits.delegation-lookups was reached.",
                \.limitAddressLookups),
            Figure(
                "limit_addresses_per_delegation", "How often limits.addresses-per-delegation was reached.",
                \.limitAddressesPerDelegation),
            Figure("limit_depth", "How often limits.recursion-depth was reached.", \.limitDepth),
            Figure("limit_wall_time", "How often limits.resolution-time was reached.", \.limitWallTime),
            Figure(
                "limit_clients_per_question", "How often limits.clients-per-query was reached.",
                \.limitClientsPerQuestion),
            Figure(
                "limit_concurrent_questions", "How often limits.outstanding-queries was reached.",
                \.limitConcurrentQuestions),
            Figure(
                "limit_questions_per_zone", "How often limits.queries-per-zone was reached.",
                \.limitQuestionsPerZone),
            Figure(
                "limit_records_per_set", "How often limits.response-records, for one RRset, was reached.",
                \.limitRecordsPerSet),
            Figure(
                "limit_records_per_response", "How often limits.response-records was reached.",
                \.limitRecordsPerResponse),
            Figure(
                "limit_signatures_per_set", "How often limits.signatures-per-rrset was reached.",
                \.limitSignaturesPerSet),
            Figure(
                "limit_minimised_labels", "How often limits.minimised-labels was reached.",
                \.limitMinimisedLabels),
            Figure(
                "limit_verifications", "How often limits.signature-checks was reached.", \.limitVerifications),
            Figure(
                "limit_failed_verifications", "How often limits.signature-failures was reached.",
                \.limitFailedVerifications),
            Figure(
                "limit_keys_per_tag", "How often limits.keys-per-tag was reached.", \.limitKeysPerTag),
            Figure(
                "limit_keys_per_zone", "How often limits.keys-per-zone was reached.", \.limitKeysPerZone),
            Figure(
                "limit_delegation_signers", "How often limits.ds-records was reached.",
                \.limitDelegationSigners),
            Figure(
                "limit_nsec3_iterations", "How often limits.nsec3-iterations was reached.",
                \.limitNSEC3Iterations),
            Figure("limit_nsec3_hashes", "How often limits.nsec3-hashes was reached.", \.limitNSEC3Hashes),
            Figure(
                "limit_denial_records", "How often limits.denial-records was reached.",
                \.limitDenialRecords),
            Figure(
                "limit_remembered_servers", "How often limits.server-records was reached.",
                \.limitRememberedServers),
            Figure(
                "limit_remembered_zones", "How often limits.zone-records was reached.", \.limitRememberedZones
            ),
            Figure("limit_late_answers", "How often limits.late-answers was reached.", \.limitLateAnswers),
        ]
    }
}
