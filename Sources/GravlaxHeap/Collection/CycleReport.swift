// What one cycle did, put together as it goes.

import Synchronization

/// What one cycle did, for traces. Times in nanoseconds, sizes in bytes.
public struct CycleReport: Sendable {
    /// A stop of the world.
    public struct Stop: Sendable, Equatable {
        /// From the wish to the last participant's standing still.
        public var timeToStop: UInt64 = 0
        public var timeStopped: UInt64 = 0
    }

    /// Cycles so far, this one included.
    public var number: UInt64 = 0
    /// Whether the program asked for it.
    public var forced = false
    /// Since the heap was made: when the cycle began, and when marking was over.
    public var start: UInt64 = 0
    public var end: UInt64 = 0
    /// What was left to sweep of the cycle before, by the clock.
    public var sweeping: UInt64 = 0
    /// The stop that began marking.
    public var sweepTermination = Stop()
    /// The stops that ended it, together, and the longest of them.
    public var markTermination = Stop()
    public var longestStop: UInt64 = 0
    /// Stops in which marking turned out not to be over.
    public var failedTerminations: UInt64 = 0
    /// Processor time of marking: by assists; by dedicated and fractional workers, and by who waits for the cycle or
    /// advances it; by workers on idle processors.
    public var assistTime: UInt64 = 0
    public var backgroundTime: UInt64 = 0
    public var idleTime: UInt64 = 0
    /// Processor time of all cycles so far, stops counted for every processor; without idle workers.
    public var collectingTotal: UInt64 = 0
    /// Bytes of the heap as marking began, as it ended, and found marked.
    public var liveBefore: UInt64 = 0
    public var liveAfter: UInt64 = 0
    public var marked: UInt64 = 0
    public var goal: UInt64 = 0
    public var processorCount = 0
    public var pacing: PacerReport?
    /// The sweep before it; nil for the first cycle.
    public var sweepBefore: SweepReport?

    /// By the clock, between the two stops.
    public var marking: UInt64 {
        let stops = sweepTermination.timeToStop + sweepTermination.timeStopped + markTermination.timeToStop
            + markTermination.timeStopped
        return (end - start) - Swift.min(end - start, stops + sweeping)
    }
}

/// How a sweep ended.
public struct SweepReport: Sendable {
    /// Bytes of the heap at its end, and how many of them were allocated since the cycle before.
    public var heapLive: UInt64
    public var allocated: UInt64
    public var pagesSwept: UInt64
    /// What allocation was to sweep for each byte.
    public var pagesPerByte: Double
}

extension Collector {
    /// The sweep since the last cycle. World stopped, everything swept.
    private var lastSweep: SweepReport? {
        let counters = raw.pointee.statistics
        if counters.cycles.value == 0 { return nil }
        let live = counters.sweepEndLive.value
        return SweepReport(
            heapLive: live, allocated: live - Swift.min(counters.heapMarked.value, live),
            pagesSwept: UInt64(raw.pointee.pagesSwept.load(ordering: .relaxed)),
            pagesPerByte: Double(bitPattern: counters.sweepSlope.value))
    }

    /// World stopped, a cycle begins.
    func beginReport(forced: Bool, began: UInt64, sweeping: UInt64) {
        var report = CycleReport()
        report.forced = forced
        report.start = began - createdAt
        report.sweeping = sweeping
        report.sweepBefore = lastSweep
        report.liveBefore = raw.pointee.statistics.heapLive.value
        pendingReport = report
    }

    /// Counts a stop. World still stopped.
    func noteStop(_ stop: WritableKeyPath<CycleReport, CycleReport.Stop>, since stopped: UInt64, asked: UInt64) {
        let elapsed = monotonicNanoseconds() - stopped
        pendingReport[keyPath: stop].timeToStop += stopped - asked
        pendingReport[keyPath: stop].timeStopped += elapsed
        pendingReport.longestStop = Swift.max(pendingReport.longestStop, elapsed)
        let counters = raw.pointee.statistics
        counters.pauseTotal.add(elapsed)
        counters.pauseMax.pointee.max(elapsed, ordering: .relaxed)
    }

    /// World stopped, the cycle is over.
    func endReport(pacing: PacerReport, at now: UInt64) -> CycleReport {
        let pacer = raw.pointee.pacer
        let state = pacer.state
        pendingReport.number = raw.pointee.statistics.cycles.value
        pendingReport.end = now - createdAt
        pendingReport.failedTerminations = raw.progress.pointee.failedTerminations.load(ordering: .relaxed)
        pendingReport.assistTime = state.pointee.assistTime.load(ordering: .relaxed)
        pendingReport.backgroundTime = state.pointee.dedicatedTime.load(ordering: .relaxed)
            + state.pointee.fractionalTime.load(ordering: .relaxed)
        pendingReport.idleTime = state.pointee.idleTime.load(ordering: .relaxed)
        pendingReport.marked = raw.pointee.statistics.heapMarked.value
        pendingReport.goal = pacing.goalBytes
        pendingReport.processorCount = pacer.processorCount
        pendingReport.pacing = pacing
        let stopped = pendingReport.sweepTermination.timeStopped + pendingReport.markTermination.timeStopped
        let collecting = stopped * UInt64(pacer.processorCount) + pendingReport.assistTime + pendingReport.backgroundTime
        let total = state.pointee.collectingTime.wrappingAdd(collecting, ordering: .relaxed).newValue
        pendingReport.collectingTotal = total
        // Now: a sweep in the stop is none of the program's time.
        pacer.updateLimiter(now: monotonicNanoseconds(), collecting: collecting)
        return pendingReport
    }
}
