import GravlaxHeap
import Synchronization
import Testing

@Suite struct SweepBufferTests {
    @Test func whatIsPushedIsPopped() throws {
        let fixture = MemoryFixture()
        let buffer = try #require(SweepBuffer(memory: fixture.memory, statistic: fixture.statistic))
        #expect(buffer.pop() == 0)
        for count in [1, 511, 512, 513, 2000] {
            for span in 1...count { #expect(buffer.push(UInt(span) * 8192)) }
            #expect(buffer.count == count)
            var seen: [UInt] = []
            buffer.forEach { seen.append($0 / 8192) }
            #expect(seen == (1...UInt(count)).map { $0 })
            for span in (1...count).reversed() { #expect(buffer.pop() == UInt(span) * 8192) }
            #expect(buffer.pop() == 0)
            #expect(buffer.count == 0)
        }
        #expect(fixture.close() == 0)
    }

    @Test func theSpineGrows() throws {
        let fixture = MemoryFixture()
        let buffer = try #require(SweepBuffer(memory: fixture.memory, statistic: fixture.statistic))
        let count = SweepBuffer.blockEntryCount * 600
        for span in 1...count where !buffer.push(UInt(span)) { Issue.record("refused") }
        var sum: UInt = 0
        buffer.forEach { sum += $0 }
        #expect(sum == UInt(count * (count + 1) / 2))
        var last = UInt(count)
        while buffer.count > 0, buffer.pop() == last { last -= 1 }
        #expect(last == 0)
        #expect(fixture.close() == 0)
    }

    @Test func refusalLosesNothing() throws {
        let fixture = MemoryFixture()
        let buffer = try #require(SweepBuffer(memory: fixture.memory, statistic: fixture.statistic))
        for span in 1...SweepBuffer.blockEntryCount { #expect(buffer.push(UInt(span))) }
        fixture.exhaustPersistentChunk()
        fixture.memory.failCall(1)
        #expect(!buffer.push(9999))
        #expect(buffer.count == SweepBuffer.blockEntryCount)
        #expect(buffer.push(9999))
        #expect(buffer.pop() == 9999)
        #expect(buffer.pop() == UInt(SweepBuffer.blockEntryCount))
        #expect(fixture.close() == 0)
    }

    @Test(arguments: [1, 512, 513, 200_000]) func afterReservingNoPushTakesMemory(count: Int) throws {
        let fixture = MemoryFixture()
        let buffer = try #require(SweepBuffer(memory: fixture.memory, statistic: fixture.statistic))
        for _ in 0..<100 { #expect(buffer.push(1)) }
        #expect(buffer.ensureCapacity(100 + count))
        let held = fixture.statistic.byteCount
        for _ in 0..<count where !buffer.push(2) { Issue.record("refused") }
        #expect(fixture.statistic.byteCount == held)
        #expect(fixture.close() == 0)
    }

    @Test func reservingCanBeRefused() throws {
        let fixture = MemoryFixture()
        let buffer = try #require(SweepBuffer(memory: fixture.memory, statistic: fixture.statistic))
        fixture.exhaustPersistentChunk()
        fixture.memory.failCall(1)
        #expect(!buffer.ensureCapacity(1000))
        #expect(buffer.ensureCapacity(1000))
        #expect(fixture.close() == 0)
    }
}

@Suite struct SweepBufferStress {
    @Test func concurrentPushesThenConcurrentPops() throws {
        struct Shared: @unchecked Sendable {
            let buffer: SweepBuffer
            let seen: UnsafeMutablePointer<Atomic<Int>>
        }
        let threads = 4
        let perThread = 40_000
        let fixture = MemoryFixture()
        let seen = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: threads * perThread)
        for index in 0..<threads * perThread { (seen + index).initialize(to: Atomic(0)) }
        defer { seen.deallocate() }
        let shared = Shared(
            buffer: try #require(SweepBuffer(memory: fixture.memory, statistic: fixture.statistic)), seen: seen)
        for round in 1...3 {
            onThreads(threads) { thread in
                for index in 0..<perThread {
                    precondition(shared.buffer.push(UInt(thread * perThread + index + 1)))
                }
            }
            #expect(shared.buffer.count == threads * perThread)
            onThreads(threads) { _ in
                while true {
                    let span = shared.buffer.pop()
                    if span == 0 { return }
                    shared.seen[Int(span) - 1].add(1, ordering: .relaxed)
                }
            }
            let wrong = (0..<threads * perThread).count { seen[$0].load(ordering: .relaxed) != round }
            #expect(wrong == 0)
        }
        #expect(fixture.close() == 0)
    }
}
