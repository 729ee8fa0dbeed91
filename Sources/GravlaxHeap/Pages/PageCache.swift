/// 64 neighbouring pages of which some are free, owned by one mutator, which takes pages from it without a lock.
///
/// To the page allocator all pages of the cache are allocated (INV-6). Flush it before its owner goes, and when the
/// world stops, or its pages stay lost.
///
///     base ─▶ ┌─┬─┬─┬─┬─ … ─┬─┐   free bit 1: the cache has it; scavenged bit 1: the system has its memory
///             └─┴─┴─┴─┴─ … ─┴─┘   base is a multiple of 64 pages, so all lie in one chunk
///
/// - Source: Go 1.14 mpagecache.go.
package struct PageCache: Equatable, Sendable {
    package static let pageCount: UInt = 64

    package private(set) var base: UInt
    package private(set) var free: UInt64
    package private(set) var scavenged: UInt64

    package init(base: UInt = 0, free: UInt64 = 0, scavenged: UInt64 = 0) {
        self.base = base
        self.free = free
        self.scavenged = scavenged
    }

    package var isEmpty: Bool { free == 0 }

    /// Takes `pageCount` pages in a row: the lowest that will do. Base 0: there are none.
    @inline(__always)
    package mutating func alloc(pageCount: UInt) -> (base: UInt, scavengedByteCount: UInt) {
        if free == 0 || pageCount == 0 || pageCount > Self.pageCount { return (0, 0) }
        guard let first = findBitRange64(free, count: pageCount) else { return (0, 0) }
        let mask = (~UInt64(0) &>> UInt64(64 - pageCount)) &<< UInt64(first)
        let scavengedCount = UInt((scavenged & mask).nonzeroBitCount)
        free &= ~mask
        scavenged &= ~mask
        return (base + first << PageGeometry.pageShift, scavengedCount << PageGeometry.pageShift)
    }

    /// Gives all pages back. Under the heap lock.
    package mutating func flush(to pages: PageAllocator) {
        if !isEmpty { pages.takeBack(self) }
        self = PageCache()
    }
}
