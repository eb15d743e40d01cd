internal import Transport

/// Why a question ended, in the transport's words; the resolver has a type of the same name.
typealias TransportFailure = UpstreamFailure
