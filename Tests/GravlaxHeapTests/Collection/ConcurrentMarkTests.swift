import Glibc
import GravlaxHeap
import Synchronization
import Testing

/// Mutators that come, go, wait and collect while marking runs beside them.
@Suite struct ConcurrentMarkTests {
    private static func configuration(workers: Int = 0, percent: Int = -1) -> HeapConfiguration {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.backgroundSweepers = 0
        configuration.markWorkers = workers
        // Heaps are checked while these would run.
        configuration.scavengesInBackground = false
        configuration.preparesMemory = false
        configuration.gcPercent = percent
        // Else these small heaps are marked as soon as their roots are visited.
        configuration.disabledMechanisms = .promptMarking
        return configuration
    }

    private final class Shared: @unchecked Sendable {
        let heap: Heap
        let ended = Atomic<Int>(0)
        init(_ heap: Heap) { self.heap = heap }
    }

    /// A chain of nodes that begins at a root.
    private static func makeChain(_ mutator: Mutator, _ roots: RootWords, length: Int) {
        var next: UInt64 = 0
        for _ in 0..<length {
            let node = mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 1))!
            mutator.store(next, to: node.assumingMemoryBound(to: UInt64.self) + 1)
            next = WordEncoding.tagged.match | UInt64(UInt(bitPattern: node))
        }
        roots.words.append(next)
    }

    private static func chainLength(_ roots: RootWords) -> Int {
        var length = 0
        var word = roots.words[0]
        while word != 0 {
            length += 1
            word = UnsafePointer<UInt64>(bitPattern: UInt(word & WordEncoding.tagged.addressMask))![1]
        }
        return length
    }

    /// Whether the running cycle ends within a bounded number of the mutator's steps.
    private static func ends(_ mutator: Mutator) -> Bool {
        for _ in 0..<10_000 where !mutator.step(64) { return true }
        return false
    }

    ///     first                     second
    ///     begins a cycle            (stood through the stop, its roots not visited)
    ///                               goes outside
    ///     must be able to end it
    @Test func whoGoesOutsideBeforeItWasScannedHoldsNobodyUp() throws {
        let heap = try Heap(Self.configuration())
        let (roots, otherRoots) = (RootWords(), RootWords())
        defer { withExtendedLifetime((roots, otherRoots)) {} }
        let first = try heap.makeMutator(roots: roots)
        let second = try heap.makeMutator(roots: otherRoots)
        Self.makeChain(second, otherRoots, length: 1_000)
        second.enterOutside()
        #expect(first.beginCycle())
        // Somebody looks for roots to visit while the second mutator runs, and finds none.
        heap.raw.pointee.world.enter(second.state)
        first.step(1)
        #expect(heap.raw.isMarking)
        second.enterOutside()
        #expect(Self.ends(first))
        second.leaveOutside()
        #expect(Self.chainLength(otherRoots) == 1_000)
        second.close()
        first.close()
    }

    /// Its roots are visited where it stands; it need not come back for the cycle to end.
    @Test func whoIsOutsideIsScannedThere() throws {
        let heap = try Heap(Self.configuration())
        let (roots, otherRoots) = (RootWords(), RootWords())
        defer { withExtendedLifetime((roots, otherRoots)) {} }
        let first = try heap.makeMutator(roots: roots)
        let second = try heap.makeMutator(roots: otherRoots)
        Self.makeChain(second, otherRoots, length: 1_000)
        second.enterOutside()
        #expect(first.beginCycle())
        #expect(Self.ends(first))
        _ = first.readStatistics()
        #expect(first.collect())
        #expect(first.readStatistics().objects == 1_000)
        second.leaveOutside()
        #expect(Self.chainLength(otherRoots) == 1_000)
        second.close()
        first.close()
    }

    @Test func whoJoinsWhileMarkingRecordsAndIsScanned() throws {
        let heap = try Heap(Self.configuration())
        let (roots, otherRoots) = (RootWords(), RootWords())
        defer { withExtendedLifetime((roots, otherRoots)) {} }
        let first = try heap.makeMutator(roots: roots)
        Self.makeChain(first, roots, length: 1_000)
        #expect(first.beginCycle())
        let second = try heap.makeMutator(roots: otherRoots)
        #expect(second.barrierBit != 0)
        #expect(second.pollRequested)
        // The head of the chain, which nobody has looked at, moves to the new mutator.
        second.shade(roots.words[0])
        otherRoots.words.append(roots.words.removeLast())
        Self.makeChain(second, otherRoots, length: 10)
        second.enterOutside()
        #expect(Self.ends(first))
        #expect(second.barrierBit == 0)
        #expect(first.collect())
        #expect(first.readStatistics().objects == 1_010)
        second.leaveOutside()
        #expect(Self.chainLength(otherRoots) == 1_000)
        second.close()
        first.close()
    }

    @Test func whoClosesWhileMarkingHoldsNobodyUp() throws {
        let heap = try Heap(Self.configuration())
        let (roots, otherRoots) = (RootWords(), RootWords())
        defer { withExtendedLifetime((roots, otherRoots)) {} }
        let first = try heap.makeMutator(roots: roots)
        let second = try heap.makeMutator(roots: otherRoots)
        Self.makeChain(second, otherRoots, length: 100)
        second.enterOutside()
        #expect(first.beginCycle())
        heap.raw.pointee.world.enter(second.state)
        // Something of it is recorded, and something black.
        Self.makeChain(second, otherRoots, length: 100)
        second.close()
        otherRoots.words = []
        #expect(Self.ends(first))
        #expect(first.collect())
        #expect(first.readStatistics().objects == 0)
        first.close()
    }

    /// Without workers, and without a call of `collect` or `step`, cycles begin and end by what allocations do.
    @Test func withoutWorkersAllocationMarks() throws {
        let heap = try Heap(Self.configuration(percent: 100))
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        Self.makeChain(mutator, roots, length: 50_000)
        var allocations = 0
        while heap.statistics.cycles < 4, allocations < 4_000_000 {
            for _ in 0..<1_000 {
                _ = mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 3))
                if mutator.pollRequested { mutator.safepoint() }
            }
            allocations += 1_000
        }
        #expect(heap.statistics.cycles == 4)
        #expect(Self.chainLength(roots) == 50_000)
        mutator.close()
    }

    /// And with workers they end although no mutator does anything.
    @Test(arguments: 1...3) func workersEndACycleAlone(workers: Int) throws {
        let heap = try Heap(Self.configuration(workers: workers))
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        Self.makeChain(mutator, roots, length: 20_000)
        for cycle in 1...20 {
            #expect(mutator.beginCycle())
            mutator.enterOutside()
            while heap.statistics.cycles < cycle { sched_yield() }
            mutator.leaveOutside()
        }
        #expect(Self.chainLength(roots) == 20_000)
        mutator.close()
    }

    /// Each call returns after a cycle that began after it.
    @Test(arguments: [0, 1, 2]) func severalCollectAtOnce(workers: Int) throws {
        let shared = Shared(try Heap(Self.configuration(workers: workers)))
        onThreads(3) { _ in
            let roots = RootWords()
            let mutator = try! shared.heap.makeMutator(roots: roots)
            Self.makeChain(mutator, roots, length: 500)
            for _ in 0..<30 {
                let before = shared.heap.statistics.cycles
                if mutator.collect(), shared.heap.statistics.cycles > before {
                    shared.ended.wrappingAdd(1, ordering: .relaxed)
                }
            }
            if Self.chainLength(roots) != 500 { shared.ended.store(0, ordering: .relaxed) }
            mutator.close()
        }
        #expect(shared.ended.load(ordering: .relaxed) == 90)
        #expect(HeapVerifier(shared.heap.raw).violations(afterMark: false) == [])
    }

    /// The last reference to a heap goes while its workers mark.
    @Test func aHeapGoesWhileItIsMarked() throws {
        for length in stride(from: 0, through: 20_000, by: 1_000) {
            let heap = try Heap(Self.configuration(workers: 2))
            let roots = RootWords()
            let mutator = try heap.makeMutator(roots: roots)
            Self.makeChain(mutator, roots, length: length)
            #expect(mutator.beginCycle())
            mutator.close()
        }
    }

    /// What is set while marking is read back at once, and governs the next cycle.
    @Test func thePaceChangesWhileMarking() throws {
        let heap = try Heap(Self.configuration(percent: 100))
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        Self.makeChain(mutator, roots, length: 300_000)
        mutator.collect()
        let before = heap.statistics.nextGC
        #expect(mutator.beginCycle())
        mutator.gcPercent = 400
        mutator.memoryLimit = 1 << 40
        #expect(mutator.gcPercent == 400)
        #expect(mutator.memoryLimit == 1 << 40)
        #expect(Self.ends(mutator))
        let live = heap.statistics.heapMarked
        #expect(heap.statistics.nextGC > before)
        #expect(heap.statistics.nextGC == live * 5)
        #expect(mutator.beginCycle())
        // A limit below what is live: the goal is as low as it gets.
        mutator.memoryLimit = 1
        #expect(Self.ends(mutator))
        #expect(heap.statistics.nextGC < live * 2)
        mutator.memoryLimit = nil
        mutator.gcPercent = -1
        #expect(mutator.memoryLimit == nil)
        #expect(heap.statistics.nextGC == .max)
        #expect(Self.chainLength(roots) == 300_000)
        mutator.close()
    }
}
