internal import Authority
internal import DNSCore
internal import Operations
internal import Resolver
internal import Transport

/// `trace NAME [TYPE]`: resolves a name anew and shows every decision on the way.
enum TraceCommand {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand(
                "trace", usage: "trace NAME [TYPE]", summary: "Resolves a name and shows every decision.",
                isExclusive: false
            ) { request in trace(request, server) }
        ]
    }

    private static func trace(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard server.core.cache != nil, let worker = server.core.workers.first else {
            return .failed("recursion is off")
        }
        guard let text = request.arguments.first, let name = try? Name(text) else {
            return .badUsage("usage: trace NAME [TYPE]")
        }
        guard let type = request.arguments.count > 1 ? RRType(mnemonic: request.arguments[1]) : .a else {
            return .badUsage("\(request.arguments[1]) is not a type")
        }
        // What a zone of ours answers is never resolved.
        let ours = Handover<String>()
        worker.loop.mailbox.post {
            ours.give(worker.catalog.enclosing(name).map { "\(worker.catalog.apex($0))" } ?? "")
        }
        guard let zone = ours.wait(seconds: 30) else { return .failed("no answer within 30 s") }
        guard zone.isEmpty else { return .done("answered by our own zone \(zone), no other server is asked") }
        let reply = Handover<ResolverAnswer>()
        worker.loop.mailbox.post {
            worker.readClocks(.now())
            worker.trace(Question(name: name, type: type)) { reply.give($0) }
        }
        guard let answer = reply.wait(seconds: 30) else { return .failed("no answer within 30 s") }
        var lines = answer.trace.map { entry in
            let milliseconds = Double(entry.elapsed / 1000) / 1000
            return "\(milliseconds) ms \(String(repeating: "  ", count: entry.depth))\(entry.text)"
        }
        lines.append("\(answer.responseCode)\(answer.isAuthentic ? ", validated" : "")")
        for error in answer.errors { lines.append("extended error \(error.code.rawValue): \(error.text)") }
        if !answer.failure.isEmpty { lines.append(answer.failure) }
        for record in answer.sections.records(.answer, question: Question(name: name, type: type)) {
            lines.append("\(record)")
        }
        let text2 = lines.joined(separator: "\n")
        return .done(text2)
    }
}

extension Worker {
    /// Resolves a question with every decision noted.
    func trace(_ question: Question, done: @escaping @Sendable (ResolverAnswer) -> Void) {
        nextTrace = (nextTrace + 1) & 0xff_ffff
        traces[nextTrace] = done
        resolver?.start(
            question, options: [.isTraced, .recursionDesired, .wantsDNSSEC],
            token: Worker.traceOwner << 56 | nextTrace,
            client: .loopbackIPv4, at: moment)
        requestPump()
    }

    /// The owner in tokens of questions that no worker's client asked.
    static let traceOwner: UInt64 = 0xff
}
