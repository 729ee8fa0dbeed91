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

    /// A worker visited the roots: then the mutator has nothing to come to a safepoint for.
    @Test func whoWasScannedByAnotherPollsNoMore() throws {
        let heap = try Heap(Self.configuration())
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let first = try heap.makeMutator(roots: roots)
        let second = try heap.makeMutator(roots: roots)
        second.enterOutside()
        #expect(first.collect())
        second.leaveOutside()
        second.safepoint()
        #expect(!second.pollRequested)
        second.close()
        first.close()
    }

    /// Who wants to end a cycle may find that another has ended it in a stop of its own: what it had cached is stale.
    ///
    ///     ender                     stopper
    ///     stop? ──── waits ───▶     stop, end the cycle, flip, start
    ///     flushes its cache
    @Test func waitingBehindAFlipFlushesTheCache() throws {
        var configuration = Self.configuration()
        configuration.markWorkers = 0
        let heap = try Heap(configuration)
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let pair = Pair(heap, try heap.makeMutator(roots: roots), try heap.makeMutator(roots: roots))
        _ = pair.ender.allocateNoScan(byteCount: 64)
        pair.stopper.enterOutside()
        heap.collector.whileStopped(pair.ender.state) {
            heap.collector.beginMarking()
            // As if all roots had been visited by somebody who has not tried to end the cycle.
            for mutator in [pair.ender, pair.stopper] { mutator.state.pointee.needsScan = false }
            heap.raw.pointee.work.progress.pointee.openRoots.store(0, ordering: .relaxed)
            heap.raw.pointee.work.progress.pointee.pendingRoots.store(0, ordering: .relaxed)
        }
        #expect(heap.raw.looksDone)
        onThreads(2) { index in
            let collector = pair.heap.collector
            if index == 0 {
                pair.stopper.leaveOutside()
                collector.whileStopped(pair.stopper.state) {
                    collector.drainStopped()
                    collector.endMarking()
                    collector.flip()
                }
                pair.stopper.close()
            } else {
                let poll = pair.ender.state
                while poll.pointee.poll.load(ordering: .relaxed) & PollReason.stop.rawValue == 0 { sched_yield() }
                collector.endCycle(pair.ender.state)
            }
        }
        #expect(heap.raw.sweepgen == 2)
        #expect(pair.ender.state.pointee.flushGeneration == 2)
        pair.ender.close()
    }

    private final class Pair: @unchecked Sendable {
        let heap: Heap
        let ender: Mutator
        let stopper: Mutator
        init(_ heap: Heap, _ ender: Mutator, _ stopper: Mutator) {
            self.heap = heap
            self.ender = ender
            self.stopper = stopper
        }
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
