internal import DNSCore
internal import DNSSecurity
internal import Glibc
internal import Operations
internal import Resolver
internal import Transport

/// The cache on disk, between a stop and the next start.
///
/// A line that tells the format, the digests of what the contents depend on, then pieces, each with its length and
/// digest; an empty piece ends it. What was learnt under other trust anchors or from other servers is not read, nor
/// anything of a damaged file; whole answers are read only when the policies are the same.
struct CacheFile {
    /// Why a file is not used.
    enum Fault: Error, CustomStringConvertible {
        case none
        case otherFormat
        case otherTrust
        case otherSources
        case damaged
        case system(String)

        var description: String {
            switch self {
            case .none: "there is no file"
            case .otherFormat: "of another version"
            case .otherTrust: "the trust anchors have changed"
            case .otherSources: "private addresses, stubs or forwarders have changed"
            case .damaged: "damaged"
            case .system(let text): text
            }
        }
    }

    private static let heading = Array("torii cache 2\n".utf8)
    private static let largestPiece = 1 << 20

    let path: String
    private let trust: [UInt8]
    /// What decides which records come in, and from where.
    private let sources: [UInt8]
    private let policies: [UInt8]
    /// Whether whole answers may have been made by policies that nothing here tells apart.
    private let dropsAnswers: Bool

    init(_ configuration: ServerConfiguration, _ resolver: ResolverConfiguration) {
        path = "\(configuration.server.stateDirectory)/cache.snapshot"
        let validation = resolver.validation
        let anchors = validation.trustAnchors.map { "\($0.owner) \($0.type) \($0.data)" }.sorted()
        let negative = validation.negativeTrustAnchors.map { "\($0.lowercased)" }.sorted()
        trust = SHA256.digest(Array("\(validation.isEnabled) \(anchors) \(negative)".utf8))
        let recursion = configuration.recursion
        sources = SHA256.digest(
            Array(
                "\(recursion.privateAddresses) \(recursion.privateDomains) \(recursion.stub) \(recursion.forward)"
                    .utf8))
        policies = SHA256.digest(Array("\(PolicyFacts(configuration))".utf8))
        dropsAnswers = !configuration.rpz.isEmpty || !configuration.views.isEmpty
    }

    /// Writes the cache, as much of it as there is time for.
    ///
    /// - Returns: octets written.
    /// - Throws: ``CacheDraft/Failure``.
    func save(_ cache: ResolverCache, within patience: Duration = .seconds(600)) throws -> Int {
        let draft = try CacheDraft(path)
        let deadline = MonotonicTime.now() + patience
        var size = 0
        do {
            try draft.append(CacheFile.heading + trust + sources + policies)
            do {
                try cache.writeSnapshot(at: WallClock.moment) { piece in
                    try draft.append(CacheFile.length(piece.count) + SHA256.digest(piece))
                    try draft.append(piece)
                    size += piece.count
                    if MonotonicTime.now() > deadline { throw OutOfTime() }
                }
            } catch is OutOfTime {
                Logs.resolver.warning("the cache was not written whole: no time", ["octets": "\(size)"])
            }
            try draft.append(CacheFile.length(0))
            try draft.publish()
        } catch {
            draft.discard()
            throw error
        }
        return size
    }

    private struct OutOfTime: Error {}

    /// Reads the cache.
    ///
    /// - Returns: entries taken in.
    /// - Throws: ``Fault``; the cache is as empty as before then.
    func load(into cache: ResolverCache) throws(Fault) -> Int {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? .none : .system("\(path): \(SystemError.text(errno))")
        }
        defer { close(descriptor) }
        let start = try CacheFile.read(descriptor, CacheFile.heading.count + 96)
        guard start.starts(with: CacheFile.heading) else { throw .otherFormat }
        func digest(_ number: Int) -> ArraySlice<UInt8> {
            start.dropFirst(CacheFile.heading.count + 32 * number).prefix(32)
        }
        guard digest(0).elementsEqual(trust) else { throw .otherTrust }
        guard digest(1).elementsEqual(sources) else { throw .otherSources }
        let samePolicies = digest(2).elementsEqual(policies) && !dropsAnswers
        var header: [UInt8] = []
        var count = 0
        var isWhole = false
        while !isWhole {
            do throws(Fault) {
                let length = try CacheFile.read(descriptor, 4).reduce(0) { $0 << 8 | Int($1) }
                if length == 0 {
                    isWhole = true
                    continue
                }
                guard length <= CacheFile.largestPiece else { throw .damaged }
                let digest = try CacheFile.read(descriptor, 32)
                let piece = try CacheFile.read(descriptor, length)
                guard SHA256.digest(piece) == digest else { throw .damaged }
                let isFirst = header.isEmpty
                if isFirst { header = Array(piece.prefix(ResolverCache.snapshotHeaderLength)) }
                do throws(ResolverError) {
                    count += try cache.loadSnapshot(isFirst ? piece : header + piece, at: WallClock.moment)
                } catch {
                    throw .damaged
                }
            } catch {
                cache.flush(.everything)
                throw error
            }
        }
        if !samePolicies { count -= cache.flush(.answers) }
        return count
    }

    private static func length(_ count: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
    }

    private static func read(_ descriptor: Int32, _ count: Int) throws(Fault) -> [UInt8] {
        var octets = [UInt8](repeating: 0, count: count)
        var position = 0
        while position < count {
            let got = unsafe octets.withUnsafeMutableBytes { all in
                unsafe Glibc.read(descriptor, all.baseAddress.map { unsafe $0 + position }, count - position)
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw .damaged }
            position += got
        }
        return octets
    }
}

/// What of a configuration whole answers depend on, besides the trust anchors.
struct PolicyFacts: Equatable {
    let local: LocalSection
    let rpz: [ResponsePolicySection]
    let dns64: DNS64Section?
    let views: [ViewSection]
    let privateAddresses: [IPPrefix]
    let privateDomains: [Name]
    let stub: [ForwardSection]
    let forward: [ForwardSection]

    init(_ configuration: ServerConfiguration) {
        local = configuration.local
        rpz = configuration.rpz
        dns64 = configuration.dns64
        views = configuration.views
        privateAddresses = configuration.recursion.privateAddresses
        privateDomains = configuration.recursion.privateDomains
        stub = configuration.recursion.stub
        forward = configuration.recursion.forward
    }
}
