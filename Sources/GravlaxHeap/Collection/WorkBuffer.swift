import Synchronization

/// What stands at the start of a work buffer: 16 bytes.
private struct WorkBufferHeader: ~Copyable {
    /// The packed head of the stack below this buffer. Stored by the pusher before it publishes the buffer; a popper
    /// that loses the race may have loaded a later value, which it throws away.
    let next = Atomic<UInt64>(0)
    /// How often the buffer was pushed: makes every head different. Only the owner of the buffer writes it.
    var pushCount: UInt32 = 0
    /// Entries in use.
    var count: UInt32 = 0
}

/// A 2 KiB buffer of grey objects: a header, then 254 words.
///
/// A thin pointer. Its owner, one thread at a time, has it to itself; of a buffer on a stack only the link is read.
///
/// - Source: Go 1.14 mgcwork.go, workbuf.
package struct WorkBuffer: Equatable {
    package static let byteCount = 2048
    private static let headerByteCount = 16
    /// Entries that fit.
    package static let capacity = (byteCount - headerByteCount) / 8

    fileprivate let header: UnsafeMutablePointer<WorkBufferHeader>

    /// Makes an empty buffer in `memory`: 2 KiB, aligned to its size.
    fileprivate init(initializing memory: UnsafeMutableRawPointer) {
        header = memory.bindMemory(to: WorkBufferHeader.self, capacity: 1)
        header.initialize(to: WorkBufferHeader())
    }

    /// The buffer with this `address`; nil for 0.
    package init?(address: UInt) {
        guard let header = UnsafeMutablePointer<WorkBufferHeader>(bitPattern: address) else { return nil }
        self.header = header
    }

    package var address: UInt { UInt(bitPattern: header) }

    /// Entries in use; whoever writes `entries` directly sets it.
    package var count: Int {
        get { Int(header.pointee.count) }
        nonmutating set { header.pointee.count = UInt32(truncatingIfNeeded: newValue) }
    }

    package var isEmpty: Bool { header.pointee.count == 0 }
    package var isFull: Bool { count == Self.capacity }

    /// All the words, the first `count` of them in use.
    package var entries: UnsafeMutablePointer<UInt> {
        (UnsafeMutableRawPointer(header) + Self.headerByteCount).assumingMemoryBound(to: UInt.self)
    }

    /// Adds an entry. The buffer is not full.
    package func push(_ entry: UInt) {
        let count = count
        if count >= Self.capacity { fatal("a work buffer overflows", ("buffer", address)) }
        entries[count] = entry
        self.count = count + 1
    }

    /// Takes the newest entry. The buffer is not empty.
    package func pop() -> UInt {
        let count = count
        if count == 0 { fatal("a work buffer is empty", ("buffer", address)) }
        self.count = count - 1
        return entries[count - 1]
    }

    /// Moves the newer half of another buffer's entries here. This buffer is empty.
    ///
    /// - Source: Go 1.14 mgcwork.go, handoff.
    package func takeHalf(of other: WorkBuffer) {
        if !isEmpty { fatal("a work buffer is not empty", ("buffer", address)) }
        let moved = other.count / 2
        other.count -= moved
        count = moved
        entries.update(from: other.entries + other.count, count: moved)
    }
}

/// The lock-free stacks of full and of empty work buffers that all markers share.
///
/// A head is an address and a count in 64 bits: `address << 16 | pushes`. Addresses are multiples of 2 KiB, which
/// leaves 27 bits for the pushes of that buffer. A popper reads the head, then the link of the buffer there, then
/// exchanges the head. If the buffer was popped and pushed again meanwhile, its count differs and the exchange fails.
/// Reading the link of a buffer that someone else has is harmless, since buffers are given back in stops only, when nobody
/// is in the middle of that.
///
/// A thin pointer: copies share the record. Any thread may call anything.
///
/// - Source: Go 1.14 lfstack.go, lfstack_64bit.go, and mgcwork.go, work.full and work.empty.
package struct WorkBufferStacks {
    private struct Record: ~Copyable {
        // Pushed with releasing, popped with acquiring order: entries written before a push are there after the pop.
        let full = Atomic<UInt64>(0)
        /// Keeps the two heads, which different threads change, on cache lines of their own.
        let padding: (UInt, UInt, UInt, UInt, UInt, UInt, UInt) = (0, 0, 0, 0, 0, 0, 0)
        let empty = Atomic<UInt64>(0)
        /// Buffers on the empty stack. Relaxed; raised before the push and lowered after the pop.
        let emptyCount = Atomic<Int>(0)
        /// Only one thread at a time adds or frees blocks.
        let lock: HeapLock
        /// All blocks, each linked to the next by its first word. Under the lock.
        var blocks: UInt = 0
        var blockCount = 0
        let memory: OSMemory
        let statistic: SystemStatistic

        init(lock: HeapLock, memory: OSMemory, statistic: SystemStatistic) {
            self.lock = lock
            self.memory = memory
            self.statistic = statistic
        }
    }

    /// Bytes that are taken from the system at a time: the link to the next block, and 15 buffers from 2 KiB on.
    package static let blockByteCount = 32 << 10
    private static let buffersPerBlock = blockByteCount / WorkBuffer.byteCount - 1
    private static let pushBits: UInt64 = 27

    private let record: UnsafeMutablePointer<Record>

    /// Nil when the system refuses the record. Takes no buffers yet.
    package init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .markWork, memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic)
        else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(lock: lock, memory: memory, statistic: statistic))
    }

    /// A buffer without entries; nil when there is none and the system refuses a block.
    ///
    /// - Source: Go 1.14 mgcwork.go, getempty.
    package func getEmpty() -> WorkBuffer? {
        if let buffer = popEmpty() { return buffer }
        return record.pointee.lock.withLock {
            // Someone else may have added a block since.
            popEmpty() ?? addBlock()
        }
    }

    /// Gives back a buffer without entries.
    ///
    /// - Source: Go 1.14 mgcwork.go, putempty.
    package func putEmpty(_ buffer: WorkBuffer) {
        if !buffer.isEmpty { fatal("a work buffer is not empty", ("buffer", buffer.address)) }
        record.pointee.emptyCount.wrappingAdd(1, ordering: .relaxed)
        Self.push(buffer, on: record.pointee.empty)
    }

    /// Offers a buffer with entries to all markers.
    ///
    /// - Source: Go 1.14 mgcwork.go, putfull.
    package func putFull(_ buffer: WorkBuffer) {
        if buffer.isEmpty { fatal("a work buffer has no entries", ("buffer", buffer.address)) }
        Self.push(buffer, on: record.pointee.full)
    }

    /// A buffer with entries, if there is one.
    ///
    /// - Source: Go 1.14 mgcwork.go, trygetfull.
    package func tryGetFull() -> WorkBuffer? { Self.pop(from: record.pointee.full) }

    /// Whether no buffer with entries is on offer: a hint while others push and pop.
    package var fullIsEmpty: Bool { record.pointee.full.load(ordering: .relaxed) == 0 }

    /// Makes sure that at least so many buffers are empty; false when the system refuses them. No promise while
    /// others take some.
    package func reserve(count: Int) -> Bool {
        record.pointee.lock.withLock {
            while record.pointee.emptyCount.load(ordering: .relaxed) < count {
                guard let buffer = addBlock() else { return false }
                putEmpty(buffer)
            }
            return true
        }
    }

    private func popEmpty() -> WorkBuffer? {
        guard let buffer = Self.pop(from: record.pointee.empty) else { return nil }
        record.pointee.emptyCount.wrappingSubtract(1, ordering: .relaxed)
        return buffer
    }

    /// Cuts a block from the system into buffers and returns the first; the others are put on the empty stack. Under
    /// the lock.
    private func addBlock() -> WorkBuffer? {
        record.pointee.lock.assertHeld()
        guard let block = record.pointee.memory.allocate(
            byteCount: UInt(Self.blockByteCount), statistic: record.pointee.statistic)
        else { return nil }
        block.storeBytes(of: record.pointee.blocks, as: UInt.self)
        record.pointee.blocks = UInt(bitPattern: block)
        record.pointee.blockCount = record.pointee.blockCount + 1
        for index in 2...Self.buffersPerBlock {
            putEmpty(WorkBuffer(initializing: block + index * WorkBuffer.byteCount))
        }
        return WorkBuffer(initializing: block + WorkBuffer.byteCount)
    }

    /// Gives the system all blocks back but one, with which the next cycle can begin, if all buffers are empty: a mark may
    /// have needed many, and they count as the heap's. World stopped, so that nobody is about to take one.
    package func freeEmpty() {
        record.pointee.lock.withLock {
            let count = record.pointee.blockCount
            guard count > 1, record.pointee.emptyCount.load(ordering: .relaxed) == count * Self.buffersPerBlock else { return }
            record.pointee.empty.store(0, ordering: .relaxed)
            record.pointee.emptyCount.store(0, ordering: .relaxed)
            freeBlocks(down: 1)
            for index in 1...Self.buffersPerBlock {
                let address = record.pointee.blocks + UInt(index * WorkBuffer.byteCount)
                putEmpty(WorkBuffer(address: address).unsafelyUnwrapped)
            }
        }
    }

    /// Gives all blocks back. Nobody uses the stacks any more.
    package func destroy() { freeBlocks(down: 0) }

    private func freeBlocks(down count: Int) {
        while record.pointee.blockCount > count, let block = UnsafeMutableRawPointer(bitPattern: record.pointee.blocks) {
            record.pointee.blocks = block.load(as: UInt.self)
            record.pointee.blockCount = record.pointee.blockCount - 1
            record.pointee.memory.free(
                block, byteCount: UInt(Self.blockByteCount), readyByteCount: UInt(Self.blockByteCount),
                statistic: record.pointee.statistic)
        }
    }

    // MARK: The lock-free stack

    /// - Source: Go 1.14 lfstack.go, lfstack.push.
    private static func push(_ buffer: WorkBuffer, on stack: borrowing Atomic<UInt64>) {
        buffer.header.pointee.pushCount = buffer.header.pointee.pushCount &+ 1
        let pushes = UInt64(buffer.header.pointee.pushCount) & ((1 << pushBits) - 1)
        let packed = UInt64(buffer.address) << 16 | pushes
        var old = stack.load(ordering: .relaxed)
        while true {
            buffer.header.pointee.next.store(old, ordering: .relaxed)
            let (exchanged, found) = stack.weakCompareExchange(
                expected: old, desired: packed, successOrdering: .releasing, failureOrdering: .relaxed)
            if exchanged { return }
            old = found
        }
    }

    /// - Source: Go 1.14 lfstack.go, lfstack.pop.
    private static func pop(from stack: borrowing Atomic<UInt64>) -> WorkBuffer? {
        var old = stack.load(ordering: .acquiring)
        while old != 0 {
            let address = UInt(old >> pushBits) << (UInt(pushBits) - 16)
            guard let buffer = WorkBuffer(address: address) else {
                fatal("a stack of work buffers is damaged", ("head", UInt(old)))
            }
            let next = buffer.header.pointee.next.load(ordering: .relaxed)
            let (exchanged, found) = stack.weakCompareExchange(
                expected: old, desired: next, successOrdering: .acquiring, failureOrdering: .acquiring)
            if exchanged { return buffer }
            old = found
        }
        return nil
    }
}
