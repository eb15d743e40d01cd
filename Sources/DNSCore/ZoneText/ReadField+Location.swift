/// The reader of LOC records (RFC 1876 3).
extension ZoneTextLexer {
    /// Appends this and all further tokens as a location: latitude, longitude, altitude, perhaps size and precisions.
    mutating func readLocation(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        let latitude = try readAngle(limit: 90, positive: "N", negative: "S")
        try require(.location)
        let longitude = try readAngle(limit: 180, positive: "E", negative: "W")
        try require(.location)
        let altitude = try centimetres(isSigned: true)
        // Size 1 m, horizontal precision 10,000 m, vertical precision 10 m unless given.
        var sizes: [UInt8] = [0x12, 0x16, 0x13]
        var index = 0
        while index < 3, try nextToken() {
            sizes[index] = try size()
            index += 1
        }
        try data.append(0)
        try data.append(sizes)
        try data.append(uint32: latitude)
        try data.append(uint32: longitude)
        try data.append(uint32: UInt32(truncatingIfNeeded: altitude + 10_000_000))
    }

    /// `degrees [minutes [seconds]] hemisphere` as thousandths of a second from 2^31.
    private mutating func readAngle(
        limit: Int, positive: StaticString, negative: StaticString
    ) throws(ZoneTextError.Reason) -> UInt32 {
        let degrees = Int(try number(upTo: UInt64(limit), .location))
        var thousandths = degrees * 3_600_000
        var part = 0
        while true {
            try require(.location)
            if tokenIs(positive) || tokenIs(negative) { break }
            switch part {
            case 0: thousandths += Int(try number(upTo: 59, .location)) * 60_000
            case 1: thousandths += try decimal(places: 3, limit: 59_999)
            default: throw bad(.location)
            }
            part += 1
        }
        guard thousandths <= limit * 3_600_000 else { throw bad(.location) }
        return tokenIs(positive) ? 0x8000_0000 + UInt32(thousandths) : 0x8000_0000 - UInt32(thousandths)
    }

    /// The token as metres with an optional `m`, in centimetres.
    private func centimetres(isSigned: Bool) throws(ZoneTextError.Reason) -> Int {
        var text = tokenOctets[...]
        if text.last.map({ $0 | 0x20 }) == UInt8(ascii: "m") { text = text.dropLast() }
        let isNegative = isSigned && text.first == UInt8(ascii: "-")
        if isNegative { text = text.dropFirst() }
        guard let value = ZoneTextLexer.decimal(text, places: 2) else { throw bad(.location) }
        let metres = isNegative ? -value : value
        guard metres >= -10_000_000, metres <= (isSigned ? 4_284_967_295 : 9_000_000_000) else {
            throw bad(.location)
        }
        return metres
    }

    /// The token as a size: a digit and a power of ten, in centimetres.
    private func size() throws(ZoneTextError.Reason) -> UInt8 {
        var value = try centimetres(isSigned: false)
        var exponent: UInt8 = 0
        while value >= 10 {
            value /= 10
            exponent += 1
        }
        guard exponent <= 9 else { throw bad(.location) }
        return UInt8(value) << 4 | exponent
    }

    private func decimal(places: Int, limit: Int) throws(ZoneTextError.Reason) -> Int {
        guard let value = ZoneTextLexer.decimal(tokenOctets[...], places: places), value <= limit else {
            throw bad(.location)
        }
        return value
    }

    /// A decimal number with at most `places` digits behind the point, times ten to the power of `places`.
    private static func decimal(_ text: ArraySlice<UInt8>, places: Int) -> Int? {
        var value = 0
        var behind: Int?
        var hasDigits = false
        for octet in text {
            if octet == UInt8(ascii: ".") {
                guard behind == nil else { return nil }
                behind = 0
                continue
            }
            guard octet &- 48 < 10, value < 100_000_000_000 else { return nil }
            hasDigits = true
            if let count = behind {
                guard count < places else { return nil }
                behind = count + 1
            }
            value = value * 10 + Int(octet - 48)
        }
        guard hasDigits else { return nil }
        for _ in (behind ?? 0)..<places { value *= 10 }
        return value
    }
}

extension RecordText {
    /// A location; false when its angles lie outside the globe.
    mutating func append(location data: ArraySlice<UInt8>) -> Bool {
        guard data.count == 16, data.first == 0 else { return false }
        var reader = RecordData.FieldReader(Array(data))
        guard reader.take(1) != nil, let sizes = reader.take(3), let latitude = reader.takeNumber(4),
            let longitude = reader.takeNumber(4), let altitude = reader.takeNumber(4)
        else { return false }
        guard append(angle: latitude, limit: 90, "N", "S"), append(angle: longitude, limit: 180, "E", "W")
        else {
            return false
        }
        let centimetres = Int(altitude) - 10_000_000
        if centimetres < 0 { append("-") }
        append(hundredths: UInt64(centimetres.magnitude))
        append("m")
        for size in sizes {
            // A zero mantissa with an exponent would read back as plain zero.
            guard size >> 4 < 10, size & 15 < 10, size >> 4 > 0 || size & 15 == 0 else { return false }
            var value = UInt64(size >> 4)
            for _ in 0..<(size & 15) { value *= 10 }
            append(0x20)
            append(hundredths: value)
            append("m")
        }
        return true
    }

    private mutating func append(
        angle: UInt64, limit: UInt64, _ positive: StaticString, _ negative: StaticString
    ) -> Bool {
        let isPositive = angle >= 0x8000_0000
        let thousandths = isPositive ? angle - 0x8000_0000 : 0x8000_0000 - angle
        guard thousandths <= limit * 3_600_000 else { return false }
        append(decimal: thousandths / 3_600_000)
        append(0x20)
        append(decimal: thousandths / 60_000 % 60)
        append(0x20)
        append(decimal: thousandths / 1_000 % 60)
        append(".")
        for divisor: UInt64 in [100, 10, 1] { append(decimal: thousandths % 1_000 / divisor % 10) }
        append(0x20)
        append(isPositive ? positive : negative)
        append(0x20)
        return true
    }

    private mutating func append(hundredths value: UInt64) {
        append(decimal: value / 100)
        append(".")
        append(decimal: value / 10 % 10)
        append(decimal: value % 10)
    }
}
