// Prints lines about collections as they end, in Go's formats.

import GravlaxHeap
import Synchronization

/// Any thread that ends a collection calls it; one at a time.
final class TracePrinter: Sendable {
    private let lines: TraceLines
    private let write: @Sendable (String) -> Void
    /// Bytes given back to the system that lines have told of.
    private let told = Mutex<UInt64>(0)

    init(_ lines: TraceLines, write: @escaping @Sendable (String) -> Void) {
        self.lines = lines
        self.write = write
    }

    /// Has the heap call it. Before the first collection.
    func attach(to heap: Heap) {
        if lines.isEmpty { return }
        // A cycle may end while the heap goes away: what is called must not hold it.
        let statistics = heap.statisticsReader
        heap.onCycle = { self.write(self.text(of: $0, statistics)) }
        if lines.scavtrace {
            heap.onRelease = { released in
                self.write(self.scavenge(statistics(), released: UInt64(released), isForced: true))
            }
        }
    }

    private func text(of cycle: CycleReport, _ statistics: () -> HeapStatistics) -> String {
        var text = ""
        if lines.gcpacertrace { text += cycle.pacerLines.map(\.text).joined() }
        if lines.scavtrace { text += scavenge(statistics(), released: nil, isForced: false) }
        if lines.gctrace { text += CollectionTraceLine(cycle).text }
        return text
    }

    /// - Parameter released: what this line tells of; nil for all that no line has told of.
    private func scavenge(_ statistics: HeapStatistics, released: UInt64?, isForced: Bool) -> String {
        let untold = told.withLock { told in
            defer { told = statistics.scavengedBytes }
            return statistics.scavengedBytes - min(told, statistics.scavengedBytes)
        }
        return ScavengeTraceLine(
            released: released ?? untold, releasedTotal: statistics.heapReleased, heapInUse: statistics.heapInUse,
            retained: statistics.heapSys - min(statistics.heapReleased, statistics.heapSys), isForced: isForced
        ).text
    }
}

extension CycleReport {
    /// What Go's pacer prints from the end of the last sweep to the end of marking.
    var pacerLines: [PacerTraceLine] {
        var lines: [PacerTraceLine] = []
        if let sweep = sweepBefore {
            lines.append(.sweepDone(
                heapLive: sweep.heapLive, allocated: sweep.allocated, pagesSwept: sweep.pagesSwept,
                pagesPerByte: sweep.pagesPerByte))
        }
        if let pacing {
            lines.append(.start(
                assistRatio: pacing.assistRatio, heapScan: pacing.scanBytes, heapLive: pacing.liveAtStart,
                goal: pacing.goalBytes, dedicatedWorkers: pacing.dedicatedWorkers,
                fractionalUtilization: pacing.fractionalGoal))
            lines.append(.end(
                markedBefore: pacing.markedBefore, triggerRatio: pacing.triggerRatio, trigger: pacing.triggerBytes,
                growth: pacing.actualRatio, heapLive: pacing.liveBytes, goalGrowth: pacing.goalRatio,
                goal: pacing.goalBytes, utilization: pacing.utilization, goalUtilization: pacing.goalUtilization,
                scanWork: pacing.scanWork))
        }
        return lines
    }
}
