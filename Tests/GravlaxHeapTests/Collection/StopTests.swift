import Glibc
import GravlaxHeap
import Synchronization
import Testing

/// Stops that meet: what one participant asks for while another has the world stopped.
@Suite struct StopTests {
    private static func configuration(sweepers: Int = 0) -> HeapConfiguration {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.backgroundSweepers = sweepers
        configuration.gcPercent = -1
        return configuration
    }

    private final class Shared: @unchecked Sendable {
        let heap: Heap
        let isReady = Atomic<Bool>(false)
        let cycles = Atomic<UInt64>(0)
        init(_ heap: Heap) { self.heap = heap }
    }

    ///     reader                     collector
    ///     readStatistics: stopping
    ///                                sees the poll, collects: waits
    ///     stopped, read, start
    ///                                runs a cycle of its own
    @Test func collectingBehindAnotherStopStillCollects() throws {
        let shared = Shared(try Heap(Self.configuration()))
        onThreads(2) { index in
            let roots = RootWords()
            defer { withExtendedLifetime(roots) {} }
            let mutator = try! shared.heap.makeMutator(roots: roots)
            if index == 0 {
                while !shared.isReady.load(ordering: .acquiring) { sched_yield() }
                _ = mutator.readStatistics()
                mutator.enterOutside()
                while shared.isReady.load(ordering: .acquiring) { sched_yield() }
                mutator.leaveOutside()
            } else {
                shared.isReady.store(true, ordering: .releasing)
                while !mutator.pollRequested { sched_yield() }
                let collected = mutator.collect()
                shared.cycles.store(collected ? shared.heap.statistics.cycles : .max, ordering: .relaxed)
                shared.isReady.store(false, ordering: .releasing)
            }
            mutator.close()
        }
        #expect(shared.cycles.load(ordering: .relaxed) == 1)
    }

    /// A mutator that closes while another stops the world leaves its record behind with the wish to stop.
    @Test func aRecordUsedAgainAsksForNothing() throws {
        let heap = try Heap(Self.configuration())
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let first = try heap.makeMutator(roots: roots)
        first.state.requestPoll(.stop)
        first.close()
        let second = try heap.makeMutator(roots: roots)
        #expect(second.state == first.state)
        #expect(!second.pollRequested)
        second.close()
    }

    /// Sweepers step aside for every stop. One that is no cycle sends them back to work.
    @Test func sweepersGoOnAfterAStop() throws {
        let heap = try Heap(Self.configuration(sweepers: 1))
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let mutator = try heap.makeMutator(roots: roots)
        for _ in 0..<2000 { _ = mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 3)) }
        #expect(heap.collector.reserveForCycle())
        heap.collector.whileStopped(mutator.state) {
            heap.collector.beginMarking()
            heap.collector.drainStopped()
            heap.collector.endMarking()
            heap.collector.flip()
        }
        while !heap.raw.isSweepDone { sched_yield() }
        #expect(heap.statistics.heapInUse < 2000 * 32)
        mutator.close()
    }

    /// What a mutator that stays outside counted by itself is known before anybody frees it.
    @Test func neverMoreFreesThanMallocs() throws {
        let heap = try Heap(Self.configuration())
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let outside = try heap.makeMutator(roots: roots)
        for _ in 0..<600 { _ = outside.allocate(ObjectLayout(headerWords: 1, slotCount: 1)) }
        outside.enterOutside()
        let mutator = try heap.makeMutator(roots: roots)
        #expect(heap.collector.reserveForCycle())
        heap.collector.whileStopped(mutator.state) {
            heap.collector.beginMarking()
            heap.collector.drainStopped()
            heap.collector.endMarking()
            heap.collector.flip()
        }
        while heap.raw.sweepOne(nil) != nil {}
        let statistics = heap.statistics
        #expect(statistics.frees == 512)
        #expect(statistics.mallocs >= statistics.frees)
        outside.leaveOutside()
        outside.close()
        mutator.close()
    }
}
