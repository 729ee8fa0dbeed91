import Synchronization

/// Records whose time has come, first in, first out: calls to make, or payloads to give back. Sweeps append what they
/// found in a span all at once; mutators take one at a time. The entries are the records themselves, so that nothing
/// that fell due can be lost for want of memory.
///
/// A thin pointer: copies share the record. Any thread may call anything, except where a function says otherwise.
///
/// - Source: Go 1.14 mfinal.go, queuefinalizer, finq and iterate_finq; Go has blocks of copies instead.
package struct DueQueue {
    private struct Record: ~Copyable {
        let lock: HeapLock
        /// Entries. Changed under `lock`; read relaxed without it.
        let count = Atomic<Int>(0)
        /// All under `lock`.
        var first: SpecialRef?
        var last: SpecialRef?
        /// The first entry that the mark in progress has not seen. Entries before it were taken or marked.
        var unmarked: SpecialRef?

        init(lock: HeapLock) { self.lock = lock }
    }

    /// Entries that one root job marks.
    package static let entriesPerJob = 256

    private let record: UnsafeMutablePointer<Record>

    /// Nil when the system refuses the record.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .specialQueues, memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(lock: lock))
    }

    package var count: Int { record.pointee.count.load(ordering: .relaxed) }

    /// Appends a chain. While marking, which no sweep does, a marker may not see it: who appends then shades it.
    func push(_ chain: SpecialChain) {
        guard let first = chain.first else { return }
        record.pointee.lock.withLock {
            if let last = record.pointee.last { last.pointee.next = first } else { record.pointee.first = first }
            record.pointee.last = chain.last
            record.pointee.count.wrappingAdd(chain.count, ordering: .relaxed)
        }
    }

    /// The oldest entry, which is the caller's from then on; nil if there is none.
    func pop() -> SpecialRef? {
        if count == 0 { return nil }
        return record.pointee.lock.withLock {
            guard let first = record.pointee.first else { return nil }
            let next = first.pointee.next
            record.pointee.first = next
            if next == nil { record.pointee.last = nil }
            if record.pointee.unmarked == first { record.pointee.unmarked = next }
            record.pointee.count.wrappingSubtract(1, ordering: .relaxed)
            return first
        }
    }

    /// Before marking begins: every entry is to be seen. Returns how many jobs that takes. World stopped.
    func beginMarking() -> Int {
        record.pointee.unmarked = record.pointee.first
        return (count + Self.entriesPerJob - 1) / Self.entriesPerJob
    }

    /// Calls `body` with the entries that no job has seen yet, up to a job's worth. Those that are taken meanwhile are
    /// the taker's to shade.
    func markJob(_ body: (SpecialRef) -> Void) {
        record.pointee.lock.withLock {
            var rest = Self.entriesPerJob
            while rest > 0, let special = record.pointee.unmarked {
                body(special)
                record.pointee.unmarked = special.pointee.next
                rest -= 1
            }
        }
    }

    /// The objects of the finalizers among the entries, oldest first. They live until their entries are taken.
    func objects() -> [UInt] {
        record.pointee.lock.withLock {
            var objects: [UInt] = []
            forEach { if $0.pointee.kind == .finalizer { objects.append(UInt($0.pointee.argument)) } }
            return objects
        }
    }

    /// Every entry, oldest first. World stopped, or within the lock.
    func forEach(_ body: (SpecialRef) -> Void) {
        var current = record.pointee.first
        while let special = current {
            body(special)
            current = special.pointee.next
        }
    }
}
