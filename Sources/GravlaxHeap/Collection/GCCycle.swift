// The collector, from the top. A cycle:
//
//     sweep what the last cycle left ─▶ reserve mark bits ─▶ STOP: begin marking
//     ─▶ mark, beside the program ─▶ STOP: nothing left? flip the generation
//     ─▶ sweep, beside the program
//
// The first stop turns the barriers on; each mutator's roots are visited after
// it, one by one. Markers run until nothing seems to be left; whoever finds that
// stops the world to make sure. The flip turns mark bits into the next epoch,
// raises `sweepgen` by 2 so that every span needs sweeping, and sets the pace at
// which allocation pays for it. The protocol, and why no object is lost:
// docs/internals/collector.md.

import Glibc
import Synchronization

package func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// How an attempt to begin a cycle ended.
package enum CycleStart {
    case begun
    /// Somebody else begins one, or one is running.
    case busy
    /// The last cycle is not swept yet.
    case sweeping
    /// Memory that a cycle cannot do without was refused; nothing happened.
    case refused
}

extension Collector {
    /// Begins a cycle, for a running mutator at a safepoint or for a thread that is no participant.
    ///
    /// - Parameter sweepLimit: how many spans of the last cycle may be swept before.
    /// - Source: Go 1.14 mgc.go, gcStart.
    func startCycle(_ mutator: MutatorRef?, forced: Bool, sweepLimit: Int) -> CycleStart {
        let progress = raw.progress
        if raw.isMarking { return .busy }
        guard progress.pointee.starting.compareExchange(expected: 0, desired: 1, ordering: .acquiringAndReleasing).exchanged
        else { return .busy }
        defer { progress.pointee.starting.store(0, ordering: .releasing) }
        let began = monotonicNanoseconds()
        let generation = raw.sweepgen
        guard finishSweep(mutator, limit: sweepLimit) else { return .sweeping }
        let swept = monotonicNanoseconds()
        // As a participant: nobody else may mark meanwhile.
        if mutator == nil, !raw.pointee.world.tryEnter() { return .busy }
        // Who is no participant may have been overtaken by a whole beginning.
        let isOvertaken = raw.isMarking || raw.sweepgen != generation
        if !isOvertaken { raw.clearPageMarks() }
        if mutator == nil { raw.pointee.world.leave() }
        if isOvertaken { return .busy }
        // Twice: most of it with everybody running, the rest for what they allocated until they stood still.
        guard reserveForCycle() else { return .refused }
        let asked = monotonicNanoseconds()
        while !raw.pointee.world.stop(mutator, .markStart) {
            // That stop may have been a whole cycle, or for something else.
            mutator?.prepareForSweep()
            if mutator == nil || raw.isMarking || raw.sweepgen != generation { return .busy }
        }
        if raw.isMarking || raw.sweepgen != generation {
            startWorld()
            return .busy
        }
        let stopped = monotonicNanoseconds()
        finishSweepStopped()
        guard reserveForCycle() else {
            startWorld()
            return .refused
        }
        beginReport(forced: forced, began: began, sweeping: swept - began)
        beginMarking(pageMarksAreClear: true)
        raw.pointee.pacer.startCycle(at: stopped)
        if configuration.debug.stopTheWorld {
            let report = completeStopped(since: stopped, asked: asked, sweepsStopped: true)
            startWorld()
            deliver(report)
        } else {
            noteStop(\.sweepTermination, since: stopped, asked: asked)
            startWorld(callsMarkers: mutator == nil)
        }
        mutator?.scanOwnRoots()
        return .begun
    }

    /// Ends the cycle if nothing is left to mark (INV-15). By a running mutator at a safepoint, or a thread that is no
    /// participant. False if marking goes on, or somebody else is at it.
    ///
    /// - Source: Go 1.14 mgc.go, gcMarkDone and gcMarkTermination.
    @discardableResult
    package func endCycle(_ mutator: MutatorRef?) -> Bool {
        var hasEnded = false
        // Again if something came up while we had the say, even the end of a next cycle while this one's report was
        // delivered: others who saw it have gone.
        repeat {
            let flag = raw.progress
            guard flag.pointee.terminating.compareExchange(
                expected: 0, desired: 1, ordering: .acquiringAndReleasing
            ).exchanged else { return hasEnded }
            if raw.isMarking, raw.looksDone, endCycleStopped(mutator) { hasEnded = true }
            flag.pointee.terminating.store(0, ordering: .sequentiallyConsistent)
        } while raw.isMarking && raw.looksDone && !raw.pointee.world.isStopping
        return hasEnded
    }

    private func endCycleStopped(_ mutator: MutatorRef?) -> Bool {
        let asked = monotonicNanoseconds()
        guard raw.pointee.world.stop(mutator, .markTermination) else {
            // Whoever had the world may have ended the cycle: what is cached is stale then.
            mutator?.prepareForSweep()
            return false
        }
        let stopped = monotonicNanoseconds()
        // Somebody may have ended it in a stop of their own.
        guard raw.isMarking, raw.looksDone else {
            startWorld()
            return false
        }
        raw.advance(.markingRanDry)
        if isAnythingLeft() {
            raw.advance(.workFound)
            raw.progress.pointee.failedTerminations.wrappingAdd(1, ordering: .relaxed)
            noteStop(\.markTermination, since: stopped, asked: asked)
            startWorld()
            return false
        }
        let report = finishMarking(since: stopped, asked: asked, exact: false, sweepsStopped: false)
        startWorld()
        mutator?.prepareForSweep()
        deliver(report)
        return true
    }

    /// Whether the barriers' buffers, objects that no buffer had room for, or values of weak maps are left to mark. World stopped,
    /// everything else done.
    private func isAnythingLeft() -> Bool {
        let worker = stoppedMarker
        var isLeft = false
        raw.pointee.world.forEachMutator { if $0.flushBarrier(to: worker) { isLeft = true } }
        if raw.pointee.work.overflow.pointee.load(ordering: .relaxed) != 0 {
            // The system refused memory: with the world stopped at least this ends.
            worker.pointee.rescanAfterOverflow()
            isLeft = true
        }
        worker.pointee.giveAway()
        worker.pointee.publish()
        return isLeft || !raw.ephemeronsAreSettled
    }

    /// A whole cycle, from scratch, in one stop; one that is running is ended first. For a running mutator at a
    /// safepoint. Refused: at most the running one was ended. Busy: another ended while this one waited for its stop, and
    /// nothing was done.
    package func runCycleStopped(_ mutator: MutatorRef, sweepsStopped: Bool) -> CycleStart {
        let cycles = raw.pointee.statistics.cycles.value
        var began = monotonicNanoseconds()
        while !raw.pointee.world.stop(mutator, .wholeCycle) { began = monotonicNanoseconds() }
        let stopped = monotonicNanoseconds()
        if raw.pointee.statistics.cycles.value != cycles {
            startWorld()
            mutator.prepareForSweep()
            return .busy
        }
        var reports: [CycleReport] = []
        if raw.isMarking { reports.append(completeStopped(since: stopped, asked: began, sweepsStopped: true)) }
        finishSweepStopped()
        let isPossible = reserveForCycle()
        if isPossible {
            // The rest of the same stop, if a cycle was ended in it.
            let start = reports.isEmpty ? stopped : monotonicNanoseconds()
            beginReport(forced: true, began: reports.isEmpty ? began : start, sweeping: 0)
            beginMarking()
            raw.pointee.pacer.startCycle(at: start)
            reports.append(
                completeStopped(since: start, asked: reports.isEmpty ? began : start, sweepsStopped: sweepsStopped))
        } else if reports.isEmpty {
            noteStop(\.markTermination, since: stopped, asked: began)
        }
        startWorld()
        mutator.prepareForSweep()
        for report in reports { deliver(report) }
        return isPossible ? .begun : .refused
    }

    /// Marks all that is left of a cycle, with the world stopped since then, and ends it.
    private func completeStopped(since stopped: UInt64, asked: UInt64, sweepsStopped: Bool) -> CycleReport {
        drainStopped()
        return finishMarking(
            since: stopped, asked: asked, exact: configuration.debug.stopTheWorld, sweepsStopped: sweepsStopped)
    }

    /// Marks everything that is left. World stopped.
    package func drainStopped() {
        let worker = stoppedMarker
        let began = raw.pointee.events.begin()
        worker.pointee.isAlone = true
        markAllRoots(worker)
        raw.progress.pointee.pendingRoots.store(0, ordering: .relaxed)
        raw.progress.pointee.openRoots.store(0, ordering: .relaxed)
        repeat {
            raw.pointee.world.forEachMutator { _ = $0.flushBarrier(to: worker) }
            repeat {
                while worker.pointee.step(4096) {}
                worker.pointee.rescanAfterOverflow()
            } while raw.markEphemerons(worker)
        } while worker.pointee.step(1)
        worker.pointee.giveAway()
        let marked = worker.pointee.publish()
        worker.pointee.isAlone = false
        raw.pointee.events.end(.drain, worker.pointee.track, began, UInt64(marked))
        raw.advance(.markingRanDry)
    }

    /// Visits the roots that were not visited in this cycle. World stopped.
    private func markAllRoots(_ worker: UnsafeMutablePointer<MarkWorker>) {
        raw.pointee.world.forEachMutator { mutator in
            if !mutator.pointee.needsScan { return }
            mutator.pointee.needsScan = false
            raw.visitRoots(of: mutator, worker)
        }
        while raw.markSpecialJobs(worker) {}
    }

    /// Everything is marked: checks it if that is asked for, learns from the cycle, and begins the next generation. The
    /// report has the stop until here, which is all of it but the starting.
    private func finishMarking(
        since stopped: UInt64, asked: UInt64, exact: Bool, sweepsStopped: Bool
    ) -> CycleReport {
        if configuration.debug.verify {
            let violations = HeapVerifier(raw).violations(afterMark: true, exact: exact)
            if !violations.isEmpty { reportViolations(violations) }
        }
        let now = monotonicNanoseconds()
        let scanWork = raw.progress.pointee.scanWork.load(ordering: .relaxed)
        let (ratio, pacing) = raw.pointee.pacer.endCycle(at: now, forced: pendingReport.forced, scanWork: scanWork)
        pendingReport.liveAfter = raw.pointee.statistics.heapLive.value
        endMarking()
        flip(triggerRatio: ratio)
        if sweepsStopped { finishSweepStopped() }
        noteStop(\.markTermination, since: stopped, asked: asked)
        return endReport(pacing: pacing, at: now)
    }

    /// Spans that are swept in one go by whoever sweeps all of them.
    private static var sweepPiece: Int { 64 }

    /// Sweeps what is left of the last cycle, with everybody running: at most so many spans. False if that was not all.
    package func finishSweep(_ mutator: MutatorRef?, limit: Int = .max) -> Bool {
        if raw.isSweepDone || limit == 0 { return raw.isSweepDone }
        mutator?.prepareForSweep()
        raw.pointee.world.flushSafeMutators()
        let began = monotonicNanoseconds()
        var rest = limit
        while rest > 0, raw.sweepBatch(mutator, spans: min(rest, Self.sweepPiece)) { rest -= Self.sweepPiece }
        noteSweep(mutator?.pointee.track ?? .heap, from: began, spans: limit - rest)
        // Somebody else may still be at the last spans.
        while limit == .max, !raw.isSweepDone { sched_yield() }
        return raw.isSweepDone
    }

    /// Changes a knob of the pacing; between two cycles it takes effect at once.
    func setPace(gcPercent: Int? = nil, memoryLimit: UInt64? = nil) {
        let pacer = raw.pointee.pacer
        if let gcPercent { pacer.state.pointee.gcPercent.store(gcPercent, ordering: .relaxed) }
        if let memoryLimit { pacer.state.pointee.memoryLimit.store(memoryLimit, ordering: .relaxed) }
        if raw.isMarking { return }
        pacer.setTrigger(ratio: pacer.triggerRatio, sweepIsDone: raw.isSweepDone)
        raw.repaceScavenger(goal: raw.pointee.statistics.nextGC.value)
        scavenger?.wake()
    }

    /// Stops the world for a running mutator at a safepoint, after all stops that come first.
    private func stopWorld(_ mutator: MutatorRef, _ reason: StopReason) {
        while !raw.pointee.world.stop(mutator, reason) {}
    }

    /// Lets the world go on, and calls those who stepped aside.
    ///
    /// - Parameter callsMarkers: false if the caller marks, and calls for help when it has too much of it.
    func startWorld(callsMarkers: Bool = true) {
        raw.pointee.world.start()
        if raw.isMarking, callsMarkers { markers.wake() }
        if raw.pointee.sweepDone.load(ordering: .relaxed) == 0 { sweepers.wake() }
        scavenger?.wake()
    }

    /// Runs `body` with the world stopped, for a running mutator at a safepoint.
    package func whileStopped(_ mutator: MutatorRef, _ reason: StopReason = .other, _ body: () -> Void) {
        stopWorld(mutator, reason)
        body()
        startWorld()
        mutator.prepareForSweep()
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
        _ = finishSweep(mutator)
        whileStopped(mutator, .releaseMemory) {
            flushCaches()
            while raw.sweepBatch(nil, spans: Self.sweepPiece) {}
            if !raw.isMarking { raw.pointee.work.stacks.freeEmpty() }
        }
        return raw.scavengeAll()
    }

    /// With the world stopped: caches that were not flushed since the last flip, then stragglers.
    package func finishSweepStopped() {
        raw.pointee.world.forEachMutator { $0.prepareForSweep() }
        let began = monotonicNanoseconds()
        var spans = 0
        while raw.sweepOne(nil) != nil { spans += 1 }
        noteSweep(.world, from: began, spans: spans)
    }

    /// Counts sweeping that no allocation is charged with.
    private func noteSweep(_ track: EventTrack, from began: UInt64, spans: Int) {
        if spans == 0 { return }
        let ended = monotonicNanoseconds()
        raw.pointee.statistics.sweepTime.add(ended - began)
        raw.pointee.events.slice(.sweep, track, from: began, to: ended, UInt64(spans))
    }

    /// What a cycle cannot do without: mark bits of the next epoch for all in-use spans, and a few work buffers.
    /// Exact while the world is stopped. INV-19.
    package func reserveForCycle() -> Bool {
        raw.pointee.markBits.reserve(byteCount: raw.pointee.statistics.inUseSpans.markBitByteCount)
            && raw.pointee.work.stacks.reserve(count: 4)
    }
}
