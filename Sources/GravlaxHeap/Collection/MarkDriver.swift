// What everybody who marks does: drain grey objects, and when there are none,
// visit roots that nobody has visited.

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Marks for about `units` grey objects. False when there was nothing to do. By a marker that has entered.
    package func markStretch(_ worker: UnsafeMutablePointer<MarkWorker>, units: Int) -> Bool {
        if worker.pointee.step(units) {
            if progress.pointee.waiting.load(ordering: .relaxed) > 0 { worker.pointee.share() }
            return true
        }
        if markRootJob(worker) { return true }
        // Only when nothing else is grey is it worth while to look for keys that turned out to be alive.
        return progress.pointee.active.load(ordering: .relaxed) == 1 && markEphemerons(worker)
    }

    /// Does some of the root jobs that nobody has begun: those of specials, then the roots of mutators that are safe.
    /// False when there is none.
    private func markRootJob(_ worker: UnsafeMutablePointer<MarkWorker>) -> Bool {
        let open = progress.pointee.openRoots.load(ordering: .relaxed)
        if open <= 0 { return false }
        if markSpecialJobs(worker) { return true }
        guard let mutator = pointee.world.claimUnscanned() else {
            // Unless somebody has left the world since, whose roots are one more.
            _ = progress.pointee.openRoots.compareExchange(expected: open, desired: 0, ordering: .relaxed)
            return false
        }
        visitRoots(of: mutator, worker)
        pointee.world.endScan(mutator)
        progress.pointee.pendingRoots.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        return true
    }

    /// Does some of the jobs that specials make; false when all are begun.
    func markSpecialJobs(_ worker: UnsafeMutablePointer<MarkWorker>) -> Bool {
        let count = specialRootJobCount
        if progress.pointee.nextSpecialJob.load(ordering: .relaxed) >= count { return false }
        let first = progress.pointee.nextSpecialJob.wrappingAdd(Self.specialJobs, ordering: .relaxed).oldValue
        if first >= count { return false }
        let end = Swift.min(first + Self.specialJobs, count)
        let began = pointee.events.begin()
        for job in first..<end { markSpecialRoots(job: job, worker) }
        pointee.events.end(.rootJob, worker.pointee.track, began, UInt64(RootJobKind.specials.rawValue))
        progress.pointee.pendingRoots.wrappingSubtract(end - first, ordering: .acquiringAndReleasing)
        return true
    }

    /// Jobs of specials that are done at a time: most find nothing, but each may find two thousand of them, and a stop
    /// waits for all.
    private static var specialJobs: Int { 4 }

    /// Greys what the mutator's roots refer to. It is safe and claimed, or it is the caller's, or the world is stopped.
    func visitRoots(of mutator: MutatorRef, _ worker: UnsafeMutablePointer<MarkWorker>) {
        let began = pointee.events.begin()
        (mutator.pointee.roots?.takeUnretainedValue() as? any RootSource)?.visitRoots(RootVisitor(worker: worker))
        pointee.events.end(.rootJob, worker.pointee.track, began, UInt64(RootJobKind.mutator.rawValue))
    }

    // MARK: Markers

    /// From here until `leaveMarking` the caller may hold grey objects. A participant of the world.
    package func enterMarking() { progress.pointee.active.wrappingAdd(1, ordering: .sequentiallyConsistent) }

    /// Gives everything away. True if nobody else marks, and nothing seems to be left.
    package func leaveMarking(_ worker: UnsafeMutablePointer<MarkWorker>) -> Bool {
        worker.pointee.giveAway()
        worker.pointee.publish()
        let others = progress.pointee.active.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
        return others == 0 && looksDone
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// Bytes that a mutator marks at once after its roots, and what a look at others' jobs counts as. A small heap is
    /// marked before another thread would have woken up.
    private static var markedAtOnce: Int { 64 << 10 }
    private static var leastMarked: Int { 256 }

    /// Visits the mutator's own roots, if that was not done in this cycle, marks a bounded piece of what they lead to,
    /// and ends the cycle if that was all. At a safepoint.
    func scanOwnRoots() {
        withdrawPoll(.scan)
        if !pointee.needsScan { return }
        pointee.needsScan = false
        let heap = pointee.heap
        heap.enterMarking()
        heap.visitRoots(of: self, pointee.marker)
        heap.progress.pointee.pendingRoots.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        if heap.isDisabled(.promptMarking) { return leaveMarking() }
        let marker = pointee.marker
        let began = monotonicNanoseconds()
        var rest = Self.markedAtOnce
        var marked = 0
        while rest > 0, heap.markStretch(marker, units: 64) {
            rest -= Swift.max(Int(marker.pointee.markedBytes), Self.leastMarked)
            marked += marker.pointee.publish()
        }
        heap.progress.pointee.backgroundCredit.wrappingAdd(marked, ordering: .relaxed)
        noteDrain(from: began, marked: marked)
        if heap.leaveMarking(marker) {
            pointee.owner.unsafelyUnwrapped.takeUnretainedValue().endCycle(self)
        } else if !heap.hasNothingToTake {
            callMarkers()
        }
    }

    /// Counts what the mutator marked that no allocation is charged with, as a dedicated worker's time.
    func noteDrain(from began: UInt64, marked: Int) {
        let heap = pointee.heap
        let ended = monotonicNanoseconds()
        heap.pointee.pacer.state.pointee.dedicatedTime.wrappingAdd(ended - began, ordering: .relaxed)
        heap.pointee.events.slice(.drain, pointee.track, from: began, to: ended, UInt64(marked))
    }

    /// Gives away what the mutator's marker holds, and sees to it that somebody goes on with it, or ends the cycle.
    func leaveMarking() {
        let heap = pointee.heap
        let isDone = heap.leaveMarking(pointee.marker)
        if isDone || !heap.hasNothingToTake { callMarkers() }
    }

    /// Somebody should look for work: background workers, those in a blocking collection, and, where there are no
    /// workers, this mutator at its next safepoint.
    func callMarkers() {
        let collector = pointee.owner.unsafelyUnwrapped.takeUnretainedValue()
        if !collector.markers.wake() { requestPoll(.collect) }
        pointee.heap.pointee.world.notify()
    }

    /// Pays for `byteCount` bytes that were taken while marking: out of what background workers did beyond their share,
    /// else with marking, in a bounded piece. What cannot be paid now, since others hold all the work, stays as debt.
    ///
    /// - Source: Go 1.14 mgcmark.go, gcAssistAlloc; ours never waits.
    @inline(never)
    package func assist(byteCount: UInt) {
        pointee.assistCredit = pointee.assistCredit &- Int(byteCount)
        let heap = pointee.heap
        let pacer = heap.pointee.pacer
        if pointee.assistCredit >= 0 { return }
        heap.revisePace()
        let debt = Double(-pointee.assistCredit) * pacer.assistWorkPerByte
        var work = Int(Swift.min(Swift.max(debt, Double(Pacer.minAssistWork)), Double(Pacer.maxAssistWork)))
        let drawn = heap.drawCredit(work)
        work -= drawn
        var done = drawn
        if work > 0 {
            let began = monotonicNanoseconds()
            let marker = pointee.marker
            heap.enterMarking()
            var more = true
            var marked = 0
            // Objects without pointers are no scan work, but they take time too: each counts for a word.
            var stretches = Swift.max(work / (64 * 8), 1)
            while marked < work, more, stretches > 0 {
                stretches -= 1
                more = heap.markStretch(marker, units: 64)
                marked += marker.pointee.publish()
            }
            done += marked
            leaveMarking()
            let ended = monotonicNanoseconds()
            let elapsed = ended - began
            charge(.assist, elapsed)
            heap.pointee.events.slice(.assist, pointee.track, from: began, to: ended, UInt64(marked))
            pacer.state.pointee.assistTime.wrappingAdd(elapsed, ordering: .relaxed)
            pacer.state.pointee.totalAssistTime.wrappingAdd(elapsed, ordering: .relaxed)
        }
        let paid = Swift.min(Double(done) * pacer.assistBytesPerWork, 0x1p50)
        pointee.assistCredit = pointee.assistCredit &+ Int(paid)
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Takes up to `wanted` bytes of scan work from what background workers did.
    fileprivate func drawCredit(_ wanted: Int) -> Int {
        let held = progress.pointee.backgroundCredit.load(ordering: .relaxed)
        if held <= 0 { return 0 }
        let drawn = Swift.min(held, wanted)
        // Two at once may draw a little more than there is: then it is below zero for a while.
        progress.pointee.backgroundCredit.wrappingSubtract(drawn, ordering: .relaxed)
        return drawn
    }

    /// Sets anew what a byte costs.
    func revisePace() {
        pointee.pacer.revise(scanWorkDone: progress.pointee.scanWork.load(ordering: .relaxed))
    }
}
