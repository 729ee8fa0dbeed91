import Synchronization

/// Where the records of specials come from: slabs of persistent memory and a list of free ones, under a lock that is
/// taken for many records at a time. Mutators keep a stock of their own (`MutatorState.takeSpecial`), and a sweep gives
/// back all it freed in a span at once.
///
/// A thin pointer: copies share the record. Any thread may call anything.
///
/// - Source: Go 1.14 mheap.go, specialfinalizeralloc and specialprofilealloc in one: all records have one size here.
package struct SpecialPool {
    private struct Record: ~Copyable {
        let lock: HeapLock
        let memory: OSMemory
        let statistic: SystemStatistic
        /// All under `lock`.
        var free: SpecialRef?
        var slabFree: UInt = 0
        var slabEnd: UInt = 0
        var takenCount = 0

        init(lock: HeapLock, memory: OSMemory, statistic: SystemStatistic) {
            self.lock = lock
            self.memory = memory
            self.statistic = statistic
        }
    }

    /// Records taken at a time.
    package static let batch = 64
    private static let recordByteCount = UInt(MemoryLayout<Special>.stride)
    private static let slabByteCount: UInt = (16 << 10) / recordByteCount * recordByteCount

    private let record: UnsafeMutablePointer<Record>

    /// Nil when the system refuses the record. Takes no slab yet.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .specialRecords, memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(lock: lock, memory: memory, statistic: statistic))
    }

    /// Records handed out and not given back, mutators' stocks among them.
    package var takenCount: Int { record.pointee.lock.withLock { record.pointee.takenCount } }

    /// A chain of 1 to `count` (≥ 1) records; nil when the system refuses a slab.
    func take(_ count: Int) -> (first: SpecialRef, count: Int)? {
        record.pointee.lock.withLock {
            // In the order of their addresses, as far as the slab goes: the lists of spans are walked in that order.
            var chain = SpecialChain()
            while chain.count < count, let special = takeFree() ?? cut(mayGrow: chain.count == 0) {
                chain.append(special)
            }
            record.pointee.takenCount = record.pointee.takenCount + chain.count
            return chain.first.map { ($0, chain.count) }
        }
    }

    private func takeFree() -> SpecialRef? {
        guard let special = record.pointee.free else { return nil }
        record.pointee.free = special.pointee.next
        return special
    }

    /// The next record of the newest slab.
    private func cut(mayGrow: Bool) -> SpecialRef? {
        if record.pointee.slabFree == record.pointee.slabEnd {
            guard mayGrow, let slab = record.pointee.memory.allocatePersistent(
                byteCount: Self.slabByteCount, statistic: record.pointee.statistic)
            else { return nil }
            record.pointee.slabFree = UInt(bitPattern: slab)
            record.pointee.slabEnd = UInt(bitPattern: slab) + Self.slabByteCount
        }
        let place = UnsafeMutableRawPointer(bitPattern: record.pointee.slabFree)!
        record.pointee.slabFree = record.pointee.slabFree + Self.recordByteCount
        let special = place.bindMemory(to: Special.self, capacity: 1)
        special.initialize(to: Special(next: nil, payload: 0, argument: 0, site: 0, offset: 0, kind: .native))
        return special
    }

    /// Takes `count` records back, which are linked from `first` to `last`.
    func give(first: SpecialRef, last: SpecialRef, count: Int) {
        record.pointee.lock.withLock {
            last.pointee.next = record.pointee.free
            record.pointee.free = first
            record.pointee.takenCount = record.pointee.takenCount - count
        }
    }

    func give(_ chain: SpecialChain) {
        if let first = chain.first, let last = chain.last { give(first: first, last: last, count: chain.count) }
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// A record from the mutator's stock, which is filled again when empty; nil when memory was refused.
    func takeSpecial() -> SpecialRef? {
        if pointee.specialStock == nil {
            guard let (first, count) = pointee.heap.pointee.specials.pool.take(SpecialPool.batch) else { return nil }
            pointee.specialStock = first
            pointee.specialStockCount = count
        }
        guard let special = pointee.specialStock else { return nil }
        pointee.specialStock = special.pointee.next
        pointee.specialStockCount = pointee.specialStockCount - 1
        return special
    }

    /// Puts a record into the stock, and half of that back into the pool when it is full.
    func giveSpecial(_ special: SpecialRef) {
        special.pointee.next = pointee.specialStock
        pointee.specialStock = special
        pointee.specialStockCount = pointee.specialStockCount + 1
        if pointee.specialStockCount >= 2 * SpecialPool.batch { returnSpecials(SpecialPool.batch) }
    }

    /// Gives `count` (≥ 0, at most what there are) records of the stock back to the pool.
    func returnSpecials(_ count: Int) {
        guard count > 0, let first = pointee.specialStock else { return }
        var last = first
        for _ in 1..<count { last = last.pointee.next.unsafelyUnwrapped }
        pointee.specialStock = last.pointee.next
        pointee.specialStockCount = pointee.specialStockCount - count
        pointee.heap.pointee.specials.pool.give(first: first, last: last, count: count)
    }
}
