import Glibc
import GravlaxHeap
import Testing

/// Two minutes after a cycle there is another, though nobody allocates and every mutator is outside.
@Suite struct PeriodicCycleTests {
    @Test(arguments: [100, -1]) func anOldCycleIsFollowedByAnother(gcPercent: Int) throws {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.gcPercent = gcPercent
        let heap = try Heap(configuration)
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let mutator = try heap.makeMutator(roots: roots)
        _ = mutator.allocateNoScan(byteCount: 40)
        #expect(mutator.collect())
        mutator.enterOutside()
        let last = heap.raw.pointee.work.progress.pointee.lastEnd.load(ordering: .relaxed)
        let period: UInt64 = 120 * 1_000_000_000
        #expect(heap.collector.beginIfOld(at: last + period - 5) == 5)
        #expect(heap.statistics.cycles == 1)
        while heap.collector.beginIfOld(at: last + period) != period { sched_yield() }
        if gcPercent >= 0 {
            while heap.lastCycle?.number != 2 { sched_yield() }
            #expect(heap.lastCycle?.forced == false)
        } else {
            #expect(heap.statistics.cycles == 1 && !heap.raw.isMarking)
        }
        mutator.leaveOutside()
        mutator.close()
    }
}
