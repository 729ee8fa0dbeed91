// A cycle's report as a trace line. As in Go, what stops the world takes all processors.

import GravlaxHeap

extension CollectionTraceLine {
    package init(_ cycle: CycleReport) {
        let processors = UInt64(cycle.processorCount)
        let elapsed = max(cycle.end * processors, 1)
        let first = cycle.sweeping + cycle.sweepTermination.timeToStop + cycle.sweepTermination.timeStopped
        let last = cycle.markTermination.timeToStop + cycle.markTermination.timeStopped
        self.init(
            number: cycle.number, start: cycle.start,
            processorFraction: Double(cycle.collectingTotal) / Double(elapsed),
            sweepTermination: first, marking: cycle.marking, markTermination: last,
            sweepTerminationCPU: first * processors, assistCPU: cycle.assistTime, workerCPU: cycle.backgroundTime,
            idleCPU: cycle.idleTime, markTerminationCPU: last * processors, heapAtStart: cycle.liveBefore,
            heapAtEnd: cycle.liveAfter, heapMarked: cycle.marked, goal: cycle.goal,
            processorCount: cycle.processorCount, isForced: cycle.forced)
    }
}
