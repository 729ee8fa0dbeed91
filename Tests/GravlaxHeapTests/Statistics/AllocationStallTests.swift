// What slow allocations are charged with comes together in the statistics.

import Glibc
import GravlaxHeap
import Synchronization
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

    /// What waits for a lock that somebody holds says so; a free one is free.
    ///
    ///     holder                        taker
    ///     locks, waits for ▷  ────────▶ ▷ announces itself, locks: waits
    ///     unlocks             ────────▶ has the lock
    @Test func waitsForALockAreTimed() throws {
        let fixture = MemoryFixture()
        struct Shared: @unchecked Sendable { let lock: HeapLock }
        let shared = Shared(lock: try #require(HeapLock(rank: .heap, memory: fixture.memory, statistic: fixture.statistic)))
        #expect(shared.lock.lockTimed() == 0)
        shared.lock.unlock()
        // 0: nobody holds the lock. 1: the holder does. 2: the taker comes. 3: it is over.
        let step = Atomic<Int>(0)
        onThreads(2) { index in
            if index == 0 {
                while step.load(ordering: .acquiring) != 3 {
                    shared.lock.lock()
                    step.store(1, ordering: .releasing)
                    while step.load(ordering: .acquiring) == 1 { sched_yield() }
                    // The taker has announced itself, but may not have come to the lock yet.
                    for _ in 0..<20 { sched_yield() }
                    shared.lock.unlock()
                    while step.load(ordering: .acquiring) == 2 { sched_yield() }
                }
            } else {
                var waited: UInt64 = 0
                while waited == 0 {
                    while step.load(ordering: .acquiring) != 1 { sched_yield() }
                    step.store(2, ordering: .releasing)
                    waited = shared.lock.lockTimed()
                    shared.lock.unlock()
                    step.store(waited == 0 ? 0 : 3, ordering: .releasing)
                }
            }
        }
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
