/// Trimming and case conversion, scalar by scalar as Unicode says.
extension Machine {
    func trim(_ receiver: Value) -> Value? {
        let text = StringObject.bytes(receiver.words)
        var start = 0
        while start < text.count {
            let scalar = scalar(in: text, at: start)
            guard scalar.properties.isWhitespace else { break }
            start += UTF8.width(scalar)
        }
        var end = text.count
        while end > start {
            var first = end - 1
            while first > start, text[first] & 0xC0 == 0x80 { first -= 1 }
            guard scalar(in: text, at: first).properties.isWhitespace else { break }
            end = first
        }
        if end - start == text.count { return receiver }
        return makeString(UnsafeRawBufferPointer(rebasing: text[start..<end]))
    }

    /// Each scalar by itself, whatever stands beside it.
    func convert(_ receiver: Value, _ mapping: (Unicode.Scalar) -> String) -> Value? {
        let text = StringObject.bytes(receiver.words)
        func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
            var offset = 0
            while offset < text.count {
                let scalar = scalar(in: text, at: offset)
                offset += UTF8.width(scalar)
                var mapped = mapping(scalar)
                guard mapped.withUTF8({ body(UnsafeRawBufferPointer($0)) }) else { return false }
            }
            return true
        }
        var byteCount = 0
        let isMeasured = forEachPiece { piece in
            byteCount += piece.count
            return worked(16)
        }
        guard isMeasured else { return nil }
        guard byteCount <= StringObject.maximumByteCount else {
            failure = .outOfMemory
            return nil
        }
        return makeString(byteCount: byteCount) { put in
            _ = forEachPiece { piece in
                put(piece)
                return true
            }
        }
    }
}
