import GravlaxHeap
import Synchronization
import Testing

/// A mutator's spans through refills, flushes and flips.
@Suite struct MutatorCacheTests {
    private static let small = SpanClass(SizeClass.fitting(48), noscan: true)

    private func generation(_ span: MSpanRef) -> UInt32 { span.pointee.sweepgen.load(ordering: .relaxed) }

    private func cached(_ state: MutatorRef, _ spanClass: SpanClass) -> MSpanRef {
        state.pointee.cache[Int(spanClass.rawValue)]
    }

    @Test func aNewMutatorHoldsTheEmptySpanEverywhere() throws {
        let fixture = try HeapFixture()
        let empty = fixture.state.pointee.emptySpan
        #expect((0..<SpanClass.count).allSatisfy { fixture.state.pointee.cache[$0] == empty })
        #expect(empty.pointee.allocCache == 0 && empty.pointee.elemCount == 0)
    }

    @Test func aCachedSpanIsThreeGenerationsAhead() throws {
        let fixture = try HeapFixture()
        let object = try fixture.allocateNoScan(48)
        let span = cached(fixture.state, Self.small)
        #expect(span == fixture.raw.spanOf(object) && generation(span) == fixture.raw.sweepgen &+ 3)
        #expect(span.pointee.list == fixture.raw.central(Self.small).pointee.empty)
    }

    @Test func aFullSpanIsExchanged() throws {
        let fixture = try HeapFixture()
        let perSpan = 8192 / 48
        for _ in 0..<perSpan { _ = try fixture.allocateNoScan(48) }
        let first = cached(fixture.state, Self.small)
        #expect(first.freeCount == 0)
        _ = try fixture.allocateNoScan(48)
        let second = cached(fixture.state, Self.small)
        #expect(second != first && generation(first) == fixture.raw.sweepgen)
        #expect(first.pointee.allocCount == UInt32(perSpan))
    }

    @Test func releaseAllGivesEverythingBack() throws {
        let fixture = try HeapFixture()
        let sizes = [8, 48, 1000, 30_000, 3]
        let spans = try sizes.map { fixture.raw.spanOf(try fixture.allocateNoScan($0))! }
        #expect(fixture.state.pointee.tiny != 0)
        fixture.state.releaseAll()
        let empty = fixture.state.pointee.emptySpan
        #expect((0..<SpanClass.count).allSatisfy { fixture.state.pointee.cache[$0] == empty })
        #expect(spans.allSatisfy { generation($0) == fixture.raw.sweepgen })
        #expect(fixture.state.pointee.tiny == 0 && fixture.state.pointee.tinyOffset == 0)
        #expect(fixture.statistics.tinyAllocs == 2 && fixture.statistics.mallocs == 4)
    }

    @Test func localCountsAreFlushedAtTheHeapLock() throws {
        let fixture = try HeapFixture()
        for _ in 0..<5 { _ = try fixture.allocateNoScan(2) }
        #expect(fixture.state.pointee.tinyAllocs == 5)
        let before = fixture.statistics.tinyAllocs
        // A large run of pages takes the lock.
        _ = try fixture.allocateNoScan(1 << 20)
        #expect(fixture.state.pointee.tinyAllocs == 0)
        #expect(fixture.statistics.tinyAllocs == before + 5)
    }

    @Test func aCacheFilledBeforeTheSweepIsFlushedOnce() throws {
        let fixture = try HeapFixture()
        let other = try fixture.makeMutator()
        let pointer = other.allocateNoScan(byteCount: 48)
        let span = try #require(fixture.raw.spanOf(UInt(bitPattern: pointer)))
        other.enterOutside()
        fixture.markAndFlip()
        // Cached before this sweep began: nobody else may sweep it.
        let generation = fixture.raw.sweepgen
        #expect(self.generation(span) == generation &+ 1)
        while fixture.raw.sweepOne(fixture.state) != nil {}
        #expect(self.generation(span) == generation &+ 1 && !fixture.raw.claim(span))
        #expect(other.state.pointee.flushGeneration == generation &- 2)
        // Its owner does, on its way back: the object is dead, the span with it.
        other.leaveOutside()
        #expect(other.state.pointee.flushGeneration == generation)
        #expect(span.state == .dead)
        #expect(cached(other.state, Self.small) == other.state.pointee.emptySpan)
        // In one generation once only.
        _ = other.allocateNoScan(byteCount: 48)
        let kept = cached(other.state, Self.small)
        other.state.prepareForSweep()
        #expect(cached(other.state, Self.small) == kept)
        other.close()
    }

    @Test func aSlowAllocationFlushesAStaleCache() throws {
        let fixture = try HeapFixture()
        let old = try fixture.allocateNoScan(48)
        // As if this mutator had stood outside while others flipped.
        fixture.state.pointee.flushGeneration = fixture.raw.sweepgen &- 2
        _ = try fixture.allocateNoScan(1 << 20)
        #expect(fixture.state.pointee.flushGeneration == fixture.raw.sweepgen)
        #expect(cached(fixture.state, Self.small) == fixture.state.pointee.emptySpan)
        #expect(generation(fixture.raw.spanOf(old)!) == fixture.raw.sweepgen)
    }

    @Test func aRefusedRefillLeavesTheCacheUsable() throws {
        let fixture = try HeapFixture { $0.budget = 4 << 20 }
        let page = SpanClass(SizeClass.fitting(8192), noscan: true)
        var count = 0
        while count < 512, fixture.mutator.allocateNoScan(byteCount: 8192) != nil { count += 1 }
        #expect(count > 100 && count < 512)
        #expect(cached(fixture.state, page) == fixture.state.pointee.emptySpan)
        #expect(fixture.mutator.allocateNoScan(byteCount: 8192) == nil)
        // Nothing of it is a root: one cycle, and the cache works again.
        fixture.mutator.collect()
        #expect(fixture.mutator.allocateNoScan(byteCount: 8192) != nil)
        #expect(cached(fixture.state, page) != fixture.state.pointee.emptySpan)
    }

    @Test func aClosedMutatorIsUsedAgain() throws {
        let fixture = try HeapFixture()
        let first = try fixture.makeMutator()
        first.close()
        var metadata: [UInt64] = []
        for _ in 0..<100 {
            let next = try fixture.makeMutator()
            #expect(next.state == first.state)
            #expect(next.allocateNoScan(byteCount: 100) != nil)
            next.close()
            metadata.append(fixture.statistics.metadata)
        }
        #expect(Set(metadata).count == 1)
    }
}
