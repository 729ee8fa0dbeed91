/// A reading of a heap's counters. Go's `MemStats` in Swift case; bytes unless named otherwise.
///
/// Identities, exact whenever the world is stopped and caches are flushed:
///
///     heapSys      = heapInUse + heapIdle          INV-22
///     heapReleased ≤ heapIdle                      INV-23
///     pagesInUse   = Σ pages of in-use spans       INV-24
///     objects      = mallocs − frees               INV-25
public struct HeapStatistics: Sendable, Equatable {
    public struct SizeClassCounts: Sendable, Equatable {
        /// Bytes of one object of the class.
        public var size: Int
        public var mallocs: UInt64
        public var frees: UInt64
    }

    public var heapSys: UInt64
    public var heapIdle: UInt64
    public var heapInUse: UInt64
    public var heapReleased: UInt64
    public var heapLive: UInt64
    public var heapMarked: UInt64
    public var stacksInUse: UInt64
    public var metadata: UInt64
    public var nextGC: UInt64
    /// Collections so far.
    public var cycles: UInt64
    /// Objects handed out and freed. Tiny objects count as their blocks.
    public var mallocs: UInt64
    public var frees: UInt64
    /// Objects combined in tiny blocks.
    public var tinyAllocs: UInt64
    public var pagesInUse: UInt64
    public var pagesSwept: UInt64
    public var pauseTotalNanoseconds: UInt64
    public var pauseMaxNanoseconds: UInt64
    public var bySize: [SizeClassCounts]
    /// What allocations waited for. Those of a mutator count once it has given its caches back, as for
    /// `Mutator.readStatistics`.
    public var stalls: AllocationStalls
    /// From each request to stop the world until everybody stood still.
    public var timeToStop: LatencyHistogram
    /// How long the world then stood still.
    public var timeStopped: LatencyHistogram
    /// All sweeping: in the background, before a cycle, and for allocations.
    public var sweepNanoseconds: UInt64
    /// Bytes given back to the system since the heap was made.
    public var scavengedBytes: UInt64
    /// Marking that mutators did as their share.
    public var assistNanoseconds: UInt64 { stalls.assist.total }

    public var objects: UInt64 { mallocs - frees }
}

extension Heap {
    /// The counters now, without stopping anybody. Cached spans count as if all their free slots were handed out;
    /// `Mutator.readStatistics` is exact.
    public var statistics: HeapStatistics { raw.readStatistics() }

    /// Bytes of memory that is ready to use: what a budget is held against.
    package var readyBytes: UInt64 { raw.pointee.statistics.readyBytes }

    /// Reads them without holding the heap: for `onCycle` and `onRelease`, from where it is always safe.
    public var statisticsReader: () -> HeapStatistics {
        let raw = raw
        return { raw.readStatistics() }
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    func readStatistics() -> HeapStatistics {
        let counters = pointee.statistics
        // Frees before mallocs, each time: what was freed when it is read was handed out before.
        var frees = counters.largeFreeCount.value
        var mallocs = counters.largeAllocCount.value
        var bySize: [HeapStatistics.SizeClassCounts] = []
        for index in 1..<SizeClass.count {
            let freed = counters.smallFreeCount(index).value
            let counts = HeapStatistics.SizeClassCounts(
                size: Int(SizeClassTable.size[index]), mallocs: counters.smallAllocCount(index).value, frees: freed)
            bySize.append(counts)
            mallocs += counts.mallocs
            frees += counts.frees
        }
        let stalls = pointee.latencies.stalls.stalls
        return HeapStatistics(
            heapSys: counters.heapSys.byteCount, heapIdle: counters.heapIdle.byteCount,
            heapInUse: counters.heapInUse.byteCount, heapReleased: counters.heapReleased.byteCount,
            heapLive: counters.heapLive.value, heapMarked: counters.heapMarked.value,
            stacksInUse: counters.stacksInUse.byteCount,
            metadata: counters.metadata.byteCount + counters.markBits.byteCount + counters.workBuffers.byteCount
                + counters.spanRecords.byteCount,
            nextGC: counters.nextGC.value, cycles: counters.cycles.value, mallocs: mallocs, frees: frees,
            tinyAllocs: counters.tinyAllocCount.value,
            pagesInUse: UInt64(pagesInUse),
            pagesSwept: UInt64(pointee.pagesSwept.load(ordering: .relaxed)),
            pauseTotalNanoseconds: counters.pauseTotal.value, pauseMaxNanoseconds: counters.pauseMax.value,
            bySize: bySize, stalls: stalls,
            timeToStop: pointee.latencies.timeToStop.histogram,
            timeStopped: pointee.latencies.timeStopped.histogram,
            sweepNanoseconds: counters.sweepTime.value + stalls.sweep.total,
            scavengedBytes: counters.scavengedBytes.value)
    }
}
