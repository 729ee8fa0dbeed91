// A stack of spans for sweeping: pushed by many threads at once in one phase,
// popped by many at once in another. Blocks of 512 behind a spine that grows
// by copy; a block once made is reused for the life of the heap.
//
// - Source: Go 1.14 mgcsweepbuf.go, gcSweepBuf.

import Synchronization

/// A thin pointer. Pushes may meet pushes and pops pops; which phase the buffer
/// is in is the heap's affair: the generation decides which of two it pushes to.
package struct SweepBuffer {
    static let blockCapacity = 512

    struct Record: ~Copyable {
        let memory: OSMemory
        let statistic: SystemStatistic
        /// Guards growth.
        let lock: HeapLock
        /// Entries. Pushes add first and fill the slot after; pops subtract first.
        let count: Atomic<Int>
        /// Address of the spine, an array of block addresses; replaced under `lock`,
        /// old ones stay until the heap goes.
        let spine: Atomic<UInt>
        /// Blocks in the spine.
        let blockCount: Atomic<Int>
        var spineCapacity: Int
    }
    let record: UnsafeMutablePointer<Record>

    package init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .markBits, memory: memory, statistic: statistic),
            let raw = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = raw.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(
            memory: memory, statistic: statistic, lock: lock, count: Atomic(0), spine: Atomic(0),
            blockCount: Atomic(0), spineCapacity: 0))
    }

    package var count: Int { max(0, record.pointee.count.load(ordering: .relaxed)) }

    /// Adds a span. False, with nothing changed, when a block was needed and refused.
    package func push(_ span: UInt) -> Bool {
        let index = record.pointee.count.load(ordering: .relaxed)
        // Room for every push that could be under way at once.
        if index + Self.blockCapacity > record.pointee.blockCount.load(ordering: .acquiring) * Self.blockCapacity,
            !reserve(count: Self.blockCapacity), index >= capacity - 64
        {
            return false
        }
        let slot = record.pointee.count.wrappingAdd(1, ordering: .relaxed).oldValue
        self.slot(slot).pointee.store(span, ordering: .releasing)
        return true
    }

    /// Takes a span; 0 when there is none.
    package func pop() -> UInt {
        while true {
            let count = record.pointee.count.load(ordering: .relaxed)
            if count <= 0 { return 0 }
            let taken = record.pointee.count.compareExchange(
                expected: count, desired: count - 1, ordering: .acquiringAndReleasing)
            if taken.exchanged { return slot(count - 1).pointee.exchange(0, ordering: .acquiring) }
        }
    }

    /// Makes room for `count` more entries.
    package func reserve(count: Int) -> Bool {
        record.pointee.lock.withLock {
            let wanted = record.pointee.count.load(ordering: .relaxed) + count
            while capacity < wanted { if !addBlock() { return false } }
            return true
        }
    }

    /// Every entry. Nobody pushes or pops meanwhile.
    package func forEach(_ body: (UInt) -> Void) {
        for index in 0..<count { body(slot(index).pointee.load(ordering: .relaxed)) }
    }

    private var capacity: Int { record.pointee.blockCount.load(ordering: .acquiring) * Self.blockCapacity }

    private func slot(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt>> {
        let spine = UnsafePointer<UInt>(bitPattern: record.pointee.spine.load(ordering: .acquiring)).unsafelyUnwrapped
        return UnsafeMutablePointer<Atomic<UInt>>(bitPattern: spine[index / Self.blockCapacity])
            .unsafelyUnwrapped + index % Self.blockCapacity
    }

    private func addBlock() -> Bool {
        let blocks = record.pointee.blockCount.load(ordering: .relaxed)
        if blocks == record.pointee.spineCapacity {
            let wider = max(256, record.pointee.spineCapacity * 2)
            guard let raw = record.pointee.memory.allocatePersistent(
                byteCount: UInt(wider * 8), statistic: record.pointee.statistic)
            else { return false }
            let spine = raw.bindMemory(to: UInt.self, capacity: wider)
            if let old = UnsafePointer<UInt>(bitPattern: record.pointee.spine.load(ordering: .relaxed)) {
                spine.update(from: old, count: blocks)
            }
            record.pointee.spineCapacity = wider
            record.pointee.spine.store(UInt(bitPattern: spine), ordering: .releasing)
        }
        guard let block = record.pointee.memory.allocatePersistent(
            byteCount: UInt(Self.blockCapacity * 8), alignment: 64, statistic: record.pointee.statistic)
        else { return false }
        UnsafeMutablePointer<UInt>(bitPattern: record.pointee.spine.load(ordering: .relaxed)).unsafelyUnwrapped[blocks]
            = UInt(bitPattern: block)
        record.pointee.blockCount.store(blocks + 1, ordering: .releasing)
        return true
    }
}
