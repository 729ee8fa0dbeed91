import GravlaxHeap
import Synchronization
import Testing

@Suite struct WorkBufferTests {
    @Test func aBufferIsAStackOf254Words() throws {
        let fixture = MemoryFixture()
        let stacks = try #require(WorkBufferStacks(memory: fixture.memory, statistic: fixture.statistic))
        let buffer = try #require(stacks.getEmpty())
        #expect(WorkBuffer.capacity == 254)
        #expect(buffer.address % UInt(WorkBuffer.byteCount) == 0)
        #expect(WorkBuffer(address: buffer.address) == buffer)
        #expect(WorkBuffer(address: 0) == nil)
        for entry in 0..<WorkBuffer.capacity {
            #expect(!buffer.isFull)
            buffer.push(UInt(entry))
        }
        #expect(buffer.isFull)
        for entry in (0..<WorkBuffer.capacity).reversed() { #expect(buffer.pop() == UInt(entry)) }
        #expect(buffer.isEmpty)
        stacks.destroy()
        #expect(fixture.close() == 0)
    }

    @Test(arguments: [0, 1, 2, 3, 253, 254]) func halfCanBeMoved(count: Int) throws {
        let fixture = MemoryFixture()
        let stacks = try #require(WorkBufferStacks(memory: fixture.memory, statistic: fixture.statistic))
        let source = try #require(stacks.getEmpty())
        let target = try #require(stacks.getEmpty())
        for entry in 0..<count { source.push(UInt(entry)) }
        target.takeHalf(of: source)
        #expect(target.count == count / 2)
        let all = (0..<source.count).map { source.entries[$0] } + (0..<target.count).map { target.entries[$0] }
        #expect(all == (0..<count).map { UInt($0) })
        stacks.destroy()
        #expect(fixture.close() == 0)
    }

    @Test func fullBuffersComeBackNewestFirst() throws {
        let fixture = MemoryFixture()
        let stacks = try #require(WorkBufferStacks(memory: fixture.memory, statistic: fixture.statistic))
        #expect(stacks.fullIsEmpty)
        #expect(stacks.tryGetFull() == nil)
        for entry in 1...40 {
            let buffer = try #require(stacks.getEmpty())
            buffer.push(UInt(entry))
            stacks.putFull(buffer)
        }
        #expect(!stacks.fullIsEmpty)
        for entry in (1...40).reversed() {
            let buffer = try #require(stacks.tryGetFull())
            #expect(buffer.pop() == UInt(entry))
            stacks.putEmpty(buffer)
        }
        #expect(stacks.fullIsEmpty)
        stacks.destroy()
        #expect(fixture.close() == 0)
    }

    @Test func blocksAreUsedUpBeforeMoreIsTaken() throws {
        let fixture = MemoryFixture()
        let stacks = try #require(WorkBufferStacks(memory: fixture.memory, statistic: fixture.statistic))
        let held = fixture.statistic.byteCount
        let buffers = try (0..<15).map { _ in try #require(stacks.getEmpty()) }
        #expect(Set(buffers.map(\.address)).count == 15)
        #expect(fixture.statistic.byteCount == held + UInt64(WorkBufferStacks.blockByteCount))
        _ = try #require(stacks.getEmpty())
        #expect(fixture.statistic.byteCount == held + 2 * UInt64(WorkBufferStacks.blockByteCount))
        stacks.destroy()
        #expect(fixture.close() == 0)
    }

    @Test func whatIsEmptyGoesBack() throws {
        let fixture = MemoryFixture()
        let stacks = try #require(WorkBufferStacks(memory: fixture.memory, statistic: fixture.statistic))
        let held = fixture.statistic.byteCount
        let block = UInt64(WorkBufferStacks.blockByteCount)
        for _ in 0..<3 {
            let buffers = try (0..<40).map { _ in try #require(stacks.getEmpty()) }
            for buffer in buffers.dropFirst() { stacks.putEmpty(buffer) }
            stacks.freeEmpty()
            #expect(fixture.statistic.byteCount == held + 3 * block, "one is in use")
            stacks.putEmpty(buffers[0])
            stacks.freeEmpty()
            #expect(fixture.statistic.byteCount == held + block)
        }
        // The block that is left is whole.
        let buffers = try (0..<15).map { _ in try #require(stacks.getEmpty()) }
        #expect(Set(buffers.map(\.address)).count == 15)
        #expect(fixture.statistic.byteCount == held + block)
        stacks.destroy()
        #expect(fixture.statistic.byteCount == held)
        #expect(fixture.close() == 0)
    }

    @Test func refusalGivesNilAndReservedBuffersDoNot() throws {
        let fixture = MemoryFixture()
        let stacks = try #require(WorkBufferStacks(memory: fixture.memory, statistic: fixture.statistic))
        fixture.exhaustPersistentChunk()
        fixture.memory.failCall(1)
        #expect(stacks.getEmpty() == nil)
        fixture.memory.failCall(1)
        #expect(!stacks.reserve(count: 40))
        #expect(stacks.reserve(count: 40))
        let held = fixture.statistic.byteCount
        for _ in 0..<40 { #expect(stacks.getEmpty() != nil) }
        #expect(fixture.statistic.byteCount == held)
        stacks.destroy()
        #expect(fixture.close() == 0)
    }
}

@Suite struct WorkBufferStress {
    /// Entries wander between threads over both stacks; none is lost, none is doubled, and no buffer has two owners.
    @Test func nothingIsLostOrDoubled() throws {
        struct Shared: @unchecked Sendable {
            let stacks: WorkBufferStacks
            let left = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: 1)
            let seen: UnsafeMutablePointer<Atomic<Int>>
        }
        let total = 200_000
        let fixture = MemoryFixture()
        let seen = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: total)
        for index in 0..<total { (seen + index).initialize(to: Atomic(0)) }
        let shared = Shared(
            stacks: try #require(WorkBufferStacks(memory: fixture.memory, statistic: fixture.statistic)), seen: seen)
        shared.left.initialize(to: Atomic(total))
        defer {
            seen.deallocate()
            shared.left.deallocate()
        }
        // An entry n stands for itself and all entries in its tree: 2n + 1 and 2n + 2, as marking finds objects.
        let root = try #require(shared.stacks.getEmpty())
        root.push(0)
        shared.stacks.putFull(root)
        onThreads(4) { _ in
            var own = shared.stacks.getEmpty()!
            while shared.left.pointee.load(ordering: .relaxed) > 0 {
                if own.isEmpty {
                    guard let full = shared.stacks.tryGetFull() else { continue }
                    shared.stacks.putEmpty(own)
                    own = full
                }
                let entry = Int(own.pop())
                shared.seen[entry].add(1, ordering: .relaxed)
                shared.left.pointee.subtract(1, ordering: .relaxed)
                for child in [2 * entry + 1, 2 * entry + 2] where child < total { own.push(UInt(child)) }
                // Small buffers, so that the stacks are busy.
                if own.count > 4 {
                    let other = shared.stacks.getEmpty()!
                    other.takeHalf(of: own)
                    shared.stacks.putFull(other)
                }
            }
            precondition(own.isEmpty)
            shared.stacks.putEmpty(own)
        }
        #expect(shared.stacks.fullIsEmpty)
        #expect((0..<total).count { seen[$0].load(ordering: .relaxed) != 1 } == 0)
        shared.stacks.destroy()
        #expect(fixture.close() == 0)
    }

    /// All threads pop and push the same few buffers: the counts in the heads are what keeps the stack whole.
    @Test func aFewBuffersChangeHandsFast() throws {
        struct Shared: @unchecked Sendable {
            let stacks: WorkBufferStacks
        }
        let fixture = MemoryFixture()
        let shared = Shared(
            stacks: try #require(WorkBufferStacks(memory: fixture.memory, statistic: fixture.statistic)))
        #expect(shared.stacks.reserve(count: 16))
        for _ in 0..<3 {
            let buffer = try #require(shared.stacks.getEmpty())
            buffer.push(0)
            shared.stacks.putFull(buffer)
        }
        onThreads(4) { _ in
            for _ in 0..<2_000_000 {
                // Two are taken and go back in the same order: what was the top is again, above something else.
                guard let first = shared.stacks.tryGetFull() else { continue }
                let second = shared.stacks.tryGetFull()
                for buffer in [first, second] {
                    guard let buffer else { continue }
                    let counter = buffer.pop()
                    precondition(buffer.isEmpty, "a buffer has two owners")
                    buffer.push(counter + 1)
                    shared.stacks.putFull(buffer)
                }
            }
        }
        var buffers: Set<UInt> = []
        while let buffer = shared.stacks.tryGetFull() {
            #expect(buffers.insert(buffer.address).inserted)
        }
        #expect(buffers.count == 3)
        shared.stacks.destroy()
        #expect(fixture.close() == 0)
    }
}
