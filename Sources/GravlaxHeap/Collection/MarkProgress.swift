// What the markers of a heap share: the grey work that anybody may take, and
// how far a cycle has come.

import Synchronization

/// What all workers of a heap share. A thin pointer: copies share the records.
package struct MarkWork {
    package let stacks: WorkBufferStacks
    package let progress: UnsafeMutablePointer<MarkProgress>
    /// Set when no buffer could be had: some marked object may be neither scanned nor queued, so that all marked objects
    /// are scanned again before marking ends.
    package var overflow: UnsafeMutablePointer<Atomic<UInt32>> {
        UnsafeMutableRawPointer(progress).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    /// Nil when the system refuses the records.
    init?(memory: OSMemory, buffers: SystemStatistic, statistic: SystemStatistic) {
        guard let stacks = WorkBufferStacks(memory: memory, statistic: buffers),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<MarkProgress>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        self.stacks = stacks
        progress = place.bindMemory(to: MarkProgress.self, capacity: 1)
        progress.initialize(to: MarkProgress())
    }

}

extension UnsafeMutablePointer where Pointee == MHeap {
    var progress: UnsafeMutablePointer<MarkProgress> { pointee.work.progress }

    /// Nobody marks and nothing is left that anybody could take: whether that is the end shows in a stop.
    package var looksDone: Bool {
        progress.pointee.active.load(ordering: .sequentiallyConsistent) == 0 && hasNothingToTake
            && progress.pointee.pendingRoots.load(ordering: .acquiring) == 0
    }

    /// Neither a buffer with entries, nor a root job that any worker may do, nor, once nothing else is grey, values of
    /// weak maps to look at.
    package var hasNothingToTake: Bool {
        pointee.work.stacks.fullIsEmpty && progress.pointee.openRoots.load(ordering: .relaxed) <= 0
            && (ephemeronsAreSettled || progress.pointee.active.load(ordering: .relaxed) != 0)
    }
}

/// How far a cycle has come. Reset by the flip; every field may be changed by any thread.
package struct MarkProgress: ~Copyable {
    /// First, see `MarkWork.overflow`.
    let overflow = Atomic<UInt32>(0)
    /// Markers that may hold grey objects of their own. One enters before it takes anything and leaves after it has
    /// given everything away, so that at 0 all grey objects are in the full buffers and the barriers' buffers (INV-35).
    package let active = Atomic<Int>(0)
    /// Workers that would take work if there were any: whoever has much shares it.
    package let waiting = Atomic<Int>(0)
    /// Root jobs that are not done: the mutators that were not scanned yet, and the jobs below.
    package let pendingRoots = Atomic<Int>(0)
    /// Root jobs that nobody has begun and any worker may do; falls below 0.
    package let openRoots = Atomic<Int>(0)
    /// The next job of those that specials make.
    let nextSpecialJob = Atomic<Int>(0)
    /// Rises whenever objects were marked, before those who marked them step aside.
    package let markings = Atomic<UInt64>(0)
    /// Bytes of the objects marked, and of those among them that hold pointers; without those that mutators blackened.
    package let markedBytes = Atomic<UInt64>(0)
    package let scanWork = Atomic<UInt64>(0)
    /// Bytes that mutators blackened, which the end of marking adds to the two above.
    package let blackBytes = Atomic<UInt64>(0)
    /// Scan work of background workers that no assist has drawn on, in bytes.
    package let backgroundCredit = Atomic<Int>(0)
    /// Nonzero while somebody starts, or ends, a cycle: only one at a time does (INV-37).
    package let starting = Atomic<UInt32>(0)
    package let terminating = Atomic<UInt32>(0)
    /// Cycles begun, and those of them whose report was delivered.
    package let begun = Atomic<UInt64>(0)
    package let reported = Atomic<UInt64>(0)
    /// When the last cycle ended, in nanoseconds of the monotonic clock.
    package let lastEnd = Atomic<UInt64>(0)
    /// Stops in which marking turned out not to be over, in this cycle.
    package let failedTerminations = Atomic<UInt64>(0)

    init() {}
}
