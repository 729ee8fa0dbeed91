// The counters of a heap as rows of the report.

import GravlaxHeap

extension StatisticsReport.LatencyRow {
    init(_ name: String, _ meaning: String, _ histogram: LatencyHistogram) {
        self.init(
            name, meaning, count: histogram.count, p50: histogram.quantile(0.5), p99: histogram.quantile(0.99),
            p999: histogram.quantile(0.999), maximum: histogram.maximum, total: histogram.total)
    }
}

extension StatisticsReport {
    package init(_ statistics: HeapStatistics) {
        self.init(
            entries: [
                Entry("heapSys", statistics.heapSys, .bytes, "address space mapped for objects"),
                Entry("heapInUse", statistics.heapInUse, .bytes, "in spans with objects"),
                Entry("heapIdle", statistics.heapIdle, .bytes, "in free pages"),
                Entry("heapReleased", statistics.heapReleased, .bytes, "of those, held by the system"),
                Entry("heapLive", statistics.heapLive, .bytes, "live at the last collection, or allocated since"),
                Entry("heapMarked", statistics.heapMarked, .bytes, "found live by the last collection"),
                Entry("nextGC", statistics.nextGC, .bytes, "where the next collection should end"),
                Entry("stacksInUse", statistics.stacksInUse, .bytes, "stacks of the interpreter"),
                Entry("metadata", statistics.metadata, .bytes, "address space of the heap's own tables, most of it untouched"),
                Entry("cycles", statistics.cycles, .count, "collections"),
                Entry("mallocs", statistics.mallocs, .count, "objects allocated"),
                Entry("frees", statistics.frees, .count, "objects freed"),
                Entry("tinyAllocs", statistics.tinyAllocs, .count, "short strings that share 16-byte blocks"),
                Entry("pagesInUse", statistics.pagesInUse, .count, "pages of 8 KiB in spans with objects"),
                Entry("pagesSwept", statistics.pagesSwept, .count, "pages swept since the last collection"),
                Entry("pauseTotal", statistics.pauseTotalNanoseconds, .nanoseconds, "the world stood still, in all"),
                Entry("pauseMax", statistics.pauseMaxNanoseconds, .nanoseconds, "the world stood still, at most"),
                Entry("assistTime", statistics.assistNanoseconds, .nanoseconds, "marking by the program, for its allocations"),
                Entry("sweepTime", statistics.sweepNanoseconds, .nanoseconds, "sweeping, in all"),
                Entry("scavenged", statistics.scavengedBytes, .bytes, "given back to the system, in all"),
            ],
            latencies: [
                LatencyRow("timeToStop", "until the world stood still", statistics.timeToStop),
                LatencyRow("timeStopped", "the world stood still", statistics.timeStopped),
                LatencyRow("allocation", "allocations that needed a new span", statistics.stalls.slowAllocations),
                LatencyRow("assist", "of those, marking", statistics.stalls.assist),
                LatencyRow("sweep", "of those, sweeping", statistics.stalls.sweep),
                LatencyRow("lock", "of those, waiting for a lock", statistics.stalls.lock),
                LatencyRow("stop", "the program stood still for a stop", statistics.stalls.stop),
            ],
            sizeClasses: statistics.bySize.map {
                SizeClassRow(byteCount: UInt64($0.size), allocations: $0.mallocs, frees: $0.frees)
            })
    }
}
