// Charging slow allocations with what they wait for. Off the fast path; the
// clock is read only where there was something to wait for, and around the whole
// only when the heap measures that.

import Synchronization

extension HeapLock {
    /// Takes the lock for an allocation of the mutator, which is charged with what it waits.
    func lock(chargedTo mutator: MutatorRef?) {
        let waited = lockTimed()
        if waited != 0 { mutator?.charge(.lock, waited) }
    }

    func withLock<Result>(chargedTo mutator: MutatorRef?, _ body: () throws -> Result) rethrows -> Result {
        lock(chargedTo: mutator)
        defer { unlock() }
        return try body()
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// Adds the time since `began` to what the slow allocation in progress is charged with.
    package func charge(_ cause: StallCause, since began: UInt64) {
        charge(cause, monotonicNanoseconds() &- began)
    }

    package func charge(_ cause: StallCause, _ nanoseconds: UInt64) {
        if nanoseconds == 0 { return }
        switch cause {
        case .assist: pointee.assistStall = pointee.assistStall &+ nanoseconds
        case .sweep: pointee.sweepStall = pointee.sweepStall &+ nanoseconds
        case .lock: pointee.lockStall = pointee.lockStall &+ nanoseconds
        // Stops happen between allocations: each is counted for itself.
        case .stop: pointee.stalls[.stop].record(nanoseconds)
        }
    }

    /// Sweeps a span for an allocation that may get memory of it.
    func sweepForAllocation(_ span: MSpanRef) {
        let heap = pointee.heap
        let began = monotonicNanoseconds()
        _ = heap.sweep(span, preserve: true, self)
        let ended = monotonicNanoseconds()
        charge(.sweep, ended &- began)
        // Most take less than it would take to tell of them.
        if ended &- began >= 1_000 {
            heap.pointee.events.slice(.sweepCredit, pointee.track, from: began, to: ended, 1)
        }
    }

    /// The clock if the heap measures slow allocations, else 0.
    @inline(__always)
    func beginSlowAllocation() -> UInt64 {
        pointee.heap.pointee.configuration.measuresStalls ? monotonicNanoseconds() : 0
    }

    /// Counts the slow allocation that began at `began`, and what it was charged with.
    @inline(__always)
    func endSlowAllocation(_ began: UInt64) {
        if began != 0 || pointee.assistStall | pointee.sweepStall | pointee.lockStall != 0 { countCharges(began) }
    }

    @inline(never)
    private func countCharges(_ began: UInt64) {
        if began != 0 { pointee.stalls.slowAllocations.record(monotonicNanoseconds() &- began) }
        if pointee.assistStall != 0 { pointee.stalls[.assist].record(pointee.assistStall) }
        if pointee.sweepStall != 0 { pointee.stalls[.sweep].record(pointee.sweepStall) }
        if pointee.lockStall != 0 { pointee.stalls[.lock].record(pointee.lockStall) }
        pointee.assistStall = 0
        pointee.sweepStall = 0
        pointee.lockStall = 0
    }
}
