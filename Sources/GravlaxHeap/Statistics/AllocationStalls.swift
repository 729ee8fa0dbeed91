// What allocation waits for. Each mutator counts by itself, in raw memory;
// `flushAll` adds its counts to the heap's.

import Synchronization

/// What a slow allocation spends its time on, apart from taking memory.
package enum StallCause: Int, CaseIterable {
    /// Marking, as its share for what it allocates.
    case assist
    /// Sweeping before memory is taken.
    case sweep
    /// Standing still in stops of the world, its own and others'.
    case stop
    /// Waiting for a lock that somebody else holds.
    case lock
}

/// The stalls of one mutator, or of a whole heap. A thin pointer.
package struct StallCounts {
    private let memory: UnsafeMutableRawPointer

    /// A histogram for each cause, then one of whole slow allocations.
    static let byteCount = (StallCause.allCases.count + 1) * LatencyCounts.byteCount

    /// `memory` is `byteCount` zero bytes that outlive the counts.
    init(at memory: UnsafeMutableRawPointer) { self.memory = memory }

    /// Nil when the system refuses the memory.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let place = memory.allocatePersistent(
            byteCount: UInt(Self.byteCount), alignment: 64, statistic: statistic)
        else { return nil }
        self.init(at: place)
    }

    /// Times charged to one cause. Of a mutator's counts, its owner records.
    package subscript(_ cause: StallCause) -> LatencyCounts {
        LatencyCounts(at: memory + cause.rawValue * LatencyCounts.byteCount)
    }

    /// Whole slow allocations.
    package var slowAllocations: LatencyCounts {
        LatencyCounts(at: memory + StallCause.allCases.count * LatencyCounts.byteCount)
    }

    func move(to other: StallCounts) {
        for cause in StallCause.allCases { self[cause].move(to: other[cause]) }
        slowAllocations.move(to: other.slowAllocations)
    }

    var stalls: AllocationStalls {
        AllocationStalls(
            slowAllocations: slowAllocations.histogram, assist: self[.assist].histogram, sweep: self[.sweep].histogram,
            stop: self[.stop].histogram, lock: self[.lock].histogram)
    }
}

/// How long allocations had to wait, and for what. Only what took time is counted: an allocation that found nothing to
/// sweep is not among the times of `sweep`.
public struct AllocationStalls: Sendable, Equatable {
    /// Allocations that needed a new span, from end to end. Empty unless the heap measures them
    /// (`HeapConfiguration.measuresStalls`).
    public let slowAllocations: LatencyHistogram
    /// Marking that allocations were charged with.
    public let assist: LatencyHistogram
    /// Sweeping that allocations were charged with.
    public let sweep: LatencyHistogram
    /// Stops of the world, as mutators felt them.
    public let stop: LatencyHistogram
    /// Waits for locks of the heap.
    public let lock: LatencyHistogram
}
