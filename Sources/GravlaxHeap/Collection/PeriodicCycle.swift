// A program that allocates nothing for long keeps its garbage, and the objects
// whose finalizers are due: two minutes after the last cycle there is another.

import Dispatch
import Synchronization

extension Collector {
    /// - Source: Go 1.14 proc.go, forcegcperiod.
    static let period: UInt64 = 120 * 1_000_000_000

    /// A task that waits for that moment; it does nothing once the collector is gone. Nobody waits for a heap's first
    /// cycle.
    func makePeriodicTask() -> BackgroundTask {
        BackgroundTask(label: "gravlax.period") { [weak self] task in
            guard let self else { return }
            task.post(after: .nanoseconds(Int(beginIfOld(at: monotonicNanoseconds()))))
        }
    }

    /// Begins a cycle if at `now`, nanoseconds of the monotonic clock, the last one has been over for the period, unless
    /// the heap never collects by itself. By a thread that is no participant, one at a time.
    ///
    /// - Returns: nanoseconds until the next look.
    package func beginIfOld(at now: UInt64) -> UInt64 {
        let age = now - Swift.min(now, raw.progress.pointee.lastEnd.load(ordering: .relaxed))
        if age < Self.period { return Self.period - age }
        if raw.pointee.pacer.gcPercent < 0 { return Self.period }
        switch startCycle(nil, forced: false, sweepLimit: 0) {
        case .begun: return Self.period
        case .busy, .refused: return 1_000_000_000
        case .sweeping:
            sweepers.wake()
            return 1_000_000_000
        }
    }
}
