// Mark and alloc bits: eight objects a byte, in 64 KiB arenas that move through
// four lists, once a cycle:
//
//     free ─▶ next ─▶ current ─▶ previous ─▶ free
//
// New bits come from the head of `next`. After a flip those bits are marks of
// the cycle that begins; a cycle later they are the alloc bits of swept spans;
// after that nobody refers to them.
//
// - Source: Go 1.14 mheap.go, gcBitsArenas.

import Synchronization

/// A thin pointer to the lists of one heap. Any thread may ask for bits;
/// `nextEpoch` needs the world stopped. Lock: rank markBits.
package struct MarkBitsArenas {
    package static let arenaByteCount: UInt = 64 << 10
    package static let headerByteCount: UInt = 16
    package static let usableByteCount: UInt = arenaByteCount - headerByteCount

    /// The head of an arena: 16 bytes, then bits up to 64 KiB.
    struct Arena: ~Copyable {
        /// First free byte after the header. Rises atomically; may pass the end.
        let free: Atomic<UInt>
        /// Under the lock.
        var next: UnsafeMutablePointer<Arena>?
    }
    typealias ArenaRef = UnsafeMutablePointer<Arena>

    struct Record: ~Copyable {
        let lock: HeapLock
        let memory: OSMemory
        let statistic: SystemStatistic
        /// Address of the head of `next`: read without the lock, changed under it.
        let next: Atomic<UInt>
        /// Under the lock.
        var free: ArenaRef?
        var freeCount: UInt
        var current: ArenaRef?
        var previous: ArenaRef?
        /// Arenas of the free list set aside for sweeping. Under the lock.
        var reserved: UInt
    }
    let record: UnsafeMutablePointer<Record>

    package init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let lock = HeapLock(rank: .markBits, memory: memory, statistic: statistic),
            let raw = memory.allocatePersistent(byteCount: UInt(MemoryLayout<Record>.stride), statistic: statistic)
        else { return nil }
        record = raw.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(
            lock: lock, memory: memory, statistic: statistic, next: Atomic(0), free: nil, freeCount: 0,
            current: nil, previous: nil, reserved: 0))
    }

    /// Zeroed bits for `elemCount` objects, whole 64-bit words. nil when memory
    /// was refused, which cannot happen to a sweep within what `reserve` set aside.
    package func newMarkBits(elemCount: Int, forSweep: Bool) -> UnsafeMutablePointer<UInt8>? {
        let bytes = UInt((elemCount + 63) / 64 * 8)
        if let bits = Self.take(bytes, record.pointee.next.load(ordering: .acquiring)) { return bits }
        return record.pointee.lock.withLock {
            if let bits = Self.take(bytes, record.pointee.next.load(ordering: .relaxed)) { return bits }
            guard let fresh = newArena(mayUseReserve: forSweep) else { return nil }
            fresh.pointee.next = ArenaRef(bitPattern: record.pointee.next.load(ordering: .relaxed))
            let bits = Self.take(bytes, UInt(bitPattern: fresh))
            record.pointee.next.store(UInt(bitPattern: fresh), ordering: .releasing)
            return bits
        }
    }

    /// The same; a span's alloc bits begin where all is free.
    package func newAllocBits(elemCount: Int, forSweep: Bool) -> UnsafeMutablePointer<UInt8>? {
        newMarkBits(elemCount: elemCount, forSweep: forSweep)
    }

    /// Turns the lists. World stopped.
    package func nextEpoch() {
        record.pointee.lock.withLock {
            while let arena = record.pointee.previous {
                record.pointee.previous = arena.pointee.next
                arena.pointee.next = record.pointee.free
                record.pointee.free = arena
                record.pointee.freeCount += 1
            }
            record.pointee.previous = record.pointee.current
            record.pointee.current = ArenaRef(bitPattern: record.pointee.next.load(ordering: .relaxed))
            record.pointee.next.store(0, ordering: .releasing)
        }
    }

    /// Sets arenas aside so that sweeping can take `byteCount` bytes of bits in
    /// the coming cycle whatever the system says. False when it refuses now.
    package func reserve(byteCount: Int) -> Bool {
        record.pointee.lock.withLock {
            // Each arena loses at most one request's bytes, 128, at its end.
            let wanted = UInt(byteCount) / (Self.usableByteCount - 128) + 2
            while record.pointee.freeCount < wanted {
                guard let fresh = systemArena() else { return false }
                fresh.pointee.next = record.pointee.free
                record.pointee.free = fresh
                record.pointee.freeCount += 1
            }
            record.pointee.reserved = wanted
            return true
        }
    }

    /// Gives all arenas back.
    package func destroy() {
        nextEpoch()
        nextEpoch()
        nextEpoch()
        while let arena = record.pointee.free {
            record.pointee.free = arena.pointee.next
            record.pointee.memory.free(
                arena, byteCount: Self.arenaByteCount, readyByteCount: Self.arenaByteCount,
                statistic: record.pointee.statistic)
        }
    }

    private static func take(_ byteCount: UInt, _ address: UInt) -> UnsafeMutablePointer<UInt8>? {
        guard let arena = ArenaRef(bitPattern: address),
            arena.pointee.free.load(ordering: .relaxed) + byteCount <= arenaByteCount
        else { return nil }
        let start = arena.pointee.free.wrappingAdd(byteCount, ordering: .relaxed).oldValue
        if start + byteCount > arenaByteCount { return nil }
        return UnsafeMutablePointer(bitPattern: address + start)
    }

    /// A cleared arena. Under the lock.
    private func newArena(mayUseReserve: Bool) -> ArenaRef? {
        if record.pointee.freeCount > (mayUseReserve ? 0 : record.pointee.reserved), let arena = record.pointee.free {
            record.pointee.free = arena.pointee.next
            record.pointee.freeCount -= 1
            if mayUseReserve, record.pointee.reserved > 0 { record.pointee.reserved -= 1 }
            UnsafeMutableRawPointer(arena)
                .initializeMemory(as: UInt8.self, repeating: 0, count: Int(Self.arenaByteCount))
            arena.initialize(to: Arena(free: Atomic(Self.headerByteCount), next: nil))
            return arena
        }
        return systemArena()
    }

    private func systemArena() -> ArenaRef? {
        guard let raw = record.pointee.memory.allocate(
            byteCount: Self.arenaByteCount, statistic: record.pointee.statistic)
        else { return nil }
        let arena = raw.bindMemory(to: Arena.self, capacity: 1)
        arena.initialize(to: Arena(free: Atomic(Self.headerByteCount), next: nil))
        return arena
    }
}
