internal import DNSCore
internal import NTS
internal import Transport

/// What a plugin decided about a composed answer.
enum PluginVerdict {
    /// Nothing to say; ask the next plugin.
    case proceed
    /// The response stands as it is now; skip the plugins that remain.
    case respond
    /// Send nothing. Counted under the plugin's name.
    case drop
    /// The query has been taken in to wait; it comes down the pipeline again when it is released.
    case hold
    /// Answer with TC and no records, so that the client comes back over TCP.
    case truncate
    /// Answer with this code and no records.
    case refuse(ResponseCode)
}

/// An answer that plugins look at, and may change, before it is finished.
struct ComposedAnswer {
    /// Code of the response.
    var code: ResponseCode
    /// AA, TC, AD.
    var flags: HeaderFlags
    /// Whether the name is in a zone of ours that is marked `nts: true`.
    var zoneIsMarked: Bool
}

/// A stage after the answer has been composed.
///
/// Belongs to one worker.
protocol AnswerPlugin: AnyObject {
    /// Name in metrics and logs.
    var name: String { get }
    /// Decides about the answer that stands in the worker's composer.
    func consider(
        _ answer: ComposedAnswer, _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        worker: Worker, response: UnsafeMutableRawBufferPointer
    ) -> PluginVerdict
}

/// The plugins of a worker, in the order in which they are asked.
///
/// One line each.
enum PluginList {
    static func make(for worker: Worker) -> [any AnswerPlugin] {
        var plugins: [any AnswerPlugin] = []
        if let nts = worker.state.nts, nts.isEnabled { plugins.append(NTSPlugin(nts, worker: worker)) }
        return plugins
    }
}

extension Worker {
    /// Asks the plugins, then finishes the response.
    func complete(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ code: ResponseCode, flags: HeaderFlags,
        zoneIsMarked: Bool, _ peer: Peer, into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        if !plugins.isEmpty {
            let answer = ComposedAnswer(code: code, flags: flags, zoneIsMarked: zoneIsMarked)
            for plugin in plugins {
                switch unsafe plugin.consider(answer, query, &context, peer, worker: self, response: response)
                {
                case .proceed: continue
                case .respond: break
                case .drop: return ignore(.overload, peer)
                case .hold: return .deferred
                case .truncate: return unsafe truncateEmpty(query, &context, peer, into: response)
                case .refuse(let other):
                    return unsafe refuse(other, query, hasQuestion: true, &context, peer, into: response)
                }
                break
            }
        }
        return unsafe finish(query, &context, code, flags: flags, peer, into: response)
    }
}
