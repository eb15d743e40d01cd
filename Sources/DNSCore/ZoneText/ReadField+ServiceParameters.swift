/// The reader of service parameters (RFC 9460 2.1 and appendix A).
extension ZoneTextLexer {
    /// Appends this and all further tokens as service parameters, in ascending order of their keys.
    mutating func readServiceParameters(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        var found: [ServiceParameter] = []
        repeat {
            guard let parameter = serviceParameter(tokenOctets),
                !found.contains(where: { $0.key == parameter.key })
            else { throw bad(.serviceParameter) }
            found.append(parameter)
        } while try nextToken(pairs: true)
        found.sort { $0.key.rawValue < $1.key.rawValue }
        for parameter in found {
            try data.append(uint16: parameter.key.rawValue)
            try data.append(uint16: UInt16(parameter.value.count))
            try data.append(parameter.value)
        }
        guard ServiceParameter.areConsistent(found) else { throw bad(.serviceParameter) }
    }

    /// One `key`, `key=value` or `key="value"`; nil when it is none.
    private func serviceParameter(_ token: [UInt8]) -> ServiceParameter? {
        let equals = token.firstIndex(of: UInt8(ascii: "="))
        let keyText = String(decoding: token[..<(equals ?? token.endIndex)], as: UTF8.self)
        guard let key = ServiceParameterKey(mnemonic: keyText) else { return nil }
        var raw = equals.map { token[($0 + 1)...] } ?? []
        if raw.first == UInt8(ascii: "\""), raw.count >= 2 { raw = raw.dropFirst().dropLast() }
        guard let text = ServiceParameter.unescape(raw) else { return nil }
        let value = keyText.lowercased().hasPrefix("key") ? text : ServiceParameter.value(of: key, text: text)
        guard let value, value.count <= 65535, ServiceParameter(key: key, value: value).isWellFormed else {
            return nil
        }
        return ServiceParameter(key: key, value: value)
    }
}
