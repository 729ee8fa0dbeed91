// What begins and ends cycles: the part of a heap that its background threads
// may hold. It outlives the heap by as long as a thread needs to let go of it,
// and does nothing then; so whoever drops the heap is the one who waits.

import Synchronization

/// The collector of one heap. Sendable: what changes does so while the world is stopped, or under the lock.
package final class Collector: @unchecked Sendable {
    let raw: MHeapRef
    let configuration: HeapConfiguration
    let sweepers: BackgroundSweepers
    let scavenger: BackgroundScavenger?
    let markers: BackgroundMarkers
    /// For who marks while the world is stopped.
    let stoppedMarker: UnsafeMutablePointer<MarkWorker>
    let createdAt = monotonicNanoseconds()
    /// The cycle that is running. Changed while the world is stopped.
    var pendingReport = CycleReport()
    /// See `Heap.onCycle`.
    var onCycle: ((CycleReport) -> Void)?
    /// See `Heap.onRelease`.
    var onRelease: ((Int) -> Void)?
    /// See `Heap.allocationSite`.
    var allocationSite: ((UnsafeMutableRawPointer, Int) -> UInt64)?
    private var periodic: BackgroundTask?
    private var lastDelivered: CycleReport?
    private let reportLock: HeapLock

    /// Nil when the system refuses what it needs.
    init?(
        _ raw: MHeapRef, _ configuration: HeapConfiguration, memory: OSMemory, sweepers: BackgroundSweepers,
        scavenger: BackgroundScavenger?
    ) {
        let workerCount = configuration.markWorkers ?? raw.pointee.pacer.processorCount
        guard let reportLock = HeapLock(
            rank: .scheduler, memory: memory, statistic: raw.pointee.statistics.metadata),
            let stoppedMarker = MarkWorker.make(raw),
            let markers = BackgroundMarkers(raw, count: workerCount)
        else { return nil }
        self.raw = raw
        self.configuration = configuration
        self.sweepers = sweepers
        self.scavenger = scavenger
        self.reportLock = reportLock
        self.stoppedMarker = stoppedMarker
        self.markers = markers
        // Until `stop`.
        markers.endCycle = { self.endCycle(nil) }
        periodic = makePeriodicTask()
    }

    /// Ends all marking and waits for it. Nobody else uses the heap any more.
    func stop() {
        periodic?.stop()
        markers.stop()
        reportLock.destroy()
    }

    /// The report of the last cycle that ended.
    var lastReport: CycleReport? { reportLock.withLock { lastDelivered } }

    /// Tells who wants to know, in the order of the cycles. World running.
    package func deliver(_ report: CycleReport) {
        raw.pointee.events.slice(
            .cycle, .heap, from: createdAt + report.start, to: createdAt + report.end, report.number, report.marked)
        raw.pointee.events.wakeListener()
        reportLock.withLock {
            // Whoever ended the next cycle may have been faster.
            if report.number > lastDelivered?.number ?? 0 { lastDelivered = report }
        }
        raw.progress.pointee.lastEnd.store(createdAt + report.end, ordering: .relaxed)
        periodic?.post(after: .nanoseconds(Int(Self.period)))
        onCycle?(report)
        // Never back: somebody may wait for a later one.
        raw.progress.pointee.reported.max(report.number, ordering: .releasing)
        raw.pointee.world.notify()
    }
}
