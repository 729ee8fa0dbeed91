import GravlaxHeap
import Testing

/// Sampled allocations, and when they show.
@Suite struct ProfileTests {
    /// A heap that samples, whose places are told by the size of the object.
    private final class Scene {
        let roots = TestRoots()
        let heap: Heap
        let mutator: Mutator

        init(every byteCount: Int, _ change: (inout HeapConfiguration) -> Void = { _ in }) throws {
            var configuration = HeapConfiguration()
            configuration.gcPercent = -1
            configuration.backgroundSweepers = 0
            configuration.markWorkers = 0
            configuration.profileByteCount = byteCount
            change(&configuration)
            heap = try Heap(configuration)
            heap.allocationSite = { _, byteCount in UInt64(byteCount) }
            mutator = try heap.makeMutator(roots: roots)
        }

        deinit { mutator.close() }

        func profile(_ site: UInt64) -> AllocationRecord? { heap.allocationProfile().first { $0.site == site } }
    }

    private static let node = ObjectLayout(headerWords: 1, slotCount: 5)

    /// What a cycle completes shows after it, allocations and frees together.
    @Test func allocationsAndFreesShowTogether() throws {
        let scene = try Scene(every: 1)
        for _ in 0..<100 { scene.roots.words.append(UInt64(UInt(bitPattern: scene.mutator.allocate(Self.node)))) }
        #expect(scene.heap.allocationProfile() == [])
        scene.mutator.collect()
        #expect(scene.profile(48) == AllocationRecord(site: 48, objectByteCount: 48, allocs: 100, frees: 0))
        scene.roots.words.removeLast(30)
        for _ in 0..<7 { _ = scene.mutator.allocate(Self.node) }
        #expect(scene.profile(48)?.allocs == 100)
        scene.mutator.collect()
        #expect(scene.profile(48) == AllocationRecord(site: 48, objectByteCount: 48, allocs: 107, frees: 37))
        scene.roots.words = []
        for _ in 0..<5 { scene.mutator.collect() }
        #expect(scene.profile(48) == AllocationRecord(site: 48, objectByteCount: 48, allocs: 107, frees: 107))
    }

    /// Marked and not swept: neither what was freed shows, nor what was allocated before.
    @Test func nothingShowsBeforeTheSweepIsOver() throws {
        let scene = try Scene(every: 1)
        for _ in 0..<50 { _ = scene.mutator.allocate(Self.node) }
        #expect(scene.mutator.beginCycle())
        while scene.mutator.step(1000) {}
        #expect(!scene.heap.raw.isSweepDone && scene.profile(48) == nil)
        while scene.heap.raw.sweepOne(scene.mutator.state) != nil {}
        #expect(scene.profile(48) == AllocationRecord(site: 48, objectByteCount: 48, allocs: 50, frees: 50))
    }

    @Test func everyKindOfAllocationIsSampled() throws {
        let scene = try Scene(every: 1)
        _ = scene.mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 9000))
        _ = scene.mutator.allocateNoScan(byteCount: 1 << 20)
        for _ in 0..<40 { _ = scene.mutator.allocateNoScan(byteCount: 8) }
        for _ in 0..<3 { _ = scene.mutator.allocateNoScan(byteCount: 1000) }
        scene.mutator.collect()
        // Tiny objects count as their blocks.
        #expect(scene.profile(73728)?.allocs == 1 && scene.profile(1 << 20)?.allocs == 1)
        #expect(scene.profile(16)?.allocs == 20 && scene.profile(1024)?.allocs == 3)
        #expect(HeapVerifier(scene.heap.raw).violations(afterMark: false) == [])
    }

    /// One in so many bytes, whatever the size of the objects; the same ones each time.
    @Test(arguments: [16, 48, 1024, 40_000]) func samplesAreInProportionToBytes(byteCount: Int) throws {
        func run() throws -> UInt64 {
            let scene = try Scene(every: 64 << 10)
            let total = 64 << 20
            let size = SizeClassSize.of(byteCount)
            for _ in 0..<total / size { _ = scene.mutator.allocateNoScan(byteCount: byteCount) }
            scene.mutator.collect()
            return scene.heap.allocationProfile().reduce(0) { $0 + $1.allocs }
        }
        let count = try run()
        // 1024 are expected, with a deviation of 32. An object of 40,000 bytes may hide a second sample in it.
        let expected: ClosedRange<UInt64> = byteCount == 40_000 ? 650...900 : 900...1150
        #expect(expected.contains(count), "\(count) samples")
        #expect(try run() == count)
    }

    private enum SizeClassSize {
        static func of(_ byteCount: Int) -> Int {
            byteCount > HeapConstants.maxSmallSize
                ? (byteCount + 8191) / 8192 * 8192 : SizeClass.fitting(byteCount).elemSize
        }
    }

    @Test func withoutSamplingNothingIsCounted() throws {
        let scene = try Scene(every: 0)
        for _ in 0..<10_000 { _ = scene.mutator.allocate(Self.node) }
        scene.mutator.collect()
        #expect(scene.heap.allocationProfile() == [] && scene.heap.raw.pointee.specials.pool.takenCount == 0)
    }

    /// Every object is there once, whether or not its window was withheld for a sample.
    @Test(arguments: [0, 5]) func sampledWindowsHandOutEveryObjectOnce(stress: Int) throws {
        let scene = try Scene(every: 300) { $0.debug.stress = stress }
        var seen: Set<UInt> = []
        for _ in 0..<20_000 {
            let address = UInt(bitPattern: scene.mutator.allocate(Self.node))
            #expect(address != 0 && seen.insert(address).inserted)
        }
        #expect(HeapVerifier(scene.heap.raw).violations(afterMark: false) == [])
    }

    @Test func refusedSamplesAreNotCounted() throws {
        let scene = try Scene(every: 1)
        for step in 0..<20_000 {
            if step % 3 == 0 { scene.heap.raw.pointee.memory.failCall(1) }
            if let object = scene.mutator.allocate(Self.node) { scene.roots.words.append(UInt64(UInt(bitPattern: object))) }
            scene.heap.raw.pointee.memory.failCall(0)
        }
        let kept = scene.roots.words
        scene.mutator.collect()
        let sampled = try #require(scene.profile(48)).allocs
        #expect(sampled <= UInt64(kept.count) && sampled > UInt64(kept.count) / 2)
        scene.roots.words = []
        scene.mutator.collect()
        #expect(scene.profile(48)?.frees == sampled)
        _ = scene.mutator.readStatistics()
        #expect(scene.heap.raw.pointee.specials.pool.takenCount == 0)
    }
}
