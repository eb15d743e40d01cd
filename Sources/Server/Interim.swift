internal import Authority
internal import DNSCore
internal import Transport

extension Worker {
    func forwardUpdate(_ request: UpdateRequest, _ slot: ZoneSlot, _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer, into response: UnsafeMutableRawBufferPointer) -> Disposition {
        unsafe refuse(.notImplemented, query, hasQuestion: true, &context, peer, into: response)
    }
    func notified(_ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer, into response: UnsafeMutableRawBufferPointer) -> Disposition {
        unsafe refuse(.notImplemented, query, hasQuestion: true, &context, peer, into: response)
    }
    func transfer(_ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer, into response: UnsafeMutableRawBufferPointer) -> Disposition {
        unsafe refuse(.notImplemented, query, hasQuestion: true, &context, peer, into: response)
    }
}
