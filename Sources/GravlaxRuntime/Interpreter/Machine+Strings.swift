import Glibc

/// Making strings, and counting in them. Long texts are copied and read in pieces, with a safepoint after each (`worked`):
/// strings that are read lie in registers or temporaries, and so does a new one while it is filled.
extension Machine {
    /// The string of a text, which may lie in a string that a root holds.
    func makeString(_ text: UnsafeRawBufferPointer) -> Value? {
        if text.count <= StringObject.shortLimit {
            var bytes: UInt64 = 0
            var index = text.count
            while index > 0 {
                index -= 1
                bytes = bytes << 8 | UInt64(text[index])
            }
            return makeShortString(bytes, byteCount: text.count)
        }
        if text.count > Machine.bytesBetweenPolls { return makeString(byteCount: text.count) { put in put(text) } }
        guard worked(text.count), let words = makeLongString(byteCount: text.count) else { return nil }
        memcpy(
            UnsafeMutableRawPointer(words) + StringObject.longTextOffset, text.baseAddress.unsafelyUnwrapped, text.count)
        StringObject.initializeLong(words, byteCount: text.count, isASCII: Machine.isASCII(text))
        return Value(object: words)
    }

    /// A string of `byteCount` bytes, which `fill` puts there piece by piece until it is told to stop. It must not allocate.
    ///
    /// - Parameter isASCII: nil when it is not known.
    func makeString(
        byteCount: Int, isASCII: Bool? = nil, _ fill: (_ put: (UnsafeRawBufferPointer) -> Bool) -> Bool
    ) -> Value? {
        if byteCount <= StringObject.shortLimit {
            var bytes: UInt64 = 0
            var shift: UInt64 = 0
            _ = fill { piece in
                for byte in piece {
                    bytes |= UInt64(byte) << shift
                    shift += 8
                }
                return true
            }
            return makeShortString(bytes, byteCount: byteCount)
        }
        guard let words = makeLongString(byteCount: byteCount) else { return nil }
        temporaries[Machine.growingPlace] = Value(object: words).bits
        defer { temporaries[Machine.growingPlace] = 0 }
        let text = UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(words) + StringObject.longTextOffset, count: byteCount)
        var end = 0
        var isStillASCII = isASCII ?? true
        let isFilled = fill { piece in
            var offset = 0
            while offset < piece.count {
                let next = UnsafeRawBufferPointer(rebasing: piece[offset..<min(offset + Machine.bytesBetweenPolls, piece.count)])
                UnsafeMutableRawBufferPointer(rebasing: text[end...]).copyMemory(from: next)
                if isASCII == nil, isStillASCII { isStillASCII = Machine.isASCII(next) }
                end += next.count
                offset += next.count
                guard worked(next.count) else { return false }
            }
            return true
        }
        guard isFilled else { return nil }
        StringObject.initializeLong(words, byteCount: byteCount, isASCII: isStillASCII)
        return Value(object: words)
    }

    func makeString(_ text: String) -> Value? {
        var text = text
        return text.withUTF8 { makeString(UnsafeRawBufferPointer($0)) }
    }

    /// Joins two strings that registers hold. ASCII-ness follows from the parts.
    func concatenate(_ left: ObjectWords, _ right: ObjectWords) -> Value? {
        let leftText = StringObject.bytes(left)
        let rightText = StringObject.bytes(right)
        let count = leftText.count + rightText.count
        if count <= StringObject.shortLimit {
            return makeShortString(left[0] >> 16 | (right[0] >> 16) << UInt64(leftText.count * 8), byteCount: count)
        }
        let isASCII = StringObject.isASCII(left) && StringObject.isASCII(right)
        if count > Machine.bytesBetweenPolls {
            return makeString(byteCount: count, isASCII: isASCII) { put in put(leftText) && put(rightText) }
        }
        guard worked(count), let words = makeLongString(byteCount: count) else { return nil }
        let destination = UnsafeMutableRawPointer(words) + StringObject.longTextOffset
        memcpy(destination, leftText.baseAddress.unsafelyUnwrapped, leftText.count)
        memcpy(destination + leftText.count, rightText.baseAddress.unsafelyUnwrapped, rightText.count)
        StringObject.initializeLong(words, byteCount: count, isASCII: isASCII)
        return Value(object: words)
    }

    /// A string that a register holds, `times` times, at least twice. It has bytes, and so many that 32 bits count them.
    func makeRepeated(_ string: ObjectWords, times: Int) -> Value? {
        let text = StringObject.bytes(string)
        let byteCount = times * text.count
        if byteCount <= StringObject.shortLimit {
            return makeString(byteCount: byteCount) { put in (0..<times).allSatisfy { _ in put(text) } }
        }
        guard let words = makeLongString(byteCount: byteCount) else { return nil }
        temporaries[Machine.growingPlace] = Value(object: words).bits
        defer { temporaries[Machine.growingPlace] = 0 }
        let destination = UnsafeMutableRawPointer(words) + StringObject.longTextOffset
        var done = 0
        while done < byteCount {
            // First the string itself, then what is there already, from where its text goes on.
            let offset = done % text.count
            let (source, known) =
                done < text.count ? (text.baseAddress.unsafelyUnwrapped, text.count) : (UnsafeRawPointer(destination), done)
            let count = min(known - offset, byteCount - done, Machine.bytesBetweenPolls)
            memcpy(destination + done, source + offset, count)
            done += count
            guard worked(count) else { return nil }
        }
        StringObject.initializeLong(words, byteCount: byteCount, isASCII: StringObject.isASCII(string))
        return Value(object: words)
    }

    /// - Parameter text: the bytes, the first lowest.
    private func makeShortString(_ text: UInt64, byteCount: Int) -> Value? {
        guard let words = allocateNoScan(byteCount: 8) else { return nil }
        words[0] = StringObject.shortHeader(text: text, count: byteCount)
        return Value(object: words)
    }

    /// A long string whose text is not there yet; its hash is not known.
    func makeLongString(byteCount: Int) -> ObjectWords? {
        guard byteCount <= StringObject.maximumByteCount else {
            failure = .outOfMemory
            return nil
        }
        guard let words = allocateNoScan(byteCount: StringObject.longTextOffset + byteCount, zeroed: false) else {
            return nil
        }
        StringObject.initializeLong(words, byteCount: byteCount, isASCII: false)
        words[1] = 0
        return words
    }

    /// Of bytes that an object in a root holds. Polls; `nil`: failed.
    func isASCII(_ text: UnsafeRawBufferPointer) -> Bool? {
        var start = 0
        while start < text.count {
            let end = min(start + Machine.bytesBetweenPolls, text.count)
            guard Machine.isASCII(UnsafeRawBufferPointer(rebasing: text[start..<end])) else { return false }
            guard worked(end - start) else { return nil }
            start = end
        }
        return true
    }

    private static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset + 8 <= text.count {
            if text.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
            offset += 8
        }
        while offset < text.count {
            if text[offset] >= 0x80 { return false }
            offset += 1
        }
        return true
    }

    /// 64 KiB.
    static var bytesBetweenPolls: Int { 1 << 16 }

    // MARK: Scalars

    /// The number of Unicode scalars; `nil`: failed.
    func scalarCount(_ string: ObjectWords) -> Int? {
        if StringObject.isASCII(string) { return StringObject.byteCount(string) }
        return scalarCount(StringObject.bytes(string))
    }

    /// The number of scalars that begin in `text`; `nil`: failed.
    func scalarCount(_ text: UnsafeRawBufferPointer) -> Int? {
        var count = 0
        var start = 0
        while start < text.count {
            let end = min(start + Machine.bytesBetweenPolls, text.count)
            count += StringObject.scalarCount(UnsafeRawBufferPointer(rebasing: text[start..<end]))
            guard worked(end - start) else { return nil }
            start = end
        }
        return count
    }

    /// The byte at which the scalar with a number from 0 begins, or the count of bytes; `nil`: failed.
    func scalarOffset(_ string: ObjectWords, _ index: Int) -> Int? {
        if StringObject.isASCII(string) { return index }
        let text = StringObject.bytes(string)
        var start = 0
        var rest = index
        while start < text.count {
            let piece = UnsafeRawBufferPointer(rebasing: text[start..<min(start + Machine.bytesBetweenPolls, text.count)])
            guard worked(piece.count) else { return nil }
            let count = StringObject.scalarCount(piece)
            if count > rest { return start + StringObject.scalarOffset(piece, rest) }
            rest -= count
            start += piece.count
        }
        return text.count
    }
}
