/// Why a part of the resolver cannot be set up.
///
/// What happens to single queries is never an error but an answer.
package enum ResolverError: Error, Equatable {
    /// The cache's memory could not be mapped. The program does not start.
    case noMemory(octets: Int)
    /// A snapshot of the cache does not have the right form; nothing was loaded from there on.
    case damagedSnapshot(at: Int)
}
