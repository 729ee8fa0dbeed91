/// The shape of an object: header words that hold no pointers, then slots that
/// may each hold one. Small and trivially copied: compute it once and keep it.
public struct ObjectLayout: Sendable {
    /// Bytes asked for: 8 × (headerWords + slotCount). At least 8.
    public let byteCount: Int
    @usableFromInline let headerWords: UInt32
    @usableFromInline let slotCount: UInt
    /// The pointer bitmap of the whole element, for elements of up to 32 words.
    @usableFromInline let bits: UInt64
    /// Words of the element; 0 when allocation is slow: for more than 32 words, or 16 without slots, or tiny objects.
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
        self.headerWords = UInt32(clamping: headerWords)
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
        if slotCount > 0 {
            // 11 for each word, less the pointer bits of the header.
            let ones: UInt64 = words >= 32 ? ~0 : 1 << UInt64(words * 2) - 1
            let header: UInt64 = headerWords >= 32 ? ~0 : 1 << UInt64(headerWords * 2) - 1
            bits = elem <= 32 ? ones & ~(header & 0x5555_5555_5555_5555) : 0
            elemWords = elem <= 32 ? UInt32(elem) : 0
        } else {
            bits = 0
            // What the slots of a span without pointers are not cleared for in advance is allocated slowly.
            elemWords = byteCount >= HeapConstants.tinySize && elem * 8 <= MSpan.maxClearedNoScan ? UInt32(elem) : 0
        }
    }

    /// How many slots an object gets without costing more memory than one with `slotCount`.
    public static func roundedSlotCount(headerWords: Int, slotCount: Int) -> Int {
        let layout = ObjectLayout(headerWords: headerWords, slotCount: slotCount)
        if layout.byteCount > HeapConstants.maxAllocation { return slotCount }
        let bytes = layout.byteCount
        if bytes > HeapConstants.maxSmallSize {
            let pages = (bytes + HeapConstants.pageSize - 1) / HeapConstants.pageSize
            return pages * HeapConstants.pageSize / 8 - headerWords
        }
        return SizeClass.fitting(bytes).elemSize / 8 - headerWords
    }
}
