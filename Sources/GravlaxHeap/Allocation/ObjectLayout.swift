/// The shape of an object: header words that hold no pointers, then slots that
/// may each hold one. Small and trivially copied: compute it once and keep it.
public struct ObjectLayout: Sendable {
    /// Bytes asked for: 8 × (headerWords + slotCount). At least 8.
    public let byteCount: Int
    @usableFromInline let headerWords: UInt32
    @usableFromInline let slotCount: UInt
    /// The pointer bitmap of the whole element, for elements of up to 32 words.
    @usableFromInline let bits: UInt64
    /// Words of the element; 0 when it has more than 32 or is large: then allocation is slow.
    @usableFromInline let elemWords: UInt32
    @usableFromInline let spanClass: SpanClass

    /// - Parameters:
    ///   - headerWords: words in front that the collector skips, at least 0.
    ///   - slotCount: words after them that it scans, at least 0.
    public init(headerWords: Int, slotCount: Int) {
        let (words, overflow) = headerWords.addingReportingOverflow(slotCount)
        let absurd = overflow || words > HeapConstants.maxAllocation / 8
        let byteCount = absurd ? Int.max : Swift.max(words * 8, 8)
        self.byteCount = byteCount
        self.headerWords = UInt32(headerWords)
        self.slotCount = UInt(slotCount)
        if byteCount > HeapConstants.maxSmallSize {
            spanClass = SpanClass(.large, noscan: slotCount == 0)
            bits = 0
            elemWords = 0
            return
        }
        let sizeClass = SizeClass.fitting(byteCount)
        spanClass = SpanClass(sizeClass, noscan: slotCount == 0)
        let elem = sizeClass.elemSize / 8
        if elem <= 32, slotCount > 0 {
            var pattern: UInt64 = 0
            for index in 0..<words {
                pattern |= (index < headerWords ? 0b10 : 0b11) << UInt64(index * 2)
            }
            bits = pattern
            elemWords = UInt32(elem)
        } else {
            bits = 0
            elemWords = 0
        }
    }

    /// How many slots an object gets without costing more memory than one with `slotCount`.
    public static func roundedSlotCount(headerWords: Int, slotCount: Int) -> Int {
        let bytes = (headerWords + slotCount) * 8
        if bytes > HeapConstants.maxSmallSize {
            let pages = (bytes + HeapConstants.pageSize - 1) / HeapConstants.pageSize
            return pages * HeapConstants.pageSize / 8 - headerWords
        }
        return SizeClass.fitting(Swift.max(bytes, 8)).elemSize / 8 - headerWords
    }
}
