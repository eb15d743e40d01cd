/// Why octets are not a usable DNS message.
package enum MessageError: Error, Equatable {
    /// What is wrong with the outer shape.
    package enum Fault: Equatable, Sendable {
        case shortHeader, shortQuestion, shortRecord, shortName, nameTooLong, badLabel, badPointer
        case misplacedOPT, repeatedOPT, ownedOPT, badOPT
        case misplacedTSIG, repeatedTSIG
        /// Record data that does not have its type's form, or a name in it that runs over its end.
        case badRecordData
    }
    /// The octets break the message format at the given offset. The client sees FORMERR when the header was readable,
    /// otherwise nothing (RFC 1035 4.1.1).
    case malformed(Fault, at: Int)
    /// The message library refused record data that looked sound from outside; its status code. The client sees FORMERR.
    case rejectedByLibrary(status: UInt32)
}
