import Synchronization

/// A byte count kept in raw memory and changed by several threads: how much of one kind of memory is held.
///
/// A thin pointer: copies share the count. Sums are relaxed; identities between several statistics hold only
/// for whoever holds the lock that guards all of them.
///
/// - Source: Go 1.19 mstats.go, sysMemStat.
package struct SystemStatistic {
    private let cell: UnsafeMutablePointer<Atomic<UInt64>>

    /// Shares a count that lives in `cell`, already initialised.
    package init(_ cell: UnsafeMutablePointer<Atomic<UInt64>>) {
        self.cell = cell
    }

    /// Puts a count of zero in `memory`: 8 bytes, 8-byte aligned.
    package init(initializing memory: UnsafeMutableRawPointer) {
        cell = memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        cell.initialize(to: Atomic(0))
    }

    package var byteCount: UInt64 { cell.pointee.load(ordering: .relaxed) }

    package func add(_ byteCount: UInt) {
        cell.pointee.wrappingAdd(UInt64(byteCount), ordering: .relaxed)
    }

    package func subtract(_ byteCount: UInt) {
        let (old, _) = cell.pointee.wrappingSubtract(UInt64(byteCount), ordering: .relaxed)
        if old < UInt64(byteCount) {
            fatal("a memory statistic went below zero", ("held", UInt(old)), ("subtracted", byteCount))
        }
    }
}
