// Charging slow allocations with what they wait for. Off the fast path; the
// clock is read only where there was something to wait for, and around the whole
// only when the heap measures that.

import Synchronization

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// Adds the time since `began` to what the slow allocation in progress is charged with.
    package func charge(_ cause: StallCause, since began: UInt64) {
        charge(cause, monotonicNanoseconds() &- began)
    }

    package func charge(_ cause: StallCause, _ nanoseconds: UInt64) {
        if nanoseconds == 0 { return }
        switch cause {
        case .assist: pointee.assistCharge = pointee.assistCharge &+ nanoseconds
        case .sweep: pointee.sweepCharge = pointee.sweepCharge &+ nanoseconds
        case .lock: pointee.lockCharge = pointee.lockCharge &+ nanoseconds
        // Stops happen between allocations: each is counted for itself.
        case .stop: pointee.stalls[.stop].record(nanoseconds)
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
        if began != 0 || pointee.assistCharge | pointee.sweepCharge | pointee.lockCharge != 0 { countCharges(began) }
    }

    @inline(never)
    private func countCharges(_ began: UInt64) {
        if began != 0 { pointee.stalls.slowAllocations.record(monotonicNanoseconds() &- began) }
        if pointee.assistCharge != 0 { pointee.stalls[.assist].record(pointee.assistCharge) }
        if pointee.sweepCharge != 0 { pointee.stalls[.sweep].record(pointee.sweepCharge) }
        if pointee.lockCharge != 0 { pointee.stalls[.lock].record(pointee.lockCharge) }
        pointee.assistCharge = 0
        pointee.sweepCharge = 0
        pointee.lockCharge = 0
    }
}
