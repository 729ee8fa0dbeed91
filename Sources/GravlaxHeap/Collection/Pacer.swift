// When a cycle begins, how large the heap may be when it ends, and how much
// mutators must help so that it ends in time.
//
//     marked          trigger              goal
//     ──┼────────────────┼──────────────────┼──▶ heapLive
//       │  sweeping      │  marking         │
//       └─ last cycle    └─ cycle begins    └─ it should be over
//
// The goal follows from `gcPercent` and the soft memory limit; the trigger is
// moved by feedback, so that marking ends at the goal with a quarter of the
// processors at work. If mutators allocate faster than that, they assist: each
// byte they take costs `assistWorkPerByte` bytes of scan work, for which they
// may draw on what background workers did.

import Synchronization

/// The state of a heap's pacing. In system memory; changed by whoever starts or ends a cycle, read by all.
///
/// - Source: Go 1.14 mgc.go, gcControllerState and gcSetTriggerRatio. The memory limit is Go 1.19's.
package struct PacerState: ~Copyable {
    /// Percentage of the live heap that it may grow by; negative = no limit.
    package let gcPercent: Atomic<Int>
    /// Bytes that the heap's memory should stay under; `UInt64.max` = no limit.
    package let memoryLimit: Atomic<UInt64>
    /// Where the next cycle begins, in bytes of `heapLive`.
    package let trigger = Atomic<UInt64>(0)
    /// Bits of doubles. Growth over the marked heap at which a cycle begins; what a byte costs, and buys.
    let triggerRatio = Atomic<UInt64>((7.0 / 8).bitPattern)
    let assistWorkPerByte = Atomic<UInt64>(0)
    let assistBytesPerWork = Atomic<UInt64>(0)

    /// What lived when the last cycle began: the base of goal and trigger.
    let liveEstimate = Atomic<UInt64>(0)

    // Set as a cycle begins.
    let markStart = Atomic<UInt64>(0)
    let liveAtStart = Atomic<UInt64>(0)
    let scanAtStart = Atomic<UInt64>(0)
    /// Bits of a Double.
    let ratioAtStart = Atomic<UInt64>(0)
    /// Whole processors that mark, and the share of every processor beside them (bits of a double).
    let dedicatedWorkers = Atomic<Int>(0)
    let fractionalGoal = Atomic<UInt64>(0)

    /// Nanoseconds of this cycle, all processors together.
    package let assistTime = Atomic<UInt64>(0)
    let dedicatedTime = Atomic<UInt64>(0)
    let fractionalTime = Atomic<UInt64>(0)
    let idleTime = Atomic<UInt64>(0)
    /// Of all cycles.
    package let totalAssistTime = Atomic<UInt64>(0)
    package let collectingTime = Atomic<UInt64>(0)

    let limiter = Atomic<UInt64>(0)
    /// What the limiter's bucket holds, and when it was filled last, in nanoseconds.
    let limiterFill = Atomic<Int64>(0)
    let limiterTime = Atomic<UInt64>(0)
    /// What collecting took at that time, in nanoseconds of processor time.
    let limiterCost = Atomic<UInt64>(0)

    init(gcPercent: Int, memoryLimit: UInt64) {
        self.gcPercent = Atomic(gcPercent)
        self.memoryLimit = Atomic(memoryLimit)
    }
}

/// A thin pointer to a heap's pacing.
package struct Pacer {
    package let state: UnsafeMutablePointer<PacerState>
    let counters: HeapCounters
    /// Processors of the machine that this process may use.
    package let processorCount: Int

    /// Share of the processors that background marking takes.
    package static let backgroundUtilization = 0.25
    /// Share of them that marking should take in all, assists included.
    static let goalUtilization = 0.30
    /// The least room that sweeping has before a cycle, and marking in it, in bytes: a mebibyte as in Go, less in a
    /// small heap, whose percentage would mean nothing else.
    static func leastRoom(live: UInt64) -> UInt64 { Swift.min(1 << 20, Swift.max(live >> 3, 64 << 10)) }
    /// An assist does at least this much scan work, in bytes, and at most `maxAssistWork`, so that one allocation's
    /// share stays bounded: the rest remains as debt.
    static let minAssistWork = 16 << 10
    static let maxAssistWork = 128 << 10

    init?(_ configuration: HeapConfiguration, _ counters: HeapCounters, memory: OSMemory, processorCount: Int) {
        guard let place = memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<PacerState>.stride), alignment: 64, statistic: counters.metadata)
        else { return nil }
        state = place.bindMemory(to: PacerState.self, capacity: 1)
        state.initialize(to: PacerState(
            gcPercent: configuration.gcPercent, memoryLimit: configuration.memoryLimit ?? .max))
        self.counters = counters
        self.processorCount = processorCount
        // What a first cycle would have found for this trigger.
        let smallest = Swift.min(Self.minimumHeap(percent: configuration.gcPercent), Self.minimumHeap(percent: 100))
        let live = Self.bytes(Double(smallest) / (1 + triggerRatio))
        state.pointee.liveEstimate.store(live, ordering: .relaxed)
        setTrigger(ratio: triggerRatio, sweepIsDone: true)
    }

    package var trigger: UInt64 { state.pointee.trigger.load(ordering: .relaxed) }
    var triggerRatio: Double { Double(bitPattern: state.pointee.triggerRatio.load(ordering: .relaxed)) }
    package var gcPercent: Int { state.pointee.gcPercent.load(ordering: .relaxed) }
    package var memoryLimit: UInt64 { state.pointee.memoryLimit.load(ordering: .relaxed) }
    package var assistWorkPerByte: Double {
        Double(bitPattern: state.pointee.assistWorkPerByte.load(ordering: .relaxed))
    }
    var assistBytesPerWork: Double { Double(bitPattern: state.pointee.assistBytesPerWork.load(ordering: .relaxed)) }
    var dedicatedWorkers: Int { state.pointee.dedicatedWorkers.load(ordering: .relaxed) }
    /// Share of every processor that the fractional workers take, 0..<1.
    var fractionalGoal: Double { Double(bitPattern: state.pointee.fractionalGoal.load(ordering: .relaxed)) }

    /// 4 MiB at 100 percent: below, no cycle begins.
    static func minimumHeap(percent: Int) -> UInt64 { share(percent, of: 4 << 20) }

    /// `percent` of `bytes`; whatever is beyond all memory, and every share of a negative percentage, is the largest number.
    private static func share(_ percent: Int, of bytes: UInt64) -> UInt64 {
        if percent < 0 { return .max }
        let product = bytes.multipliedFullWidth(by: UInt64(percent))
        return product.high >= 100 ? .max : (100 as UInt64).dividingFullWidth(product).quotient
    }

    /// The heap size at which the next cycle should be over, by `gcPercent` alone: live × (1 + percent/100), at least
    /// what the smallest heap is.
    package static func goal(afterMarking marked: UInt64, percent: Int) -> UInt64 {
        Swift.max(marked.addingCapped(share(percent, of: marked)), minimumHeap(percent: percent))
    }

    // MARK: Between cycles

    /// What a cycle found alive. World stopped.
    ///
    /// That is what lived as it began, and can be reached still. What was allocated black beside it is marked without
    /// being known to live: in a heap of steady size most of it is garbage already. (Go counts all of it, by which a heap
    /// with a fast program grows to three times what lives.) Without it a heap never grows beyond what `gcPercent` adds
    /// to what once lived, and one that grows has some cycles more on its way.
    func noteLive(marked: UInt64, black: UInt64) {
        state.pointee.liveEstimate.store(marked - Swift.min(marked, black), ordering: .relaxed)
    }

    /// See `noteLive`; in bytes.
    package var liveEstimate: UInt64 { state.pointee.liveEstimate.load(ordering: .relaxed) }

    /// Sets trigger and goal from what lives. World stopped, or no cycle running.
    ///
    /// - Parameter sweepIsDone: else the trigger leaves room for sweeping.
    package func setTrigger(ratio wanted: Double, sweepIsDone: Bool) {
        let percent = gcPercent
        let marked = liveEstimate
        var goal = Self.goal(afterMarking: marked, percent: percent)
        let limited = limitedGoal(marked)
        let isLimited = limited < goal
        if isLimited { goal = limited }

        let scale = percent >= 0 ? Double(percent) / 100 : 1
        let ratio = Swift.min(Swift.max(wanted, 0.6 * scale), 0.95 * scale)
        state.pointee.triggerRatio.store(ratio.bitPattern, ordering: .relaxed)

        var trigger: UInt64 = .max
        if isLimited {
            // Between what is marked and the goal, where the ratio would put it.
            trigger = marked + UInt64(Double(goal - Swift.min(goal, marked)) * (ratio / Swift.max(scale, 0.01)).clamped)
        } else if percent >= 0 {
            trigger = Self.bytes(Double(marked) * (1 + ratio))
        }
        if goal != .max {
            var least = isLimited ? 0 : Self.minimumHeap(percent: percent)
            if !sweepIsDone {
                least = Swift.max(least, counters.heapLive.value.addingCapped(Self.leastRoom(live: counters.heapLive.value)))
            }
            trigger = Swift.max(trigger, least)
            goal = Swift.max(goal, trigger)
        }
        state.pointee.trigger.store(trigger, ordering: .relaxed)
        counters.nextGC.set(goal)
    }

    static func bytes(_ value: Double) -> UInt64 { value >= 0x1p63 ? .max : UInt64(Swift.max(value, 0)) }

    /// What the memory limit leaves for the heap's objects; `UInt64.max` without one. While collecting would
    /// take more than half of the processors' time, the heap may double whatever the limit: not more, since the limiter
    /// changes its mind at a cycle's end only.
    ///
    /// - Source: Go 1.19 mgcpacer.go, memoryLimitHeapGoal, less the parts that measure fragmentation.
    private func limitedGoal(_ marked: UInt64) -> UInt64 {
        let limit = memoryLimit
        if limit == .max { return .max }
        let ready = counters.readyBytes
        let heap = counters.heapInUse.byteCount
        let beside = ready - Swift.min(ready, heap)
        // Fragmentation of the spans in use stays with us.
        let live = Swift.min(counters.heapLive.value, heap)
        let overhead = beside + (heap - live) / 2
        let room = limit - Swift.min(limit, overhead)
        // Never so small that a cycle follows at once.
        let least = marked.addingCapped(Swift.max(marked / 16, 1 << 20))
        if !isLimiting { return Swift.max(room, least) }
        let percent = gcPercent
        return Swift.max(room, Self.goal(afterMarking: marked, percent: percent < 0 ? 100 : Swift.min(percent, 100)), least)
    }

    // MARK: While marking

    /// Plans a cycle that begins now. World stopped.
    ///
    /// - Source: Go 1.14 mgc.go, (*gcControllerState).startCycle.
    func startCycle(at now: UInt64) {
        let live = counters.heapLive.value
        state.pointee.liveAtStart.store(live, ordering: .relaxed)
        state.pointee.markStart.store(now, ordering: .relaxed)
        state.pointee.assistTime.store(0, ordering: .relaxed)
        state.pointee.dedicatedTime.store(0, ordering: .relaxed)
        state.pointee.fractionalTime.store(0, ordering: .relaxed)
        state.pointee.idleTime.store(0, ordering: .relaxed)
        // Some room to mark in, even if the program was far ahead.
        let least = live.addingCapped(Self.leastRoom(live: live))
        if counters.nextGC.value < least { counters.nextGC.set(least) }
        let plan = Self.plan(processorCount: processorCount)
        state.pointee.dedicatedWorkers.store(plan.dedicated, ordering: .relaxed)
        state.pointee.fractionalGoal.store(plan.fractional.bitPattern, ordering: .relaxed)
        revise(scanWorkDone: 0)
        state.pointee.scanAtStart.store(counters.heapScan.value, ordering: .relaxed)
        state.pointee.ratioAtStart.store(assistWorkPerByte.bitPattern, ordering: .relaxed)
    }

    /// How a quarter of the processors is made up: whole ones, and a share of each where that misses by more than 30 %.
    package static func plan(processorCount: Int) -> (dedicated: Int, fractional: Double) {
        let total = Double(processorCount) * backgroundUtilization
        var dedicated = Int(total + 0.5)
        let error = Double(dedicated) / total - 1
        if abs(error) <= 0.3 { return (dedicated, 0) }
        if Double(dedicated) > total { dedicated -= 1 }
        return (dedicated, (total - Double(dedicated)) / Double(processorCount))
    }

    /// Sets what a byte costs now, from the scan work that is left and the room to the goal.
    ///
    /// - Source: Go 1.14 mgc.go, (*gcControllerState).revise.
    func revise(scanWorkDone: UInt64) {
        let percent = gcPercent < 0 ? 100_000 : Double(gcPercent)
        let live = Double(counters.heapLive.value)
        let scan = Double(counters.heapScan.value)
        var goal = Double(counters.nextGC.value)
        var expected = scan * 100 / (100 + percent)
        if live > goal {
            // Past the goal: it may be missed by a tenth, and everything may be alive.
            goal *= 1.1
            expected = scan
        }
        let work = Swift.max(expected - Double(scanWorkDone), 1000)
        let room = Swift.max(goal - live, 1)
        state.pointee.assistWorkPerByte.store((work / room).bitPattern, ordering: .relaxed)
        state.pointee.assistBytesPerWork.store((room / work).bitPattern, ordering: .relaxed)
    }

    /// Learns from a cycle that ends, before its marked heap is known. World stopped. Returns the new trigger ratio.
    ///
    /// - Source: Go 1.14 mgc.go, (*gcControllerState).endCycle.
    func endCycle(at now: UInt64, forced: Bool, scanWork: UInt64) -> (ratio: Double, report: PacerReport) {
        let marked = Double(Swift.max(liveEstimate, 1))
        let trigger = triggerRatio
        let goal = Double(counters.nextGC.value) / marked - 1
        let actual = Double(counters.heapLive.value) / marked - 1
        let duration = now - state.pointee.markStart.load(ordering: .relaxed)
        var utilization = Self.backgroundUtilization
        if duration > 0 {
            utilization += Double(state.pointee.assistTime.load(ordering: .relaxed))
                / (Double(duration) * Double(processorCount))
        }
        let error = goal - trigger - utilization / Self.goalUtilization * (actual - trigger)
        let report = PacerReport(
            markedBefore: liveEstimate, triggerRatio: trigger,
            triggerBytes: state.pointee.trigger.load(ordering: .relaxed), actualRatio: actual,
            liveBytes: counters.heapLive.value, goalRatio: goal, goalBytes: counters.nextGC.value,
            utilization: utilization, goalUtilization: Self.goalUtilization, scanWork: scanWork,
            assistRatio: Double(bitPattern: state.pointee.ratioAtStart.load(ordering: .relaxed)),
            scanBytes: state.pointee.scanAtStart.load(ordering: .relaxed),
            liveAtStart: state.pointee.liveAtStart.load(ordering: .relaxed),
            dedicatedWorkers: dedicatedWorkers, fractionalGoal: fractionalGoal)
        // A cycle that was asked for says nothing about the trigger.
        return (forced ? trigger : trigger + 0.5 * error, report)
    }
}

/// What the pacer saw and planned in one cycle, under the names of Go's trace in the comments.
public struct PacerReport: Sendable {
    /// H_m_prev, bytes.
    public var markedBefore: UInt64
    /// h_t, H_T: where the cycle began, as growth over `markedBefore` and in bytes.
    public var triggerRatio: Double
    public var triggerBytes: UInt64
    /// h_a, H_a: where it ended.
    public var actualRatio: Double
    public var liveBytes: UInt64
    /// h_g, H_g: where it should have ended.
    public var goalRatio: Double
    public var goalBytes: UInt64
    /// u_a, u_g: share of the processors that marked, and should have.
    public var utilization: Double
    public var goalUtilization: Double
    /// W_a, bytes.
    public var scanWork: UInt64
    /// As the cycle began: scan work for each byte allocated, bytes to scan, bytes live, workers.
    public var assistRatio: Double
    public var scanBytes: UInt64
    public var liveAtStart: UInt64
    public var dedicatedWorkers: Int
    public var fractionalGoal: Double
}

extension Double {
    fileprivate var clamped: Double { Swift.min(Swift.max(self, 0), 1) }
}

extension UInt64 {
    func addingCapped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
