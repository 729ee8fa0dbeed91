/// Whether bytes are UTF-8 as Unicode has it: no surrogates, no longer forms than needed, nothing above U+10FFFF.
extension Machine {
    /// Of bytes that an object in a root holds. Polls; `nil`: failed.
    func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool? {
        var offset = 0
        while offset < text.count {
            let end = min(offset + Machine.bytesBetweenPolls, text.count)
            let start = offset
            while offset < end {
                guard let length = Machine.sequenceLength(text, at: offset) else { return false }
                offset += length
            }
            guard worked(offset - start) else { return nil }
        }
        return true
    }

    /// The count of bytes of the scalar that begins at `offset`, or 8 where there are as many of ASCII; `nil`: none begins there.
    @inline(__always) private static func sequenceLength(_ text: UnsafeRawBufferPointer, at offset: Int) -> Int? {
        let first = text[offset]
        if first < 0x80 {
            guard offset + 8 <= text.count else { return 1 }
            let word = text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            return word & 0x8080_8080_8080_8080 == 0 ? 8 : 1
        }
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard first >= 0xC2, first <= 0xF4, offset + length <= text.count else { return nil }
        for index in 1..<length where text[offset + index] & 0xC0 != 0x80 { return nil }
        let second = text[offset + 1]
        switch first {
        case 0xE0: return second >= 0xA0 ? length : nil
        case 0xED: return second < 0xA0 ? length : nil
        case 0xF0: return second >= 0x90 ? length : nil
        case 0xF4: return second < 0x90 ? length : nil
        default: return length
        }
    }
}
