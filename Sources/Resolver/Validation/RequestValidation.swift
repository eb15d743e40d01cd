internal import DNSCore
internal import DNSSecurity

/// Validating the parts of a request's answer. Runs from the first part that is not done; when keys are missing it
/// stops, and is called again when the chain of keys has been followed. Sets that are done say so themselves.
extension Resolver {
    /// What validation of a part came to.
    private enum Verdict {
        case secure
        case insecure(InsecureReason?)
        case bogus(BogusReason, Name)
        case failed(Failure)
        /// Keys are being fetched.
        case wait
    }

    /// Validates what is not validated yet, then finishes the request.
    func validate(_ request: Request, at now: Moment) {
        while request.validated < request.parts.count {
            let index = request.validated
            if case .failure = request.parts[index].end {
                // No other server did better: what the first one sent stands.
                if let fault = request.lastFault {
                    return endBogus(request, fault.reason, fault.name, at: now)
                }
                request.validated += 1
                continue
            }
            if request.parts[index].security == .secure || request.parts[index].security == .insecure {
                request.validated += 1
                continue
            }
            request.verifiedProof.removeAll()
            request.secureSets.removeAll()
            request.optedOut.removeAll()
            switch verdict(request, index, at: now) {
            case .wait: return
            case .secure:
                note(request.budget, 0, at: now, "\(request.parts[index].summary): secure")
                request.parts[index].security = .secure
                // What came beside the proof and was not verified is neither told nor learnt from.
                request.parts[index].proof = request.verifiedProof
                if configuration.validation.usesAggressiveNegatives {
                    absences.learn(request.verifiedProof, at: now.seconds, metrics: &metrics)
                }
                limitTTLs(&request.parts[index], request)
            case .insecure(let reason):
                note(request.budget, 0, at: now, "\(request.parts[index].summary): insecure")
                // What is said of a parent counts for names below it only where it is vouched for.
                if request.parts[index].isOfParent, askAnotherServer(request, index, at: now) { return }
                request.parts[index].security = .insecure
                if case .tooManyNSEC3Iterations? = reason { metrics.limitNSEC3Iterations += 1 }
                if let code = reason?.extendedError { request.notes.append(ExtendedErrorNote(code)) }
            case .bogus(let reason, let name):
                note(request.budget, 0, at: now, "bogus: \(reason) at \(name.lowercased)")
                if request.parts[index].malformedRecords > 0 {
                    request.notes.append(ExtendedErrorNote(.other, "malformed records left out"))
                }
                request.lastFault = (reason, name)
                if askForTarget(request, index, at: now) { return }
                if askAnotherServer(request, index, at: now) { return }
                return endBogus(request, reason, name, at: now)
            case .failed(let failure):
                // Nobody says whether data without signatures may be so: another server may have them signed.
                if request.parts[index].lacksSignatures,
                    askForTarget(request, index, at: now) || askAnotherServer(request, index, at: now)
                {
                    return
                }
                request.parts.append(Outcome(failing: request.parts[index].finalName, failure))
                return finish(request, at: now)
            }
            if !request.parts[index].isForOneSubnet,
                !request.parts[index].isFromCache || request.parts[index].security == .secure
            {
                keepValidated(request.parts[index], of: request, at: now)
            }
            request.validated += 1
        }
        countLimits(request)
        finish(request, at: now)
    }

    /// Counts the limits on validation that a request has reached.
    private func countLimits(_ request: Request) {
        for limit in request.budget.validation.fired {
            switch limit {
            case .verifications: metrics.limitVerifications += 1
            case .failedVerifications: metrics.limitFailedVerifications += 1
            case .keysPerTag: metrics.limitKeysPerTag += 1
            case .keys: metrics.limitKeysPerZone += 1
            case .delegationSigners: metrics.limitDelegationSigners += 1
            case .signatures: metrics.limitSignaturesPerSet += 1
            case .nsec3Hashes: metrics.limitNSEC3Hashes += 1
            case .denialRecords: metrics.limitDenialRecords += 1
            }
        }
    }

    /// The chain that a request waited for has ended.
    func resume(request id: Int, chain target: Name, _ result: ChainResult, at now: Moment) {
        guard let request = requests[id], request.isValidating else { return }
        request.chainResults[target] = result
        validate(request, at: now)
    }

    private func chain(_ request: Request, to name: Name, at now: Moment) -> ChainResult? {
        if let result = request.chainResults[name] { return result }
        if let known = knownChain(to: name, at: now) { return known }
        startChain(to: name, for: request, at: now)
        return nil
    }

    // MARK: One part

    private func verdict(_ request: Request, _ index: Int, at now: Moment) -> Verdict {
        let part = request.parts[index]
        var sets = part.links
        if case .answer(let found) = part.end { sets += found }
        var result = Verdict.secure
        var isMadeFromDNAME = false
        for set in sets {
            if isMadeFromDNAME, set.type == .cname {
                isMadeFromDNAME = false
                continue
            }
            isMadeFromDNAME = set.type == .dname
            switch verdict(set, in: part, request, at: now) {
            case .secure: break
            case .insecure(let reason): result = .insecure(reason)
            case let other: return other
            }
        }
        switch part.end {
        case .noData, .nameError: break
        case .answer, .alias, .tooLongName, .failure: return result
        }
        switch verdictOnAbsence(part, index, request, at: now) {
        case .secure:
            request.parts[index].absenceSecurity = .secure
            return result
        case let other: return other
        }
    }

    /// Validates one set (RFC 4035 5.3), and what a wildcard needs besides (5.3.4).
    private func verdict(_ set: RecordSet, in part: Outcome, _ request: Request, at now: Moment) -> Verdict {
        // Signatures are not signed.
        if set.type == .rrsig { return .insecure(nil) }
        // DS records belong to the zone above.
        let place = set.type == .ds ? set.owner.parent ?? set.owner : set.owner
        let zone = speaker(set.signer, for: place)
        guard let chain = chain(request, to: zone, at: now) else { return .wait }
        switch chain {
        case .unanchored: return .insecure(nil)
        case .insecure(let reason): return .insecure(reason)
        case .bogus(let reason, let at): return .bogus(reason, at)
        case .failed(let failure): return .failed(failure)
        case .secure(let keys):
            switch validator.verify(
                set.signed, with: keys, at: validationTime(now), budget: &request.budget.validation)
            {
            case .bogus(let reason): return .bogus(reason, set.owner)
            case .secure(let secure):
                request.ttlLimit = min(request.ttlLimit, secure.ttlLimit)
                guard secure.isWildcardExpansion else {
                    request.secureSets.append((set.owner, set.type, secure.ttlLimit))
                    return .secure
                }
                let proof = denialProof(part.proof, keys, request, at: now)
                switch proof.wildcardAnswer(
                    for: set.owner, labels: secure.labels, budget: &request.budget.validation)
                {
                case .proven:
                    request.secureSets.append((set.owner, set.type, secure.ttlLimit))
                    return .secure
                case .insecure(let reason):
                    request.optedOut.append(set.owner)
                    return .insecure(reason)
                case .bogus(let reason): return .bogus(reason, set.owner)
                }
            }
        }
    }

    /// Validates that a name or type does not exist (RFC 4035 5.4).
    private func verdictOnAbsence(
        _ part: Outcome, _ index: Int, _ request: Request, at now: Moment
    ) -> Verdict {
        let name = part.finalName
        let type = request.currentType
        let place = type == .ds ? name.parent ?? name : name
        // Without NSEC and NSEC3 it depends on whether the name itself may be without: inside an opt-out span it may.
        let denying = part.proof.filter { $0.type != .soa }.compactMap(\.signer).filter {
            place.isAtOrBelow($0)
        }
        let zone = speaker(denying.first, for: place)
        guard let chain = chain(request, to: zone, at: now) else { return .wait }
        switch chain {
        case .unanchored: return .insecure(nil)
        case .insecure(let reason): return .insecure(reason)
        case .bogus(let reason, let at): return .bogus(reason, at)
        case .failed(let failure): return .failed(failure)
        case .secure(let keys):
            for set in part.proof where set.type == .soa && set.owner == keys.zone {
                if case .bogus(let reason) = validator.verify(
                    set.signed, with: keys, at: validationTime(now), budget: &request.budget.validation)
                {
                    return .bogus(reason, set.owner)
                }
                request.verifiedProof.append(set)
            }
            let proof = denialProof(part.proof, keys, request, at: now)
            let saysNameError = if case .nameError = part.end { true } else { false }
            func prove(_ isNameError: Bool) -> DenialOutcome {
                isNameError
                    ? proof.nameError(name, budget: &request.budget.validation)
                    : proof.noData(name, type: type, budget: &request.budget.validation)
            }
            switch prove(saysNameError) {
            case .proven: return .secure
            case .insecure(let reason): return .insecure(reason)
            case .bogus(let reason):
                // Some signers call empty non-terminals names that do not exist: the NSEC record counts then, not the
                // code above it. Behind an alias the code may be the alias's own. Nothing else is forgiven.
                let isTarget = index > 0 && part.links.isEmpty
                guard isTarget || saysNameError && part.proof.contains(where: { $0.type == .nsec }),
                    prove(!saysNameError) == .proven
                else { return .bogus(reason, name) }
                guard saysNameError else { return .secure }
                request.parts[index].end = .noData
                return .secure
            }
        }
    }

    /// The zone whose keys decide about records at `place` that `signer` says to have signed.
    ///
    /// A trust anchor below the signer is not got round by naming a signer above it.
    private func speaker(_ signer: Name?, for place: Name) -> Name {
        guard let signer else { return place }
        if let anchor = trustAnchors.closest(to: place), anchor.zone.isBelow(signer) { return anchor.zone }
        return signer
    }

    /// The proof that a part brought, as far as the zone's keys verify it.
    private func denialProof(
        _ sets: [RecordSet], _ keys: ZoneKeys, _ request: Request, at now: Moment
    ) -> DenialProof {
        denialProof(
            sets, keys, &request.budget.validation, verified: &request.verifiedProof, at: now)
    }

    // MARK: Ends

    /// Marks the sets of a part as secure; none lives longer than its signature allows (RFC 4035 5.3.3).
    private func limitTTLs(_ part: inout Outcome, _ request: Request) {
        func limit(_ set: inout RecordSet) {
            for found in request.secureSets where found.type == set.type && found.owner == set.owner {
                set.ttl = min(set.ttl, found.ttlLimit)
            }
            set.security = .secure
        }
        for index in part.links.indices { limit(&part.links[index]) }
        if case .answer(var sets) = part.end {
            for index in sets.indices {
                limit(&sets[index])
                sets[index].credibility = .validated
            }
            part.end = .answer(sets)
        }
    }

    private func keepValidated(_ part: Outcome, of request: Request, at now: Moment) {
        let type = request.currentType
        var kept = part
        if kept.absenceSecurity == .secure { kept.proof = request.verifiedProof }
        if kept.security == .insecure {
            for index in kept.links.indices { judge(&kept.links[index], request) }
            if case .answer(var sets) = kept.end {
                for index in sets.indices { judge(&sets[index], request) }
                kept.end = .answer(sets)
            }
        }
        store(kept, type: type, at: now)
        if kept.security == .secure, configuration.validation.usesAggressiveNegatives {
            keepWildcards(kept, at: now)
        }
    }

    /// A part may be insecure as a whole and have secure sets: an alias of a signed zone into an unsigned one.
    private func judge(_ set: inout RecordSet, _ request: Request) {
        let found = request.secureSets.first { $0.owner == set.owner && $0.type == set.type }
        set.security = found == nil ? .insecure : .secure
        guard let found else { return }
        set.credibility = .validated
        set.ttl = min(set.ttl, found.ttlLimit)
    }

    /// Keeps the wildcards that secure sets were made from, for names like theirs (RFC 8198 5.3).
    private func keepWildcards(_ part: Outcome, at now: Moment) {
        var sets = part.links.filter { $0.type == .cname }
        if case .answer(let found) = part.end { sets += found }
        for var set in sets {
            guard let labels = set.signatureLabels, labels < set.owner.labelCount, !set.owner.isWildcard,
                let wildcard = set.owner.suffix(labels: labels).wildcardChild
            else { continue }
            set.owner = wildcard
            store(set, at: now)
        }
    }

    /// The aliases of a part are good and what came with them is not: its target is asked for by itself, as if the
    /// server had not gone on.
    private func askForTarget(_ request: Request, _ index: Int, at now: Moment) -> Bool {
        guard request.validationRetries < configuration.limits.validationRetries else { return false }
        let part = request.parts[index]
        var count = 0
        var target: Name?
        for link in part.links {
            let isMade = count > 0 && part.links[count - 1].type == .dname && link.type == .cname
            let isGood =
                isMade || request.optedOut.contains(link.owner)
                || request.secureSets.contains { $0.owner == link.owner && $0.type == link.type }
            guard isGood else { break }
            count += 1
            if link.type == .cname { target = link.target }
        }
        guard let target, count > 0 else { return false }
        request.validationRetries += 1
        var kept = part
        kept.links = Array(part.links.prefix(count))
        kept.end = .alias(target)
        kept.finalName = target
        kept.proof = part.proof.filter { $0.type != .soa }
        request.parts.replaceSubrange(index..., with: [kept])
        request.currentName = target
        request.isValidating = false
        startFetch(
            target, request.currentType, waiter: .request(request.id), budget: request.budget, depth: 0,
            refreshes: true, subnet: request.subnet, at: now)
        return true
    }

    /// The part did not validate; its zone may have servers that do better (RFC 4035 4.9 leaves how often to us).
    private func askAnotherServer(_ request: Request, _ index: Int, at now: Moment) -> Bool {
        guard request.validationRetries < configuration.limits.validationRetries else { return false }
        request.validationRetries += 1
        let part = request.parts[index]
        // What was said of a parent is asked anew of the whole name; what was cached has no server.
        let isFromElsewhere = part.isOfParent || part.server == nil
        request.avoidedServers.insert(
            isFromElsewhere ? IPEndpoint(.anyIPv4, port: 0) : part.server ?? IPEndpoint(.anyIPv4, port: 0))
        request.parts.removeSubrange(index...)
        let name = index == 0 ? request.question.name : request.parts[index - 1].finalName
        request.currentName = name
        request.visited = Set(request.parts.flatMap { $0.links.map(\.owner) })
        request.chainResults.removeAll()
        request.isValidating = false
        startFetch(
            name, request.currentType, waiter: .request(request.id), budget: request.budget, depth: 0,
            refreshes: true, avoiding: request.avoidedServers, subnet: request.subnet, at: now)
        return true
    }

    private func endBogus(_ request: Request, _ reason: BogusReason, _ name: Name, at now: Moment) {
        metrics.bogus += 1
        remove(request)
        countLimits(request)
        let text = "\(reason) at \(name.lowercased)"
        var answer = ResolverAnswer(
            .serverFailure, errors: [ExtendedErrorNote(reason.extendedError, text)] + request.notes)
        answer.failure = "\(request.question.name) \(request.question.type): bogus: \(text)"
        storeAnswer(
            answer, for: request.question, view: request.view, audience: [.plain, .wantsDNSSEC],
            ttl: configuration.validation.bogusTTL.wholeSeconds, at: now)
        forgetBogus(request, at: now)
        metrics.failures += 1
        for client in request.clients { deliver(answer, of: request, to: client, at: now) }
    }

    /// What failed must not be found again as if it were only unchecked.
    private func forgetBogus(_ request: Request, at now: Moment) {
        for part in request.parts {
            guard part.security != .secure, part.security != .insecure else { continue }
            var bad = part
            for index in bad.links.indices { mark(&bad.links[index], request) }
            if case .answer(var sets) = bad.end {
                for index in sets.indices { mark(&sets[index], request) }
                bad.end = .answer(sets)
            }
            bad.security = .bogus
            bad.negativeTTL = min(bad.negativeTTL, configuration.validation.bogusTTL.wholeSeconds)
            store(bad, type: request.currentType, at: now)
        }
    }

    private func mark(_ set: inout RecordSet, _ request: Request) {
        guard !request.secureSets.contains(where: { $0.owner == set.owner && $0.type == set.type }) else {
            set.security = .secure
            return
        }
        set.security = .bogus
        set.ttl = min(set.ttl, configuration.validation.bogusTTL.wholeSeconds)
    }
}
