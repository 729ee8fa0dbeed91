import GravlaxHeap
import Synchronization
import Testing

/// Several mutators at the budget at once: each allocation is served or refused, and the budget holds.
@Suite struct BudgetStressTests {
    private final class Shared: @unchecked Sendable {
        let heap: Heap
        let refusals = Atomic<Int>(0)
        init(_ heap: Heap) { self.heap = heap }
    }

    @Test func theLimitHoldsForSeveralMutators() throws {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.budget = 6 << 20
        configuration.usesHugePages = false
        configuration.gcPercent = -1
        configuration.backgroundSweepers = 0
        configuration.scavengesInBackground = false
        configuration.preparesMemory = false
        let shared = Shared(try Heap(configuration))
        onThreads(3) { index in
            var generator = SeededGenerator(seed: UInt64(index) + 1)
            let roots = RootWords()
            defer { withExtendedLifetime(roots) {} }
            let mutator = try! shared.heap.makeMutator(roots: roots)
            for _ in 0..<20_000 {
                let pages = generator.isOne(in: 1000) ? 9000 : 1 + generator.below(200)
                if let stack = mutator.allocateStack(byteCount: pages << HeapConstants.pageShift) {
                    mutator.freeStack(stack)
                } else {
                    shared.refusals.wrappingAdd(1, ordering: .relaxed)
                }
                if mutator.pollRequested { mutator.safepoint() }
            }
            mutator.close()
        }
        #expect(shared.refusals.load(ordering: .relaxed) > 0)
        // Without the pointer bitmap, whose part a stack that is freed brings into the count.
        let statistics = shared.heap.statistics
        #expect(statistics.heapSys - statistics.heapReleased + statistics.stacksInUse <= 6 << 20)
        #expect(HeapVerifier(shared.heap.raw).violations(afterMark: false) == [])
    }
}
