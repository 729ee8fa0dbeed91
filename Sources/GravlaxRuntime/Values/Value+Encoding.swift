import GravlaxHeap

extension Value {
    /// How the collector tells references from other words.
    package static var encoding: WordEncoding {
        WordEncoding(mask: 0xFFFE_0000_0000_0000, match: objectTag, addressMask: addressMask)
    }
}
