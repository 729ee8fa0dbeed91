import GravlaxHeap

/// Runs virtual mutators, sweepers, markers, the reclaimer, the scavenger and readers of statistics on one thread, in
/// an order that the seed determines. Between any two steps everything but the one at work stands where it was:
///
///     mutator 0   mutator 1   sweeper            marker 0   marker 1
///     allocate
///                 link
///                             claim a span
///     refill …                  (held)
///                             sweep it
///     stop ──────────────────────────────────▶   step 3
///                                                           step 7
///                                                steal …
///
/// The shadow says after each cycle what every reachable object must contain.
final class SeededScheduler {
    private let heap: Heap
    private let raw: MHeapRef
    private let shadow = ShadowGraph()
    private var generator: SeededGenerator
    private var mutators: [GraphMutator] = []
    /// Markers that take turns, made once.
    private var markers: [UnsafeMutablePointer<MarkWorker>] = []
    /// Spans that the virtual sweeper has claimed and not swept yet.
    private var held: [MSpanRef] = []
    /// Takes most of the first arena, untouched, so that others lie across its border.
    private var filler: UnsafeMutableRawPointer?
    private let refuses: Bool

    private static let mutatorCapacity = 4

    init(seed: UInt64) throws {
        generator = SeededGenerator(seed: seed)
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.backgroundSweepers = 0
        configuration.markWorkers = 0
        configuration.scavengesInBackground = false
        configuration.gcPercent = generator.isOne(in: 4) ? 20 : -1
        configuration.debug.clobberFree = generator.isOne(in: 3)
        configuration.debug.stress = generator.isOne(in: 8) ? 1 + generator.below(40) : 0
        configuration.debug.stopTheWorld = generator.isOne(in: 6)
        refuses = generator.isOne(in: 4)
        if generator.isOne(in: 8) { configuration.budget = UInt64(40 + generator.below(60)) << 20 }
        heap = try Heap(configuration)
        raw = heap.raw
        for _ in 0..<1 + generator.below(3) { try addMutator() }
        if generator.isOne(in: 4) {
            let byteCount = (61 << 20) + generator.below(3 << 20)
            running { filler = $0.mutator.allocateStack(byteCount: byteCount) }
        }
    }

    private func freeFiller() {
        guard let stack = filler else { return }
        filler = nil
        running { $0.mutator.freeStack(stack) }
    }

    /// What went wrong; empty if all is well.
    func run(steps: Int) throws -> [String] {
        for _ in 0..<steps where shadow.failures.isEmpty { try step() }
        raw.pointee.memory.failCall(0)
        finish()
        return shadow.failures
    }

    private func step() throws {
        switch generator.below(100) {
        case 0..<58: mutate()
        case 58..<66: sweep()
        case 66..<72: hold()
        case 72..<75: release()
        case 75..<78: raw.reclaim(UInt(1 + generator.below(20)))
        case 78..<81: scavenge()
        case 81..<84: readStatistics()
        case 84..<87: raw.pointee.world.flushSafeMutators()
        case 87..<92: cycle()
        case 92..<94: verifyBetweenCycles()
        case 94..<95: if mutators.count < Self.mutatorCapacity { try addMutator() }
        case 95..<96: if generator.isOne(in: 4) { freeFiller() } else { closeOne() }
        case 96..<98: if refuses { refuse() }
        default: collect()
        }
    }

    /// The system refuses one call soon, or all until it has memory again.
    private func refuse() {
        raw.pointee.memory.failCall(UInt64(generator.below(6)), forGood: generator.isOne(in: 3))
    }

    // MARK: Participants

    private func addMutator() throws {
        do {
            let mutator = try GraphMutator(heap, shadow, mayWait: false)
            mutator.mutator.enterOutside()
            mutators.append(mutator)
        } catch HeapError.outOfMemory {
            if !refuses { throw HeapError.outOfMemory }
        }
    }

    /// Lets one mutator run; the others stand safe meanwhile, and may keep what they cached before a flip.
    private func running(_ body: (GraphMutator) -> Void) {
        guard let mutator = mutators.randomElement(using: &generator) else { return }
        mutator.mutator.leaveOutside()
        body(mutator)
        mutator.mutator.enterOutside()
    }

    private func mutate() {
        running { mutator in
            for _ in 0..<1 + generator.below(12) { mutator.step(&generator) }
            if held.isEmpty, mutator.mutator.pollRequested, generator.isOne(in: 2) {
                mutator.mutator.safepoint()
                checkContents()
            }
        }
    }

    private func closeOne() {
        guard mutators.count > 1 else { return }
        let mutator = mutators.remove(at: generator.below(mutators.count))
        mutator.mutator.leaveOutside()
        mutator.close()
    }

    private func sweep() {
        if generator.below(2) == 0 {
            for _ in 0..<1 + generator.below(4) where raw.sweepOne(nil) != nil {}
        } else {
            _ = raw.sweepBatch(nil, spans: 1 + generator.below(40))
        }
    }

    /// The first half of a sweeper's step: from here on the span is being swept.
    private func hold() {
        guard raw.pointee.sweepDone.load(ordering: .acquiring) == 0, held.count < 3,
            let span = MSpanRef(bitPattern: raw.unsweptSpans.pop())
        else { return }
        guard span.state == .inUse, raw.claim(span) else { return }
        raw.pointee.sweepers.wrappingAdd(1, ordering: .relaxed)
        held.append(span)
    }

    /// The second half.
    private func release() {
        if held.isEmpty { return }
        let span = held.remove(at: generator.below(held.count))
        _ = raw.sweep(span, preserve: false, nil)
        raw.pointee.sweepers.wrappingSubtract(1, ordering: .relaxed)
    }

    private func scavenge() {
        if generator.isOne(in: 4) {
            _ = raw.scavengeAll()
        } else {
            let byteCount = UInt(1 + generator.below(1 << 20))
            raw.pointee.lock.withLock {
                if generator.isOne(in: 2) { raw.pointee.pages.scavengeStartGeneration() }
                _ = raw.pointee.pages.scavenge(byteCount: byteCount, locked: true)
            }
        }
    }

    private func readStatistics() {
        let statistics = heap.statistics
        if statistics.heapSys != statistics.heapInUse + statistics.heapIdle { shadow.fail("heapSys ≠ heapInUse + heapIdle") }
        if statistics.heapReleased > statistics.heapIdle { shadow.fail("heapReleased > heapIdle") }
        if statistics.mallocs < statistics.frees { shadow.fail("more frees than mallocs") }
    }

    // MARK: Cycles

    /// A cycle in steps: what the collector does on its own threads, with other participants in between.
    private func cycle() {
        // One that a mutator began as it allocated.
        if raw.isMarking { return collect() }
        while !held.isEmpty { release() }
        running { mutator in
            _ = heap.collector.finishSweep(mutator.mutator.state)
            guard heap.collector.reserveForCycle() else { return }
            heap.collector.whileStopped(mutator.mutator.state) {
                heap.collector.finishSweepStopped()
                guard heap.collector.reserveForCycle() else { return }
                mark()
                verify(afterMark: true)
                heap.collector.flip()
            }
        }
        checkContents()
    }

    /// Marks with several workers that take turns, and ends marking.
    private func mark() {
        heap.collector.beginMarking()
        let count = 1 + generator.below(3)
        while markers.count < count { markers.append(MarkWorker.make(raw)!) }
        var idle = 0
        while idle < count * 2 {
            switch generator.below(20) {
            case 0: scavenge()
            case 1: readStatistics()
            default:
                let more = raw.markStretch(markers[generator.below(count)], units: 1 + generator.below(24))
                idle = more ? 0 : idle + 1
            }
        }
        // Each of them may still hold a buffer of its own.
        var isDone = false
        while !isDone {
            isDone = true
            for index in 0..<count where raw.markStretch(markers[index], units: 4096) { isDone = false }
        }
        for index in 0..<count {
            markers[index].pointee.giveAway()
            markers[index].pointee.publish()
        }
        heap.collector.drainStopped()
        heap.collector.endMarking()
    }

    private func collect() {
        while !held.isEmpty { release() }
        running { _ = $0.mutator.collect() }
        checkContents()
    }

    // MARK: Checks

    private func checkContents() { shadow.forgetDeadAndCheck() }

    private func verifyBetweenCycles() {
        if held.isEmpty { verify(afterMark: false) }
    }

    private func verify(afterMark: Bool) {
        for sentence in HeapVerifier(raw).violations(afterMark: afterMark) { shadow.fail(sentence) }
    }

    /// Collects with nothing cached: then the heap holds exactly what roots lead to. Ends with an empty heap.
    private func finish() {
        while !held.isEmpty { release() }
        freeFiller()
        for _ in 0..<2 where shadow.failures.isEmpty {
            running { mutator in
                _ = mutator.mutator.readStatistics()
                _ = mutator.mutator.collect()
                let statistics = mutator.mutator.readStatistics()
                checkContents()
                compare(statistics)
            }
            verify(afterMark: false)
        }
        for mutator in mutators {
            mutator.mutator.leaveOutside()
            mutator.close()
        }
        mutators = []
    }

    private func compare(_ statistics: HeapStatistics) {
        let (counts, byteCount) = shadow.countsBySizeClass(raw)
        for (index, entry) in statistics.bySize.enumerated() where entry.mallocs - entry.frees != counts[index + 1] {
            shadow.fail("\(entry.mallocs - entry.frees) objects of \(entry.size) bytes, \(counts[index + 1]) are reachable")
        }
        if statistics.objects != counts.reduce(0, +) {
            shadow.fail("\(statistics.objects) objects, \(counts.reduce(0, +)) are reachable")
        }
        if statistics.heapMarked != byteCount {
            shadow.fail("\(statistics.heapMarked) bytes were marked, reachable are \(byteCount)")
        }
        // Reading the statistics returned all stocks.
        let records = raw.pointee.specials.pool.takenCount
        if records != shadow.specialCount { shadow.fail("\(records) specials, reachable objects have \(shadow.specialCount)") }
    }
}
