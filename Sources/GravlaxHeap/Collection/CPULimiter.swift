// Keeps a heap at its limit from doing nothing but collecting.

import Synchronization

/// A leaky bucket: collecting fills it, the program's own time drains it, both in nanoseconds of processor time. While
/// it is full, the soft limit is ignored, and an allocation at the hard budget is refused instead of collecting again.
///
/// - Source: Go 1.19 mgclimit.go, gcCPULimiter.
extension Pacer {
    /// The bucket holds a second of each processor.
    var limiterCapacity: Int64 { Int64(processorCount) * 1_000_000_000 }

    /// Whether more than half of the processors' time went into collecting lately.
    package var isLimiting: Bool { state.pointee.limiter.load(ordering: .relaxed) != 0 }

    /// Whether an allocation that was refused memory at `now` may collect: unless that was done too often, or the program
    /// has had as much time since as the last collection took. What it holds may be other things by then.
    package func mayCollectAtBudget(now: UInt64) -> Bool {
        if !isLimiting { return true }
        let since = state.pointee.limiterTime.load(ordering: .relaxed)
        let elapsed = (now - Swift.min(since, now)).multipliedReportingOverflow(by: UInt64(processorCount))
        return elapsed.overflow || elapsed.partialValue >= state.pointee.limiterCost.load(ordering: .relaxed)
    }

    /// Accounts for the time until `now`, in which `collecting` nanoseconds of processor time went into cycles. By
    /// whoever ends a cycle; one at a time.
    package func updateLimiter(now: UInt64, collecting: UInt64) {
        let last = state.pointee.limiterTime.load(ordering: .relaxed)
        state.pointee.limiterTime.store(now, ordering: .relaxed)
        state.pointee.limiterCost.store(collecting, ordering: .relaxed)
        let elapsed = now - Swift.min(last, now)
        let window = Int64(clamping: elapsed.multipliedReportingOverflow(by: UInt64(processorCount)).partialValue)
        let busy = Swift.min(Int64(clamping: collecting), window)
        // What is not collecting is the program's: idle processors too could have run it.
        var fill = state.pointee.limiterFill.load(ordering: .relaxed) + busy - (window - busy)
        fill = Swift.min(Swift.max(fill, 0), limiterCapacity)
        state.pointee.limiterFill.store(fill, ordering: .relaxed)
        state.pointee.limiter.store(fill == limiterCapacity ? 1 : 0, ordering: .relaxed)
    }
}
