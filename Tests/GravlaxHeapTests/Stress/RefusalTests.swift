import GravlaxHeap
import Testing

/// The n-th call to the system is refused, or all from the n-th on, for every n of a workload that uses all there is:
/// what cannot be done is reported to the caller, nothing is lost, and the heap is whole and useful afterwards.
@Suite struct RefusalTests {
    private static let configuration = {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.backgroundSweepers = 0
        configuration.markWorkers = 0
        // Calls are counted, and heaps checked while they run.
        configuration.scavengesInBackground = false
        configuration.preparesMemory = false
        configuration.gcPercent = 50
        return configuration
    }()

    /// One heap, and what is done with it.
    private final class Workload {
        let heap: Heap
        let shadow = ShadowGraph()
        private var mutators: [GraphMutator] = []
        private var generator = SeededGenerator(seed: 4711)

        init() throws { heap = try Heap(RefusalTests.configuration) }

        var memory: OSMemory { heap.raw.pointee.memory }

        /// Everything that may ask the system for memory. Where a refusal is reported, it goes on with the next.
        func run() {
            for round in 0..<3 {
                if let mutator = try? GraphMutator(heap, shadow, mayWait: false) {
                    mutators.append(mutator)
                } else {
                    mutators.last?.mutator.leaveOutside()
                }
                guard let mutator = mutators.last else { continue }
                for _ in 0..<120 {
                    mutator.step(&generator)
                    if mutator.mutator.pollRequested { mutator.mutator.safepoint() }
                }
                // A cycle of small steps, the program between them.
                _ = mutator.mutator.beginCycle()
                for _ in 0..<60 {
                    mutator.step(&generator)
                    _ = mutator.mutator.step(20)
                }
                // Two arenas at once, and a stack of many pages.
                if round < 2 { _ = mutator.mutator.allocateNoScan(byteCount: (66 + 64 * round) << 20) }
                if let stack = mutator.mutator.allocateStack(byteCount: 9 << 20) { mutator.mutator.freeStack(stack) }
                _ = mutator.mutator.collect()
                _ = mutator.mutator.allocateOrCollect(ObjectLayout(headerWords: 1, slotCount: 1 << 16))
                _ = mutator.mutator.readStatistics()
                _ = heap.raw.scavengeAll()
                if round < 2 { mutator.mutator.enterOutside() }
            }
        }

        /// What does not hold after it.
        func check() -> [String] {
            memory.failCall(0)
            shadow.forgetDeadAndCheck()
            var failures = HeapVerifier(heap.raw).violations(afterMark: false) + shadow.failures
            if mutators.isEmpty, let mutator = try? GraphMutator(heap, shadow, mayWait: false) {
                mutators.append(mutator)
            }
            guard let last = mutators.popLast() else { return failures + ["no mutator can be made"] }
            if last.mutator.allocateNoScan(byteCount: 5 << 20) == nil { failures.append("no memory can be had afterwards") }
            for _ in 0..<40 { last.step(&generator) }
            last.close()
            for mutator in mutators {
                mutator.mutator.leaveOutside()
                mutator.close()
            }
            mutators = []
            return failures + HeapVerifier(heap.raw).violations(afterMark: false)
        }
    }

    @Test(arguments: [false, true]) func everyCallOfAWorkloadCanBeRefused(andAllAfter: Bool) throws {
        let whole = try Workload()
        let before = whole.memory.callCount
        whole.run()
        let calls = whole.memory.callCount - before
        #expect(whole.check() == [])
        #expect(calls > 20)
        for call in 1...calls {
            let workload = try Workload()
            workload.memory.failCall(call, forGood: andAllAfter)
            workload.run()
            let failures = workload.check()
            #expect(failures.isEmpty, "call \(call) of \(calls) was refused")
        }
    }

    /// A heap that cannot be made gives back what it had: `Heap` would not return otherwise.
    @Test func everyCallOfMakingAHeapCanBeRefused() throws {
        var refusals = 0
        while true {
            let memory = try #require(OSMemory())
            memory.failCall(UInt64(refusals + 1))
            do {
                let heap = try Heap(Self.configuration, memory: memory)
                memory.failCall(0)
                _ = heap
                break
            } catch {
                #expect(error as? HeapError == .outOfMemory)
                refusals += 1
            }
        }
        #expect(refusals > 3)
    }
}
