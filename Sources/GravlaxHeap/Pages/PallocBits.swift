/// Which pages of a chunk are allocated: 1 = allocated. A thin pointer; under the heap lock.
///
/// - Source: Go 1.14 mpallocbits.go, pallocBits.
package struct PallocBits {
    package let bits: PageBits

    @inline(__always)
    package init(_ bits: PageBits) { self.bits = bits }

    private var words: UnsafeMutablePointer<UInt64> { bits.words }

    package func allocRange(_ first: UInt, count: UInt) { bits.set(first, count: count) }
    package func allocAll() { bits.setAll() }
    package func free(_ first: UInt, count: UInt) { bits.clear(first, count: count) }
    package func freeAll() { bits.clearAll() }
    package func pages64(_ page: UInt) -> UInt64 { bits.block64(page) }
    package func allocPages64(_ page: UInt, _ pages: UInt64) { bits.setBlock64(page, pages) }

    /// Free pages at the start, in the longest run, and at the end.
    package func summarize() -> PallocSum {
        var start: UInt?
        var longest: UInt = 0
        var run: UInt = 0
        for index in 0..<PageBits.wordCount {
            let word = words[index]
            if word == 0 {
                run += 64
                continue
            }
            run += UInt(word.trailingZeroBitCount)
            if start == nil { start = run }
            longest = max(longest, run)
            run = UInt(word.leadingZeroBitCount)
        }
        guard let start else { return .freeChunk }
        longest = max(longest, run)
        // A run strictly inside a word has at most 62 bits.
        if longest < 62 {
            for index in 0..<PageBits.wordCount {
                longest = Self.longestInnerRun(of: words[index], atLeast: longest)
            }
        }
        return PallocSum(start: start, max: longest, end: run)
    }

    /// The longest run of zeroes between two ones of `word`, or `floor` if none is longer.
    @inline(__always)
    private static func longestInnerRun(of word: UInt64, atLeast floor: UInt) -> UInt {
        var longest = floor
        var rest = word &>> UInt64(word.trailingZeroBitCount & 63)
        // After the shift bit 0 is set: `rest + 1` carries through the lowest ones; nothing above means no inner run.
        while rest & (rest &+ 1) != 0 {
            rest &>>= UInt64((~rest).trailingZeroBitCount)
            let run = UInt(rest.trailingZeroBitCount)
            longest = max(longest, run)
            rest &>>= UInt64(run)
        }
        return longest
    }

    /// The first run of `pageCount` free pages at or after the word of `hint`, and the first free page seen.
    ///
    /// All pages before `hint` must be allocated, or be of no interest. Nil if there is no such run.
    package func find(pageCount: UInt, from hint: UInt) -> (first: UInt, firstFree: UInt)? {
        if pageCount == 1 { return find1(from: hint).map { ($0, $0) } }
        return pageCount <= 64 ? findSmall(pageCount, from: hint) : findLarge(pageCount, from: hint)
    }

    private func find1(from hint: UInt) -> UInt? {
        for index in Int(hint / 64)..<PageBits.wordCount where words[index] != ~0 {
            return UInt(index) * 64 + UInt((~words[index]).trailingZeroBitCount)
        }
        return nil
    }

    /// For runs that cross at most one border between words.
    private func findSmall(_ pageCount: UInt, from hint: UInt) -> (first: UInt, firstFree: UInt)? {
        var carried: UInt = 0
        var firstFree: UInt?
        for index in Int(hint / 64)..<PageBits.wordCount {
            let word = words[index]
            let base = UInt(index) * 64
            if word == ~0 {
                carried = 0
                continue
            }
            let free = firstFree ?? base + UInt((~word).trailingZeroBitCount)
            firstFree = free
            if carried + UInt(word.trailingZeroBitCount) >= pageCount { return (base - carried, free) }
            if let inner = findBitRange64(~word, count: pageCount) { return (base + inner, free) }
            carried = UInt(word.leadingZeroBitCount)
        }
        return nil
    }

    /// For runs that cross at least one border between words.
    private func findLarge(_ pageCount: UInt, from hint: UInt) -> (first: UInt, firstFree: UInt)? {
        var start: UInt = 0
        var run: UInt = 0
        var firstFree: UInt?
        for index in Int(hint / 64)..<PageBits.wordCount {
            let word = words[index]
            let base = UInt(index) * 64
            if word == ~0 {
                run = 0
                continue
            }
            let free = firstFree ?? base + UInt((~word).trailingZeroBitCount)
            firstFree = free
            let head = UInt(word.trailingZeroBitCount)
            if run > 0 && run + head >= pageCount { return (start, free) }
            if run > 0 && head == 64 {
                run += 64
            } else {
                run = UInt(word.leadingZeroBitCount)
                start = base + 64 - run
            }
        }
        // Only a run that reaches the end of the chunk is left, and each was tested as it grew.
        if let firstFree, run >= pageCount { return (start, firstFree) }
        return nil
    }
}

/// The lowest bit at which `count` ones in a row begin.
///
/// Shrinks every run of ones by count − 1 from its top; each step may at most double, since it relies on the runs of
/// zeroes made by those before.
///
/// - Parameter count: 1 to 64.
/// - Source: Go 1.14 mpallocbits.go, findBitRange64.
@inline(__always)
package func findBitRange64(_ bits: UInt64, count: UInt) -> UInt? {
    var starts = bits
    var toRemove = count - 1
    var step: UInt = 1
    while toRemove > 0 && starts != 0 {
        let shift = min(toRemove, step)
        starts &= starts &>> UInt64(shift)
        toRemove -= shift
        step *= 2
    }
    return starts == 0 ? nil : UInt(starts.trailingZeroBitCount)
}
