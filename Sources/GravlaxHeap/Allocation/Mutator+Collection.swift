// What a mutator does about collection: safepoints, forced cycles, memory that
// was refused, being outside, and stacks.

import Glibc
import Synchronization

extension Mutator {
    private var collector: Collector { state.pointee.owner.unsafelyUnwrapped.takeUnretainedValue() }
    private var world: World { state.pointee.heap.pointee.world }

    /// Lets a stop happen, visits this mutator's roots if marking began, begins a cycle if one is due, and flushes what
    /// its stores recorded. Call when `pollRequested`, with every live reference visible to the root source.
    public func safepoint() {
        if state.pointee.heap.pointee.world.isStopping {
            world.pause(state)
        }
        state.prepareForSweep()
        state.scanOwnRoots()
        // Whoever asked looks at `hasDueCalls` and `hasNativeCleanups` now.
        state.withdrawPoll(.dueCalls)
        if state.pointee.poll.load(ordering: .relaxed) & PollReason.collect.rawValue != 0 {
            state.withdrawPoll(.collect)
            collectIfDue()
        }
    }

    private func collectIfDue() {
        let raw = state.pointee.heap
        if raw.isMarking {
            // No background worker is there to go on with it.
            _ = advance(units: 512)
            return
        }
        let isStress = raw.pointee.configuration.debug.stress > 0
        guard isStress || raw.pointee.statistics.heapLive.value >= raw.pointee.pacer.trigger else { return }
        // What cannot be swept now is swept by others; the next allocation that takes a span asks again.
        _ = collector.startCycle(state, forced: false, sweepLimit: isStress ? .max : Self.sweepLimit)
    }

    /// Spans that a cycle's beginning may sweep.
    private static var sweepLimit: Int { 64 }

    /// A full cycle that begins after the call: mark, then sweep everything, before it returns. The mutator helps. At a
    /// safepoint only.
    ///
    /// - Returns: false, and nothing happened, if memory that a cycle cannot do without was refused.
    /// - Source: Go 1.14 mgc.go, GC.
    @discardableResult
    public func collect() -> Bool {
        // A cycle that is running may have marked already what has died since.
        let begun = state.pointee.heap.progress.pointee.begun.load(ordering: .relaxed)
        if state.pointee.heap.isMarking { helpMarking(throughCycle: begun) }
        while state.pointee.heap.progress.pointee.begun.load(ordering: .relaxed) == begun {
            switch collector.startCycle(state, forced: true, sweepLimit: .max) {
            case .begun: break
            case .refused: return false
            case .busy, .sweeping: yieldToOthers()
            }
        }
        helpMarking(throughCycle: begun + 1)
        state.prepareForSweep()
        _ = collector.finishSweep(state)
        if state.pointee.heap.pointee.specials.hasDue { state.requestPoll(.dueCalls) }
        return true
    }

    /// Marks beside the workers until that many cycles are over and reported.
    private func helpMarking(throughCycle number: UInt64) {
        let raw = state.pointee.heap
        let progress = raw.progress
        let marker = state.pointee.marker
        func isOver() -> Bool { progress.pointee.reported.load(ordering: .acquiring) >= number }
        while !isOver() {
            safepoint()
            if raw.isMarking {
                let began = monotonicNanoseconds()
                var marked = 0
                raw.enterMarking()
                while !world.isStopping, raw.markStretch(marker, units: 512) {
                    let work = marker.pointee.publish()
                    marked += work
                    progress.pointee.backgroundCredit.wrappingAdd(work, ordering: .relaxed)
                }
                state.leaveMarking()
                state.noteDrain(from: began, marked: marked)
                if raw.looksDone, collector.endCycle(state) { continue }
            }
            // Somebody else has the rest in hand, and tells when there is something to do.
            world.rest(state) {
                isOver() || raw.isMarking && (!raw.hasNothingToTake || raw.looksDone)
            }
        }
    }

    /// Lets another thread that is about to stop the world do so.
    private func yieldToOthers() {
        world.leave(state)
        sched_yield()
        world.enter(state)
        state.prepareForSweep()
        if state.pointee.needsScan { state.scanOwnRoots() }
    }

    /// Advances a running cycle by about `units` grey objects, and ends it if nothing is left. At a safepoint only.
    ///
    /// - Returns: whether a cycle is still running.
    @discardableResult
    public func step(_ units: Int) -> Bool {
        safepoint()
        return state.pointee.heap.isMarking && advance(units: Swift.max(1, units))
    }

    /// Marks about `units` grey objects, and ends the cycle if nothing is left. False if it is over.
    private func advance(units: Int) -> Bool {
        let raw = state.pointee.heap
        let began = monotonicNanoseconds()
        let marker = state.pointee.marker
        var rest = units
        var marked = 0
        raw.enterMarking()
        while rest > 0, raw.markStretch(marker, units: Swift.min(rest, 512)) {
            rest -= 512
            marked += marker.pointee.publish()
        }
        state.leaveMarking()
        state.noteDrain(from: began, marked: marked)
        if raw.looksDone { collector.endCycle(state) }
        return raw.isMarking
    }

    /// Begins a cycle, unless one is running, without waiting for its end. At a safepoint only.
    ///
    /// - Returns: false if memory that a cycle cannot do without was refused.
    @discardableResult
    public func beginCycle() -> Bool {
        while !state.pointee.heap.isMarking {
            switch collector.startCycle(state, forced: true, sweepLimit: .max) {
            case .begun: return true
            case .refused: return false
            case .busy, .sweeping: yieldToOthers()
            }
        }
        return true
    }

    /// Percentage that the heap may grow beyond what is live before the next cycle ends; negative = no limit. Any thread
    /// may set it; the next cycle goes by it.
    public var gcPercent: Int {
        get { state.pointee.heap.pointee.pacer.gcPercent }
        nonmutating set { collector.setPace(gcPercent: newValue) }
    }

    /// Bytes that the heap should stay under; nil = no limit. Any thread may set it.
    public var memoryLimit: UInt64? {
        get {
            let limit = state.pointee.heap.pointee.pacer.memoryLimit
            return limit == .max ? nil : limit
        }
        nonmutating set { collector.setPace(memoryLimit: newValue ?? .max) }
    }

    /// Collects, then gives all memory that is free back to the system. At a safepoint only.
    ///
    /// - Returns: the bytes that the system got.
    /// - Source: Go 1.14 mheap.go, runtime_debug_freeOSMemory.
    @discardableResult
    public func freeOSMemory() -> Int {
        collect()
        let released = Int(collector.releaseIdle(state))
        collector.onRelease?(released)
        return released
    }

    /// A zeroed object of this layout, whatever it takes: when memory is refused, makes room and tries again. nil only
    /// when nothing helped. At a safepoint only, since this may collect.
    public func allocateOrCollect(_ layout: ObjectLayout) -> UnsafeMutableRawPointer? {
        makingRoom(byteCount: layout.byteCount) { allocate(layout) }
    }

    /// Like `allocateOrCollect`, for `byteCount` bytes without pointers.
    public func allocateNoScanOrCollect(byteCount: Int) -> UnsafeMutableRawPointer? {
        makingRoom(byteCount: byteCount) { allocateNoScan(byteCount: byteCount) }
    }

    /// What is tried at the limit, cheapest first: give back what caches hold, sweep, release idle pages; then a whole
    /// cycle from scratch, swept with the world stopped.
    private func makingRoom(
        byteCount: Int, _ attempt: () -> UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer? {
        if let memory = attempt() { return memory }
        if byteCount > HeapConstants.maxAllocation { return nil }
        collector.releaseIdle(state)
        if let memory = attempt() { return memory }
        while true {
            // At the limit only as long as the program gets half of the time.
            guard state.pointee.heap.pointee.pacer.mayCollectAtBudget(now: monotonicNanoseconds()) else { return nil }
            let outcome = collector.runCycleStopped(state, sweepsStopped: true)
            if outcome == .refused { return nil }
            collector.releaseIdle(state)
            if let memory = attempt() { return memory }
            // Somebody else's cycle was for what they wanted: they may have taken it.
            if outcome == .begun { return nil }
        }
    }

    /// An exact reading of the heap's statistics: the world is stopped and every cache gives back what it holds.
    /// At a safepoint only.
    public func readStatistics() -> HeapStatistics {
        collector.whileStopped(state, .statistics) { collector.flushCaches() }
        return state.pointee.heap.readStatistics()
    }

    /// Before host code that blocks: from here on the world may stop without this mutator.
    public func enterOutside() {
        // Workers may have found nobody left to scan, and not look again. That may end a cycle, and another begin.
        while state.pointee.needsScan { state.scanOwnRoots() }
        state.flushBarrier()
        world.leave(state)
        // A processor is free to mark.
        if state.pointee.heap.isMarking { state.callMarkers() }
    }

    /// After it. Waits while the world is stopped.
    public func leaveOutside() {
        world.enter(state)
        state.prepareForSweep()
        if state.pointee.needsScan { state.scanOwnRoots() }
    }

    /// Gives everything back that the mutator holds. The mutator is not used again.
    public func close() {
        state.prepareForSweep()
        state.flushBarrier()
        state.endMarking()
        state.flushAll()
        world.remove(state)
    }

    /// Memory for a stack, `byteCount` bytes rounded up to pages, not cleared;
    /// nil when refused. The collector neither scans nor frees it.
    public func allocateStack(byteCount: Int) -> UnsafeMutableRawPointer? {
        if byteCount <= 0 || byteCount > HeapConstants.maxAllocation { return nil }
        let pages = UInt(byteCount + HeapConstants.pageSize - 1) >> UInt(HeapConstants.pageShift)
        let raw = state.pointee.heap
        guard let span = raw.allocManual(pages, raw.pointee.statistics.stacksInUse, state) else { return nil }
        return UnsafeMutableRawPointer(bitPattern: span.base)
    }

    /// Frees what `allocateStack` returned.
    public func freeStack(_ stack: UnsafeMutableRawPointer) {
        let raw = state.pointee.heap
        guard let span = raw.spanOf(UInt(bitPattern: stack)), span.base == UInt(bitPattern: stack) else {
            fatal("freeing a stack that is none", ("address", UInt(bitPattern: stack)))
        }
        raw.freeManual(span, raw.pointee.statistics.stacksInUse, state)
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// Gives back everything that is cached: spans, pages, records. By the owner, or with the world stopped.
    package func flushAll() {
        releaseAll()
        returnPageCache()
        pointee.stalls.move(to: pointee.heap.pointee.latencies.stalls)
        returnSpecials(pointee.specialStockCount)
    }

    /// Gives the page cache and the span records back.
    package func returnPageCache() {
        let heap = pointee.heap
        heap.pointee.lock.withLock {
            var cache = pointee.pageCache
            cache.flush(to: heap.pointee.pages)
            pointee.pageCache = cache
            while let record = takeSpanRecord() {
                heap.spanPool.pointee.free(UnsafeMutableRawPointer(record))
            }
        }
    }
}
