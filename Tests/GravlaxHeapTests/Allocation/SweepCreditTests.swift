import GravlaxHeap
import Synchronization
import Testing

/// The line that sweeping stays above: set, moved and paid.
@Suite struct SweepCreditTests {
    /// `count` pages of live objects, unswept.
    private func unswept(_ count: Int) throws -> HeapFixture {
        let fixture = try HeapFixture()
        fixture.roots.words = try (0..<count).map { _ in UInt64(try fixture.allocateNoScan(8192)) }
        fixture.state.releaseAll()
        fixture.markAndFlip()
        return fixture
    }

    private func slope(_ fixture: HeapFixture) -> Double {
        Double(bitPattern: fixture.raw.pointee.sweepPagesPerByte.load(ordering: .relaxed))
    }

    private func swept(_ fixture: HeapFixture) -> UInt { fixture.raw.pointee.pagesSwept.load(ordering: .relaxed) }

    @Test func theSlopeSweepsEverythingBeforeTheTrigger() throws {
        let fixture = try unswept(400)
        let live = fixture.statistics.heapLive
        // A mebibyte before the trigger all is to be done.
        fixture.raw.paceSweeper(trigger: live + 5 << 20)
        #expect(slope(fixture) == 400.0 / Double(4 << 20))
        // However near the trigger is, a page is the least distance.
        fixture.raw.paceSweeper(trigger: live)
        #expect(slope(fixture) == 400.0 / 8192)
    }

    @Test func withEverythingSweptThereIsNothingToPay() throws {
        let fixture = try unswept(10)
        fixture.raw.paceSweeper(trigger: fixture.statistics.heapLive + 5 << 20)
        while fixture.raw.sweepOne(fixture.state) != nil {}
        fixture.raw.paceSweeper(trigger: fixture.statistics.heapLive + 5 << 20)
        #expect(slope(fixture) == 0)
    }

    @Test func theLineIsMovedWithoutAJump() throws {
        let fixture = try unswept(400)
        let live = fixture.statistics.heapLive
        fixture.raw.paceSweeper(trigger: live + 5 << 20)
        fixture.raw.deductSweepCredit(spanBytes: 1 << 20, callerSweepPages: 0)
        #expect(swept(fixture) == 100)
        // From here on the line starts at what is swept and live now: nothing is due at once.
        fixture.raw.paceSweeper(trigger: live + 2 << 20)
        #expect(fixture.raw.pointee.pagesSweptBasis.load(ordering: .relaxed) == 100)
        #expect(fixture.raw.pointee.sweepHeapLiveBasis.load(ordering: .relaxed) == UInt(live))
        fixture.raw.deductSweepCredit(spanBytes: 0, callerSweepPages: 0)
        #expect(swept(fixture) == 100)
        fixture.raw.deductSweepCredit(spanBytes: 1 << 19, callerSweepPages: 0)
        #expect(swept(fixture) == 250)
    }

    @Test func theCallersOwnPagesCountAsPaid() throws {
        let fixture = try unswept(400)
        fixture.raw.paceSweeper(trigger: fixture.statistics.heapLive + 5 << 20)
        fixture.raw.deductSweepCredit(spanBytes: 1 << 20, callerSweepPages: 60)
        #expect(swept(fixture) == 40)
    }

    @Test func whenNothingIsLeftTheLineIsOff() throws {
        let fixture = try unswept(10)
        fixture.raw.paceSweeper(trigger: fixture.statistics.heapLive + 5 << 20)
        fixture.raw.deductSweepCredit(spanBytes: 1 << 30, callerSweepPages: 0)
        #expect(swept(fixture) == 10 && slope(fixture) == 0 && fixture.raw.isSweepDone)
    }
}
