import GravlaxHeap
import Synchronization

/// Turns of 1,000 allocations beside a tree of 2,097,151 live nodes: what a program waits for that answers requests.
/// Nodes have 32 bytes, two words with pointers. Each lands in a ring of 256 that stands in the heap, and the last of a
/// turn becomes a leaf of the tree, so that something old dies too.
final class TurnBenchmark {
    struct Result {
        /// Microseconds of each turn, and of each time the world stood still during them, ascending.
        var turns: [Double]
        var stops: [Double]
        var cycles: UInt64
    }

    private static let depth = 20
    private static let turnCount = 20_000
    private static let allocationsPerTurn = 1_000
    private static let ringLength = 256
    private static let node = ObjectLayout(headerWords: 2, slotCount: 2)

    private let heap: Heap
    private let mutator: Mutator
    private let roots = TreeAndRing()
    private let stops = StopTimes()

    init() throws {
        heap = try Heap()
        let stops = stops
        heap.onCycle = { stops.add($0) }
        mutator = try heap.makeMutator(roots: roots)
    }
    deinit { mutator.close() }

    func run() throws -> Result {
        roots.tree = try makeTree(Self.depth)
        roots.ring = try allocate(ObjectLayout(headerWords: 0, slotCount: Self.ringLength))
        mutator.collect()
        stops.clear()
        let cycles = heap.statistics.cycles
        var times: [UInt64] = []
        times.reserveCapacity(Self.turnCount)
        var random = SplitMix(state: 1)
        var start = now()
        for _ in 0..<Self.turnCount {
            try turn(&random)
            let end = now()
            times.append(end - start)
            start = end
        }
        return Result(
            turns: times.map { Double($0) / 1e3 }.sorted(), stops: stops.microseconds(),
            cycles: heap.statistics.cycles - cycles)
    }

    private func turn(_ random: inout SplitMix) throws {
        let ring = slots(roots.ring)
        for index in 0..<Self.allocationsPerTurn {
            mutator.store(try allocate(Self.node), to: ring + index & (Self.ringLength - 1))
            if mutator.pollRequested { mutator.safepoint() }
        }
        var node = roots.tree
        var path = random.next()
        for _ in 1..<Self.depth {
            node = slots(node)[2 + Int(path & 1)]
            path >>= 1
        }
        mutator.store(ring[(Self.allocationsPerTurn - 1) & (Self.ringLength - 1)], to: slots(node) + 2 + Int(path & 1))
    }

    /// No safepoint on the way, so nothing is collected before the root is known.
    private func makeTree(_ depth: Int) throws -> UInt64 {
        let node = try allocate(Self.node)
        if depth > 0 {
            mutator.store(try makeTree(depth - 1), to: slots(node) + 2)
            mutator.store(try makeTree(depth - 1), to: slots(node) + 3)
        }
        return node
    }

    @inline(__always)
    private func allocate(_ layout: ObjectLayout) throws -> UInt64 {
        guard let object = mutator.allocate(layout) else { throw HeapError.outOfMemory }
        return UInt64(UInt(bitPattern: object))
    }

    @inline(__always)
    private func slots(_ word: UInt64) -> UnsafeMutablePointer<UInt64> {
        UnsafeMutablePointer(bitPattern: UInt(word)).unsafelyUnwrapped
    }
}

private final class TreeAndRing: RootSource {
    var tree: UInt64 = 0
    var ring: UInt64 = 0
    func visitRoots(_ visitor: RootVisitor) {
        visitor.visit(word: tree)
        visitor.visit(word: ring)
    }
}

/// How long the world stood still, as the cycles report it on threads of their own.
private final class StopTimes: Sendable {
    private let nanoseconds = Mutex<[UInt64]>([])

    func add(_ report: CycleReport) {
        nanoseconds.withLock {
            $0 += [report.sweepTermination.timeStopped, report.markTermination.timeStopped]
        }
    }
    func clear() { nanoseconds.withLock { $0 = [] } }
    func microseconds() -> [Double] { nanoseconds.withLock { $0 }.map { Double($0) / 1e3 }.sorted() }
}

extension [Double] {
    /// The smallest value that `share` of the values, which ascend, do not exceed; 0 where there is none.
    func percentile(_ share: Double) -> Double {
        isEmpty ? 0 : self[Swift.min(count - 1, Int((Double(count) * share).rounded(.up)) - 1)]
    }
}
