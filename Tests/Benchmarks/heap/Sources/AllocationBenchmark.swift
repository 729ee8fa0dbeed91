import Dispatch
import GravlaxHeap

/// Threads that allocate: each object lands in a ring of 256 that stands in the heap too, so that it soon dies. Sweeping
/// what died is part of the time, as are the cycles that the allocation starts.
final class AllocationBenchmark {
    enum Kind: String, CaseIterable { case noscan, scan }

    private static let ringLength = 256
    private let heap: Heap
    private let mutator: Mutator
    private let roots = SingleRoot()

    init() throws {
        heap = try Heap()
        mutator = try heap.makeMutator(roots: roots)
    }
    deinit { mutator.close() }

    /// Nanoseconds per allocation of one thread: the best of five rounds, the least disturbed one.
    func nanoseconds(_ kind: Kind, byteCount: Int, threadCount: Int) throws -> Double {
        let count = min(64 << 20 / byteCount, 4 << 20)
        var best = UInt64.max
        for _ in 0..<5 {
            mutator.collect()
            mutator.enterOutside()
            let heap = heap
            let start = now()
            // One thread is the caller itself; nothing else runs on Dispatch's threads but the sweeper.
            DispatchQueue.concurrentPerform(iterations: threadCount) { _ in
                switch kind {
                case .noscan: Self.churn(heap, count) { $0.allocateNoScan(byteCount: byteCount) }
                case .scan:
                    let layout = ObjectLayout(headerWords: 0, slotCount: byteCount / 8)
                    Self.churn(heap, count) { $0.allocate(layout) }
                }
            }
            best = min(best, now() - start)
            mutator.leaveOutside()
        }
        return Double(best) / Double(count)
    }

    @inline(__always)
    private static func churn(_ heap: Heap, _ count: Int, _ allocate: (Mutator) -> UnsafeMutableRawPointer?) {
        let roots = SingleRoot()
        guard let mutator = try? heap.makeMutator(roots: roots),
            let ring = mutator.allocate(ObjectLayout(headerWords: 0, slotCount: ringLength))
        else { fatalError("out of memory") }
        roots.word = UInt64(UInt(bitPattern: ring))
        let slots = ring.assumingMemoryBound(to: UInt64.self)
        for index in 0..<count {
            guard let object = allocate(mutator) else { fatalError("out of memory") }
            mutator.store(UInt64(UInt(bitPattern: object)), to: slots + index & (ringLength - 1))
            if mutator.pollRequested { mutator.safepoint() }
        }
        mutator.close()
    }
}

/// One word that keeps something alive.
final class SingleRoot: RootSource {
    var word: UInt64 = 0
    func visitRoots(_ visitor: RootVisitor) { visitor.visit(word: word) }
}
