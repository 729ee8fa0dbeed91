import Synchronization

/// A set of span addresses that grows from many threads at once and is emptied in another phase.
///
///     spine ─▶ [ block 0 │ block 1 │ … ]     block = 512 span addresses, 0: not written
///
/// `push` claims an index without a lock and writes its cell; only when the index lies in a block that does not exist
/// yet does it take the lock. `pop` may run on several threads, but never together with `push` or `forEach`.
/// Old spines are not freed, since a push may still read one: each is twice the last, so they double the cost at most.
/// Blocks stay with the buffer.
///
/// A thin pointer: copies share the record.
///
/// - Source: Go 1.14 mgcsweepbuf.go, gcSweepBuf.
package struct SweepBuffer {
    private typealias Cell = Atomic<UInt>

    private struct Record: ~Copyable {
        /// Entries. Raised by a push after the block exists; the cell below it may not be written yet. Releasing, so
        /// that whoever sees an index can also see its block.
        let index = Atomic<Int>(0)
        /// Blocks in the spine. Stored under `lock`, releasing, after the spine holds them; loaded acquiring.
        let blockCount = Atomic<Int>(0)
        /// The address of the spine: block addresses. Stored under `lock`, releasing, before `blockCount` grows.
        let spine = Atomic<UInt>(0)
        /// Blocks that the spine has room for. Under `lock`.
        var spineCapacity = 0
        let lock: HeapLock
        let memory: OSMemory
        let statistic: SystemStatistic

        init(lock: HeapLock, memory: OSMemory, statistic: SystemStatistic) {
            self.lock = lock
            self.memory = memory
            self.statistic = statistic
        }
    }

    /// Entries of a block.
    package static let blockEntryCount = 512
    private static let firstSpineCapacity = 256

    private let record: UnsafeMutablePointer<Record>

    /// Nil when the system refuses the record.
    package init?(memory: OSMemory, statistic: SystemStatistic) {
        // Spans are pushed under the locks of the heap, hence the rank of a leaf.
        guard let lock = HeapLock(rank: .markBits, memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(lock: lock, memory: memory, statistic: statistic))
    }

    /// Entries. Exact only while nobody pushes or pops.
    package var count: Int { record.pointee.index.load(ordering: .relaxed) }

    /// Adds a span (not 0); false, and nothing added, when a block was needed and the system refused it.
    ///
    /// - Source: Go 1.14 mgcsweepbuf.go, gcSweepBuf.push.
    package func push(_ span: UInt) -> Bool {
        // The index is claimed only once its block exists, so that a refusal leaves no hole.
        var cursor = record.pointee.index.load(ordering: .relaxed)
        while true {
            let needed = cursor / Self.blockEntryCount + 1
            if record.pointee.blockCount.load(ordering: .acquiring) < needed {
                guard record.pointee.lock.withLock({ ensureBlocks(needed) }) else { return false }
            }
            let (exchanged, found) = record.pointee.index.weakCompareExchange(
                expected: cursor, desired: cursor + 1, successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed)
            if exchanged { break }
            cursor = found
        }
        // Releasing: whoever finds the span also finds what was written to it before.
        cell(cursor).pointee.store(span, ordering: .releasing)
        return true
    }

    /// Takes a span out; 0 when there is none. No push may be under way.
    ///
    /// - Source: Go 1.14 mgcsweepbuf.go, gcSweepBuf.pop.
    package func pop() -> UInt {
        var cursor = record.pointee.index.load(ordering: .relaxed)
        while cursor > 0 {
            let (exchanged, found) = record.pointee.index.weakCompareExchange(
                expected: cursor, desired: cursor - 1, successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed)
            if exchanged {
                let span = cell(cursor - 1).pointee.exchange(0, ordering: .acquiring)
                if span == 0 { fatal("a sweep buffer holds no span where it should", ("index", UInt(cursor - 1))) }
                return span
            }
            cursor = found
        }
        return 0
    }

    /// Visits all spans. No pop may be under way; of pushes under way some are seen.
    package func forEach(_ body: (UInt) throws -> Void) rethrows {
        let count = record.pointee.index.load(ordering: .acquiring)
        for index in 0..<count {
            let span = cell(index).pointee.load(ordering: .acquiring)
            if span != 0 { try body(span) }
        }
    }

    /// Makes sure that pushes need no memory while there are at most `count` entries; false when the system refuses it.
    package func ensureCapacity(_ count: Int) -> Bool {
        let blocks = (count + Self.blockEntryCount - 1) / Self.blockEntryCount
        if record.pointee.blockCount.load(ordering: .relaxed) >= blocks { return true }
        return record.pointee.lock.withLock { ensureBlocks(blocks) }
    }

    private func cell(_ index: Int) -> UnsafeMutablePointer<Cell> {
        let spine = UnsafePointer<UInt>(bitPattern: record.pointee.spine.load(ordering: .acquiring))!
        let block = UnsafeMutablePointer<Cell>(bitPattern: spine[index / Self.blockEntryCount])!
        return block + index % Self.blockEntryCount
    }

    /// Under the lock.
    private func ensureBlocks(_ needed: Int) -> Bool {
        record.pointee.lock.assertHeld()
        var blockCount = record.pointee.blockCount.load(ordering: .relaxed)
        if needed > record.pointee.spineCapacity {
            guard growSpine(to: needed, blockCount: blockCount) else { return false }
        }
        while blockCount < needed {
            let byteCount = UInt(Self.blockEntryCount * MemoryLayout<Cell>.stride)
            guard let block = record.pointee.memory.allocatePersistent(
                byteCount: byteCount, alignment: 64, statistic: record.pointee.statistic)
            else { return false }
            let cells = block.bindMemory(to: Cell.self, capacity: Self.blockEntryCount)
            for index in 0..<Self.blockEntryCount { (cells + index).initialize(to: Cell(0)) }
            let spine = UnsafeMutablePointer<UInt>(bitPattern: record.pointee.spine.load(ordering: .relaxed))!
            spine[blockCount] = UInt(bitPattern: block)
            blockCount += 1
            record.pointee.blockCount.store(blockCount, ordering: .releasing)
        }
        return true
    }

    private func growSpine(to needed: Int, blockCount: Int) -> Bool {
        var capacity = max(record.pointee.spineCapacity * 2, Self.firstSpineCapacity)
        while capacity < needed { capacity *= 2 }
        guard let place = record.pointee.memory.allocatePersistent(
            byteCount: UInt(capacity * MemoryLayout<UInt>.stride), alignment: 64, statistic: record.pointee.statistic)
        else { return false }
        let spine = place.bindMemory(to: UInt.self, capacity: capacity)
        if let old = UnsafePointer<UInt>(bitPattern: record.pointee.spine.load(ordering: .relaxed)) {
            spine.update(from: old, count: blockCount)
        }
        record.pointee.spineCapacity = capacity
        record.pointee.spine.store(UInt(bitPattern: spine), ordering: .releasing)
        return true
    }
}
