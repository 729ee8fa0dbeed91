/// Hashes of map keys and texts: 32 bits, never 0 (a string's cache reads 0 as "not known").
package enum Hashing {
    /// Spreads the bits of a word over 32 bits: a multiplication folded onto itself.
    @inline(__always) package static func mix(_ word: UInt64) -> UInt32 {
        let product = word.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        let folded = product.high ^ product.low
        return UInt32(truncatingIfNeeded: folded ^ folded >> 32) | 0x8000_0000
    }

    /// The hash of a text, eight bytes at a turn.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var state: UInt64 = 0xA076_1D64_78BD_642F ^ UInt64(bytes.count)
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let product = (state ^ word).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
            state = product.high ^ product.low
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = tail << 8 | UInt64(bytes[offset])
            offset += 1
        }
        let product = (state ^ tail).multipliedFullWidth(by: 0x8EBC_6AF0_9C88_C6E3)
        return mix(product.high ^ product.low)
    }
}
