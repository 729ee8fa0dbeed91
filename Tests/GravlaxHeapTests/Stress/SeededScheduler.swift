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
///     stop, begin marking ───────────────────▶   visit the roots of 1
///     field ▶ root                               step 3
///                 root ▶ field                              step 7
///     look at its roots                          steal …
///                                                leave      leave ▶ stop, end marking
///
/// The shadow says after each cycle what every reachable object must contain. Nothing goes by the clock: cycles are
/// begun by the scheduler, or by `stress`, and not by the pacing.
final class SeededScheduler {
    private let heap: Heap
    private let raw: MHeapRef
    private let shadow = ShadowGraph()
    private var generator: SeededGenerator
    private var mutators: [GraphMutator] = []
    private var markers: [VirtualMarker] = []
    /// Cycles that had ended when it was looked at last.
    private var checkedCycles: UInt64 = 0
    /// Spans that the virtual sweeper has claimed and not swept yet.
    private var held: [MSpanRef] = []
    /// Takes most of the first arena, untouched, so that others lie across its border.
    private var filler: UnsafeMutableRawPointer?
    private let refuses: Bool

    private static let mutatorCapacity = 4

    init(seed: UInt64, disabled: Mechanisms = []) throws {
        generator = SeededGenerator(seed: seed)
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.backgroundSweepers = 0
        configuration.markWorkers = 0
        configuration.scavengesInBackground = false
        configuration.preparesMemory = false
        configuration.gcPercent = -1
        // Mostly off: small heaps are marked at one go with it.
        configuration.disabledMechanisms = generator.isOne(in: 8) ? disabled : disabled.union(.promptMarking)
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
        for _ in 0..<steps where shadow.failures.isEmpty {
            try step()
            checkCycle()
        }
        raw.pointee.memory.failCall(0)
        finish()
        return shadow.failures
    }

    private func step() throws {
        // While marking, markers get as many turns as mutators.
        if raw.isMarking, generator.isOne(in: 2) { return stepMarker() }
        switch generator.below(100) {
        case 0..<55: mutate()
        case 55..<63: sweep()
        case 63..<69: hold()
        case 69..<72: release()
        case 72..<75: raw.reclaim(UInt(1 + generator.below(20)))
        case 75..<78: scavenge()
        case 78..<81: readStatistics()
        case 81..<84: raw.pointee.world.flushSafeMutators()
        case 84..<90: if raw.isMarking { endMarking() } else { beginMarking() }
        case 90..<91: stoppedCycle()
        case 91..<93: verifyBetweenCycles()
        case 93..<95: if mutators.count < Self.mutatorCapacity { try addMutator() }
        case 95..<96: if generator.isOne(in: 4) { freeFiller() } else { closeOne() }
        case 96..<98: if refuses { refuse() }
        case 98: handOver()
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
    ///
    /// It comes from outside, where it looks at its roots before it goes on, or out of another one's stop that it met
    /// while it wanted one of its own: then it does so at its next safepoint.
    private func running(_ body: (GraphMutator) -> Void) {
        guard let mutator = mutators.randomElement(using: &generator) else { return }
        if generator.isOne(in: 2) {
            mutator.mutator.leaveOutside()
        } else {
            raw.pointee.world.enter(mutator.mutator.state)
            mutator.mutator.state.prepareForSweep()
        }
        body(mutator)
        mutator.mutator.enterOutside()
    }

    private func mutate() {
        running { mutator in
            for _ in 0..<1 + generator.below(12) { mutator.step(&generator) }
            // Who holds a span is no participant of a stop here, and would not be waited for.
            if held.isEmpty, mutator.mutator.pollRequested, generator.isOne(in: 2) { mutator.mutator.safepoint() }
        }
    }

    /// A reference goes from one mutator's roots to another's, and through nothing that a marker sees.
    private func handOver() {
        guard let receiver = mutators.randomElement(using: &generator) else { return }
        running { giver in
            guard let place = giver.numbers.indices.randomElement(using: &generator) else { return }
            let number = giver.numbers[place]
            giver.mutator.shade(giver.roots.words[place])
            giver.dropRoot(place)
            receiver.keep(number, &generator)
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

    private func releaseAll() { while !held.isEmpty { release() } }

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

    /// A cycle in one stop, marked by several workers.
    private func stoppedCycle() {
        releaseAll()
        leaveMarkers()
        running { mutator in
            if raw.isMarking { return }
            _ = heap.collector.finishSweep(mutator.mutator.state)
            guard heap.collector.reserveForCycle() else { return }
            heap.collector.whileStopped(mutator.mutator.state) {
                heap.collector.finishSweepStopped()
                guard heap.collector.reserveForCycle() else { return }
                heap.collector.beginMarking()
                for _ in 0..<generator.below(60) { stepMarker() }
                leaveMarkers()
                heap.collector.drainStopped()
                heap.collector.endMarking()
                verify(afterMark: true)
                heap.collector.flip()
            }
        }
    }

    private func collect() {
        releaseAll()
        leaveMarkers()
        running { _ = $0.mutator.collect() }
    }

    // MARK: Checks

    private func checkContents() { shadow.forgetDeadAndCheck() }

    /// Right after a cycle: everything must be there, and hold what it held.
    private func checkCycle() {
        let cycles = heap.statistics.cycles
        if cycles == checkedCycles { return }
        checkedCycles = cycles
        shadow.checkAlive(raw)
        // What was lost is not looked into.
        if shadow.failures.isEmpty { checkContents() }
    }

    private func verifyBetweenCycles() {
        if held.isEmpty, !raw.isMarking { verify(afterMark: false) }
    }

    private func verify(afterMark: Bool) {
        for sentence in HeapVerifier(raw).violations(afterMark: afterMark) { shadow.fail(sentence) }
    }

    /// Collects with nothing cached: then the heap holds exactly what roots lead to. Ends with an empty heap.
    private func finish() {
        if !shadow.failures.isEmpty { return abandon() }
        releaseAll()
        leaveMarkers()
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
        abandon()
    }

    /// Lets go of everything, without a look at the objects.
    private func abandon() {
        leaveMarkers()
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

// MARK: Marking

extension SeededScheduler {
    /// A marker between two of its steps: whether it has entered, and so may hold grey objects.
    struct VirtualMarker {
        let worker: UnsafeMutablePointer<MarkWorker>
        var isActive = false
    }

    private static var markerCapacity: Int { 3 }

    private func beginMarking() {
        releaseAll()
        running { _ = $0.mutator.beginCycle() }
    }

    /// One step of a marker: it enters first if it has to, and may leave afterwards.
    private func stepMarker() {
        let index = generator.below(Self.markerCapacity)
        while markers.count <= index {
            guard let worker = MarkWorker.make(raw) else { return }
            markers.append(VirtualMarker(worker: worker))
        }
        if !markers[index].isActive {
            raw.enterMarking()
            markers[index].isActive = true
        }
        let more = raw.markStretch(markers[index].worker, units: 1 + generator.below(24))
        if !more || generator.isOne(in: 6) { leave(index) }
    }

    private func leave(_ index: Int) {
        if !markers[index].isActive { return }
        markers[index].isActive = false
        _ = raw.leaveMarking(markers[index].worker)
    }

    /// As for a stop, or to have a mutator mark alone.
    private func leaveMarkers() { for index in markers.indices { leave(index) } }

    /// Ends the cycle if nothing seems to be left, as one of those does who may notice.
    private func endMarking() {
        releaseAll()
        switch generator.below(3) {
        case 0: _ = heap.collector.endCycle(nil)
        case 1: running { $0.mutator.step(1 + generator.below(2_000)) }
        default:
            leaveMarkers()
            running { $0.mutator.safepoint() }
        }
    }
}
