// Marking weak tables. A value is marked once its table and its key are. Passes
// over all tables, each when marking has run dry, go on until one finds nothing
// and nothing was marked since it began; from the third on that finds something
// the entries still waiting are kept by key (`EphemeronIndex`), and each object
// marked is looked up there, so that the time is linear in the entries however
// they depend on each other.
//
//     dry ─▶ pass ─▶ pass ─▶ pass that indexes ─▶ trace ─▶ pass … ─▶ settled
//             └─ found some: drain ─┘               └─ marks, looks keys up
//
// All of it in short pieces beside running mutators, one thread at a time. What
// mutators change meanwhile they shade: a value put in or read is marked anyway,
// and a new table raises the count of progress, so that no pass before it counts.

import Synchronization

/// The tables of a heap and the state of marking them. A thin pointer to raw memory.
package struct Ephemerons {
    fileprivate enum Phase: UInt8 { case idle, pass, trace }

    fileprivate struct Record: ~Copyable {
        let lock: HeapLock
        /// 1 while a thread does a piece. Its owner has all fields below but those under `lock`.
        let busy = Atomic<UInt32>(0)
        /// The progress at which a pass found nothing, `UInt64.max` if none did. Stored by the owner, relaxed.
        let settled = Atomic<UInt64>(.max)
        /// The newest table's special; the others follow through `site`, back through `argument`. Under `lock`.
        var first: SpecialRef?
        /// How many there are. Changed under `lock`; read relaxed without it.
        let count = Atomic<Int>(0)
        /// Entries that all of them have room for. Likewise.
        let capacity = Atomic<Int>(0)

        var phase = Phase.idle
        /// Where the pass goes on.
        var table: SpecialRef?
        var entry = 0
        var progressAtStart: UInt64 = 0
        var hasFound = false
        /// Passes of this mark that found something.
        var passCount = 0
        var index = EphemeronIndex()
        /// Entries looked at in this mark.
        var entryCount = 0

        init(lock: HeapLock) { self.lock = lock }
    }

    /// Entries that one piece looks at, or objects that it marks.
    static let unitsPerPiece = 2048
    /// Passes that find something before entries are indexed.
    package static let plainPassCount = 3

    fileprivate let record: UnsafeMutablePointer<Record>

    /// Nil when the system refuses the record.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .specialQueues, memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(lock: lock))
    }

    package var tableCount: Int { record.pointee.count.load(ordering: .relaxed) }
    /// Entries that the last mark looked at, each time it did.
    package var entryCount: Int { record.pointee.entryCount }

    /// Makes a table known.
    func link(_ special: SpecialRef) {
        record.pointee.lock.withLock {
            let next = record.pointee.first
            special.pointee.argument = 0
            special.pointee.site = UInt64(UInt(bitPattern: next))
            next?.pointee.argument = UInt64(UInt(bitPattern: special))
            record.pointee.first = special
            record.pointee.count.wrappingAdd(1, ordering: .relaxed)
            record.pointee.capacity.wrappingAdd(WeakTable(special).capacity, ordering: .relaxed)
        }
    }

    /// Forgets a table that died. Never while marking.
    func unlink(_ special: SpecialRef) {
        record.pointee.lock.withLock {
            let next = SpecialRef(bitPattern: UInt(special.pointee.site))
            let previous = SpecialRef(bitPattern: UInt(special.pointee.argument))
            next?.pointee.argument = special.pointee.argument
            if let previous { previous.pointee.site = special.pointee.site } else { record.pointee.first = next }
            record.pointee.count.wrappingSubtract(1, ordering: .relaxed)
            record.pointee.capacity.wrappingSubtract(WeakTable(special).capacity, ordering: .relaxed)
        }
    }

    fileprivate var first: SpecialRef? { record.pointee.lock.withLock { record.pointee.first } }

    fileprivate func next(_ special: SpecialRef) -> SpecialRef? {
        record.pointee.lock.withLock { SpecialRef(bitPattern: UInt(special.pointee.site)) }
    }

    /// Every table. World stopped.
    func forEachTable(_ body: (WeakTable) -> Void) {
        var current = record.pointee.first
        while let special = current {
            body(WeakTable(special))
            current = SpecialRef(bitPattern: UInt(special.pointee.site))
        }
    }

    /// Before a mark. World stopped.
    func begin() {
        record.pointee.settled.store(.max, ordering: .relaxed)
        record.pointee.phase = .idle
        record.pointee.passCount = 0
        record.pointee.entryCount = 0
    }

    /// Gives back what the index took from the system.
    func releaseIndex(_ memory: OSMemory) {
        record.pointee.index.release(memory)
        record.pointee.index = EphemeronIndex()
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    private var ephemerons: Ephemerons { pointee.specials.ephemerons }
    private var markings: UInt64 { progress.pointee.markings.load(ordering: .relaxed) }

    /// Whether no value of a living key waits to be marked. O(1). Only then a mark may end; world stopped, nothing grey.
    package var ephemeronsAreSettled: Bool {
        ephemerons.tableCount == 0
            || ephemerons.record.pointee.settled.load(ordering: .relaxed) == markings
    }

    /// Does a piece of marking values, when nothing else is grey. Any participant, beside running mutators; one at a
    /// time works, and the others get false at once.
    ///
    /// - Returns: true if it is to be called again, after what it greyed is marked.
    package func markEphemerons(_ worker: UnsafeMutablePointer<MarkWorker>) -> Bool {
        if ephemeronsAreSettled { return false }
        let record = ephemerons.record
        guard record.pointee.busy.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged else {
            return false
        }
        defer { record.pointee.busy.store(0, ordering: .releasing) }
        if record.pointee.phase == .idle { beginPass() }
        if record.pointee.phase == .trace {
            trace(worker)
            return true
        }
        return !passPiece(worker)
    }

    private func beginPass() {
        let record = ephemerons.record
        record.pointee.progressAtStart = markings
        record.pointee.hasFound = false
        record.pointee.table = ephemerons.first
        record.pointee.entry = 0
        record.pointee.phase = .pass
        guard record.pointee.passCount >= Ephemerons.plainPassCount else { return }
        // Without memory for it there are more passes, no more.
        ephemerons.releaseIndex(pointee.memory)
        record.pointee.index = EphemeronIndex(
            capacity: record.pointee.capacity.load(ordering: .relaxed), pointee.memory, pointee.statistics.workBuffers)
    }

    /// Looks at some entries. True if that ended the last pass that was needed.
    private func passPiece(_ worker: UnsafeMutablePointer<MarkWorker>) -> Bool {
        let record = ephemerons.record
        var rest = Ephemerons.unitsPerPiece
        while let special = record.pointee.table {
            let table = WeakTable(special)
            let capacity = isMarkedObject(table.address) ? table.capacity : 0
            while record.pointee.entry < capacity {
                if rest == 0 { return false }
                rest -= 1
                look(at: record.pointee.entry, of: table, worker)
                record.pointee.entry = record.pointee.entry + 1
            }
            record.pointee.table = ephemerons.next(special)
            record.pointee.entry = 0
            if rest == 0 { return false }
            rest -= 1
        }
        record.pointee.phase = record.pointee.index.hasGrey ? .trace : .idle
        if record.pointee.hasFound {
            record.pointee.passCount = record.pointee.passCount + 1
            return false
        }
        if record.pointee.progressAtStart != markings { return false }
        ephemerons.releaseIndex(pointee.memory)
        record.pointee.settled.store(record.pointee.progressAtStart, ordering: .relaxed)
        return true
    }

    private func look(at entry: Int, of table: WeakTable, _ worker: UnsafeMutablePointer<MarkWorker>) {
        let record = ephemerons.record
        record.pointee.entryCount = record.pointee.entryCount + 1
        let handle = table.handle(entry)
        if handle <= WeakTable.removed { return }
        // The handles of dead keys too: the entry is compared through it as long as it is there.
        if !isMarkedObject(handle) {
            worker.pointee.mark(address: handle)
            record.pointee.hasFound = true
        }
        let key = WeakHandle(address: handle).object
        if key == 0 { return }
        let value = table.value(entry)
        let encoding = pointee.configuration.encoding
        if value & encoding.mask != encoding.match { return }
        let referent = UInt(value & encoding.addressMask)
        guard let (base, span, index) = findObject(referent), !span.isMarked(index) else { return }
        if !isMarkedObject(key) {
            record.pointee.index.add(key: key, value: base)
        } else {
            record.pointee.hasFound = true
            if !record.pointee.index.pushGrey(base) { worker.pointee.mark(address: base) }
        }
    }

    /// Marks some objects that only values lead to, and what waits for them.
    private func trace(_ worker: UnsafeMutablePointer<MarkWorker>) {
        let record = ephemerons.record
        let index = record.pointee.index
        var marked = false
        for _ in 0..<Ephemerons.unitsPerPiece {
            let address = index.popGrey()
            if address == 0 {
                record.pointee.phase = .idle
                break
            }
            let base = worker.pointee.markAndScan(address, index)
            if base == 0 { continue }
            marked = true
            index.greyValues(of: base) { worker.pointee.mark(address: $0) }
        }
        if marked { progress.pointee.markings.wrappingAdd(1, ordering: .relaxed) }
    }

    private func isMarkedObject(_ address: UInt) -> Bool {
        guard let (_, span, index) = findObject(address) else { return false }
        return span.isMarked(index)
    }
}
