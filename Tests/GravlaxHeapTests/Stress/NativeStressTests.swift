import Glibc
import GravlaxHeap
import Synchronization
import Testing

/// A heap under several threads at once, in each of its debug modes. Every thread has a shadow of its own objects.
enum StressMode: String, CaseIterable, CustomTestStringConvertible {
    case plain, verify, stress, clobberFree, stopTheWorld, budget, manySweepers
    /// Every safepoint begins a cycle if none is running, and every cycle is verified.
    case everySafepoint
    /// Mutators mark alone; and with more workers than there are processors.
    case noMarkers, manyMarkers
    /// Percentage and memory limit change all the time.
    case changingPace

    var testDescription: String { rawValue }

    var configuration: HeapConfiguration {
        var configuration = HeapConfiguration(encoding: .tagged)
        switch self {
        case .plain: break
        case .verify:
            configuration.debug.verify = true
            configuration.gcPercent = 30
        case .stress: configuration.debug.stress = 40
        case .clobberFree:
            configuration.debug.clobberFree = true
            configuration.gcPercent = 20
        case .stopTheWorld:
            configuration.debug.stopTheWorld = true
            configuration.gcPercent = 20
        case .budget: configuration.budget = 48 << 20
        case .everySafepoint: configuration.debug.verify = true
        case .noMarkers:
            configuration.markWorkers = 0
            configuration.debug.verify = true
            configuration.gcPercent = 20
        case .manyMarkers:
            configuration.markWorkers = 5
            configuration.debug.clobberFree = true
            configuration.gcPercent = 20
        case .changingPace: configuration.memoryLimit = 16 << 20
        case .manySweepers:
            configuration.backgroundSweepers = 3
            configuration.gcPercent = 10
        }
        // The rest leaves these small heaps to other threads.
        if ![.plain, .stress, .budget].contains(self) { configuration.disabledMechanisms = .promptMarking }
        return configuration
    }
}

/// Parcels between threads. Their words are roots of a mutator that stays outside all the time.
private final class Mailbox: RootSource, @unchecked Sendable {
    private var mutex = pthread_mutex_t()
    private var parcels: [Parcel] = []

    init() { pthread_mutex_init(&mutex, nil) }
    deinit { pthread_mutex_destroy(&mutex) }

    func post(_ parcel: Parcel) {
        pthread_mutex_lock(&mutex)
        parcels.append(parcel)
        pthread_mutex_unlock(&mutex)
    }

    /// The receiver shades what it takes, since its own roots may have been visited already.
    func take() -> Parcel? {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        return parcels.isEmpty ? nil : parcels.removeFirst()
    }

    /// By a worker, while others post and take.
    func visitRoots(_ visitor: RootVisitor) {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        for parcel in parcels { visitor.visit(word: parcel.word) }
    }
}

private final class Shared: @unchecked Sendable {
    let heap: Heap
    let mode: StressMode
    let mailbox: Mailbox
    let end: Double
    let failures = Mutex<[String]>([])

    init(_ heap: Heap, _ mode: StressMode, _ mailbox: Mailbox, end: Double) {
        self.heap = heap
        self.mode = mode
        self.mailbox = mailbox
        self.end = end
    }
}

@Suite(.serialized) struct NativeStress {
    private static let threadCount = 3
    private static let usualSteps = 1_500

    @Test(arguments: StressMode.allCases) func threadsKeepTheirObjects(_ mode: StressMode) throws {
        let heap = try Heap(mode.configuration)
        let mailbox = Mailbox()
        let keeper = try heap.makeMutator(roots: mailbox)
        keeper.enterOutside()
        let shared = Shared(
            heap, mode, mailbox, end: monotonicSeconds() + stressSeconds * 0.5 / Double(StressMode.allCases.count))
        onThreads(Self.threadCount) { index in
            do {
                try Self.work(shared, index)
            } catch {
                shared.failures.withLock { $0.append("thread \(index): \(error)") }
            }
        }
        keeper.leaveOutside()
        while mailbox.take() != nil {}
        #expect(shared.failures.withLock { $0 } == [])

        // Nothing is left that a root leads to: the heap must be empty, to the last record.
        _ = keeper.readStatistics()
        #expect(keeper.collect())
        let statistics = keeper.readStatistics()
        #expect(statistics.objects == 0)
        #expect(statistics.heapInUse == 0)
        #expect(statistics.stacksInUse == 0)
        #expect(heap.raw.pointee.specials.pool.takenCount == 0)
        // The scavenger is a participant: only in a stop is it between two steps.
        heap.collector.whileStopped(keeper.state) {
            #expect(HeapVerifier(heap.raw).violations(afterMark: false) == [])
        }
        keeper.close()
    }

    /// One thread: a mutator after the other, each with a graph that it changes and checks.
    private static func work(_ shared: Shared, _ index: Int) throws {
        var generator = SeededGenerator(seed: UInt64(index) &* 7919 &+ 17)
        var steps = 0
        var lives: UInt64 = 0
        while steps < usualSteps || monotonicSeconds() < shared.end {
            lives += 1
            let shadow = ShadowGraph(firstNumber: UInt64(index + 1) << 48 | lives << 32)
            let graph: GraphMutator
            do {
                graph = try GraphMutator(shared.heap, shadow, mayWait: true)
            } catch HeapError.outOfMemory {
                steps += 1
                continue
            }
            for _ in 0..<20 + generator.below(400) {
                steps += 1
                graph.step(&generator)
                occasionally(graph, shared, &generator)
                if shared.mode == .everySafepoint { graph.mutator.beginCycle() }
                if graph.mutator.pollRequested { graph.mutator.safepoint() }
                if generator.isOne(in: 64) { shadow.forgetDeadAndCheck() }
            }
            shadow.forgetDeadAndCheck()
            graph.close()
            // Only then: the thread sanitizer does not see what orders the uses of a `Mutex`.
            if !shadow.failures.isEmpty { return shared.failures.withLock { $0 += shadow.failures } }
        }
    }

    private static func occasionally(_ graph: GraphMutator, _ shared: Shared, _ generator: inout SeededGenerator) {
        let mutator = graph.mutator
        switch generator.below(200) {
        case 0: _ = mutator.collect()
        case 1..<8:
            mutator.enterOutside()
            if generator.isOne(in: 2) { sched_yield() }
            mutator.leaveOutside()
        case 8..<20:
            if let parcel = graph.makeParcel(&generator) {
                // The mailbox may have been visited, and this thread's roots may lose it before they are.
                mutator.shade(parcel.word)
                shared.mailbox.post(parcel)
            }
        case 20..<34:
            if let parcel = shared.mailbox.take() {
                mutator.shade(parcel.word)
                graph.accept(parcel, &generator)
            }
        case 34: _ = mutator.readStatistics()
        case 35: _ = shared.heap.statistics
        case 36: _ = shared.heap.raw.scavengeAll()
        case 37: shared.heap.raw.reclaim(UInt(1 + generator.below(8)))
        case 38..<44: mutator.step(1 + generator.below(500))
        case 44: mutator.beginCycle()
        case 45..<55 where shared.mode == .changingPace:
            mutator.gcPercent = [-1, 0, 10, 100, 1_000].randomElement(using: &generator)!
            mutator.memoryLimit = generator.isOne(in: 3) ? nil : UInt64(1 + generator.below(64)) << 20
        default: break
        }
    }
}
