// What a mutator does about collection: safepoints, forced cycles, memory that
// was refused, being outside, and stacks.

import Synchronization

extension Mutator {
    private var heap: Heap { state.pointee.owner.unsafelyUnwrapped.takeUnretainedValue() }
    private var world: World { state.pointee.heap.pointee.world }

    /// Lets a stop happen, and runs a cycle if one is due. Call when
    /// `pollRequested`, with every live reference visible to the root source.
    public func safepoint() {
        if state.pointee.heap.pointee.world.isStopping {
            world.leave()
            world.enter()
            state.prepareForSweep()
        }
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
    public func collect() {
        _ = heap.runCycle(state, forced: true)
        heap.finishSweep(state)
        while !state.pointee.heap.isSweepDone { spinHint() }
    }

    /// What to do when an allocation of `byteCount` bytes was refused: sweep
    /// and reclaim, release idle pages, run a full cycle. At a safepoint
    /// only. True if trying once more makes sense.
    public func collectForMemory(byteCount: Int) -> Bool {
        if byteCount > HeapConstants.maxAllocation { return false }
        state.releaseAll()
        heap.finishSweep(state)
        collect()
        state.releaseAll()
        state.returnPageCache()
        _ = state.pointee.heap.scavengeAll()

        return true
    }

    /// Before host code that blocks: from here on the world may stop without this mutator.
    public func enterOutside() { world.leave() }

    /// After it. Waits while the world is stopped.
    public func leaveOutside() {
        world.enter()
        state.prepareForSweep()
    }

    /// Gives everything back that the mutator holds. The mutator is not used again.
    public func close() {
        state.prepareForSweep()
        state.releaseAll()
        state.returnPageCache()
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
    /// Gives the page cache and the span records back.
    package func returnPageCache() {
        let heap = pointee.heap
        heap.pointee.lock.withLock {
            if !pointee.pageCache.isEmpty { pointee.pageCache.flush(to: heap.pointee.pages) }
            pointee.pageCache = PageCache()
            while let record = takeSpanRecord() {
                heap.pointee.spanAllocator.free(UnsafeMutableRawPointer(record))
            }
        }
    }
}
