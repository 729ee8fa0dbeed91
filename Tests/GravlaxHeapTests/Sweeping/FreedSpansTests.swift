import GravlaxHeap
import Synchronization
import Testing

/// Spans that go back to the heap together.
@Suite struct FreedSpansTests {
    private func deadHeap(_ count: Int, byteCount: Int = 8192) throws -> HeapFixture {
        let fixture = try HeapFixture()
        for _ in 0..<count { _ = try fixture.allocateNoScan(byteCount) }
        fixture.state.releaseAll()
        fixture.markAndFlip()
        return fixture
    }

    private func lockings(_ fixture: HeapFixture) -> Int { Int(fixture.counters.spanFreeLockings.value) }

    /// A batch takes the heap lock once for as many spans as `FreedSpans` holds.
    @Test func aBatchTakesTheLockOnceForMany() throws {
        let fixture = try deadHeap(1000)
        while fixture.raw.sweepBatch(nil, spans: 64) {}
        #expect(fixture.raw.pagesInUse == 0 && fixture.raw.isSweepDone)
        #expect(lockings(fixture) >= 1000 / FreedSpans.spanLimit && lockings(fixture) <= 1000 / FreedSpans.spanLimit + 1)
        #expect(fixture.raw.pointee.reclaimCredit.load(ordering: .relaxed) == 1000)
        #expect(HeapVerifier(fixture.raw).violations(afterMark: false) == [])
    }

    /// One by one they take it once each.
    @Test func oneByOneEachTakesTheLock() throws {
        let fixture = try deadHeap(100)
        while fixture.raw.sweepOne(nil) != nil {}
        #expect(lockings(fixture) == 100)
    }

    @Test func theReclaimerGathersToo() throws {
        let fixture = try deadHeap(512)
        fixture.raw.reclaim(512)
        #expect(fixture.raw.pagesInUse == 0)
        #expect(lockings(fixture) <= 512 / FreedSpans.spanLimit + 1)
    }

    /// Nobody waits for many pages because few spans are gathered yet.
    @Test func largeSpansDoNotWait() throws {
        let fixture = try deadHeap(8, byteCount: 300 << 13)
        while fixture.raw.sweepBatch(nil, spans: 64) {}
        #expect(fixture.raw.pagesInUse == 0 && lockings(fixture) == 8)
    }

    /// Some live, some dead, in every class: each span ends where it belongs.
    @Test func aMixedHeapIsSoundAfterBatches() throws {
        let fixture = try HeapFixture()
        var objects: [UInt64] = []
        for index in 0..<20_000 { objects.append(UInt64(try fixture.allocateNoScan(16 + index % 37 * 200))) }
        fixture.state.releaseAll()
        fixture.roots.words = objects.enumerated().filter { $0.offset % 613 == 0 }.map(\.element)
        fixture.markAndFlip()
        var batches = 0
        while fixture.raw.sweepBatch(fixture.state, spans: 10) { batches += 1 }
        #expect(batches > 100)
        #expect(HeapVerifier(fixture.raw).violations(afterMark: false) == [])
    }
}
