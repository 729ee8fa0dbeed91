import Glibc
import GravlaxHeap
import Synchronization
import Testing

/// Threads that are overtaken by whole stops and cycles where they wait, and pieces of marking that stay short.
@Suite struct OvertakenTests {
    private static func makeHeap() throws -> Heap {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.backgroundSweepers = 0
        configuration.markWorkers = 0
        configuration.gcPercent = -1
        configuration.scavengesInBackground = false
        return try Heap(configuration)
    }

    private final class Shared: @unchecked Sendable {
        let heap: Heap
        let mutators: [Mutator]
        let object: UInt
        init(_ heap: Heap, _ mutators: [Mutator], object: UInt) {
            self.heap = heap
            self.mutators = mutators
            self.object = object
        }
    }

    /// The same for one that comes back from a wait of another kind: whatever way it took, what it had cached before a flip
    /// is given back before it waits for others, who may wait for that. Nothing is left to sweep then, so that nobody else
    /// has a reason to look at its cache.
    @Test func whoComesBackAndStopsTheWorldHasSweptItsCache() throws {
        let heap = try Self.makeHeap()
        let roots = RootWords()
        let first = try heap.makeMutator(roots: roots)
        let second = try heap.makeMutator(roots: roots)
        let object = try #require(second.allocate(ObjectLayout(headerWords: 1, slotCount: 1)))
        roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
        second.enterOutside()
        let world = heap.raw.pointee.world
        #expect(world.stop(first.state) && heap.collector.reserveForCycle())
        heap.collector.beginMarking()
        heap.collector.drainStopped()
        heap.collector.endMarking()
        heap.collector.flip()
        world.start()
        world.enter(second.state)
        let span = try #require(heap.raw.spanOf(UInt(bitPattern: object)))
        #expect(span.pointee.sweepgen.load(ordering: .relaxed) == heap.raw.sweepgen &+ 1)
        first.enterOutside()
        #expect(world.stop(second.state))
        #expect(span.pointee.sweepgen.load(ordering: .relaxed) == heap.raw.sweepgen)
        world.start()
        first.leaveOutside()
        first.close()
        second.close()
    }

    ///     first                      second
    ///     stops the world            wants to stop it, and waits
    ///     flips the generation
    ///     lets it go on              stops it, with a cache of the last generation
    ///     needs a span of that cache swept, before it comes to a safepoint
    @Test(.timeLimit(.minutes(1))) func whoStopsTheWorldNextHasSweptItsCache() throws {
        let heap = try Self.makeHeap()
        let roots = RootWords()
        let mutators = [try heap.makeMutator(roots: roots), try heap.makeMutator(roots: roots)]
        let object = try #require(mutators[1].allocate(ObjectLayout(headerWords: 1, slotCount: 1)))
        roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
        let shared = Shared(heap, mutators, object: UInt(bitPattern: object))
        onThreads(2) { index in
            let (heap, mutator) = (shared.heap, shared.mutators[index])
            let world = heap.raw.pointee.world
            if index == 1 {
                while !world.isStopping { sched_yield() }
                heap.collector.whileStopped(mutator.state) {}
                mutator.close()
                return
            }
            while !world.stop(mutator.state) {}
            #expect(heap.collector.reserveForCycle())
            heap.collector.beginMarking()
            heap.collector.drainStopped()
            heap.collector.endMarking()
            heap.collector.flip()
            world.start()
            mutator.state.prepareForSweep()
            while !world.isStopping { sched_yield() }
            heap.raw.ensureSwept(heap.raw.spanOf(shared.object)!, mutator.state)
            mutator.safepoint()
            mutator.close()
        }
    }

    ///     first                      second
    ///     wants to stop the world    wants to run a whole cycle, and waits
    ///     runs one
    ///     lets it go on              has nothing to do: what it needs may be there now
    @Test(.timeLimit(.minutes(1))) func whoWaitedWhileAnotherCollectedAsksAgain() throws {
        let heap = try Self.makeHeap()
        let roots = RootWords()
        let mutators = [try heap.makeMutator(roots: roots), try heap.makeMutator(roots: roots)]
        let shared = Shared(heap, mutators, object: 0)
        onThreads(2) { index in
            let (heap, mutator) = (shared.heap, shared.mutators[index])
            let world = heap.raw.pointee.world
            if index == 1 {
                while !world.isStopping { sched_yield() }
                #expect(heap.collector.runCycleStopped(mutator.state, sweepsStopped: true) == .busy)
                #expect(heap.statistics.cycles == 1)
                #expect(heap.collector.runCycleStopped(mutator.state, sweepsStopped: true) == .begun)
                #expect(heap.statistics.cycles == 2)
                mutator.close()
                return
            }
            // It is over only when the other one stands still, in its wish for a stop.
            while !world.stop(mutator.state) {}
            #expect(heap.collector.reserveForCycle())
            heap.collector.beginMarking()
            heap.collector.drainStopped()
            heap.collector.endMarking()
            heap.collector.flip()
            world.start()
            mutator.state.prepareForSweep()
            mutator.close()
        }
    }

    /// Reports may be delivered the other way round; who waits for the later one must not miss it.
    @Test func anEarlierReportThatComesLaterChangesNothing() throws {
        let heap = try Self.makeHeap()
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        #expect(mutator.collect())
        let early = try #require(heap.lastCycle)
        #expect(mutator.collect())
        heap.collector.deliver(early)
        #expect(heap.raw.pointee.work.progress.pointee.reported.load(ordering: .relaxed) == early.number + 1)
        #expect(heap.lastCycle?.number == early.number + 1)
        mutator.close()
    }

    private final class Holder: @unchecked Sendable {
        var mutator: Mutator?
        var beginsNext = true
    }

    /// A cycle whose marking runs dry while the report of the one before is delivered is ended by who delivers it.
    @Test func aCycleThatRunsDryDuringAReportIsEnded() throws {
        let heap = try Self.makeHeap()
        let holder = Holder()
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        heap.onCycle = { _ in
            guard holder.beginsNext, let mutator = holder.mutator else { return }
            holder.beginsNext = false
            #expect(mutator.beginCycle())
            for _ in 0..<10_000 where !heap.raw.looksDone { mutator.step(64) }
            #expect(heap.raw.looksDone)
        }
        let mutator = try heap.makeMutator(roots: roots)
        // More than is marked as the roots are visited, so that no cycle ends where it begins.
        for _ in 0..<20_000 {
            let object = try #require(mutator.allocate(ObjectLayout(headerWords: 0, slotCount: 16)))
            roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
        }
        holder.mutator = mutator
        #expect(mutator.beginCycle())
        for _ in 0..<10_000 where heap.lastCycle == nil { mutator.step(64) }
        #expect(!holder.beginsNext)
        #expect(!heap.raw.isMarking)
        mutator.close()
        heap.onCycle = nil
    }

    /// A large object without a reference in it is not scanned in one go.
    @Test func aStepScansAFewPiecesOnly() throws {
        let heap = try Self.makeHeap()
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        let pieces = 16
        let object = try #require(
            mutator.allocate(ObjectLayout(headerWords: 0, slotCount: pieces * HeapConstants.scanPiece / 8)))
        roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
        let worker = try #require(MarkWorker.make(heap.raw))
        heap.collector.whileStopped(mutator.state) {
            #expect(heap.collector.reserveForCycle())
            heap.collector.beginMarking()
            worker.pointee.mark(word: roots.words[0])
            var steps = 0
            while worker.pointee.step(64) { steps += 1 }
            #expect(steps >= pieces)
            worker.pointee.giveAway()
            worker.pointee.publish()
            heap.collector.drainStopped()
            heap.collector.endMarking()
            heap.collector.flip()
        }
        mutator.close()
    }

    /// Objects without pointers are no scan work; an assist is bounded nevertheless.
    @Test func anAssistMarksABoundedNumberOfObjectsWithoutPointers() throws {
        let heap = try Self.makeHeap()
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        let count = 200_000
        let list = try #require(mutator.allocate(ObjectLayout(headerWords: 0, slotCount: count)))
        roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: list)))
        for index in 0..<count {
            let object = try #require(mutator.allocateNoScan(byteCount: 16) as UnsafeMutableRawPointer?)
            mutator.store(
                WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)),
                to: list.assumingMemoryBound(to: UInt64.self) + index)
        }
        #expect(mutator.beginCycle())
        let marked = { heap.raw.pointee.work.progress.pointee.markedBytes.load(ordering: .relaxed) }
        var most: UInt64 = 0
        for _ in 0..<100 {
            let before = marked()
            mutator.state.pointee.assistCredit = 0
            mutator.state.assist(byteCount: 8192)
            if before > 0 { most = max(most, marked() - before) }
        }
        #expect(most > 0)
        // A word of scan work for each: 128 KiB are the most that an assist does.
        #expect(most <= (128 << 10) / 8 * 16)
        while mutator.step(4096) {}
        mutator.close()
    }

    /// Somebody else holds every buffer when a root is visited: it is found again.
    @Test func aRootThatNoBufferHasRoomForIsNotLost() throws {
        let heap = try Self.makeHeap()
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        let parent = try #require(mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 1)))
        let child = try #require(mutator.allocateNoScan(byteCount: 16) as UnsafeMutableRawPointer?)
        mutator.store(
            WordEncoding.tagged.match | UInt64(UInt(bitPattern: child)),
            to: (parent + 8).assumingMemoryBound(to: UInt64.self))
        roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: parent)))
        let worker = try #require(MarkWorker.make(heap.raw))
        let (memory, stacks) = (heap.raw.pointee.memory, heap.raw.pointee.work.stacks)
        heap.collector.whileStopped(mutator.state) {
            #expect(heap.collector.reserveForCycle())
            heap.collector.beginMarking()
            memory.failCall(1, forGood: true)
            while memory.allocatePersistent(
                byteCount: UInt(WorkBufferStacks.blockByteCount), statistic: heap.raw.pointee.statistics.metadata) != nil {}
            var held: [WorkBuffer] = []
            while let buffer = stacks.getEmpty() { held.append(buffer) }
            worker.pointee.mark(word: roots.words[0])
            memory.failCall(0)
            for buffer in held { stacks.putEmpty(buffer) }
            worker.pointee.giveAway()
            worker.pointee.publish()
            heap.collector.drainStopped()
            let (_, span, index) = heap.raw.findObject(UInt(bitPattern: child))!
            #expect(span.isMarked(index))
            heap.collector.endMarking()
            heap.collector.flip()
        }
        mutator.close()
    }
}
