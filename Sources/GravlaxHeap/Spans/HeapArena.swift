// What the heap knows about one 64 MiB arena, and the map from addresses to it.
// Records are made once, under the heap lock, and never go back.

import Synchronization

@usableFromInline package typealias HeapArenaRef = UnsafeMutablePointer<HeapArena>

/// Metadata of an arena. Bit arrays and the page map follow in system memory of
/// their own, so that untouched parts cost nothing.
///
/// - Source: Go 1.14 mheap.go, heapArena.
@usableFromInline package struct HeapArena: ~Copyable {
    /// Two bits a word, words in address order: bit 0 "is a pointer", bit 1
    /// "there is more to scan". A 64-bit load covers 32 words.
    ///
    ///     word of the object    0    1    2    3
    ///     bits (scan|pointer)   10   11   11   00      header, two slots, padding
    ///
    /// Written by the owner of the span, 64 bits at a time; read by markers.
    @usableFromInline package var bitmap: UnsafeMutablePointer<Atomic<UInt64>>
    /// Address of the span record of each page; stale for freed pages, 0 where never used.
    @usableFromInline package var spans: UnsafeMutablePointer<Atomic<UInt>>
    /// A bit for each page that is the first of an in-use span (INV-2). Changed under the heap lock or atomically.
    @usableFromInline package var pageInUse: UnsafeMutablePointer<Atomic<UInt8>>
    /// A bit for the first page of each span with a marked object (INV-17). Cleared at the start of a cycle.
    @usableFromInline package var pageMarks: UnsafeMutablePointer<Atomic<UInt8>>
    /// A bit for the first page of each span that has specials. Changed under the span's `specialLock`, or by its sweeper.
    @usableFromInline package var pageSpecials: UnsafeMutablePointer<Atomic<UInt8>>
    package let base: UInt
    /// Keeps `zeroedBase`, which changes as the heap grows, off the cache line that allocation and marking read.
    private let padding: (UInt, UInt, UInt, UInt, UInt, UInt, UInt, UInt) = (0, 0, 0, 0, 0, 0, 0, 0)
    /// Bytes from the arena's start that may be dirty: memory above has never been handed out. Rises only.
    package let zeroedBase: Atomic<UInt>

    @usableFromInline static let bitmapBytes = HeapConstants.arenaSize / 8 / 4
    static let spansBytes = HeapConstants.pagesPerArena * 8
    static let pageBitBytes = HeapConstants.pagesPerArena / 8
    /// Bytes of the block that holds the record and all its arrays.
    static let blockBytes: UInt = UInt(bitmapBytes + spansBytes + 3 * pageBitBytes + 4096)
}

/// The index of an arena: address / 64 MiB.
///
/// - Source: Go 1.14 mheap.go, arenaIdx.
@usableFromInline package struct ArenaIndex: Hashable, Sendable {
    @usableFromInline package let rawValue: UInt

    package init(rawValue: UInt) { self.rawValue = rawValue }

    @inlinable @inline(__always)
    package init(address: UInt) { rawValue = address >> UInt(HeapConstants.arenaShift) }

    package var base: UInt { rawValue << UInt(HeapConstants.arenaShift) }
    @inlinable @inline(__always)
    package var isValid: Bool { rawValue < UInt(HeapConstants.arenaCount) }
}

extension UnsafeMutablePointer where Pointee == HeapArena {
    /// Makes the record and its arrays in a zeroed block of `HeapArena.blockBytes`.
    static func make(in block: UnsafeMutableRawPointer, base: UInt) -> HeapArenaRef {
        let bitmap = block + 4096
        let spans = bitmap + HeapArena.bitmapBytes
        let inUse = spans + HeapArena.spansBytes
        let marks = inUse + HeapArena.pageBitBytes
        let specials = marks + HeapArena.pageBitBytes
        let record = block.bindMemory(to: HeapArena.self, capacity: 1)
        record.initialize(to: HeapArena(
            bitmap: bitmap.bindMemory(to: Atomic<UInt64>.self, capacity: HeapArena.bitmapBytes / 8),
            spans: spans.bindMemory(to: Atomic<UInt>.self, capacity: HeapConstants.pagesPerArena),
            pageInUse: inUse.bindMemory(to: Atomic<UInt8>.self, capacity: HeapArena.pageBitBytes),
            pageMarks: marks.bindMemory(to: Atomic<UInt8>.self, capacity: HeapArena.pageBitBytes),
            pageSpecials: specials.bindMemory(to: Atomic<UInt8>.self, capacity: HeapArena.pageBitBytes),
            base: base, zeroedBase: Atomic(0)))
        return record
    }

    /// Where the bit of the page at `address` stands in `pageInUse`, `pageMarks` and `pageSpecials`.
    ///
    /// - Source: Go 1.14 mheap.go, pageIndexOf.
    @inlinable @inline(__always)
    package func pageIndex(of address: UInt) -> (byte: Int, mask: UInt8) {
        let page = (address >> UInt(HeapConstants.pageShift)) & UInt(HeapConstants.pagesPerArena - 1)
        return (Int(page >> 3), 1 << UInt8(truncatingIfNeeded: page & 7))
    }

    /// Moves the high-water mark, last seen at `seen`, to the end of `range`, which
    /// the caller owns (bytes from the arena's start). Others may move it at the
    /// same time, but never into the range or to its end: then two own it (INV-3).
    package func raiseZeroedBase(from seen: UInt, over range: Range<UInt>) {
        var mark = seen
        while mark < range.upperBound {
            let (done, found) = pointee.zeroedBase.compareExchange(
                expected: mark, desired: range.upperBound, ordering: .relaxed)
            if done { return }
            if found > range.lowerBound && found <= range.upperBound {
                fatal("two owners of one page", ("arena", pointee.base), ("offset", range.lowerBound))
            }
            mark = found
        }
    }
}
