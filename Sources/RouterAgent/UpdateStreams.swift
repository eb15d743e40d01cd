internal import DNSCore
internal import NTS

/// Joins the TCP segments of UPDATE traffic to messages.
///
/// Hostile input: every table and buffer has a bound, and what goes beyond is forgotten, since a name that
/// was not learnt is only a name that is not opened.
struct UpdateStreams {
    /// Connections watched at one time; the one that was quiet longest gives way.
    static let connectionLimit = 256
    /// Octets of one direction that are kept, and as many again that came before their turn.
    static let octetLimit = 66 << 10
    /// Segments kept that came before their turn.
    static let earlyLimit = 32

    private struct Key: Hashable {
        var client: IPEndpoint
        var server: IPAddress
        var isResponse: Bool
    }

    private struct Stream {
        var next: UInt32?
        var octets: [UInt8] = []
        var early: [UInt32: [UInt8]] = [:]
        var earlyOctets: Int { early.values.reduce(0) { $0 + $1.count } }
        var seen: Duration
    }

    private var streams: [Key: Stream] = [:]
    /// Connections, each direction by itself, and octets kept.
    var count: Int { streams.count }
    var octetCount: Int { streams.values.reduce(0) { $0 + $1.octets.count + $1.earlyOctets } }

    /// Takes a logged segment.
    ///
    /// - Returns: the messages that it completes.
    mutating func append(_ packet: LoggedPacket, isResponse: Bool, now: Duration) -> [[UInt8]] {
        let segment = packet.payload
        guard segment.count >= 20 else { return [] }
        let header = Int(segment[12] >> 4) * 4
        guard header >= 20, header <= segment.count else { return [] }
        let flags = segment[13]
        let client =
            isResponse
            ? IPEndpoint(packet.destination, port: packet.destinationPort)
            : IPEndpoint(packet.source, port: packet.sourcePort)
        let key = Key(
            client: client, server: isResponse ? packet.source : packet.destination, isResponse: isResponse)
        let sequence = segment[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let isReset = flags & 0x04 != 0
        let isOpening = flags & 0x02 != 0
        if isReset {
            streams[key] = nil
            return []
        }
        if isOpening {
            makeRoom(now)
            streams[key] = Stream(next: sequence &+ 1, seen: now)
            return []
        }
        guard var stream = streams[key] else { return [] }
        stream.seen = now
        let data = Array(segment[header...])
        if !data.isEmpty { take(data, at: sequence, into: &stream) }
        let messages = cut(&stream)
        let isEnd = flags & 0x01 != 0 && stream.early.isEmpty
        streams[key] = isEnd || stream.octets.count > Self.octetLimit ? nil : stream
        return messages
    }

    /// Puts the octets at their place; repeated ones are left out.
    private func take(_ data: [UInt8], at sequence: UInt32, into stream: inout Stream) {
        guard let next = stream.next else { return }
        let offset = Int32(bitPattern: sequence &- next)
        guard offset <= 0 else {
            if stream.early.count < Self.earlyLimit, Int(offset) < Self.octetLimit,
                stream.earlyOctets + data.count <= Self.octetLimit
            {
                stream.early[sequence] = data
            }
            return
        }
        let repeated = -Int(offset)
        guard repeated < data.count else { return }
        stream.octets.append(contentsOf: data[repeated...])
        stream.next = next &+ UInt32(data.count - repeated)
        if let following = stream.early.keys.first(where: { Int32(bitPattern: $0 &- (stream.next ?? 0)) <= 0 }
        ),
            let more = stream.early.removeValue(forKey: following)
        {
            take(more, at: following, into: &stream)
        }
    }

    /// Cuts whole messages off, each behind its two octets of length (RFC 1035 4.2.2).
    private func cut(_ stream: inout Stream) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var position = 0
        while position + 2 <= stream.octets.count {
            let length = Int(stream.octets[position]) << 8 | Int(stream.octets[position + 1])
            guard position + 2 + length <= stream.octets.count else { break }
            messages.append(Array(stream.octets[(position + 2)..<(position + 2 + length)]))
            position += 2 + length
        }
        stream.octets.removeFirst(position)
        return messages
    }

    private mutating func makeRoom(_ now: Duration) {
        guard streams.count >= Self.connectionLimit else { return }
        streams = streams.filter { $0.value.seen + .seconds(30) > now }
        guard streams.count >= Self.connectionLimit,
            let oldest = streams.min(by: { $0.value.seen < $1.value.seen })?.key
        else { return }
        streams[oldest] = nil
    }
}
