/// Trimming and case conversion, scalar by scalar as Unicode says.
extension Machine {
    func trim(_ receiver: Value) -> Value? {
        let text = StringObject.bytes(receiver.words)
        var start = 0
        while start < text.count {
            let scalar = scalar(in: text, at: start)
            guard scalar.properties.isWhitespace else { break }
            start += UTF8.width(scalar)
            guard worked(16) else { return nil }
        }
        var end = text.count
        while end > start {
            var first = end - 1
            while first > start, text[first] & 0xC0 == 0x80 { first -= 1 }
            guard scalar(in: text, at: first).properties.isWhitespace else { break }
            end = first
            guard worked(16) else { return nil }
        }
        if end - start == text.count { return receiver }
        return makeString(UnsafeRawBufferPointer(rebasing: text[start..<end]))
    }

    /// In upper or lower case: each scalar by itself, whatever stands beside it.
    func convert(_ receiver: Value, isUpper: Bool) -> Value? {
        let text = StringObject.bytes(receiver.words)
        if StringObject.isASCII(receiver.words) {
            return makeString(byteCount: text.count, isASCII: true) { put in putASCII(text, isUpper: isUpper, put) }
        }
        var byteCount = 0
        let isMeasured = forEachMapping(of: text, isUpper: isUpper) { piece in
            byteCount += piece.count
            return true
        }
        guard isMeasured else { return nil }
        guard byteCount <= StringObject.maximumByteCount else {
            failure = .outOfMemory
            return nil
        }
        return makeString(byteCount: byteCount) { put in forEachMapping(of: text, isUpper: isUpper, put) }
    }

    private func forEachMapping(
        of text: UnsafeRawBufferPointer, isUpper: Bool, _ body: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        var offset = 0
        while offset < text.count {
            let scalar = scalar(in: text, at: offset)
            offset += UTF8.width(scalar)
            var mapped = isUpper ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
            guard mapped.withUTF8({ body(UnsafeRawBufferPointer($0)) }), worked(16) else { return false }
        }
        return true
    }

    private func putASCII(
        _ text: UnsafeRawBufferPointer, isUpper: Bool, _ put: (UnsafeRawBufferPointer) -> Bool
    ) -> Bool {
        let first = UInt8(ascii: isUpper ? "a" : "A")
        return withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 8) { piece in
            var offset = 0
            while offset < text.count {
                let count = min(piece.count, text.count - offset)
                for index in 0..<count {
                    let byte = text[offset + index]
                    piece[index] = byte &- first < 26 ? byte ^ 0x20 : byte
                }
                guard put(UnsafeRawBufferPointer(rebasing: piece[..<count])) else { return false }
                offset += count
            }
            return true
        }
    }
}
