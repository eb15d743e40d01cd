package import DNSCore

/// Answers questions from the zones of a catalog: RFC 1034 4.3.2 as RFC 2308, 4035, 4592, 5155, 6672 and 9471 have it.
///
/// One belongs to each worker. Nothing is allocated and no reference counted for a question: names are searched by
/// the hashes of their suffixes, sets copied into the message as they stand in the zone's memory. First the answer
/// section is written, along a chain of aliases if need be; what belongs into the sections after it is only noted on
/// the way and written in the end.
@safe package struct ZoneLookup: ~Copyable {
    /// Aliases followed for one question; a longer chain ends there (NOERROR).
    ///
    /// Resolvers give up about there, and some parsers of messages follow no more than 16 compression
    /// pointers for one name.
    package static let aliasLimit = 12

    /// Names of alias targets: the present one and the one before it.
    private var evenTarget = NameKey()
    private var oddTarget = NameKey()
    private var isOdd = false
    let scratch: LookupScratch

    package init() {
        scratch = LookupScratch()
    }

    /// The name that an alias chain has led to; meaningful after ``ZoneAnswer/Kind/alias``.
    package func effectiveName() -> Name {
        isOdd ? oddTarget.name() : evenTarget.name()
    }

    /// Answers a question of class IN.
    ///
    /// `composer` stands behind the question, whose name `key` holds; the question is the message's first octets
    /// after the header, uncompressed.
    ///
    /// - Returns: the outcome; for ``ZoneAnswer/Kind/notOurs`` and ``ZoneAnswer/Kind/notLoaded`` nothing was written.
    package mutating func answer(
        _ key: borrowing NameKey, type: RRType, in catalog: borrowing ZoneCatalog, wantsDNSSEC: Bool,
        into composer: inout MessageComposer
    ) -> ZoneAnswer {
        let question = unsafe key.view
        guard var (number, label) = catalog.closest(question, from: 0) else {
            return ZoneAnswer(.notOurs, .refused, zone: -1)
        }
        // RFC 4035 3.1.4.1: what the parent says about a delegation is answered by the parent, if we have it.
        if type == .ds, label == 0, question.labelCount > 0,
            let (above, aboveLabel) = catalog.closest(question, from: 1)
        {
            number = above
            label = aboveLabel
        }
        guard let view = unsafe catalog.view(number) else {
            return ZoneAnswer(.notLoaded, .serverFailure, zone: number)
        }
        return unsafe withUnsafeMutablePointer(to: &composer) { composer in
            var step = unsafe LookupStep(
                key: question, type: type, wantsDNSSEC: wantsDNSSEC, view: view, zone: number,
                scratch: scratch)
            var out = unsafe SectionWriter(composer)
            out.start(.answer)
            while true {
                step.resolve(&out)
                guard step.wantsTarget, follow(&step, catalog) else { break }
            }
            let result = step.finish(&out, asked: number)
            out.giveBack()
            return result
        }
    }

    /// Goes on to the target of the alias that was written last.
    ///
    /// - Returns: false when the chain ends: outside our zones, in a circle, or after too many.
    private mutating func follow(_ step: inout LookupStep, _ catalog: borrowing ZoneCatalog) -> Bool {
        step.wantsTarget = false
        isOdd.toggle()
        let name = unsafe scratch.target
        let length = scratch.targetLength
        let target: NameKeyView
        if isOdd {
            unsafe oddTarget.load(trusted: name, length: length)
            target = unsafe oddTarget.view
        } else {
            unsafe evenTarget.load(trusted: name, length: length)
            target = unsafe evenTarget.view
        }
        guard step.notes(target) else { return false }
        guard let (number, _) = catalog.closest(target, from: 0), let view = unsafe catalog.view(number)
        else {
            step.kind = .alias
            return false
        }
        unsafe step.goOn(with: target, view: view, zone: number)
        return true
    }
}

/// Memory that lookups of one worker use again and again.
@safe final class LookupScratch {
    /// A record's data, expanded.
    let data: UnsafeMutablePointer<UInt8>
    /// An alias's target.
    let target: UnsafeMutablePointer<UInt8>
    var targetLength = 1
    /// A name that is searched, with room to read past its end.
    let name: UnsafeMutablePointer<UInt8>
    /// Addresses of the nodes whose DNAME has been written.
    let substituted: UnsafeMutablePointer<UInt>
    /// Hashes of the names an alias chain has been at.
    let visited: UnsafeMutablePointer<UInt64>

    init() {
        unsafe data = .allocate(capacity: 0x1_0000 + 8)
        unsafe data.initialize(repeating: 0, count: 0x1_0000 + 8)
        unsafe target = .allocate(capacity: 264)
        unsafe target.initialize(repeating: 0, count: 264)
        unsafe name = .allocate(capacity: 528)
        unsafe name.initialize(repeating: 0, count: 528)
        unsafe substituted = .allocate(capacity: ZoneLookup.aliasLimit + 1)
        unsafe substituted.initialize(repeating: 0, count: ZoneLookup.aliasLimit + 1)
        unsafe visited = .allocate(capacity: ZoneLookup.aliasLimit + 1)
        unsafe visited.initialize(repeating: 0, count: ZoneLookup.aliasLimit + 1)
    }

    deinit {
        unsafe data.deallocate()
        unsafe target.deallocate()
        unsafe name.deallocate()
        unsafe visited.deallocate()
        unsafe substituted.deallocate()
    }
}
