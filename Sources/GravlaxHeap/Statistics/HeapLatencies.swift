/// The histograms of a heap. A thin pointer to memory that lives as long as the heap, and is untouched until used.
package struct HeapLatencies {
    private let memory: UnsafeMutableRawPointer

    /// Nil when the system refuses the memory.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let place = memory.allocatePersistent(
            byteCount: UInt(StallCounts.byteCount + 2 * LatencyCounts.byteCount), alignment: 64, statistic: statistic)
        else { return nil }
        self.memory = place
    }

    /// What the mutators counted, once they have given it back.
    package var stalls: StallCounts { StallCounts(at: memory) }
    /// From the request to stop the world until everybody stood still. By the one who stopped it.
    package var timeToStop: LatencyCounts { LatencyCounts(at: memory + StallCounts.byteCount) }
    /// From there until the world went on. By the one who stopped it.
    package var timeStopped: LatencyCounts {
        LatencyCounts(at: memory + StallCounts.byteCount + LatencyCounts.byteCount)
    }
}
