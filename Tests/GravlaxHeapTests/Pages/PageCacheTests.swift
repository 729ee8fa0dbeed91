import GravlaxHeap
import Testing

@Suite struct PageCacheTests {
    struct Step: Sendable {
        let pageCount: UInt
        /// The page of the cache that must come out; nil: none.
        let page: UInt?
        let scavenged: UInt
    }

    @Test(arguments: [
        (0, 0, [Step(pageCount: 1, page: nil, scavenged: 0)]),
        (1, 1, [Step(pageCount: 1, page: 0, scavenged: 1), Step(pageCount: 1, page: nil, scavenged: 0)]),
        (0b1011_0001, 0b1000_0001, [
            Step(pageCount: 2, page: 4, scavenged: 0), Step(pageCount: 1, page: 0, scavenged: 1),
            Step(pageCount: 2, page: nil, scavenged: 0), Step(pageCount: 1, page: 7, scavenged: 1),
        ]),
        (~0, ~0, [Step(pageCount: 65, page: nil, scavenged: 0), Step(pageCount: 64, page: 0, scavenged: 64)]),
        (~0, 0xFF, [
            Step(pageCount: 4, page: 0, scavenged: 4), Step(pageCount: 60, page: 4, scavenged: 4),
            Step(pageCount: 1, page: nil, scavenged: 0),
        ]),
    ] as [(UInt64, UInt64, [Step])])
    func allocatesTheLowestRun(free: UInt64, scavenged: UInt64, steps: [Step]) {
        let base = PageFixture.address(0, 128)
        var cache = PageCache(base: base, free: free, scavenged: scavenged)
        for step in steps {
            let (address, bytes) = cache.alloc(pageCount: step.pageCount)
            #expect(address == step.page.map { base + $0 << PageGeometry.pageShift } ?? 0)
            #expect(bytes == step.scavenged << PageGeometry.pageShift)
        }
    }

    @Test func flushingRestoresBothBitmaps() throws {
        let fixture = try #require(PageFixture())
        #expect(fixture.grow(0))
        let held = fixture.pages.alloc(pageCount: 3)
        var cache = fixture.pages.allocToCache()
        #expect(cache.base == PageFixture.address(0))
        #expect(cache.free == ~7 && cache.scavenged == ~7)
        #expect(fixture.pages.searchAddress == PageFixture.address(0, 63))
        let taken = cache.alloc(pageCount: 2)
        #expect(taken.base == PageFixture.address(0, 3))
        cache.flush(to: fixture.pages)
        #expect(cache == PageCache())
        let data = fixture.pages.chunkData(containing: PageFixture.address(0))
        #expect(data.alloc.pages64(0) == 0b11111)
        #expect(data.scavenged.block64(0) == ~0b11111)
        fixture.pages.free(base: taken.base, pageCount: 2)
        fixture.pages.free(base: held.base, pageCount: 3)
        #expect(fixture.pages.alloc(pageCount: 512).scavengedByteCount == 507 * 8192)
        #expect(fixture.destroy() == 0)
    }
}
