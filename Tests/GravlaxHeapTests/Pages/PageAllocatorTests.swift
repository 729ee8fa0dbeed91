import GravlaxHeap
import Testing

@Suite struct PageAllocatorTests {
    @Test func takesTheLowestAddressThatFits() throws {
        let fixture = try #require(PageFixture())
        #expect(fixture.grow(0, count: 2))
        let a = fixture.pages.alloc(pageCount: 3)
        let b = fixture.pages.alloc(pageCount: 5)
        let c = fixture.pages.alloc(pageCount: 1)
        #expect(a.base == PageFixture.address(0))
        #expect(b.base == PageFixture.address(0, 3))
        #expect(c.base == PageFixture.address(0, 8))
        fixture.pages.free(base: b.base, pageCount: 5)
        #expect(fixture.pages.alloc(pageCount: 6).base == PageFixture.address(0, 9))
        #expect(fixture.pages.alloc(pageCount: 5).base == b.base)
        #expect(fixture.destroy() == 0)
    }

    @Test func runsCrossChunks() throws {
        let fixture = try #require(PageFixture())
        #expect(fixture.grow(0, count: 40))
        #expect(fixture.pages.alloc(pageCount: 100).base == PageFixture.address(0))
        let large = fixture.pages.alloc(pageCount: 30 * 512)
        #expect(large.base == PageFixture.address(0, 100))
        #expect(large.scavengedByteCount == 30 * 512 * 8192)
        #expect(fixture.pages.alloc(pageCount: 512).base == PageFixture.address(30, 100))
        #expect(fixture.destroy() == 0)
    }

    @Test func nothingCrossesAHoleInTheHeap() throws {
        let fixture = try #require(PageFixture())
        #expect(fixture.grow(0))
        #expect(fixture.grow(2))
        #expect(fixture.pages.alloc(pageCount: 513).base == 0)
        #expect(fixture.pages.alloc(pageCount: 512).base == PageFixture.address(0))
        #expect(fixture.pages.alloc(pageCount: 512).base == PageFixture.address(2))
        #expect(fixture.pages.alloc(pageCount: 1).base == 0)
        #expect(fixture.pages.searchAddress == PageGeometry.noAddress)
        #expect(fixture.destroy() == 0)
    }

    /// Islands far apart, and growth downwards: the search address stays in the heap.
    @Test func theSearchAddressStaysInTheHeap() throws {
        let fixture = try #require(PageFixture())
        for island in [0, 9, -4100, 70_000, -70_000] {
            #expect(fixture.grow(island))
            #expect(fixture.pages.inUse.contains(fixture.pages.searchAddress))
        }
        var bases: [UInt] = []
        while true {
            let cache = fixture.pages.allocToCache()
            if cache.isEmpty { break }
            bases.append(cache.base)
            let search = fixture.pages.searchAddress
            #expect(search == PageGeometry.noAddress || fixture.pages.inUse.contains(search))
            if bases.count % 3 == 0 { _ = fixture.pages.alloc(pageCount: 70) }
        }
        #expect(bases == bases.sorted())
        #expect(fixture.destroy() == 0)
    }

    @Test(arguments: [UInt.max, UInt.max / 2, 1 << 35, 1 << 34, 1 << 21, 513] as [UInt])
    func absurdSizesAreRefused(pageCount: UInt) throws {
        let fixture = try #require(PageFixture())
        #expect(fixture.grow(0))
        #expect(fixture.pages.alloc(pageCount: pageCount).base == 0)
        #expect(fixture.pages.alloc(pageCount: 512).base == PageFixture.address(0))
        #expect(fixture.destroy() == 0)
    }

    @Test(arguments: [
        (UInt.max << 22, 4 << 20), (1 << 48, 4 << 20), ((1 << 48) - (4 << 20), 4 << 20), (1 << 40, UInt.max << 22),
        (0, 4 << 20),
    ] as [(UInt, UInt)])
    func growthOutsideTheAddressSpaceIsRefused(base: UInt, byteCount: UInt) throws {
        let fixture = try #require(PageFixture())
        #expect(!fixture.pages.grow(base: base, byteCount: byteCount))
        #expect(fixture.pages.inUse.count == 0)
        #expect(fixture.destroy() == 0)
    }

    @Test func aWholeRootRegionHasTheFullSummary() throws {
        let fixture = try #require(PageFixture())
        let rootPages: UInt = 1 << 21
        #expect(fixture.grow(0, count: rootPages >> 9))
        let sum = fixture.pages.summary(level: 0, containing: PageFixture.address(0))
        #expect(sum.start == rootPages && sum.max == rootPages && sum.end == rootPages)
        #expect(fixture.pages.alloc(pageCount: rootPages).base == PageFixture.address(0))
        #expect(fixture.pages.summary(level: 0, containing: PageFixture.address(0)).isNone)
        #expect(fixture.destroy() == 0)
    }

    /// Refuses each call that growing makes, in turn: nothing changes, and growing later succeeds.
    @Test func refusedGrowthChangesNothing() throws {
        let fixture = try #require(PageFixture())
        #expect(fixture.grow(0))
        let before = fixture.metadata.byteCount
        let space = fixture.memory.addressSpaceByteCount
        let calls = fixture.memory.callCount
        #expect(fixture.grow(70_000))
        let needed = fixture.memory.callCount - calls
        #expect(needed >= 4)
        let after = fixture.metadata.byteCount
        #expect(fixture.destroy() == 0)

        for n in 1...needed {
            let fixture = try #require(PageFixture())
            #expect(fixture.grow(0))
            fixture.memory.failCall(n)
            #expect(!fixture.grow(70_000))
            #expect(fixture.metadata.byteCount == before)
            #expect(fixture.memory.addressSpaceByteCount == space)
            #expect(fixture.pages.inUse.count == 1)
            #expect(fixture.pages.alloc(pageCount: 513).base == 0)
            #expect(fixture.grow(70_000))
            #expect(fixture.metadata.byteCount == after)
            #expect(fixture.pages.alloc(pageCount: 512).base == PageFixture.address(0))
            #expect(fixture.pages.alloc(pageCount: 512).base == PageFixture.address(70_000))
            #expect(fixture.destroy() == 0)
        }
    }

    @Test func refusedCreationLeavesNothing() throws {
        let memory = try #require(OSMemory())
        let calls = memory.callCount
        let whole = try #require(PageFixture(memory: memory))
        let needed = memory.callCount - calls
        #expect(whole.destroy() == 0)
        for n in 1...needed {
            let memory = try #require(OSMemory())
            memory.failCall(n)
            #expect(PageFixture(memory: memory) == nil)
            #expect(memory.destroy() == 0)
        }
    }
}
