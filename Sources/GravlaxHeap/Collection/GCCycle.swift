// The collector, from the top. A cycle:
//
//     sweep what the last cycle left ─▶ reserve mark bits ─▶ stop ─▶ mark ─▶
//     weak tables ─▶ flip the generation ─▶ start ─▶ sweep, beside the program
//
// Marking stops the world; sweeping does not. The flip turns mark bits into the
// next epoch, raises `sweepgen` by 2 so that every span needs sweeping, and
// sets the pace at which allocation pays for it.

import Glibc
import Synchronization

/// What one cycle did, for traces.
public struct CycleReport: Sendable {
    /// Cycles so far, this one included.
    public var number: UInt64
    /// Nanoseconds since the heap was made, when the cycle began.
    public var startNanoseconds: UInt64
    /// Nanoseconds the world took to stop, and stood still.
    public var timeToStop: UInt64
    public var timeStopped: UInt64
    /// Nanoseconds of sweeping before the stop.
    public var sweepBefore: UInt64
    /// Heap live at the start, at the end of marking, and found marked, in bytes.
    public var liveBefore: UInt64
    public var marked: UInt64
    public var goalBytes: UInt64
    /// Whether the program asked for it.
    public var forced: Bool
    /// Nanoseconds since the heap was made, when the world went on.
    public var endNanoseconds: UInt64
    /// Nanoseconds that all cycles so far kept the world stopped.
    public var collectingTotal: UInt64
    /// Mutators of the heap.
    public var mutatorCount: Int
}

func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

extension Heap {
    /// Runs one whole cycle for a running mutator at a safepoint, or waits out
    /// one that somebody else begins first. False if memory it cannot do without
    /// was refused; then nothing happened.
    ///
    /// - Parameter sweepsStopped: sweep everything before the world goes on.
    func runCycle(_ mutator: MutatorRef, forced: Bool, sweepsStopped: Bool = false) -> Bool {
        let began = monotonicNanoseconds()
        let generation = raw.sweepgen
        finishSweep(mutator)
        let swept = monotonicNanoseconds()
        // Twice: most of it with everybody running, the rest for what they allocated until they stood still.
        guard reserveForCycle() else { return false }
        while !raw.pointee.world.stop(mutator) {
            if raw.sweepgen != generation { return true }
            // That stop was for something else.
        }
        let stopped = monotonicNanoseconds()
        finishSweepStopped()
        guard reserveForCycle() else {
            raw.pointee.world.start()
            return false
        }
        let liveBefore = raw.pointee.statistics.heapLive.value
        let goal = raw.pointee.statistics.nextGC.value
        let marked = markStopped()
        if configuration.debug.verify {
            let violations = HeapVerifier(raw).violations(afterMark: true)
            if !violations.isEmpty { reportViolations(violations) }
        }
        flip(marked: marked)
        if sweepsStopped || configuration.debug.stopTheWorld { finishSweepStopped() }
        let started = monotonicNanoseconds()
        raw.pointee.world.start()
        mutator.prepareForSweep()
        sweepers.wake()
        scavenger?.wake()

        let counters = raw.pointee.statistics
        counters.cycles.add(1)
        counters.pauseTotal.add(started - stopped)
        counters.pauseMax.pointee.max(started - stopped, ordering: .relaxed)
        onCycle?(CycleReport(
            number: counters.cycles.value, startNanoseconds: began - createdAt, timeToStop: stopped - swept,
            timeStopped: started - stopped, sweepBefore: swept - began, liveBefore: liveBefore, marked: marked,
            goalBytes: goal, forced: forced,
            endNanoseconds: started - createdAt, collectingTotal: counters.pauseTotal.value,
            mutatorCount: raw.pointee.world.mutatorCount))
        return true
    }

    /// Sweeps what is left of the last cycle, with everybody running.
    package func finishSweep(_ mutator: MutatorRef?) {
        mutator?.prepareForSweep()
        raw.pointee.world.flushSafeMutators()
        while raw.sweepOne(mutator) != nil {}
    }

    /// Runs `body` with the world stopped, for a running mutator at a safepoint.
    package func whileStopped(_ mutator: MutatorRef, _ body: () -> Void) {
        while !raw.pointee.world.stop(mutator) {}
        body()
        raw.pointee.world.start()
        mutator.prepareForSweep()
        // Sweepers step aside for any stop, and come back only when they are called.
        if raw.pointee.sweepDone.load(ordering: .relaxed) == 0 { sweepers.wake() }
    }

    /// Has all mutators give back what they hold. World stopped.
    package func flushCaches() {
        raw.pointee.world.forEachMutator {
            $0.prepareForSweep()
            $0.flushAll()
        }
    }

    /// Gives the system all memory that is free, after sweeping what can be swept. Returns the bytes.
    @discardableResult
    func releaseIdle(_ mutator: MutatorRef) -> UInt {
        finishSweep(mutator)
        whileStopped(mutator) {
            flushCaches()
            while raw.sweepOne(nil) != nil {}
        }
        return raw.scavengeAll()
    }

    /// With the world stopped: caches that were not flushed since the last flip, then stragglers.
    package func finishSweepStopped() {
        raw.pointee.world.forEachMutator { $0.prepareForSweep() }
        while raw.sweepOne(nil) != nil {}
    }

    /// What a cycle cannot do without: mark bits of the next epoch for all in-use spans, and a few work buffers.
    /// Exact while the world is stopped. INV-19.
    package func reserveForCycle() -> Bool {
        raw.pointee.markBits.reserve(byteCount: raw.pointee.statistics.inUseSpans.markBitByteCount)
            && raw.pointee.work.stacks.reserve(count: 4)
    }

    /// Marks everything reachable (INV-15). World stopped. Returns the bytes marked.
    private func markStopped() -> UInt64 {
        beginMarking()
        var worker = MarkWorker(raw, isAlone: true)
        withUnsafeMutablePointer(to: &worker) { worker in
            markRoots(worker)
            while worker.pointee.step(4096) {}
            worker.pointee.rescanAfterOverflow()
            while raw.markEphemerons(worker) {
                while worker.pointee.step(4096) {}
                worker.pointee.rescanAfterOverflow()
            }
        }
        let marked = worker.markedBytes
        worker.destroy()
        endMarking()
        return marked
    }

    /// World stopped, everything swept.
    package func beginMarking() {
        raw.clearPageMarks()
        raw.beginSpecialMarking()
        raw.pointee.marking.store(1, ordering: .relaxed)
    }

    /// Greys what the mutators refer to.
    package func markRoots(_ worker: UnsafeMutablePointer<MarkWorker>) {
        let visitor = RootVisitor(worker: worker)
        raw.pointee.world.forEachMutator { mutator in
            (mutator.pointee.roots?.takeUnretainedValue() as? any RootSource)?.visitRoots(visitor)
            // The next piece of a tiny block must not be handed out of freed memory (INV-20).
            if mutator.pointee.tiny != 0, !raw.isDisabled(.tinyBlockMarking) { worker.pointee.mark(address: mutator.pointee.tiny) }
        }
        for job in 0..<raw.specialRootJobCount { raw.markSpecialRoots(job: job, worker) }
    }

    /// Nothing is grey any more: drops what is keyed by the dead.
    package func endMarking() {
        raw.pointee.marking.store(0, ordering: .relaxed)
        raw.pointee.world.forEachMutator { mutator in
            (mutator.pointee.roots?.takeUnretainedValue() as? any RootSource)?.processWeak { address in
                guard let (_, span, index) = self.raw.findObject(UInt(bitPattern: address)) else { return false }
                return span.isMarked(index)
            }
        }
    }

    /// The next generation. World stopped, everything swept.
    package func flip(marked: UInt64) {
        let counters = raw.pointee.statistics
        // What is freed from here on must have been counted as handed out.
        raw.pointee.world.forEachMutator { $0.flushLocalCounts() }
        counters.heapMarked.set(marked)
        counters.heapLive.set(marked)
        let lastGoal = counters.nextGC.value
        counters.nextGC.set(Self.goal(afterMarking: marked, percent: configuration.gcPercent))
        raw.pointee.sweepgen.wrappingAdd(2, ordering: .sequentiallyConsistent)
        raw.pointee.markBits.nextEpoch()
        raw.pointee.sweepDone.store(0, ordering: .releasing)
        raw.pointee.pagesSwept.store(0, ordering: .relaxed)
        raw.pointee.reclaimIndex.store(0, ordering: .relaxed)
        raw.pointee.reclaimCredit.store(0, ordering: .relaxed)
        raw.pointee.sweepArenasCount.store(
            raw.pointee.allArenasCount.load(ordering: .relaxed), ordering: .relaxed)
        raw.paceSweeper(trigger: counters.nextGC.value)
        raw.paceScavenger(goal: counters.nextGC.value, lastGoal: lastGoal)
    }

    /// The heap size at which the next cycle begins: live × (1 + percent/100), at least 4 MiB × percent/100.
    /// Whatever is beyond all memory is the largest number.
    package static func goal(afterMarking marked: UInt64, percent: Int) -> UInt64 {
        if percent < 0 { return .max }
        func share(of bytes: UInt64) -> UInt64 {
            let product = bytes.multipliedFullWidth(by: UInt64(percent))
            return product.high >= 100 ? .max : (100 as UInt64).dividingFullWidth(product).quotient
        }
        let (grown, overflow) = marked.addingReportingOverflow(share(of: marked))
        return overflow ? .max : Swift.max(grown, share(of: 4 << 20))
    }
}
