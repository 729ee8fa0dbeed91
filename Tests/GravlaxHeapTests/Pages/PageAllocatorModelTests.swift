import GravlaxHeap
import Testing

/// Random work on the page allocator, compared page by page with an array that does the same naively.
@Suite struct PageAllocatorModelTests {
    /// Two islands of 3 and 2 chunks with a hole of 2 between: chunks 0-2 and 5-6.
    private static let islands: [(first: Int, count: Int)] = [(0, 3), (5, 2)]
    private static let chunkPages = Int(PageGeometry.chunkPageCount)

    private struct Model {
        enum Page { case outside, free, scavenged, used }
        var pages = [Page](repeating: .outside, count: 7 * chunkPages)

        func firstFit(_ count: Int) -> Int? {
            var run = 0
            for (index, page) in pages.enumerated() {
                run = page == .free || page == .scavenged ? run + 1 : 0
                if run == count { return index - count + 1 }
            }
            return nil
        }

        mutating func take(_ first: Int, _ count: Int) -> Int {
            let scavenged = pages[first..<first + count].count { $0 == .scavenged }
            for index in first..<first + count { pages[index] = .used }
            return scavenged
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func agreesWithTheModel(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fixture = try #require(PageFixture())
        let pages = fixture.pages
        var model = Model()
        for island in Self.islands {
            #expect(fixture.grow(island.first, count: UInt(island.count)))
            for page in island.first * Self.chunkPages..<(island.first + island.count) * Self.chunkPages {
                model.pages[page] = .scavenged
            }
        }
        var taken: [(first: Int, count: Int)] = []
        var cache = PageCache()

        for step in 0..<2500 {
            let note = Comment(rawValue: "seed \(seed), step \(step)")
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<45:
                let largest = [1, 4, 64, 200, 1300].randomElement(using: &random)!
                let count = Int.random(in: 1...largest, using: &random)
                let (base, scavenged) = pages.alloc(pageCount: UInt(count))
                guard let expected = model.firstFit(count) else {
                    #expect(base == 0, note)
                    break
                }
                try #require(base == Self.address(expected), note)
                #expect(Int(scavenged) >> 13 == model.take(expected, count), note)
                taken.append((expected, count))
            case 45..<85:
                if taken.isEmpty { break }
                let (first, count) = taken.remove(at: Int.random(in: 0..<taken.count, using: &random))
                pages.free(base: Self.address(first), pageCount: UInt(count))
                for page in first..<first + count { model.pages[page] = .free }
            case 85..<93:
                if cache.isEmpty {
                    cache = pages.allocToCache()
                    guard let expected = model.firstFit(1) else {
                        #expect(cache.isEmpty, note)
                        break
                    }
                    let first = expected & ~63
                    try #require(cache.base == Self.address(first), note)
                    for bit in 0..<64 {
                        let page = model.pages[first + bit]
                        #expect(cache.free >> bit & 1 == (page == .used ? 0 : 1), note)
                        #expect(cache.scavenged >> bit & 1 == (page == .scavenged ? 1 : 0), note)
                        model.pages[first + bit] = .used
                    }
                } else {
                    let count = Int.random(in: 1...16, using: &random)
                    let (base, _) = cache.alloc(pageCount: UInt(count))
                    if base != 0 { taken.append((Self.page(base), count)) }
                }
            default:
                for bit in 0..<64 where cache.free >> bit & 1 == 1 {
                    model.pages[Self.page(cache.base) + bit] = cache.scavenged >> bit & 1 == 1 ? .scavenged : .free
                }
                cache.flush(to: pages)
            }
            if step % 25 == 0 { Self.check(pages, model, note) }
        }
        #expect(fixture.destroy() == 0)
    }

    private static func address(_ page: Int) -> UInt {
        PageFixture.address(page / chunkPages, UInt(page % chunkPages))
    }

    private static func page(_ address: UInt) -> Int {
        Int((address - PageFixture.address(0)) >> PageGeometry.pageShift)
    }

    /// Bitmaps, leaf summaries and the search address against the model.
    private static func check(_ pages: PageAllocator, _ model: Model, _ note: Comment) {
        let search = pages.searchAddress
        #expect(search == PageGeometry.noAddress || pages.inUse.contains(search), note)
        if let first = model.firstFit(1) { #expect(search <= address(first), note) }
        for island in islands {
            for chunk in island.first..<island.first + island.count {
                let data = pages.chunkData(containing: PageFixture.address(chunk))
                let slice = model.pages[chunk * chunkPages..<(chunk + 1) * chunkPages]
                var wrong = 0
                for (index, page) in slice.enumerated() {
                    if data.alloc.bits[UInt(index)] != (page == .used) { wrong += 1 }
                    if page != .used && data.scavenged[UInt(index)] != (page == .scavenged) { wrong += 1 }
                }
                #expect(wrong == 0, note)
                let leaf = pages.summary(level: 4, containing: PageFixture.address(chunk))
                #expect(leaf == summary(of: slice.map { $0 != .used }), note)
            }
        }
    }

    private static func summary(of free: [Bool]) -> PallocSum {
        let runs = free.split(separator: false).map(\.count)
        return PallocSum(
            start: UInt(free.prefix { $0 }.count), max: UInt(runs.max() ?? 0),
            end: UInt(free.reversed().prefix { $0 }.count))
    }
}
