internal import Resolver

/// Why a question got no response, in the resolver's words; the transport has a type of the same name.
typealias ResolverFailure = UpstreamFailure
