import GravlaxHeap

/// What an interpreter's memory and its collector have come to.
public struct Statistics: Sendable, Equatable {
    /// The times that all scripts of the interpreter stood still for the collector.
    public struct Pauses: Sendable, Equatable {
        /// How many there were.
        public let count: Int
        /// How long they were together.
        public let total: Duration
        /// How long the longest was.
        public let longest: Duration
        /// Half of the pauses took no longer; at most a sixteenth too much.
        public let median: Duration
        /// 99 of 100 pauses took no longer; at most a sixteenth too much.
        public let percentile99: Duration

        init(_ histogram: LatencyHistogram) {
            func duration(_ nanoseconds: UInt64) -> Duration { .nanoseconds(Int64(clamping: nanoseconds)) }
            count = Int(histogram.count)
            total = duration(histogram.total)
            longest = duration(histogram.maximum)
            median = duration(histogram.quantile(0.5))
            percentile99 = duration(histogram.quantile(0.99))
        }
    }

    /// Bytes of objects: those that the last collection found alive, and all that were made since.
    public let liveBytes: Int
    /// Bytes of objects at which the running collection, or the next one, is to be over.
    public let goalBytes: Int
    /// Bytes of memory that is ready to use, stacks and the collector's own included: what `Configuration.heapBudget` bounds.
    public let readyBytes: Int
    /// Bytes of address space that the heap has taken. Those that were given back to the system, or never touched, are no
    /// memory.
    public let reservedBytes: Int
    /// Bytes of `reservedBytes` that are no memory at present.
    public let releasedBytes: Int
    /// Bytes of scripts' stacks.
    public let stackBytes: Int
    /// Collections so far.
    public let cycles: Int
    /// Objects made so far; several very small ones can count as one.
    public let objectsAllocated: Int
    /// Objects that were freed so far, counted in the same way.
    public let objectsFreed: Int
    /// How long scripts stood still.
    public let pauses: Pauses
    /// Processor time of scripts that went into marking, as their share for what they allocated.
    public let assistTime: Duration
    /// Values of this interpreter that the host holds, functions of its own among them.
    public let heldValues: Int

    /// Objects that there are: alive, or not found dead yet.
    public var objects: Int { objectsAllocated - objectsFreed }

    init(_ heap: HeapStatistics, readyBytes: UInt64, heldValues: Int) {
        liveBytes = Int(heap.heapLive)
        goalBytes = Int(clamping: heap.nextGC)
        self.readyBytes = Int(readyBytes)
        reservedBytes = Int(heap.heapSys)
        releasedBytes = Int(heap.heapReleased)
        stackBytes = Int(heap.stacksInUse)
        cycles = Int(heap.cycles)
        objectsAllocated = Int(heap.mallocs)
        objectsFreed = Int(heap.frees)
        pauses = Pauses(heap.timeStopped)
        assistTime = .nanoseconds(Int64(clamping: heap.assistNanoseconds))
        self.heldValues = heldValues
    }
}

extension Interpreter {
    /// What memory and collector have come to, exactly. Stops the collector for a moment. Complexity: linear in the number
    /// of host handles given back, and otherwise constant.
    public func statistics() -> Statistics {
        let heap = core.readStatistics()
        return Statistics(heap, readyBytes: core.readyBytes, heldValues: core.handleCount)
    }
}
