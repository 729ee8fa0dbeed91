import GravlaxHeap
import Synchronization
import Testing

/// What one allocation pays for sweeping: everything that is due, as in Go, or a little at a time.
@Suite struct SweepBoundTests {
    private static let pageClass = SpanClass(SizeClass.fitting(8192), noscan: true)

    /// Spans of a page each, full and unswept, all of them due by the time that one more page is live.
    private func unsweptHeap(_ count: Int, _ bound: SweepBound, live: Bool = true) throws -> HeapFixture {
        let fixture = try HeapFixture { $0.sweepBound = bound }
        let objects = try (0..<count).map { _ in UInt64(try fixture.allocateNoScan(8192)) }
        if live { fixture.roots.words = objects }
        fixture.state.releaseAll()
        fixture.markAndFlip()
        fixture.raw.paceSweeper(trigger: fixture.statistics.heapLive)
        return fixture
    }

    private func swept(_ fixture: HeapFixture) -> UInt { fixture.raw.pointee.pagesSwept.load(ordering: .relaxed) }

    private static func most(pageCount: UInt) -> UInt {
        UInt(SweepCharge.baseSpanCount + SweepCharge.reclaimPageCount) + pageCount
    }

    /// Go issue 18155: in a heap of which everything lives and that is near its trigger, one small object pays for all.
    @Test func oneAllocationSweepsAllThatIsDueOnlyIfAskedTo() throws {
        let proportional = try unsweptHeap(5000, .proportional)
        _ = try proportional.allocateNoScan(16)
        #expect(swept(proportional) == 5000)

        let bounded = try unsweptHeap(5000, .bounded)
        _ = try bounded.allocateNoScan(16)
        #expect(swept(bounded) > 0 && swept(bounded) <= Self.most(pageCount: 1))
        #expect(!bounded.raw.isSweepDone)
    }

    /// Every allocation stays within the bound, each goes on where the last one stopped, and the sweep comes to its end.
    @Test(arguments: [true, false]) func whatIsOverTheBoundIsDueLater(live: Bool) throws {
        let fixture = try unsweptHeap(3000, .bounded, live: live)
        var allocations = 0
        while !fixture.raw.isSweepDone, allocations < 1000 {
            let before = swept(fixture)
            _ = try fixture.allocateNoScan(8192)
            allocations += 1
            #expect(swept(fixture) - before <= Self.most(pageCount: 1))
        }
        #expect(fixture.raw.isSweepDone && swept(fixture) == 3000)
        #expect(allocations > 3000 / Int(Self.most(pageCount: 1)))
    }

    /// A large object may pay more, in proportion to what clearing it costs, and finds the dead pages that it needs.
    @Test func aLargeObjectPaysForItsPages() throws {
        let fixture = try unsweptHeap(4000, .bounded)
        _ = try fixture.allocateNoScan(500 << 13)
        #expect(swept(fixture) > 100 && swept(fixture) <= Self.most(pageCount: 500))

        let dead = try unsweptHeap(4000, .bounded, live: false)
        let sys = dead.statistics.heapSys - dead.statistics.heapReleased
        _ = try dead.allocateNoScan(500 << 13)
        #expect(swept(dead) <= Self.most(pageCount: 500))
        #expect(dead.statistics.heapSys - dead.statistics.heapReleased == sys)
    }

    /// Full spans that are tried in the hope of a free object count as well.
    @Test func triesCount() throws {
        let fixture = try unsweptHeap(150, .bounded)
        // Nothing is due, so that all sweeping is for the object's own class.
        fixture.raw.pointee.sweepPagesPerByte.store(0, ordering: .relaxed)
        let span = try #require(fixture.raw.central(Self.pageClass).cacheSpan(fixture.state))
        #expect(swept(fixture) == UInt(SweepCharge.baseSpanCount + 1))
        fixture.raw.central(Self.pageClass).uncacheSpan(span, fixture.state)
    }

    /// Looking for dead spans where there are none counts too, and goes on from there the next time.
    @Test func lookingForDeadSpansIsBounded() throws {
        let fixture = try HeapFixture { $0.sweepBound = .bounded }
        // One live object of 4096 pages: nothing to reclaim, and one span to sweep.
        fixture.roots.words = [UInt64(try fixture.allocateNoScan(4096 << 13))]
        fixture.markAndFlip()
        func index() -> Int { Int(fixture.raw.pointee.reclaimIndex.load(ordering: .relaxed)) }
        let step = (SweepCharge.baseSpanCount + 1) * SweepCharge.reclaimPageCount
        fixture.raw.reclaim(1)
        #expect(index() == step)
        fixture.raw.reclaim(1)
        #expect(index() == 2 * step)
    }

    @Test func aChargeIsSplit() {
        var charge = SweepCharge(.bounded, pageCount: 10)
        #expect(charge.left == 42 && charge.creditSpanCount == 26)
        charge.payForCredit(spans: 26)
        #expect(charge.creditSpanCount == 0 && charge.left == 16 && !charge.isUsedUp)
        charge.pay(spans: 16)
        #expect(charge.isUsedUp)
        var whole = SweepCharge(.proportional, pageCount: 0)
        whole.pay(spans: 1 << 40)
        whole.payForCredit(spans: 1 << 40)
        #expect(!whole.isUsedUp && whole.creditSpanCount == .max)
    }
}
