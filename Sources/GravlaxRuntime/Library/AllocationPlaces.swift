import GravlaxHeap

/// What a script allocated at one place, all of one size, as far as it was sampled: one object for every
/// `HeapConfiguration.profileByteCount` bytes on average.
package struct AllocationPlace: Sendable, Equatable {
    /// Where the running function stood; nil for what was allocated outside of any, as constants are.
    package let sourceName: String?
    package let line: Int
    package let record: AllocationRecord
}

extension Machine {
    /// Has samples remember where in the script they were taken. Before the first mutator; nothing unless the heap samples.
    static func rememberPlaces(_ heap: Heap, _ configuration: HeapConfiguration, _ machine: @escaping () -> Machine?) {
        guard configuration.profileByteCount > 0 else { return }
        heap.allocationSite = { _, _ in machine()?.site ?? 0 }
    }

    /// The samples of all cycles that are swept. Between programs.
    func allocationPlaces() -> [AllocationPlace] {
        heap.allocationProfile().map { record in
            let line = Int(record.site & 0xFFFF_FFFF)
            return AllocationPlace(
                sourceName: line == 0 ? nil : programs[Int(record.site >> 32)].program.sourceName, line: line, record: record)
        }
    }
}
