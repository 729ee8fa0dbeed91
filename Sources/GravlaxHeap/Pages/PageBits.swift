/// One bit a page of a chunk: 512 bits in raw memory. A thin pointer; under the heap lock.
///
/// - Source: Go 1.14 mpallocbits.go, pageBits.
package struct PageBits {
    package static let wordCount = Int(PageGeometry.chunkPageCount / 64)
    package static let byteCount = wordCount * 8

    package let words: UnsafeMutablePointer<UInt64>

    @inline(__always)
    package init(_ words: UnsafeMutablePointer<UInt64>) { self.words = words }

    package subscript(page: UInt) -> Bool {
        words[Int(page / 64)] >> UInt64(page % 64) & 1 == 1
    }

    /// The aligned 64 bits that contain that of `page`.
    @inline(__always)
    package func block64(_ page: UInt) -> UInt64 { words[Int(page / 64)] }

    package func setBlock64(_ page: UInt, _ bits: UInt64) { words[Int(page / 64)] |= bits }

    package func clearBlock64(_ page: UInt, _ bits: UInt64) { words[Int(page / 64)] &= ~bits }

    package func set(_ first: UInt, count: UInt) {
        forEachWord(first, count) { words[$0] |= $1 }
    }

    package func clear(_ first: UInt, count: UInt) {
        forEachWord(first, count) { words[$0] &= ~$1 }
    }

    package func setAll() { words.update(repeating: ~0, count: Self.wordCount) }

    package func clearAll() { words.update(repeating: 0, count: Self.wordCount) }

    /// How many bits of [first, first + count) are set.
    package func populationCount(_ first: UInt, count: UInt) -> UInt {
        var sum = 0
        forEachWord(first, count) { sum += (words[$0] & $1).nonzeroBitCount }
        return UInt(sum)
    }

    /// Calls `body` with each word that has bits of the range, and the mask of those bits.
    @inline(__always)
    private func forEachWord(_ first: UInt, _ count: UInt, _ body: (_ word: Int, _ mask: UInt64) -> Void) {
        if count == 0 { return }
        let last = first + count - 1
        let firstWord = Int(first / 64)
        let lastWord = Int(last / 64)
        let head = ~UInt64(0) << UInt64(first % 64)
        let tail = ~UInt64(0) >> UInt64(63 - last % 64)
        if firstWord == lastWord {
            body(firstWord, head & tail)
            return
        }
        body(firstWord, head)
        for word in firstWord + 1..<lastWord { body(word, ~0) }
        body(lastWord, tail)
    }
}
