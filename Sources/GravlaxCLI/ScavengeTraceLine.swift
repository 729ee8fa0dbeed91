// What was given back to the system, in the format of Go's GODEBUG=scavtrace=1.

/// Sizes in bytes.
package struct ScavengeTraceLine {
    /// Given back since the last line.
    package var released: UInt64
    /// What the system has now of the heap's memory.
    package var releasedTotal: UInt64
    package var heapInUse: UInt64
    /// What the heap holds: in use, or free and not given back.
    package var retained: UInt64
    /// Asked for by the program or its host.
    package var isForced: Bool

    package init(released: UInt64, releasedTotal: UInt64, heapInUse: UInt64, retained: UInt64, isForced: Bool) {
        self.released = released
        self.releasedTotal = releasedTotal
        self.heapInUse = heapInUse
        self.retained = retained
        self.isForced = isForced
    }

    /// - Source: Go 1.14 mgcscavenge.go, printScavTrace.
    package var text: String {
        "scav \(released >> 10) KiB work, \(releasedTotal >> 10) KiB total, "
            + "\(heapInUse * 100 / max(retained, 1))% util\(isForced ? " (forced)" : "")\n"
    }
}
