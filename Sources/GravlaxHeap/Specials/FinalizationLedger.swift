import Synchronization

/// What became of every finalizer and cleanup that was ever registered:
///
///     registered = run + dropped + waiting + queued
public struct FinalizationLedger: Sendable, Equatable {
    public var registered: UInt64
    /// Handed out to be called.
    public var run: UInt64
    /// Taken back before they fell due.
    public var dropped: UInt64
    /// On objects that were not found dead so far.
    public var waiting: UInt64
    /// Due, and not called yet.
    public var queued: UInt64
    /// Registered and neither run nor dropped.
    public var pending: UInt64 { waiting + queued }

    package init(registered: UInt64, run: UInt64, dropped: UInt64, waiting: UInt64, queued: UInt64) {
        self.registered = registered
        self.run = run
        self.dropped = dropped
        self.waiting = waiting
        self.queued = queued
    }
}

/// The counts behind the ledger. A thin pointer to raw memory; any thread may count, relaxed.
package struct FinalizationCounters {
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>

    /// Nil when the system refuses the memory.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let place = memory.allocatePersistent(byteCount: 64, alignment: 64, statistic: statistic) else { return nil }
        cells = place.bindMemory(to: Atomic<UInt64>.self, capacity: 3)
    }

    package var registered: UnsafeMutablePointer<Atomic<UInt64>> { cells }
    package var run: UnsafeMutablePointer<Atomic<UInt64>> { cells + 1 }
    package var dropped: UnsafeMutablePointer<Atomic<UInt64>> { cells + 2 }
}

extension Heap {
    /// The ledger of finalizers and cleanups. Exact while nobody registers, sweeps or takes any.
    public var finalizationLedger: FinalizationLedger {
        let specials = raw.pointee.specials
        // What is counted later first: a registration comes before everything else that counts it.
        let (run, dropped) = (specials.counters.run.value, specials.counters.dropped.value)
        let queued = UInt64(specials.due.count)
        let registered = specials.counters.registered.value
        let gone = run + dropped + queued
        return FinalizationLedger(
            registered: registered, run: run, dropped: dropped, waiting: registered > gone ? registered - gone : 0,
            queued: queued)
    }
}
