// What a mutator does about collection: safepoints, forced cycles, memory that
// was refused, being outside, and stacks.

import Glibc
import Synchronization

extension Mutator {
    private var heap: Heap { state.pointee.owner.unsafelyUnwrapped.takeUnretainedValue() }
    private var world: World { state.pointee.heap.pointee.world }

    /// Lets a stop happen, and runs a cycle if one is due. Call when
    /// `pollRequested`, with every live reference visible to the root source.
    public func safepoint() {
        if state.pointee.heap.pointee.world.isStopping {
            world.leave(state)
            world.enter(state)
            state.prepareForSweep()
        }
        // Whoever asked looks at `hasDueCalls` now.
        state.withdrawPoll(.dueCalls)
        let due = state.pointee.poll.load(ordering: .relaxed) & PollReason.collect.rawValue != 0
        if due {
            state.withdrawPoll(.collect)
            let counters = state.pointee.heap.pointee.statistics
            let stress = state.pointee.heap.pointee.configuration.debug.stress > 0
            if stress || counters.heapLive.value >= counters.nextGC.value {
                _ = heap.runCycle(state, forced: false)
                state.prepareForSweep()
            }
        }
    }

    /// A full cycle: mark, then sweep everything, before it returns. At a safepoint only.
    ///
    /// - Returns: false, and nothing happened, if memory that a cycle cannot do without was refused.
    @discardableResult
    public func collect() -> Bool {
        guard heap.runCycle(state, forced: true) else { return false }
        heap.finishSweep(state)
        // Somebody else may still be at a span of this cycle. The next one cannot begin before we stop.
        while !state.pointee.heap.isSweepDone { sched_yield() }
        if hasDueCalls { state.requestPoll(.dueCalls) }
        return true
    }

    /// Collects, then gives all memory that is free back to the system. At a safepoint only.
    ///
    /// - Returns: the bytes that the system got.
    /// - Source: Go 1.14 mheap.go, runtime_debug_freeOSMemory.
    @discardableResult
    public func freeOSMemory() -> Int {
        collect()
        return Int(heap.releaseIdle(state))
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
        heap.releaseIdle(state)
        if let memory = attempt() { return memory }
        guard heap.runCycle(state, forced: true, sweepsStopped: true) else { return nil }
        heap.releaseIdle(state)
        return attempt()
    }

    /// An exact reading of the heap's statistics: the world is stopped and every cache gives back what it holds.
    /// At a safepoint only.
    public func readStatistics() -> HeapStatistics {
        heap.whileStopped(state) { heap.flushCaches() }
        return heap.statistics
    }

    /// Before host code that blocks: from here on the world may stop without this mutator.
    public func enterOutside() { world.leave(state) }

    /// After it. Waits while the world is stopped.
    public func leaveOutside() {
        world.enter(state)
        state.prepareForSweep()
    }

    /// Gives everything back that the mutator holds. The mutator is not used again.
    public func close() {
        state.prepareForSweep()
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
