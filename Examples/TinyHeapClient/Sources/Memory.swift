// What a language owes the heap: what its words mean, where its roots are, how its objects look.

import GravlaxHeap

/// A word of the language. Pairs lie at multiples of 8, which leaves the low bits to tell what a word is:
///
///     … 00   number, shifted left by two
///     … 10   name: an index, likewise
///     … 01   pair: the address of two words, head and tail
struct Word: Equatable {
    let bits: UInt64
    /// All that the heap has to know: which words refer to objects.
    static let encoding = WordEncoding(mask: 3, match: 1, addressMask: ~7)
    static let layout = ObjectLayout(headerWords: 0, slotCount: 2)

    init(bits: UInt64) { self.bits = bits }
    init(number: Int) { bits = UInt64(bitPattern: Int64(number &<< 2)) }
    init(name: Int) { bits = UInt64(name) << 2 | 2 }
    init(pair: UnsafeMutableRawPointer) { bits = UInt64(UInt(bitPattern: pair)) | 1 }

    var number: Int? { bits & 3 == 0 ? Int(Int64(bitPattern: bits) >> 2) : nil }
    var name: Int? { bits & 3 == 2 ? Int(bits >> 2) : nil }
    var slots: UnsafeMutablePointer<UInt64>? { bits & 3 == 1 ? UnsafeMutablePointer(bitPattern: UInt(bits & ~7)) : nil }
    var pair: (head: Word, tail: Word)? { slots.map { (Word(bits: $0[0]), Word(bits: $0[1])) } }
}

/// Every word outside the heap that may refer to a pair.
final class Roots: RootSource {
    var stack: [Word] = [], pending: [Word] = [], definitions: [Int: Word] = [:]

    func visitRoots(_ visitor: RootVisitor) {
        for word in stack + pending + definitions.values { visitor.visit(word: word.bits) }
    }
}
