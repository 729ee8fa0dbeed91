// Grey objects wait in buffers of 2 KiB. A worker owns one; full and empty ones
// wait on two lock-free stacks. A stack's head packs the top buffer's address
// with a count that changes at every push, so that a pop whose head went away
// and came back fails (ABA). Buffers are never unmapped before the heap is.
//
// - Source: Go 1.14 mgcwork.go, workbuf; lfstack.go.

import Synchronization

/// A buffer of grey objects. Owned by one thread, or by the stack it is on.
package struct WorkBuffer {
    package static let byteCount: UInt = 2048
    package static let capacity = 2048 / 8 - 2

    struct Layout: ~Copyable {
        /// Address of the buffer below on the stack.
        let next: Atomic<UInt>
        var count: Int
        var first: UInt
    }
    let layout: UnsafeMutablePointer<Layout>

    @inline(__always)
    private var entries: UnsafeMutablePointer<UInt> {
        (UnsafeMutableRawPointer(layout) + 16).assumingMemoryBound(to: UInt.self)
    }

    package var count: Int { layout.pointee.count }

    /// False when the buffer is full.
    @inline(__always)
    package func push(_ object: UInt) -> Bool {
        let count = layout.pointee.count
        if count == Self.capacity { return false }
        entries[count] = object
        layout.pointee.count = count &+ 1
        return true
    }

    /// 0 when the buffer is empty.
    @inline(__always)
    package func pop() -> UInt {
        let count = layout.pointee.count
        if count == 0 { return 0 }
        layout.pointee.count = count &- 1
        return entries[count &- 1]
    }
}

/// The two stacks of a heap; a thin pointer. Any thread.
package struct WorkBufferStacks {
    struct Record: ~Copyable {
        let full: Atomic<UInt64>
        let empty: Atomic<UInt64>
        let memory: OSMemory
        let statistic: SystemStatistic
    }
    let record: UnsafeMutablePointer<Record>

    /// Bytes got from the system at a time.
    static let blockByteCount: UInt = 32 << 10

    package init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let raw = memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = raw.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(full: Atomic(0), empty: Atomic(0), memory: memory, statistic: statistic))
    }

    package var fullIsEmpty: Bool { record.pointee.full.load(ordering: .acquiring) & Self.addressMask == 0 }

    package func putFull(_ buffer: WorkBuffer) { push(buffer, full: true) }
    package func putEmpty(_ buffer: WorkBuffer) { push(buffer, full: buffer.count > 0) }
    package func tryGetFull() -> WorkBuffer? { pop(full: true) }

    /// An empty buffer; nil when memory was refused.
    package func getEmpty() -> WorkBuffer? {
        if let buffer = pop(full: false) { return buffer }
        guard addBlock() else { return nil }
        return pop(full: false)
    }

    /// Makes sure that buffers exist before they cannot be done without.
    package func reserve(count: Int) -> Bool {
        if record.pointee.empty.load(ordering: .acquiring) & Self.addressMask != 0 { return true }
        return addBlock()
    }

    private func addBlock() -> Bool {
        guard let block = record.pointee.memory.allocatePersistent(
            byteCount: Self.blockByteCount, alignment: 64, statistic: record.pointee.statistic)
        else { return false }
        for offset in stride(from: 0, to: Int(Self.blockByteCount), by: Int(WorkBuffer.byteCount)) {
            push(WorkBuffer(layout: (block + offset).bindMemory(to: WorkBuffer.Layout.self, capacity: 1)), full: false)
        }
        return true
    }

    // MARK: The stacks

    private static let addressMask: UInt64 = 0x0000_FFFF_FFFF_FFFF

    private func head(_ full: Bool) -> UnsafeMutablePointer<Atomic<UInt64>> {
        UnsafeMutableRawPointer(record).assumingMemoryBound(to: Atomic<UInt64>.self) + (full ? 0 : 1)
    }

    private func push(_ buffer: WorkBuffer, full: Bool) {
        let head = head(full)
        var old = head.pointee.load(ordering: .relaxed)
        while true {
            buffer.layout.pointee.next.store(UInt(old & Self.addressMask), ordering: .relaxed)
            let count = (old &>> 48) &+ 1
            let new = count &<< 48 | UInt64(UInt(bitPattern: buffer.layout))
            // Releases the entries to whoever pops the buffer.
            let (done, seen) = head.pointee.compareExchange(expected: old, desired: new, ordering: .releasing)
            if done { return }
            old = seen
        }
    }

    private func pop(full: Bool) -> WorkBuffer? {
        let head = head(full)
        var old = head.pointee.load(ordering: .acquiring)
        while let layout = UnsafeMutablePointer<WorkBuffer.Layout>(bitPattern: UInt(old & Self.addressMask)) {
            let next = UInt64(layout.pointee.next.load(ordering: .relaxed))
            let (done, seen) = head.pointee.compareExchange(
                expected: old, desired: old & ~Self.addressMask | next, ordering: .acquiring)
            if done { return WorkBuffer(layout: layout) }
            old = seen
        }
        return nil
    }
}
