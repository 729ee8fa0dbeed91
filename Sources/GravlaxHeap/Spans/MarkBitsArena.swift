import Synchronization

/// A 64 KiB piece of bit storage: a 16-byte header, then 65,520 bytes handed out from low to high.
///
/// - Source: Go 1.14 mheap.go, gcBitsArena.
private struct MarkBitsArenaHeader: ~Copyable {
    /// Bytes handed out. Raised by compare-and-exchange, relaxed: what orders the contents is how an arena became
    /// the head (see `MarkBitsArenas`). Reset only while the arena is on no list that requests look at.
    let free: Atomic<Int>
    var next: UnsafeMutablePointer<MarkBitsArenaHeader>?
}

/// The storage of mark and allocation bits, in arenas on four lists that move on once per collection.
///
///     free ──▶ next ── epoch ──▶ current ── epoch ──▶ previous ── epoch ──▶ free
///
/// Bits made during an epoch are marks of the coming cycle; one epoch later they are the allocation bits of every
/// live span, and after another one nothing refers to them. Nothing is freed one by one. INV-30.
///
/// A request first pays from a *purse*, a count of bytes that the head of `next` and the free arenas are sure to
/// serve, and then takes the bytes, without a lock while the head has room. Sweeping pays from the reserve, which
/// `reserve` fills from the open purse; other requests pay from the open purse only, so whoever comes first, what was
/// reserved is there for sweeping, also when the system refuses more.
///
///     open + reserved + paid but not yet taken  ≤  65,400 · free arenas + (rest of the head - 120)
///
/// The 120 bytes per arena are what can be lost at its end: a request takes at most 128.
/// A thin pointer: copies share the record. Any thread may call anything but `nextEpoch`.
///
/// - Source: Go 1.14 mheap.go, gcBitsArenas. The reserve is this heap's own.
package struct MarkBitsArenas {
    private typealias Header = MarkBitsArenaHeader
    private typealias Arena = UnsafeMutablePointer<MarkBitsArenaHeader>

    private struct Record: ~Copyable {
        /// The address of the newest arena of `next`, 0 if there is none. Stored under `lock`, releasing, after the
        /// arena was cleared; loaded acquiring by requests that hold no lock.
        let next = Atomic<UInt>(0)
        /// The purses, in bytes. Relaxed: an arena that backs them is found under `lock`, where it was added.
        let open = Atomic<Int>(0)
        let reserved = Atomic<Int>(0)
        // The rest is under `lock`.
        var free: Arena?
        var freeCount = 0
        /// The oldest arena of `next`, and how many there are.
        var nextLast: Arena?
        var nextCount = 0
        var current = Chain()
        var previous = Chain()
        let lock: HeapLock
        let memory: OSMemory
        let statistic: SystemStatistic

        init(lock: HeapLock, memory: OSMemory, statistic: SystemStatistic) {
            self.lock = lock
            self.memory = memory
            self.statistic = statistic
        }
    }

    /// A list of arenas that moves to another list as a whole.
    private struct Chain {
        var first: Arena?
        var last: Arena?
        var count = 0
    }

    /// Bytes of an arena, header included.
    package static let arenaByteCount = 64 << 10
    private static let headerByteCount = 16
    /// Bytes of an arena that requests can take.
    package static let usableByteCount = arenaByteCount - headerByteCount
    /// Bytes of the largest request: a span of one page with objects of 8 bytes.
    package static let maxRequestByteCount = HeapConstants.pageSize / 8 / 8
    /// Bytes of an arena that are sure to be served whatever the sizes of the requests.
    package static let sureByteCount = usableByteCount - maxRequestByteCount + 8

    private let record: UnsafeMutablePointer<Record>
    /// `maxRequestByteCount` bytes that stay 0.
    private let zeroes: UnsafeMutablePointer<UInt8>

    /// Nil when the system refuses the record. Takes no arena yet.
    package init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .markBits, memory: memory, statistic: statistic),
            let place = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<Record>.stride), alignment: 64, statistic: statistic),
            let zeroes = memory.allocatePersistent(
                byteCount: UInt(Self.maxRequestByteCount), alignment: 64, statistic: statistic)
        else { return nil }
        self.zeroes = zeroes.assumingMemoryBound(to: UInt8.self)
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(lock: lock, memory: memory, statistic: statistic))
    }

    /// Bytes that sweeping can still take even if the system refuses everything.
    package var reservedByteCount: Int { record.pointee.reserved.load(ordering: .relaxed) }

    /// Bytes that the bits for so many objects take: whole words.
    package static func byteCount(elemCount: Int) -> Int { (elemCount + 63) / 64 * 8 }

    // MARK: Requests

    /// Cleared bits for the objects of a span, 8-byte aligned and padded to whole words; nil when the system refuses
    /// an arena. With `forSweep` drawn from the reserve as long as that lasts.
    ///
    /// - Source: Go 1.14 mheap.go, newMarkBits.
    package func newMarkBits(elemCount: Int, forSweep: Bool) -> UnsafeMutablePointer<UInt8>? {
        let byteCount = Self.byteCount(elemCount: elemCount)
        if elemCount <= 0 || byteCount > Self.maxRequestByteCount {
            fatal("mark bits for a bad number of objects", ("count", UInt(bitPattern: elemCount)))
        }
        if forSweep && Self.pay(byteCount, from: record.pointee.reserved) {
            return take(byteCount, fromReserve: true)
        }
        while !Self.pay(byteCount, from: record.pointee.open) {
            guard record.pointee.lock.withLock({ addFreeArena() }) else { return nil }
        }
        return take(byteCount, fromReserve: false)
    }

    /// Cleared bits for the objects of a fresh span, none of which is allocated. All fresh spans share one block of
    /// zeroes, since nobody writes allocation bits: a sweep replaces them by the marks.
    ///
    /// - Source: Go 1.14 mheap.go, newAllocBits, which takes as many bytes as newMarkBits.
    package func newAllocBits(elemCount: Int) -> UnsafeMutablePointer<UInt8> {
        if elemCount <= 0 || Self.byteCount(elemCount: elemCount) > Self.maxRequestByteCount {
            fatal("allocation bits for a bad number of objects", ("count", UInt(bitPattern: elemCount)))
        }
        return zeroes
    }

    private static func pay(_ byteCount: Int, from purse: borrowing Atomic<Int>) -> Bool {
        var held = purse.load(ordering: .relaxed)
        while held >= byteCount {
            let (exchanged, found) = purse.weakCompareExchange(
                expected: held, desired: held - byteCount, ordering: .relaxed)
            if exchanged { return true }
            held = found
        }
        return false
    }

    /// Bytes that were paid for. Nil, and the money back, only for what does not come from the reserve.
    private func take(_ byteCount: Int, fromReserve: Bool) -> UnsafeMutablePointer<UInt8>? {
        if let bits = takeFromHead(byteCount) { return bits }
        return record.pointee.lock.withLock {
            // Someone else may have been here since.
            if let bits = takeFromHead(byteCount) { return bits }
            if !fromReserve {
                // Leave free arenas for all that is reserved: the next epoch may begin before sweeping draws on it,
                // and the head does not outlive that.
                while (record.pointee.freeCount - 1) * Self.sureByteCount < reservedByteCount {
                    guard addFreeArena() else {
                        record.pointee.open.wrappingAdd(byteCount, ordering: .relaxed)
                        return nil
                    }
                }
            }
            guard let arena = record.pointee.free else {
                fatal("mark bits were paid for that no arena has", ("bytes", UInt(byteCount)))
            }
            record.pointee.free = arena.pointee.next
            record.pointee.freeCount = record.pointee.freeCount - 1
            let contents = UnsafeMutableRawPointer(arena) + Self.headerByteCount
            contents.initializeMemory(as: UInt8.self, repeating: 0, count: Self.usableByteCount)
            arena.pointee.free.store(byteCount, ordering: .relaxed)
            arena.pointee.next = Arena(bitPattern: record.pointee.next.load(ordering: .relaxed))
            if record.pointee.nextLast == nil { record.pointee.nextLast = arena }
            record.pointee.nextCount = record.pointee.nextCount + 1
            record.pointee.next.store(UInt(bitPattern: arena), ordering: .releasing)
            return contents.assumingMemoryBound(to: UInt8.self)
        }
    }

    /// - Source: Go 1.14 mheap.go, gcBitsArena.tryAlloc.
    private func takeFromHead(_ byteCount: Int) -> UnsafeMutablePointer<UInt8>? {
        guard let head = Arena(bitPattern: record.pointee.next.load(ordering: .acquiring)) else { return nil }
        var start = head.pointee.free.load(ordering: .relaxed)
        while start + byteCount <= Self.usableByteCount {
            let (exchanged, found) = head.pointee.free.weakCompareExchange(
                expected: start, desired: start + byteCount, ordering: .relaxed)
            if exchanged {
                let contents = UnsafeMutableRawPointer(head) + Self.headerByteCount
                return (contents + start).assumingMemoryBound(to: UInt8.self)
            }
            start = found
        }
        return nil
    }

    // MARK: Arenas

    /// Adds an arena from the system to the free ones, and its bytes to the open purse. Under the lock.
    ///
    /// - Source: Go 1.14 mheap.go, newArenaMayUnlock.
    private func addFreeArena() -> Bool {
        record.pointee.lock.assertHeld()
        guard let place = record.pointee.memory.allocatePersistent(
            byteCount: UInt(Self.arenaByteCount), statistic: record.pointee.statistic)
        else { return false }
        let arena = place.bindMemory(to: Header.self, capacity: 1)
        arena.initialize(to: Header(free: Atomic(0), next: record.pointee.free))
        record.pointee.free = arena
        record.pointee.freeCount = record.pointee.freeCount + 1
        record.pointee.open.wrappingAdd(Self.sureByteCount, ordering: .relaxed)
        return true
    }

    /// Makes sure that sweeping can take so many bytes in all even if the system refuses more; false when it already
    /// does. What an earlier call reserved and nobody drew counts. The reserve outlasts the beginning of an epoch, as
    /// long as no sweeping lies in between.
    package func reserve(byteCount: Int) -> Bool {
        record.pointee.lock.withLock {
            while record.pointee.freeCount * Self.sureByteCount < byteCount {
                guard addFreeArena() else { return false }
            }
            // Sweepers may draw meanwhile; nobody else raises the reserve.
            let missing = byteCount - record.pointee.reserved.load(ordering: .relaxed)
            if missing <= 0 { return true }
            while !Self.pay(missing, from: record.pointee.open) {
                guard addFreeArena() else { return false }
            }
            record.pointee.reserved.wrappingAdd(missing, ordering: .relaxed)
            return true
        }
    }

    /// Adds the bits of one more span to what sweeping can take; false when the system refuses them.
    package func reserveMore(elemCount: Int) -> Bool {
        let byteCount = Self.byteCount(elemCount: elemCount)
        return record.pointee.lock.withLock {
            // The epoch ends before they are drawn: free arenas must back them all.
            while record.pointee.freeCount * Self.sureByteCount < reservedByteCount + byteCount {
                guard addFreeArena() else { return false }
            }
            while !Self.pay(byteCount, from: record.pointee.open) {
                guard addFreeArena() else { return false }
            }
            record.pointee.reserved.wrappingAdd(byteCount, ordering: .relaxed)
            return true
        }
    }

    /// Begins an epoch: what was handed out two epochs ago is free. The world is stopped, sweeping is complete, and
    /// every span's bits are from the epoch that ends. Takes the same time whatever the number of arenas.
    ///
    /// - Source: Go 1.14 mheap.go, nextMarkBitArenaEpoch.
    package func nextEpoch() {
        record.pointee.lock.withLock {
            let freed = record.pointee.previous
            if let last = freed.last {
                last.pointee.next = record.pointee.free
                record.pointee.free = freed.first
                record.pointee.freeCount = record.pointee.freeCount + freed.count
            }
            record.pointee.previous = record.pointee.current
            record.pointee.current = Chain(
                first: Arena(bitPattern: record.pointee.next.load(ordering: .relaxed)),
                last: record.pointee.nextLast, count: record.pointee.nextCount)
            record.pointee.next.store(0, ordering: .releasing)
            record.pointee.nextLast = nil
            record.pointee.nextCount = 0
            // What the old head had left is gone, and so is the money it backed.
            let sure = record.pointee.freeCount * Self.sureByteCount
            let reserved = min(record.pointee.reserved.load(ordering: .relaxed), sure)
            record.pointee.reserved.store(reserved, ordering: .relaxed)
            record.pointee.open.store(sure - reserved, ordering: .relaxed)
        }
    }
}
