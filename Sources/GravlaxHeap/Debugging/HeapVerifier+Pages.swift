// The page allocator: bitmaps against the spans, summaries against the bitmaps
// from the bottom up, and the search address. Page caches count as allocated.

extension HeapVerifier {
    /// What the heap's owners of pages make of a chunk.
    private struct Owned {
        var words: [UInt64] = Array(repeating: 0, count: PageBits.wordCount)
    }

    func checkPages(_ survey: Survey, _ findings: inout Findings) {
        let owned = ownedPages(survey, &findings)
        let pages = heap.pointee.pages
        var lowestFree: UInt?
        var below: [UInt: RunLengths] = [:]
        var last: UInt = 0
        for position in 0..<pages.inUse.count {
            let range = pages.inUse[position]
            findings.expect(
                range.base >= last && (range.base | range.limit) & (PageGeometry.chunkByteCount - 1) == 0,
                "the page allocator's range \(hex(range.base)) to \(hex(range.limit)) is out of order or no whole chunks")
            last = range.limit
            for base in stride(from: range.base, to: range.limit, by: Int(PageGeometry.chunkByteCount)) {
                findings.expect(
                    heap.arena(ArenaIndex(address: base)) != nil, "the chunk at \(hex(base)) lies in no arena")
                let chunk = PageGeometry.chunkIndex(base)
                let free = checkChunk(base, owned[chunk] ?? Owned(), &findings)
                if let free, lowestFree == nil { lowestFree = free }
                below[chunk] = RunLengths(bitsOf: pages.chunkData(containing: base).alloc)
            }
        }
        for chunk in owned.keys where below[chunk] == nil {
            findings.add("the chunk at \(hex(PageGeometry.chunkBase(chunk))) has owned pages and is not in the heap")
        }
        checkSummaries(below, &findings)
        checkSearch(lowestFree, &findings)
    }

    /// The pages of spans and of page caches, by chunk.
    private func ownedPages(_ survey: Survey, _ findings: inout Findings) -> [UInt: Owned] {
        var owned: [UInt: Owned] = [:]
        func own(_ address: UInt, _ owner: @autoclosure () -> String) {
            let page = PageGeometry.pageInChunk(address)
            let bit: UInt64 = 1 << UInt64(page % 64)
            let chunk = PageGeometry.chunkIndex(address)
            if owned[chunk, default: Owned()].words[Int(page / 64)] & bit != 0 {
                findings.add("page \(hex(address)) of \(owner()) has another owner too")
            }
            owned[chunk, default: Owned()].words[Int(page / 64)] |= bit
        }
        for span in survey.inUse + survey.manual {
            for page in 0..<span.pointee.pageCount { own(span.base + page << PageGeometry.pageShift, name(span)) }
        }
        for (number, mutator) in survey.mutators.enumerated() {
            let cache = mutator.pointee.pageCache
            findings.expect(
                cache.isEmpty || cache.base & ((PageCache.pageCount << PageGeometry.pageShift) - 1) == 0,
                "the page cache of mutator \(number) begins at \(hex(cache.base))")
            findings.expect(
                cache.scavenged & ~cache.free == 0, "the page cache of mutator \(number) has scavenged pages it gave away")
            for page in 0..<PageCache.pageCount where cache.free & (1 << UInt64(page)) != 0 {
                own(cache.base + page << PageGeometry.pageShift, "the page cache of mutator \(number)")
            }
        }
        return owned
    }

    /// Returns the address of the chunk's first free page.
    private func checkChunk(_ base: UInt, _ owned: Owned, _ findings: inout Findings) -> UInt? {
        let data = heap.pointee.pages.chunkData(containing: base)
        var firstFree: UInt?
        for word in 0..<PageBits.wordCount {
            let allocated = data.alloc.bits.words[word]
            let start = base + UInt(word) * 64 << PageGeometry.pageShift
            func first(_ bits: UInt64) -> String {
                hex(start + UInt(bits.trailingZeroBitCount) << PageGeometry.pageShift)
            }
            let lost = allocated & ~owned.words[word]
            findings.expect(lost == 0, "page \(first(lost)) counts as allocated and is in no span and no page cache")
            let stolen = owned.words[word] & ~allocated
            findings.expect(stolen == 0, "page \(first(stolen)) has an owner and counts as free")
            let both = allocated & data.scavenged.words[word]
            findings.expect(both == 0, "page \(first(both)) is scavenged and not free")
            if firstFree == nil, allocated != ~0 {
                firstFree = start + UInt((~allocated).trailingZeroBitCount) << PageGeometry.pageShift
            }
        }
        return firstFree
    }

    /// Each level recounted from the one below it, up to the root; blocks outside the heap have nothing free.
    private func checkSummaries(_ leaves: [UInt: RunLengths], _ findings: inout Findings) {
        let pages = heap.pointee.pages
        var level = PageGeometry.levelCount - 1
        var expected = leaves
        while true {
            let shift = PageGeometry.levelShift(level)
            for (index, runs) in expected {
                let stored = pages.summary(level: level, containing: index << shift)
                findings.expect(
                    stored.start == runs.start && stored.max == runs.longest && stored.end == runs.end,
                    "the level \(level) summary of \(hex(index << shift)) says \(stored.start), \(stored.max), "
                        + "\(stored.end) free pages, the bitmaps have \(runs.start), \(runs.longest), \(runs.end)")
            }
            if level == 0 { break }
            let partPages: UInt = 1 << PageGeometry.logPageCount(level)
            var parents: [UInt: RunLengths] = [:]
            for parent in Set(expected.keys.map { $0 >> PageGeometry.levelBitCount }) {
                var runs = RunLengths.empty
                for child in 0..<UInt(1 << PageGeometry.levelBitCount) {
                    let part = expected[parent << PageGeometry.levelBitCount + child]
                        ?? RunLengths(start: 0, longest: 0, end: 0, pageCount: partPages)
                    runs.append(part)
                }
                parents[parent] = runs
            }
            expected = parents
            level -= 1
        }
        let root = pages.summaries(0)
        var index = -1
        while index + 1 < Int(PageGeometry.summaryCount(0)) {
            index += 1
            if root[index].bits == 0 || expected[UInt(index)] != nil { continue }
            findings.add("the root summary \(index) has free pages and no heap")
        }
    }

    /// The search address is never past a free page and never outside the heap.
    private func checkSearch(_ lowestFree: UInt?, _ findings: inout Findings) {
        let search = heap.pointee.pages.searchAddress
        if search == PageGeometry.noAddress {
            if let lowestFree { findings.add("the search address says that nothing is free, page \(hex(lowestFree)) is") }
            return
        }
        findings.expect(
            heap.pointee.pages.inUse.contains(search), "the search address \(hex(search)) lies outside the heap")
        if let lowestFree, lowestFree < search & ~(PageGeometry.pageByteCount - 1) {
            findings.add("the search address \(hex(search)) is past the free page \(hex(lowestFree))")
        }
    }
}

/// Free pages at the start, in the longest run, and at the end of a region: counted page by page, unlike `PallocSum`.
private struct RunLengths {
    var start: UInt
    var longest: UInt
    var end: UInt
    var pageCount: UInt

    static let empty = RunLengths(start: 0, longest: 0, end: 0, pageCount: 0)

    init(start: UInt, longest: UInt, end: UInt, pageCount: UInt) {
        self.start = start
        self.longest = longest
        self.end = end
        self.pageCount = pageCount
    }

    init(bitsOf alloc: PallocBits) {
        self = .empty
        for word in 0..<PageBits.wordCount {
            let bits = alloc.bits.words[word]
            if bits == 0 || bits == ~0 {
                let free: UInt = bits == 0 ? 64 : 0
                append(RunLengths(start: free, longest: free, end: free, pageCount: 64))
                continue
            }
            for bit in 0..<64 {
                let free: UInt = bits >> UInt64(bit) & 1 == 0 ? 1 : 0
                append(RunLengths(start: free, longest: free, end: free, pageCount: 1))
            }
        }
    }

    /// Puts the next region behind this one.
    mutating func append(_ next: RunLengths) {
        longest = max(longest, end + next.start, next.longest)
        if start == pageCount { start += next.start }
        end = next.end == next.pageCount ? end + next.pageCount : next.end
        pageCount += next.pageCount
    }
}
