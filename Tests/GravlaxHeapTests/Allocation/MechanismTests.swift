import GravlaxHeap
import Synchronization
import Testing

/// Each mechanism in turn: what can be observed with it cannot be without it.
@Suite struct MechanismTests {
    private func fixture(_ mechanism: Mechanisms, enabled: Bool) throws -> HeapFixture {
        try HeapFixture { if !enabled { $0.disabledMechanisms = mechanism } }
    }

    @Test(arguments: [true, false]) func sweepCreditKeepsSweepingAboveTheLine(enabled: Bool) throws {
        let fixture = try fixture(.sweepCredit, enabled: enabled)
        let raw = fixture.raw
        // A thousand pages, all live, so that neither the reclaimer nor the lists of another class sweep any.
        fixture.roots.words = try (0..<1000).map { _ in UInt64(try fixture.allocateNoScan(8192)) }
        fixture.markAndFlip()
        let start = fixture.statistics.heapLive
        raw.paceSweeper(trigger: start + 9 << 20)
        let slope = Double(bitPattern: raw.pointee.sweepPagesPerByte.load(ordering: .relaxed))
        #expect(slope > 0)
        var isAbove = true
        for _ in 0..<300 {
            _ = try fixture.allocateNoScan(16384)
            let target = Int(slope * Double(fixture.statistics.heapLive - start))
            if Int(raw.pointee.pagesSwept.load(ordering: .relaxed)) < target { isAbove = false }
        }
        #expect(isAbove == enabled)
        #expect((raw.pointee.pagesSwept.load(ordering: .relaxed) > 500) == enabled)
    }

    @Test(arguments: [true, false]) func reclaimingKeepsTheHeapFromGrowing(enabled: Bool) throws {
        let fixture = try fixture(.reclaim, enabled: enabled)
        let dead = try (0..<50).map { _ in try fixture.allocateNoScan(10 << 13) }
        fixture.markAndFlip()
        let ready = fixture.counters.readyBytes
        let object = try fixture.allocateNoScan(100 << 13)
        #expect(dead.contains(object) == enabled)
        #expect((fixture.counters.readyBytes < ready + 100 << 13) == enabled)
    }

    @Test(arguments: [true, false]) func pageCachesKeepMutatorsApart(enabled: Bool) throws {
        let fixture = try fixture(.pageCache, enabled: enabled)
        #expect(fixture.withLock { fixture.raw.grow(512) })
        let other = try fixture.makeMutator()
        // By turns: with caches each stays among its own 64 pages.
        let large = SpanClass(.large, noscan: true)
        for _ in 0..<10 {
            let mine = try #require(fixture.raw.alloc(1, large, needZero: false, fixture.state))
            let theirs = try #require(fixture.raw.alloc(1, large, needZero: false, other.state))
            #expect((theirs.base - mine.base == 64 << 13) == enabled)
        }
        #expect(fixture.state.pointee.pageCache.isEmpty != enabled)
        other.close()
    }

    @Test(arguments: [true, false]) func theCurrentTinyBlockIsMarked(enabled: Bool) throws {
        let fixture = try fixture(.tinyBlockMarking, enabled: enabled)
        let block = try fixture.allocateNoScan(8)
        fixture.markAndFlip()
        #expect(fixture.statistics.heapMarked == (enabled ? 16 : 0))
        fixture.mutator.collect()
        // Only the current block: the flush at the flip ended its use.
        #expect(fixture.statistics.heapMarked == 0 && fixture.raw.findObject(block) == nil)
    }

    @Test(arguments: [true, false]) func pageMarksSaveTheReclaimerFromLiveSpans(enabled: Bool) throws {
        let fixture = try fixture(.pageMarks, enabled: enabled)
        let live = try fixture.allocateNoScan(10 << 13)
        let dead = try fixture.allocateNoScan(10 << 13)
        fixture.roots.words = [UInt64(live)]
        let span = try #require(fixture.raw.spanOf(live))
        fixture.markAndFlip()
        fixture.raw.reclaim(1)
        #expect(fixture.raw.findObject(dead) == nil && fixture.raw.findObject(live) != nil)
        let isUntouched = span.pointee.sweepgen.load(ordering: .relaxed) == fixture.raw.sweepgen &- 2
        #expect(isUntouched == enabled)
    }
}
