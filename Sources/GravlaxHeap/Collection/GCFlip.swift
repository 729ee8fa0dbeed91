// What changes while the world is stopped: marking is turned on, off, and the
// sweep generation is raised. GCCycle.swift says when.

import Synchronization

extension Collector {
    /// Turns the barriers on. World stopped, everything swept (INV-33).
    ///
    /// - Source: Go 1.14 mgc.go, gcStart, gcResetMarkState; mgcmark.go, gcMarkRootPrepare, gcMarkTinyAllocs.
    package func beginMarking(pageMarksAreClear: Bool = false) {
        if !pageMarksAreClear { raw.clearPageMarks() }
        raw.beginSpecialMarking()
        raw.advance(.cycleStarts)
        let progress = raw.progress
        progress.pointee.begun.wrappingAdd(1, ordering: .relaxed)
        progress.pointee.markedBytes.store(0, ordering: .relaxed)
        progress.pointee.scanWork.store(0, ordering: .relaxed)
        progress.pointee.blackBytes.store(0, ordering: .relaxed)
        progress.pointee.backgroundCredit.store(0, ordering: .relaxed)
        progress.pointee.failedTerminations.store(0, ordering: .relaxed)
        var mutators = 0
        raw.pointee.world.forEachMutator { mutator in
            mutators += 1
            mutator.beginMarking()
            // The next piece of a tiny block must not be handed out of freed memory (INV-20).
            if mutator.pointee.tiny != 0, !raw.isDisabled(.tinyBlockMarking) {
                stoppedMarker.pointee.mark(address: mutator.pointee.tiny)
            }
        }
        stoppedMarker.pointee.giveAway()
        let jobs = mutators + raw.specialRootJobCount
        progress.pointee.nextSpecialJob.store(0, ordering: .relaxed)
        progress.pointee.pendingRoots.store(jobs, ordering: .relaxed)
        progress.pointee.openRoots.store(jobs, ordering: .relaxed)
    }

    /// Turns the barriers off and counts what mutators blackened. World stopped, nothing grey.
    package func endMarking() {
        raw.pointee.world.forEachMutator { mutator in
            mutator.pointee.barrier = 0
            mutator.countBlack()
        }
        raw.advance(.cycleEnds)
    }

    /// The next generation. World stopped, everything swept, marking over.
    package func flip(triggerRatio: Double? = nil) {
        let counters = raw.pointee.statistics
        let marked = raw.progress.pointee.markedBytes.load(ordering: .relaxed)
        // What is freed from here on must have been counted as handed out.
        raw.pointee.world.forEachMutator { $0.flushLocalCounts() }
        raw.pointee.pacer.noteLive(
            marked: marked, black: raw.progress.pointee.blackBytes.load(ordering: .relaxed))
        counters.heapMarked.set(marked)
        counters.heapLive.set(marked)
        let lastGoal = counters.nextGC.value
        counters.heapScan.set(raw.progress.pointee.scanWork.load(ordering: .relaxed))
        counters.cycles.add(1)
        raw.pointee.sweepgen.wrappingAdd(2, ordering: .sequentiallyConsistent)
        raw.pointee.markBits.nextEpoch()
        raw.pointee.sweepDone.store(0, ordering: .releasing)
        raw.pointee.pacer.setTrigger(ratio: triggerRatio ?? raw.pointee.pacer.triggerRatio, sweepIsDone: false)
        raw.pointee.pagesSwept.store(0, ordering: .relaxed)
        raw.pointee.reclaimIndex.store(0, ordering: .relaxed)
        raw.pointee.reclaimCredit.store(0, ordering: .relaxed)
        raw.pointee.sweepArenasCount.store(
            raw.pointee.allArenasCount.load(ordering: .relaxed), ordering: .relaxed)
        raw.paceSweeper(trigger: raw.pointee.pacer.trigger)
        raw.paceScavenger(goal: counters.nextGC.value, lastGoal: lastGoal)
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// A cycle is running, or begins: the mutator's stores are recorded, its new objects are black, and its roots are
    /// to be visited. World stopped, or before anybody can see the mutator.
    func beginMarking() {
        pointee.barrier = MutatorState.barrierBit
        pointee.needsScan = true
        pointee.assistCredit = 0
        pointee.blackBytes = 0
        pointee.blackScanBytes = 0
        requestPoll(.scan)
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// Adds what was allocated black to what is marked.
    func countBlack() {
        let progress = pointee.heap.progress
        progress.pointee.blackBytes.wrappingAdd(pointee.blackBytes, ordering: .relaxed)
        progress.pointee.markedBytes.wrappingAdd(pointee.blackBytes, ordering: .relaxed)
        progress.pointee.scanWork.wrappingAdd(pointee.blackScanBytes, ordering: .relaxed)
        pointee.blackBytes = 0
        pointee.blackScanBytes = 0
    }

    /// The mutator closes while a cycle may be running: nobody has to visit its roots any more, and what it allocated
    /// black counts.
    func endMarking() {
        let heap = pointee.heap
        if !heap.isMarking { return }
        countBlack()
        pointee.barrier = 0
        if !pointee.needsScan { return }
        pointee.needsScan = false
        heap.progress.pointee.pendingRoots.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        callMarkers()
    }
}
