import GravlaxHeap
import Testing

/// When cycles begin, who marks, and what keeps a full heap from doing nothing but collecting.
@Suite struct PacerTests {
    private static func heap(_ change: (inout HeapConfiguration) -> Void = { _ in }) throws -> Heap {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.markWorkers = 0
        configuration.backgroundSweepers = 0
        configuration.scavengesInBackground = false
        change(&configuration)
        return try Heap(configuration)
    }

    /// Whole processors and the share of each beside them make a quarter of all, or miss it by 30 % at most.
    @Test(arguments: [
        (1, 0, 0.25), (2, 0, 0.25), (3, 0, 0.25), (4, 1, 0), (5, 1, 0), (6, 1, 0.5 / 6), (8, 2, 0), (64, 16, 0),
    ] as [(Int, Int, Double)])
    func aQuarterOfTheProcessorsMarks(processors: Int, dedicated: Int, fractional: Double) {
        let plan = Pacer.plan(processorCount: processors)
        #expect(plan.dedicated == dedicated)
        #expect(abs(plan.fractional - fractional) < 1e-9)
    }

    @Test func theSmallestHeapIsFourMebibytes() throws {
        let heap = try Self.heap()
        #expect(heap.raw.pointee.pacer.trigger == 4 << 20)
        let half = try Self.heap { $0.gcPercent = 50 }
        #expect(half.raw.pointee.pacer.trigger == 2 << 20)
        let never = try Self.heap { $0.gcPercent = -1 }
        #expect(never.raw.pointee.pacer.trigger == .max)
    }

    /// Knobs take effect between two cycles.
    @Test func thePercentageMovesTheTrigger() throws {
        let heap = try Self.heap()
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let mutator = try heap.makeMutator(roots: roots)
        mutator.gcPercent = 200
        #expect(heap.raw.pointee.pacer.trigger == 8 << 20)
        mutator.gcPercent = -1
        #expect(heap.raw.pointee.pacer.trigger == .max)
        #expect(mutator.memoryLimit == nil)
        mutator.memoryLimit = 3 << 20
        #expect(mutator.memoryLimit == 3 << 20)
        #expect(heap.raw.pointee.pacer.trigger <= 4 << 20)
        mutator.close()
    }

    /// The next goal goes by what lived as the mark began: not by what was allocated black beside it.
    @Test(arguments: [true, false]) func blackObjectsAddNothingToTheGoal(grows: Bool) throws {
        let heap = try Self.heap { $0.gcPercent = -1 }
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let mutator = try heap.makeMutator(roots: roots)
        func allocate(_ count: Int, kept: Bool) throws {
            for _ in 0..<count {
                let object = try #require(mutator.allocateNoScan(byteCount: 4096) as UnsafeMutableRawPointer?)
                if kept { roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object))) }
            }
        }
        try allocate(1000, kept: true)
        #expect(mutator.collect())
        _ = mutator.readStatistics()
        try allocate(500, kept: grows)
        #expect(mutator.beginCycle())
        try allocate(300, kept: grows)
        while mutator.step(100) {}
        let megabyte = 4096.0 * 256
        let estimate = Double(heap.raw.pointee.pacer.liveEstimate) / megabyte
        let expected = (grows ? 1500.0 : 1000.0) / 256
        #expect(abs(estimate - expected) < 0.1 * expected)
        mutator.gcPercent = 100
        #expect(abs(Double(heap.statistics.nextGC) / megabyte - 2 * expected) < 0.2 * expected)
        #expect(Double(heap.statistics.heapMarked) / megabyte >= 1300.0 / 256)
        mutator.close()
    }

    /// A bucket of a second of each processor: full while more than half of the time goes to collecting.
    @Test func collectingIsLimitedToHalfOfTheTime() throws {
        let heap = try Self.heap { $0.processorCount = 2 }
        let pacer = heap.raw.pointee.pacer
        let second: UInt64 = 1_000_000_000
        pacer.updateLimiter(now: second, collecting: 0)
        for step in 2...10 as ClosedRange<UInt64> { pacer.updateLimiter(now: step * second, collecting: second) }
        #expect(!pacer.isLimiting)
        pacer.updateLimiter(now: 11 * second, collecting: 2 * second)
        #expect(pacer.isLimiting)
        pacer.updateLimiter(now: 12 * second, collecting: second / 2)
        #expect(!pacer.isLimiting)
    }

    /// A full limiter is not for ever: the program gets as much time as the last collection took, then it may collect again,
    /// and where the percentage is off the soft limit still begins cycles.
    @Test func theLimitersPatienceComesBack() throws {
        let heap = try Self.heap {
            $0.processorCount = 2
            $0.gcPercent = -1
            $0.memoryLimit = 64 << 20
        }
        let pacer = heap.raw.pointee.pacer
        let second: UInt64 = 1_000_000_000
        #expect(pacer.mayCollectAtBudget(now: 0))
        pacer.updateLimiter(now: second, collecting: 2 * second)
        pacer.updateLimiter(now: 2 * second, collecting: 2 * second)
        #expect(pacer.isLimiting)
        #expect(!pacer.mayCollectAtBudget(now: 2 * second))
        #expect(!pacer.mayCollectAtBudget(now: 3 * second - 1))
        #expect(pacer.mayCollectAtBudget(now: 3 * second))
        pacer.setTrigger(ratio: 0.5, sweepIsDone: true)
        #expect(pacer.trigger < .max / 2)
    }

    /// At the budget, when collecting has taken too much time already, an allocation is refused at once.
    @Test func aFullHeapRefusesRatherThanCollectForEver() throws {
        let heap = try Self.heap {
            $0.gcPercent = -1
            $0.budget = 8 << 20
            $0.processorCount = 1
        }
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let mutator = try heap.makeMutator(roots: roots)
        func fill() {
            while let object = mutator.allocateNoScan(byteCount: 64 << 10) as UnsafeMutableRawPointer? {
                roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
            }
        }
        fill()
        #expect(mutator.allocateNoScanOrCollect(byteCount: 64 << 10) == nil)
        let cycles = heap.statistics.cycles
        #expect(cycles > 0)
        heap.raw.pointee.pacer.updateLimiter(now: .max / 2, collecting: .max / 2)
        #expect(heap.raw.pointee.pacer.isLimiting)
        #expect(mutator.allocateNoScanOrCollect(byteCount: 64 << 10) == nil)
        #expect(heap.statistics.cycles == cycles)
        mutator.close()
    }
}

@Suite struct GCPhaseTests {
    /// Each phase and event: where it leads, and what cannot happen.
    @Test func everyPhaseKnowsEveryEvent() {
        let changes: [GCPhase: [GCEvent: GCPhase]] = [
            .off: [.cycleStarts: .mark],
            .mark: [.markingRanDry: .markTermination],
            .markTermination: [.workFound: .mark, .cycleEnds: .off],
        ]
        for phase in GCPhase.allCases {
            for event in GCEvent.allCases { #expect(phase.after(event) == changes[phase]![event]) }
        }
    }
}
