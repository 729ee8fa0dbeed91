// A cycle's report as a trace line. Marking stops the world, so the whole stop
// stands in the middle column, and no time in the assist and idle columns.

import GravlaxHeap

extension TraceLines {
    /// The lines of one collection.
    func text(of cycle: CycleReport) -> String {
        gctrace ? CollectionTraceLine(cycle).text : ""
    }
}

extension CollectionTraceLine {
    package init(_ cycle: CycleReport) {
        let elapsed = max(cycle.endNanoseconds, 1)
        self.init(
            number: cycle.number, start: cycle.startNanoseconds,
            processorFraction: Double(cycle.collectingTotal) / Double(elapsed),
            sweepTermination: cycle.sweepBefore + cycle.timeToStop, marking: cycle.timeStopped, markTermination: 0,
            sweepTerminationCPU: cycle.sweepBefore, assistCPU: 0, workerCPU: cycle.timeStopped, idleCPU: 0,
            markTerminationCPU: 0, heapAtStart: cycle.liveBefore, heapAtEnd: cycle.liveBefore,
            heapMarked: cycle.marked, goal: cycle.goalBytes, processorCount: cycle.mutatorCount,
            isForced: cycle.forced)
    }
}
