import Glibc
import GravlaxHeap

/// Full collections of a complete binary tree whose nodes have 32 bytes: two words without pointers, two with. In the
/// order of allocation the tree's preorder is that of the addresses; shuffled, the addresses are drawn at random.
enum MarkBenchmark {
    enum Order: String, CaseIterable { case ordered, shuffled }

    static let nodeCount = 2_000_000

    /// Nanoseconds per node of a whole collection, and of marking alone: the best of five each. All of
    /// it happens on one thread, sweeping too.
    static func nanosecondsPerNode(_ order: Order) throws -> (whole: Double, marking: Double) {
        var configuration = HeapConfiguration()
        configuration.backgroundSweepers = 0
        configuration.markWorkers = 0
        let heap = try Heap(configuration)
        let stops = Stops()
        heap.onCycle = { stops.shortest = min(stops.shortest, $0.marking) }
        let roots = SingleRoot()
        let mutator = try heap.makeMutator(roots: roots)
        defer { mutator.close() }
        roots.word = try makeTree(mutator, order)
        mutator.collect()
        stops.shortest = .max
        var best = UInt64.max
        for _ in 0..<5 {
            let start = now()
            mutator.collect()
            best = min(best, now() - start)
        }
        return (Double(best) / Double(nodeCount), Double(stops.shortest) / Double(nodeCount))
    }

    /// Nanoseconds per node that so many background workers take to mark the shuffled tree while nothing else runs: the
    /// best of five.
    static func nanosecondsPerNode(workers: Int) throws -> Double {
        var configuration = HeapConfiguration()
        configuration.markWorkers = workers
        let heap = try Heap(configuration)
        let roots = SingleRoot()
        let mutator = try heap.makeMutator(roots: roots)
        defer { mutator.close() }
        roots.word = try makeTree(mutator, .shuffled)
        mutator.collect()
        var best = UInt64.max
        for _ in 0..<5 {
            let number = heap.lastCycle?.number ?? 0
            mutator.beginCycle()
            mutator.enterOutside()
            // Asleep, so that this thread takes no processor from the workers.
            while heap.lastCycle?.number == number { usleep(1_000) }
            mutator.leaveOutside()
            best = min(best, heap.lastCycle?.marking ?? .max)
        }
        return Double(best) / Double(nodeCount)
    }

    private final class Stops { var shortest = UInt64.max }

    /// No safepoint on the way, so nothing is collected before the root is known.
    private static func makeTree(_ mutator: Mutator, _ order: Order) throws -> UInt64 {
        let layout = ObjectLayout(headerWords: 2, slotCount: 2)
        var nodes: [UnsafeMutablePointer<UInt64>] = []
        nodes.reserveCapacity(nodeCount)
        for _ in 0..<nodeCount {
            guard let node = mutator.allocate(layout) else { throw HeapError.outOfMemory }
            nodes.append(node.assumingMemoryBound(to: UInt64.self))
        }
        if order == .shuffled {
            var random = SplitMix(state: 1)
            nodes.shuffle(using: &random)
        }
        var next = nodes.startIndex
        func link(_ count: Int) -> UInt64 {
            if count == 0 { return 0 }
            let node = nodes[next]
            next += 1
            let half = (count - 1) / 2
            node[2] = link(half)
            node[3] = link(count - 1 - half)
            return UInt64(UInt(bitPattern: node))
        }
        return link(nodeCount)
    }
}

/// The same order in every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
