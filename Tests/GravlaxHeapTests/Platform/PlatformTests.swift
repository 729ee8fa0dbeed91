import GravlaxHeap
import Testing

@Suite struct OSMemoryTests {
    @Test func statesAreCounted() throws {
        let memory = try #require(OSMemory())
        let count = SystemStatistic(initializing: .allocate(byteCount: 8, alignment: 8))
        let start = try #require(memory.reserve(byteCount: 64 << 20, alignment: 64 << 20))
        #expect(UInt(bitPattern: start) % (64 << 20) == 0)
        #expect(count.byteCount == 0)
        #expect(memory.map(start, byteCount: 1 << 20, statistic: count))
        #expect(count.byteCount == 1 << 20)
        start.storeBytes(of: 7, as: UInt64.self)
        #expect(memory.unused(start, byteCount: 1 << 20))
        #expect(start.load(as: UInt64.self) == 0)
        memory.used(start, byteCount: 1 << 20)
        memory.free(start, byteCount: 64 << 20, readyByteCount: 1 << 20, statistic: count)
        #expect(count.byteCount == 0)
        #expect(memory.destroy() == 0)
    }

    @Test func aLeakIsReported() throws {
        let memory = try #require(OSMemory())
        _ = try #require(memory.reserve(byteCount: 1 << 20))
        #expect(memory.destroy() == 1 << 20)
    }

    @Test func exactlyTheScriptedCallIsRefused() throws {
        let memory = try #require(OSMemory())
        memory.failCall(2)
        let first = try #require(memory.reserve(byteCount: 4096))
        #expect(memory.reserve(byteCount: 4096) == nil)
        let third = try #require(memory.reserve(byteCount: 4096))
        #expect(memory.callCount == 3)
        memory.free(first, byteCount: 4096)
        memory.free(third, byteCount: 4096)
        #expect(memory.destroy() == 0)
    }

    /// The memory goes back at once, the addresses when the system takes them; nobody else hears of it.
    @Test func whatCannotBeUnmappedIsKeptForLater() throws {
        let memory = try #require(OSMemory())
        let count = SystemStatistic(initializing: .allocate(byteCount: 8, alignment: 8))
        let empty = memory.addressSpaceByteCount
        let blocks = try (0..<3).map { _ in try #require(memory.allocate(byteCount: 1 << 20, statistic: count)) }
        for block in blocks { block.initializeMemory(as: UInt8.self, repeating: 1, count: 1 << 20) }
        memory.refuseUnmapping(2)
        memory.free(blocks[0], byteCount: 1 << 20, readyByteCount: 1 << 20, statistic: count)
        memory.free(blocks[1], byteCount: 1 << 20, readyByteCount: 1 << 20, statistic: count)
        #expect(memory.keptByteCount == 2 << 20 && count.byteCount == 1 << 20)
        let range = AddressRange(base: UInt(bitPattern: blocks[0]), limit: UInt(bitPattern: blocks[0]) + 1 << 20)
        #expect(residentByteCount(in: range) == 0)
        // The next one that succeeds takes the others with it.
        memory.free(blocks[2], byteCount: 1 << 20, readyByteCount: 1 << 20, statistic: count)
        #expect(memory.keptByteCount == 0 && memory.addressSpaceByteCount == empty && count.byteCount == 0)
        #expect(memory.destroy() == 0)
    }

    /// To the very end, and beyond what can be remembered: no leak, and no reason to die.
    @Test(arguments: [1, 129, 300] as [Int]) func whatCanNeverBeUnmappedIsNoLeak(count: Int) throws {
        let memory = try #require(OSMemory())
        let blocks = try (0..<count).map { _ in try #require(memory.reserve(byteCount: 4096)) }
        memory.refuseUnmapping(UInt64(3 * count))
        for block in blocks { memory.free(block, byteCount: 4096) }
        #expect(memory.keptByteCount == UInt64(min(count, 128)) * 4096)
        #expect(memory.destroy() == 0)
    }

    @Test func absurdSizesAreRefused() throws {
        let memory = try #require(OSMemory())
        #expect(memory.reserve(byteCount: UInt.max) == nil)
        #expect(memory.reserve(byteCount: 1 << 60) == nil)
        #expect(memory.reserve(byteCount: UInt.max - 10, alignment: 4096) == nil)
        #expect(memory.destroy() == 0)
    }

    @Test func persistentMemoryIsZeroedAlignedAndDisjoint() throws {
        let memory = try #require(OSMemory())
        let count = SystemStatistic(initializing: .allocate(byteCount: 8, alignment: 8))
        var blocks: [(start: UInt, size: UInt)] = []
        for (index, size) in [8, 24, 4096, 100_000, 64, 300_000, 16, 60_000, 60_000, 60_000, 60_000, 60_000].enumerated() {
            let alignment: UInt = [8, 64, 4096][index % 3]
            let block = try #require(
                memory.allocatePersistent(byteCount: UInt(size), alignment: alignment, statistic: count))
            #expect(UInt(bitPattern: block) % alignment == 0)
            let bytes = UnsafeRawBufferPointer(start: block, count: size)
            #expect(bytes.allSatisfy { $0 == 0 })
            block.initializeMemory(as: UInt8.self, repeating: 0xA5, count: size)
            blocks.append((UInt(bitPattern: block), UInt(size)))
        }
        blocks.sort { $0.start < $1.start }
        for (low, high) in zip(blocks, blocks.dropFirst()) { #expect(low.start + low.size <= high.start) }
        #expect(count.byteCount == UInt64(blocks.reduce(0) { $0 + $1.size }))
        memory.failCall(1)
        #expect(memory.allocatePersistent(byteCount: 200_000, statistic: count) == nil)
        #expect(memory.destroy() == 0)
    }
}

@Suite struct FixedAllocatorTests {
    @Test func recordsAreReusedAndZeroed() throws {
        let memory = try #require(OSMemory())
        let count = SystemStatistic(initializing: .allocate(byteCount: 8, alignment: 8))
        var pool = FixedAllocator(recordByteCount: 90, memory: memory, statistic: count)
        #expect(pool.recordByteCount == 96)
        var records: Set<UnsafeMutableRawPointer> = []
        for _ in 0..<1000 {
            let fresh = pool.allocate()
            let record = try #require(fresh)
            record.initializeMemory(as: UInt8.self, repeating: 0xFF, count: 96)
            #expect(records.insert(record).inserted)
        }
        #expect(pool.inUseByteCount == 96_000)
        let victim = try #require(records.first)
        pool.free(victim)
        #expect(pool.inUseByteCount == 95_904)
        let again = pool.allocate()
        #expect(again == victim)
        #expect(UnsafeRawBufferPointer(start: victim, count: 96).allSatisfy { $0 == 0 })
        #expect(memory.destroy() == 0)
    }

    @Test func theHookSeesEachRecordOnce() throws {
        let memory = try #require(OSMemory())
        let count = SystemStatistic(initializing: .allocate(byteCount: 8, alignment: 8))
        let seen = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        seen.initialize(to: 0)
        defer { seen.deallocate() }
        var pool = FixedAllocator(
            recordByteCount: 64, memory: memory, statistic: count, zeroing: false, context: seen
        ) { context, _ in
            context!.assumingMemoryBound(to: Int.self).pointee += 1
            return context!.assumingMemoryBound(to: Int.self).pointee != 3
        }
        let fresh = pool.allocate()
        let first = try #require(fresh)
        first.storeBytes(of: 5, toByteOffset: 32, as: UInt64.self)
        pool.free(first)
        let again = pool.allocate()
        #expect(again == first)
        #expect(first.load(fromByteOffset: 32, as: UInt64.self) == 5)
        #expect(seen.pointee == 1)
        let second = pool.allocate()
        let refused = pool.allocate()
        #expect(second != nil && refused == nil)
        #expect(pool.inUseByteCount == 128)
        let third = pool.allocate()
        #expect(third != nil)
        #expect(memory.destroy() == 0)
    }

    @Test func refusalIsNil() throws {
        let memory = try #require(OSMemory())
        let count = SystemStatistic(initializing: .allocate(byteCount: 8, alignment: 8))
        var pool = FixedAllocator(recordByteCount: 4096, memory: memory, statistic: count)
        memory.failCall(1)
        let refused = pool.allocate()
        let granted = pool.allocate()
        #expect(refused == nil && granted != nil)
        #expect(memory.destroy() == 0)
    }
}

@Suite struct HeapLockTests {
    private static func make(_ rank: LockRank) -> HeapLock {
        HeapLock(at: .allocate(byteCount: HeapLock.byteCount, alignment: 8), rank: rank)
    }

    @Test func ascendingRanksAreFine() {
        let locks = LockRank.allCases.map(Self.make)
        for lock in locks { lock.lock() }
        for lock in locks.reversed() { lock.unlock() }
    }

    #if DEBUG
    @Test func descendingRanksTrap() async {
        await #expect(processExitsWith: .failure) {
            HeapLockTests.make(.heap).lock()
            HeapLockTests.make(.central).lock()
        }
    }

    @Test func equalRanksTrap() async {
        await #expect(processExitsWith: .failure) {
            HeapLockTests.make(.heap).lock()
            HeapLockTests.make(.heap).lock()
        }
    }
    #endif

    @Test func fatalEndsTheProcess() async {
        await #expect(processExitsWith: .failure) { fatal("a test", ("value", 0x2a)) }
    }
}
