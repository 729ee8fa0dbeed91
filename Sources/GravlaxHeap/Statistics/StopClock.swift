// Times the stops of the world: for the histograms, for the trace, and for the
// mutators that stood still.

/// The stop in progress, if there is one. A thin pointer. Who stops the world writes it, one after the other.
struct StopClock {
    private struct Record {
        var requested: UInt64 = 0
        var stopped: UInt64 = 0
        var reason = StopReason.other
        /// Nil for a thread that is no mutator.
        var stopper: MutatorRef?
    }

    private let record: UnsafeMutablePointer<Record>
    private let events: EventStream
    private let latencies: HeapLatencies

    /// Nil when the system refuses the memory.
    init?(memory: OSMemory, statistic: SystemStatistic, events: EventStream, latencies: HeapLatencies) {
        guard let place = memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<Record>.stride), alignment: 8, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record())
        self.events = events
        self.latencies = latencies
    }

    /// The caller is the one who stops the world now.
    func request(_ reason: StopReason, by stopper: MutatorRef?) {
        record.pointee.reason = reason
        record.pointee.stopper = stopper
        record.pointee.requested = monotonicNanoseconds()
    }

    /// Everybody stands still.
    func stop() {
        record.pointee.stopped = monotonicNanoseconds()
        latencies.timeToStop.record(record.pointee.stopped &- record.pointee.requested)
    }

    /// The world is about to go on, still in the hand of the caller.
    func start() {
        let now = monotonicNanoseconds()
        let requested = record.pointee.requested
        latencies.timeStopped.record(now &- record.pointee.stopped)
        events.slice(
            .stop, .world, from: requested, to: now, UInt64(record.pointee.reason.rawValue),
            record.pointee.stopped &- requested)
        if let stopper = record.pointee.stopper { stood(stopper, from: requested, to: now) }
    }

    /// The world goes on.
    func started() { events.wakeListener() }

    /// A mutator stood still. By its thread, while it counts as safe and nobody can stop the world; or by the stopper.
    func stood(_ mutator: MutatorRef, from began: UInt64, to ended: UInt64) {
        mutator.charge(.stop, ended &- began)
        events.slice(.stopped, mutator.pointee.track, from: began, to: ended)
    }
}
