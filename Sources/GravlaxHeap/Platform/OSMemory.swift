import Glibc
import Synchronization

/// Address space and memory from the operating system: the only file that asks for any.
///
/// Address space goes through these states; the arrows are the calls:
///
///     none ── reserve ──▶ reserved ── map ──▶ ready ── unused ──▶ released
///      ▲ ▲                   │ ▲                │ ▲                  │
///      │ └────── free ───────┘ └──── revoke ────┘ └────── used ──────┘
///      └──────── free ─────────────────────────── (from any state)
///
/// Released memory is still accessible and reads as zeroes: `used` only restores what helps speed.
/// A thin pointer: copies share one record, which lives in a page of its own. Any thread may call anything but
/// `destroy`. Every call that can be refused returns nil or false when it is, and can be told to (`failCall`).
///
/// - Source: Go 1.14 mem_linux.go and malloc.go, persistentalloc.
package struct OSMemory {
    private struct Record: ~Copyable {
        /// Calls made that can be refused. Relaxed.
        let callCount = Atomic<UInt64>(0)
        /// Calls until one is refused, that one included; 0: none. Relaxed.
        let callsUntilRefusal = Atomic<UInt64>(0)
        /// Whether all calls after the refused one are refused too. Relaxed.
        let refusesForGood = Atomic<Bool>(false)
        /// Bytes of address space held, in all states. Relaxed.
        let addressSpace = Atomic<UInt64>(0)
        /// Calls to unmap that are refused from now on. Relaxed.
        let unmapsToRefuse = Atomic<UInt64>(0)
        /// Ranges in `keptRanges`. Changed under `lock`; read without it to see whether there are any.
        let keptCount = Atomic<Int>(0)
        /// The rest of the newest persistent chunk. Under `lock`.
        var chunkFree: UInt = 0
        var chunkLimit: UInt = 0
        /// The newest persistent chunk, which links to those before it. Under `lock`.
        var chunks: UnsafeMutablePointer<PersistentChunk>?
        let lock: HeapLock

        init(lock: HeapLock) { self.lock = lock }
    }

    /// Stands at the start of each persistent chunk.
    private struct PersistentChunk {
        let next: UnsafeMutablePointer<PersistentChunk>?
        let byteCount: UInt
    }

    private let record: UnsafeMutablePointer<Record>

    /// Where the table of ranges that could not be unmapped stands in the record's page, and how many it can hold.
    private static let keptOffset = 1024
    private static let keptCapacity = 128

    /// Size of the unit in which persistent memory is taken from the system.
    package static let persistentChunkByteCount: UInt = 256 << 10
    /// Persistent blocks of this size and more get a mapping of their own.
    private static let largePersistentByteCount: UInt = 64 << 10
    /// What the system maps and releases at least; 4 KiB on x86-64.
    package static let pageByteCount = UInt(sysconf(Int32(_SC_PAGESIZE)))
    /// Transparent huge pages; a page-allocator chunk (4 MiB) is the largest this heap accepts.
    package static let hugePageByteCount: UInt = 2 << 20

    /// Nil when the system refuses the page that the record needs.
    package init?() {
        guard let page = Self.mapAnonymous(nil, Self.pageByteCount, PROT_READ | PROT_WRITE) else { return nil }
        let lock = HeapLock(at: page + MemoryLayout<Record>.stride, rank: .systemMemory)
        record = page.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(lock: lock))
        record.pointee.addressSpace.store(UInt64(Self.pageByteCount), ordering: .relaxed)
    }

    // MARK: Observation and scripted refusal

    /// Calls made so far that can be refused.
    package var callCount: UInt64 { record.pointee.callCount.load(ordering: .relaxed) }

    /// Bytes of address space held, the record's own page included.
    package var addressSpaceByteCount: UInt64 { record.pointee.addressSpace.load(ordering: .relaxed) }

    /// Has the n-th call from now refused (1 = the next), and only that one unless `forGood`; 0 calls it off.
    package func failCall(_ n: UInt64, forGood: Bool = false) {
        record.pointee.refusesForGood.store(forGood, ordering: .relaxed)
        record.pointee.callsUntilRefusal.store(n, ordering: .relaxed)
    }

    private func permitsCall() -> Bool {
        record.pointee.callCount.wrappingAdd(1, ordering: .relaxed)
        var left = record.pointee.callsUntilRefusal.load(ordering: .relaxed)
        while left != 0 {
            if left == 1, record.pointee.refusesForGood.load(ordering: .relaxed) { return false }
            let (exchanged, found) = record.pointee.callsUntilRefusal.compareExchange(
                expected: left, desired: left - 1, ordering: .relaxed)
            if exchanged { return left != 1 }
            left = found
        }
        return true
    }

    // MARK: States of address space

    /// Takes address space that cannot be touched yet, where `hint` says if that is free, else anywhere.
    ///
    /// - Source: Go 1.14 mem_linux.go, sysReserve.
    package func reserve(byteCount: UInt, hint: UInt = 0) -> UnsafeMutableRawPointer? {
        guard byteCount > 0, permitsCall(),
            let start = Self.mapAnonymous(UnsafeMutableRawPointer(bitPattern: hint), byteCount, PROT_NONE)
        else { return nil }
        record.pointee.addressSpace.wrappingAdd(UInt64(byteCount), ordering: .relaxed)
        return start
    }

    /// Takes address space that starts at a multiple of `alignment`, a power of two.
    ///
    /// - Source: Go 1.14 malloc.go, sysReserveAligned.
    package func reserve(byteCount: UInt, alignment: UInt) -> UnsafeMutableRawPointer? {
        let (total, overflow) = byteCount.addingReportingOverflow(alignment)
        guard !overflow, let start = reserve(byteCount: total) else { return nil }
        let address = UInt(bitPattern: start)
        let aligned = alignUp(address, alignment)
        // A mapping may be cut anywhere: give back what lies before and after.
        if aligned > address { free(start, byteCount: aligned - address) }
        let end = aligned + byteCount
        if address + total > end {
            free(UnsafeMutableRawPointer(bitPattern: end)!, byteCount: address + total - end)
        }
        return UnsafeMutableRawPointer(bitPattern: aligned)
    }

    /// Makes reserved memory ready: it reads as zeroes and can be written. Page aligned.
    ///
    /// - Source: Go 1.14 mem_linux.go, sysMap.
    package func map(_ start: UnsafeMutableRawPointer, byteCount: UInt, statistic: SystemStatistic) -> Bool {
        guard permitsCall(), mprotect(start, Int(byteCount), PROT_READ | PROT_WRITE) == 0 else { return false }
        statistic.add(byteCount)
        return true
    }

    /// Makes ready memory untouchable again and drops what it held. Cannot be refused: at worst it stays accessible.
    ///
    /// - Source: Go 1.14 mem_linux.go, sysFault.
    package func revoke(_ start: UnsafeMutableRawPointer, byteCount: UInt, statistic: SystemStatistic) {
        _ = madvise(start, Int(byteCount), MADV_DONTNEED)
        _ = mprotect(start, Int(byteCount), PROT_NONE)
        statistic.subtract(byteCount)
    }

    /// Takes address space and makes it ready at once.
    ///
    /// - Source: Go 1.14 mem_linux.go, sysAlloc.
    package func allocate(byteCount: UInt, statistic: SystemStatistic) -> UnsafeMutableRawPointer? {
        guard byteCount > 0, permitsCall(),
            let start = Self.mapAnonymous(nil, byteCount, PROT_READ | PROT_WRITE)
        else { return nil }
        record.pointee.addressSpace.wrappingAdd(UInt64(byteCount), ordering: .relaxed)
        statistic.add(byteCount)
        return start
    }

    /// Gives the memory of a range back to the system and keeps its addresses; false when that is refused.
    ///
    /// The kernel may join small pages into a huge one, or answer the next touch of one page with a huge one, and so
    /// bring released memory back: it is told not to, for all huge pages that the range has a part in.
    ///
    /// - Precondition: the range is aligned to system pages, or memory next to it would be lost.
    /// - Source: Go 1.14 mem_linux.go, sysUnused.
    package func unused(_ start: UnsafeMutableRawPointer, byteCount: UInt) -> Bool {
        let address = UInt(bitPattern: start)
        if (address | byteCount) & (Self.pageByteCount - 1) != 0 {
            fatal("memory to release is not aligned to pages", ("start", address), ("bytes", byteCount))
        }
        guard permitsCall() else { return false }
        let first = alignDown(address, Self.hugePageByteCount)
        let end = alignUp(address + byteCount, Self.hugePageByteCount)
        // Where that goes past the heap's mapping the advice fails, and nothing depends on it.
        _ = madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_NOHUGEPAGE)
        return madvise(start, Int(byteCount), MADV_DONTNEED) == 0
    }

    /// Announces that released memory will be touched again, all of it: huge pages are welcome where whole ones fit.
    ///
    /// - Source: Go 1.14 mem_linux.go, sysUsed.
    package func used(_ start: UnsafeMutableRawPointer, byteCount: UInt) {
        preferHugePages(start, byteCount: byteCount)
    }

    /// Asks for huge pages in all of the range that whole huge pages can cover.
    package func preferHugePages(_ start: UnsafeMutableRawPointer, byteCount: UInt) {
        let first = alignUp(UInt(bitPattern: start), Self.hugePageByteCount)
        let end = alignDown(UInt(bitPattern: start) + byteCount, Self.hugePageByteCount)
        if first < end {
            _ = madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_HUGEPAGE)
        }
    }

    /// Has the system bring in the memory of a range that is ready, holds zeroes and is nobody else's.
    ///
    /// By touching it: what madvise would do under the lock of the whole address space, for as long as the system takes to
    /// clear the pages, a page fault does under that of one mapping (Linux 6.4 and later). Meanwhile a mutator that maps
    /// a little memory of its own would wait: 4 to 12 milliseconds were seen. Others that want the processor get it after
    /// each 64 KiB.
    package func populate(_ start: UnsafeMutableRawPointer, byteCount: UInt) {
        for offset in stride(from: 0, to: Int(byteCount), by: Int(Self.pageByteCount)) {
            start.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
            if offset % (64 << 10) == 0 { sched_yield() }
        }
    }

    /// Gives address space back, in whatever state it is. `statistic`: what counted it as ready, if anything.
    ///
    /// The system may refuse: cutting a mapping in two takes one more mapping, and a process has a limit of these. Then
    /// the memory goes back and the address space is kept, until a later call or `destroy` has it unmapped.
    ///
    /// - Source: Go 1.14 mem_linux.go, sysFree.
    package func free(
        _ start: UnsafeMutableRawPointer, byteCount: UInt, readyByteCount: UInt = 0, statistic: SystemStatistic? = nil
    ) {
        statistic?.subtract(readyByteCount)
        let range = AddressRange(base: UInt(bitPattern: start), limit: UInt(bitPattern: start) + byteCount)
        if !unmap(range) {
            _ = madvise(start, Int(byteCount), MADV_DONTNEED)
            record.pointee.lock.withLock { keep(range) }
        } else if record.pointee.keptCount.load(ordering: .relaxed) > 0 {
            record.pointee.lock.withLock { _ = unmapKept() }
        }
    }

    /// False if the system refuses for want of mappings.
    private func unmap(_ range: AddressRange) -> Bool {
        let refusals = record.pointee.unmapsToRefuse.load(ordering: .relaxed)
        if refusals > 0 {
            record.pointee.unmapsToRefuse.store(refusals - 1, ordering: .relaxed)
            return false
        }
        if munmap(UnsafeMutableRawPointer(bitPattern: range.base), Int(range.byteCount)) != 0 {
            if errno == ENOMEM { return false }
            fatal("memory could not be unmapped", ("start", range.base), ("bytes", range.byteCount))
        }
        record.pointee.addressSpace.wrappingSubtract(UInt64(range.byteCount), ordering: .relaxed)
        return true
    }

    // MARK: Ranges that could not be unmapped

    /// Has the next `count` calls to unmap refused.
    package func refuseUnmapping(_ count: UInt64) { record.pointee.unmapsToRefuse.store(count, ordering: .relaxed) }

    /// Bytes of address space that are nobody's any more and could not be unmapped.
    package var keptByteCount: UInt64 {
        record.pointee.lock.withLock {
            (0..<record.pointee.keptCount.load(ordering: .relaxed)).reduce(0) { $0 + UInt64(keptRanges[$1].byteCount) }
        }
    }

    private var keptRanges: UnsafeMutablePointer<AddressRange> {
        (UnsafeMutableRawPointer(record) + Self.keptOffset).assumingMemoryBound(to: AddressRange.self)
    }

    /// Under the lock. A table that is full forgets the range: its addresses are lost to the process.
    private func keep(_ range: AddressRange) {
        let count = record.pointee.keptCount.load(ordering: .relaxed)
        if count == Self.keptCapacity {
            record.pointee.addressSpace.wrappingSubtract(UInt64(range.byteCount), ordering: .relaxed)
            return
        }
        (keptRanges + count).initialize(to: range)
        record.pointee.keptCount.store(count + 1, ordering: .relaxed)
    }

    /// Under the lock. False if nothing could be unmapped.
    private func unmapKept() -> Bool {
        let count = record.pointee.keptCount.load(ordering: .relaxed)
        var left = 0
        for index in 0..<count {
            let range = keptRanges[index]
            if unmap(range) { continue }
            keptRanges[left] = range
            left += 1
        }
        record.pointee.keptCount.store(left, ordering: .relaxed)
        return left < count
    }

    private static func mapAnonymous(
        _ hint: UnsafeMutableRawPointer?, _ byteCount: UInt, _ protection: Int32
    ) -> UnsafeMutableRawPointer? {
        guard let length = Int(exactly: byteCount) else { return nil }
        let start = mmap(hint, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        return start == UnsafeMutableRawPointer(bitPattern: -1) ? nil : start
    }

    // MARK: Persistent metadata

    /// Memory for metadata that lives as long as the heap, zeroed, never freed on its own.
    ///
    /// - Parameter alignment: a power of two up to the size of a page.
    /// - Source: Go 1.14 malloc.go, persistentalloc.
    package func allocatePersistent(
        byteCount: UInt, alignment: UInt = 8, statistic: SystemStatistic
    ) -> UnsafeMutableRawPointer? {
        if byteCount == 0 || alignment == 0 || alignment & (alignment - 1) != 0 || alignment > Self.pageByteCount {
            fatal("bad persistent allocation", ("bytes", byteCount), ("alignment", alignment))
        }
        return record.pointee.lock.withLock {
            let start = alignUp(record.pointee.chunkFree, alignment)
            if record.pointee.chunkFree != 0, start <= record.pointee.chunkLimit,
                byteCount <= record.pointee.chunkLimit - start
            {
                record.pointee.chunkFree = start + byteCount
                statistic.add(byteCount)
                return UnsafeMutableRawPointer(bitPattern: start)
            }
            let header = alignUp(UInt(MemoryLayout<PersistentChunk>.stride), alignment)
            let large = byteCount >= Self.largePersistentByteCount
            guard byteCount < 1 << 48,
                let chunk = addChunk(
                    byteCount: large ? alignUp(header + byteCount, Self.pageByteCount) : Self.persistentChunkByteCount)
            else { return nil }
            let block = UInt(bitPattern: chunk) + header
            if !large {
                record.pointee.chunkFree = block + byteCount
                record.pointee.chunkLimit = UInt(bitPattern: chunk) + Self.persistentChunkByteCount
            }
            statistic.add(byteCount)
            return UnsafeMutableRawPointer(bitPattern: block)
        }
    }

    private func addChunk(byteCount: UInt) -> UnsafeMutableRawPointer? {
        guard permitsCall(), let start = Self.mapAnonymous(nil, byteCount, PROT_READ | PROT_WRITE) else { return nil }
        record.pointee.addressSpace.wrappingAdd(UInt64(byteCount), ordering: .relaxed)
        let chunk = start.bindMemory(to: PersistentChunk.self, capacity: 1)
        chunk.initialize(to: PersistentChunk(next: record.pointee.chunks, byteCount: byteCount))
        record.pointee.chunks = chunk
        return start
    }

    /// Releases all persistent memory and the record. Nothing of this value may be used afterwards.
    ///
    /// - Returns: bytes of address space that were reserved or allocated and never freed: 0, or there is a leak.
    @discardableResult
    package func destroy() -> UInt64 {
        while let chunk = record.pointee.chunks {
            record.pointee.chunks = chunk.pointee.next
            free(UnsafeMutableRawPointer(chunk), byteCount: chunk.pointee.byteCount)
        }
        record.pointee.lock.withLock { while unmapKept() {} }
        // What the system does not take back is none of its user's faults.
        let leaked = addressSpaceByteCount - UInt64(Self.pageByteCount) - keptByteCount
        if munmap(record, Int(Self.pageByteCount)) != 0 { fatal("the record of the system memory cannot be unmapped") }
        return leaked
    }
}

/// Rounds up to a multiple of `alignment`, a power of two. Wraps past the end of the address space.
@inline(__always)
package func alignUp(_ value: UInt, _ alignment: UInt) -> UInt {
    (value &+ alignment &- 1) & ~(alignment &- 1)
}

/// Rounds down to a multiple of `alignment`, a power of two.
@inline(__always)
package func alignDown(_ value: UInt, _ alignment: UInt) -> UInt {
    value & ~(alignment &- 1)
}
