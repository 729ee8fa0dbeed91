import Glibc

/// Strings: immutable bytes of UTF-8 in memory the collector never scans.
///
///     ≤ 6 bytes   word 0   [text: 6 bytes][byte count: 8][kind: 8]            8 bytes: two share a tiny block
///     longer      word 0   [byte count: 32][spare: 16][flags: 8][kind: 8]
///                 word 1   [text …][hash: 32, 0 = not known yet], text from byte 12
///
/// A text has one form only, so two short strings are equal when their headers are.
package enum StringObject {
    package static let shortLimit = 6
    package static let longTextOffset = 12
    /// Flag of a long string: each byte is ASCII, so scalars and bytes count the same.
    package static let asciiFlag: UInt64 = 1 << 8
    /// The longest string: what 32 bits can count, less the header.
    package static let maximumByteCount = Int(UInt32.max) - 64

    @inline(__always) package static func isString(_ value: Value) -> Bool {
        guard value.isObject else { return false }
        return UInt8(truncatingIfNeeded: value.words[0]) <= ObjectKind.shortString.rawValue
    }

    @inline(__always) package static func isShort(_ words: ObjectWords) -> Bool {
        UInt8(truncatingIfNeeded: words[0]) == ObjectKind.shortString.rawValue
    }

    @inline(__always) package static func byteCount(_ words: ObjectWords) -> Int {
        isShort(words) ? Int(words[0] >> 8 & 0xFF) : upperHalf(words[0])
    }

    /// The text in place; good until the next safepoint, or as long as a root holds the string.
    @inline(__always) package static func bytes(_ words: ObjectWords) -> UnsafeRawBufferPointer {
        let raw = UnsafeRawPointer(words)
        return isShort(words)
            ? UnsafeRawBufferPointer(start: raw + 2, count: Int(words[0] >> 8 & 0xFF))
            : UnsafeRawBufferPointer(start: raw + longTextOffset, count: upperHalf(words[0]))
    }

    package static func text(_ words: ObjectWords) -> String { String(decoding: bytes(words), as: UTF8.self) }

    /// The header of a short string with `count` bytes of text in the low bytes of `text`.
    @inline(__always) package static func shortHeader(text: UInt64, count: Int) -> UInt64 {
        UInt64(ObjectKind.shortString.rawValue) | UInt64(truncatingIfNeeded: count) << 8 | text << 16
    }

    package static func isASCII(_ words: ObjectWords) -> Bool {
        isShort(words) ? words[0] >> 16 & 0x8080_8080_8080 == 0 : words[0] & asciiFlag != 0
    }

    /// The number of Unicode scalars that begin in a text: of bytes that do not continue a sequence.
    package static func scalarCount(_ text: UnsafeRawBufferPointer) -> Int {
        var count = 0
        var offset = 0
        while offset + 8 <= text.count {
            count += beginnings(text.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        while offset < text.count {
            if text[offset] & 0xC0 != 0x80 { count += 1 }
            offset += 1
        }
        return count
    }

    /// Where the scalar with a number from 0 begins, which is in the text.
    package static func scalarOffset(_ text: UnsafeRawBufferPointer, _ index: Int) -> Int {
        var offset = 0
        var rest = index
        while offset + 8 <= text.count {
            let count = beginnings(text.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            if count > rest { break }
            rest -= count
            offset += 8
        }
        while text[offset] & 0xC0 == 0x80 || rest > 0 {
            if text[offset] & 0xC0 != 0x80 { rest -= 1 }
            offset += 1
        }
        return offset
    }

    /// How many of eight bytes begin a scalar: all but those whose highest two bits are 10.
    @inline(__always) private static func beginnings(_ word: UInt64) -> Int {
        ((~word >> 7 | word >> 6) & 0x0101_0101_0101_0101).nonzeroBitCount
    }

    /// The hash, computed once for a long string. Two tasks may both compute it: they store the same word.
    @inline(__always) package static func hash(_ words: ObjectWords) -> UInt32 {
        if isShort(words) { return Hashing.mix(words[0]) }
        let cache = (UnsafeMutableRawPointer(words) + 8).assumingMemoryBound(to: UInt32.self)
        let known = cache.pointee
        if known != 0 { return known }
        let computed = Hashing.hash(bytes(words))
        cache.pointee = computed
        return computed
    }

    @inline(__always) package static func areEqual(_ left: ObjectWords, _ right: ObjectWords) -> Bool {
        if left == right { return true }
        // Byte count, kind and text of short strings; byte count and kind of long ones. The ASCII flag follows from
        // the text.
        if left[0] != right[0] { return false }
        if isShort(left) { return true }
        return longTextsAreEqual(left, right)
    }

    /// Of two long strings with the same header. Most texts are short enough that a call would cost more than the comparison;
    /// and those that differ, in a number or an ending, mostly do so in their last bytes: these come first.
    @inline(__always) private static func longTextsAreEqual(_ left: ObjectWords, _ right: ObjectWords) -> Bool {
        let left = UnsafeRawPointer(left)
        let right = UnsafeRawPointer(right)
        func difference(_ offset: Int) -> UInt64 {
            left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                ^ right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        }
        let count = upperHalf(left.load(as: UInt64.self))
        let last = longTextOffset + count - 8
        // Of seven bytes, the first of eight belongs to the hash, which does not count.
        if count < 8 { return difference(last) & (~UInt64(0) << 8) == 0 }
        if difference(last) != 0 { return false }
        if count > inlineComparisonLimit {
            let leftHash = left.load(fromByteOffset: 8, as: UInt32.self)
            let rightHash = right.load(fromByteOffset: 8, as: UInt32.self)
            if leftHash != 0, rightHash != 0, leftHash != rightHash { return false }
            return memcmp(left + longTextOffset, right + longTextOffset, count - 8) == 0
        }
        // Eight bytes at a turn; the last turn may reach into those that were compared already.
        var offset = longTextOffset
        while offset < last {
            if difference(offset) != 0 { return false }
            offset += 8
        }
        return true
    }

    private static let inlineComparisonLimit = 64

    /// Fills in the long string at `words`, whose text has been copied already.
    @inline(__always) static func initializeLong(_ words: ObjectWords, byteCount: Int, isASCII: Bool) {
        words[0] = ObjectKind.longString.header(upper: UInt32(truncatingIfNeeded: byteCount))
            | (isASCII ? asciiFlag : 0)
    }
}
