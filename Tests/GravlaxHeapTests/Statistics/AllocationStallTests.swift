// What slow allocations are charged with comes together in the statistics.

import GravlaxHeap
import Testing

@Suite("Allocation stalls")
struct AllocationStallTests {
    /// 8 KiB hold 170 objects of 48 bytes: of 1,000 allocations, six need a span.
    @Test(arguments: [(true, 6 as UInt64), (false, 0)])
    func slowAllocationsAreMeasuredOnRequest(measures: Bool, count: UInt64) throws {
        let fixture = try HeapFixture { $0.measuresStalls = measures }
        for _ in 0..<1000 { _ = try fixture.allocateNoScan(48) }
        let stalls = fixture.mutator.readStatistics().stalls
        #expect(stalls.slowAllocations.count == count)
        #expect((stalls.slowAllocations.total > 0) == measures)
        #expect(stalls.assist.count == 0 && stalls.stop.count == 0 && stalls.lock.count == 0)
    }

    @Test func largeAllocationsAreSlow() throws {
        let fixture = try HeapFixture { $0.measuresStalls = true }
        for _ in 0..<3 { _ = try fixture.allocateNoScan(100_000) }
        #expect(fixture.mutator.readStatistics().stalls.slowAllocations.count == 3)
    }

    /// Charges of one allocation are one time; those of several mutators add up.
    @Test func chargesAddUp() throws {
        let fixture = try HeapFixture()
        let other = try fixture.makeMutator()
        for (mutator, nanoseconds) in [(fixture.mutator, 100), (other, 1000)] as [(Mutator, UInt64)] {
            mutator.state.charge(.sweep, nanoseconds)
            mutator.state.charge(.sweep, nanoseconds)
            mutator.state.charge(.assist, 7)
            mutator.state.charge(.lock, 0)
            mutator.state.charge(.stop, 3)
            #expect(mutator.allocateNoScan(byteCount: 48) != nil)
            #expect(mutator.allocateNoScan(byteCount: 64) != nil, "charged with nothing any more")
        }
        #expect(fixture.statistics.stalls.sweep.count == 0, "mutators keep their counts")
        other.close()
        #expect(fixture.statistics.stalls.sweep.maximum == 2000, "until they are closed")
        let statistics = fixture.mutator.readStatistics()
        #expect(statistics.stalls.sweep.count == 2 && statistics.stalls.sweep.total == 2200)
        #expect(statistics.stalls.assist.count == 2 && statistics.assistNanoseconds == 14)
        #expect(statistics.stalls.lock.count == 0 && statistics.stalls.stop.total == 6)
    }
}
