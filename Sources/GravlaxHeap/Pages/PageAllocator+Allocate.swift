extension PageAllocator {
    /// More pages than the address space has.
    private static let absurdPageCount: UInt = PageGeometry.addressLimit >> PageGeometry.pageShift

    private var isExhausted: Bool {
        PageGeometry.chunkIndex(state.pointee.searchAddress) >= state.pointee.endChunk
    }

    /// Takes the lowest `pageCount` pages in a row; base 0 if there are none.
    ///
    /// - Returns: their address, and how many of their bytes the system has back at present.
    /// - Source: Go 1.14 mpagealloc.go, alloc.
    package func alloc(pageCount: UInt) -> (base: UInt, scavengedByteCount: UInt) {
        state.pointee.lock.assertHeld()
        if pageCount == 0 { fatal("no pages were asked for") }
        if isExhausted || pageCount >= Self.absurdPageCount { return (0, 0) }

        let search = state.pointee.searchAddress
        let index = PageGeometry.chunkIndex(search)
        let page = PageGeometry.pageInChunk(search)
        let base: UInt
        let newSearch: UInt
        if PageGeometry.chunkPageCount - page >= pageCount,
            summaries(PageGeometry.levelCount - 1)[Int(index)].max >= pageCount
        {
            // The chunk of the search address has room: no need for the tree.
            guard let found = chunk(index).alloc.find(pageCount: pageCount, from: page) else {
                fatal("a summary promised free pages that its chunk has not", ("chunk", index), ("pages", pageCount))
            }
            base = PageGeometry.chunkBase(index) + found.first << PageGeometry.pageShift
            newSearch = PageGeometry.chunkBase(index) + found.firstFree << PageGeometry.pageShift
        } else if let found = find(pageCount: pageCount) {
            base = found.base
            newSearch = found.searchAddress
        } else {
            // Not one page: all is allocated. For larger runs that cannot be said.
            if pageCount == 1 { state.pointee.searchAddress = PageGeometry.noAddress }
            return (0, 0)
        }
        let scavenged = allocRange(base: base, pageCount: pageCount)
        if newSearch > state.pointee.searchAddress { state.pointee.searchAddress = newSearch }
        return (base, scavenged)
    }

    /// Marks [base, base + pageCount), all free and in the heap, as allocated.
    ///
    /// - Returns: how many of its bytes the system has back at present.
    /// - Source: Go 1.14 mpagealloc.go, allocRange.
    @discardableResult
    package func allocRange(base: UInt, pageCount: UInt) -> UInt {
        state.pointee.lock.assertHeld()
        var scavenged: UInt = 0
        forEachChunk(base: base, pageCount: pageCount) { chunk, first, count in
            scavenged += chunk.allocRange(first, count: count)
        }
        update(base: base, pageCount: pageCount, change: .alloc)
        return scavenged << PageGeometry.pageShift
    }

    /// Takes [base, base + pageCount) back. It must be allocated, as a whole; parts of allocations are fine.
    ///
    /// - Source: Go 1.14 mpagealloc.go, free.
    package func free(base: UInt, pageCount: UInt) {
        state.pointee.lock.assertHeld()
        if base < state.pointee.searchAddress { state.pointee.searchAddress = base }
        forEachChunk(base: base, pageCount: pageCount) { chunk, first, count in
            #if DEBUG
            if chunk.alloc.bits.populationCount(first, count: count) != count {
                fatal("pages are freed that are free", ("base", base), ("pages", pageCount))
            }
            #endif
            chunk.alloc.free(first, count: count)
        }
        update(base: base, pageCount: pageCount, change: .free)
    }

    /// Takes all free pages of the aligned 64 that contain the lowest free one. Empty if nothing is free.
    ///
    /// - Source: Go 1.14 mpagecache.go, allocToCache.
    package func allocToCache() -> PageCache {
        state.pointee.lock.assertHeld()
        if isExhausted { return PageCache() }
        let search = state.pointee.searchAddress
        var index = PageGeometry.chunkIndex(search)
        var page: UInt
        if !summaries(PageGeometry.levelCount - 1)[Int(index)].isNone {
            guard let found = chunk(index).alloc.find(pageCount: 1, from: PageGeometry.pageInChunk(search)) else {
                fatal("a summary promised free pages that its chunk has not", ("chunk", index))
            }
            page = found.first
        } else if let found = find(pageCount: 1) {
            index = PageGeometry.chunkIndex(found.base)
            page = PageGeometry.pageInChunk(found.base)
        } else {
            state.pointee.searchAddress = PageGeometry.noAddress
            return PageCache()
        }
        page = alignDown(page, PageCache.pageCount)
        let data = chunk(index)
        let free = ~data.alloc.pages64(page)
        let scavenged = data.scavenged.block64(page) & free
        let base = PageGeometry.chunkBase(index) + page << PageGeometry.pageShift
        data.alloc.allocPages64(page, free)
        data.scavenged.clearBlock64(page, scavenged)
        update(base: base, pageCount: PageCache.pageCount, change: .some)
        // The page after the cache may lie outside the heap: its last page does not, and is allocated now.
        state.pointee.searchAddress = base + (PageCache.pageCount - 1) << PageGeometry.pageShift
        return PageCache(base: base, free: free, scavenged: scavenged)
    }

    /// - Source: Go 1.14 mpagecache.go, flush.
    func takeBack(_ cache: PageCache) {
        state.pointee.lock.assertHeld()
        let page = PageGeometry.pageInChunk(cache.base)
        let data = chunk(PageGeometry.chunkIndex(cache.base))
        if data.alloc.pages64(page) & cache.free != cache.free {
            fatal("a page cache gives back pages that are free", ("base", cache.base))
        }
        data.alloc.bits.clearBlock64(page, cache.free)
        data.scavenged.setBlock64(page, cache.scavenged & cache.free)
        if cache.base < state.pointee.searchAddress { state.pointee.searchAddress = cache.base }
        update(base: cache.base, pageCount: PageCache.pageCount, change: .some)
    }

    /// Calls `body` for each chunk of the range with the pages of the range in it.
    @inline(__always)
    func forEachChunk(
        base: UInt, pageCount: UInt, _ body: (_ chunk: PallocData, _ first: UInt, _ count: UInt) -> Void
    ) {
        var index = PageGeometry.chunkIndex(base)
        var first = PageGeometry.pageInChunk(base)
        var rest = pageCount
        while rest > 0 {
            let count = min(rest, PageGeometry.chunkPageCount - first)
            body(chunk(index), first, count)
            rest -= count
            first = 0
            index += 1
        }
    }
}
