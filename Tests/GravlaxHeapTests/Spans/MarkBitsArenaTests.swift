import GravlaxHeap
import Synchronization
import Testing

@Suite struct MarkBitsArenaTests {
    private func isClear(_ bits: UnsafeMutablePointer<UInt8>, _ byteCount: Int) -> Bool {
        (0..<byteCount).allSatisfy { bits[$0] == 0 }
    }

    @Test func bitsAreClearAlignedAndApart() throws {
        let fixture = MemoryFixture()
        let arenas = try #require(MarkBitsArenas(memory: fixture.memory, statistic: fixture.statistic))
        var taken: [(start: UInt, end: UInt)] = []
        for elemCount in 1...1024 {
            let bits = try #require(arenas.newMarkBits(elemCount: elemCount, forSweep: elemCount % 2 == 0))
            let byteCount = (elemCount + 63) / 64 * 8
            #expect(UInt(bitPattern: bits) % 8 == 0)
            #expect(isClear(bits, byteCount))
            bits.update(repeating: 0xFF, count: byteCount)
            taken.append((UInt(bitPattern: bits), UInt(bitPattern: bits) + UInt(byteCount)))
        }
        taken.sort { $0.start < $1.start }
        #expect(zip(taken, taken.dropFirst()).allSatisfy { $0.end <= $1.start })
        #expect(fixture.close() == 0)
    }

    @Test func anArenaHolds65520Bytes() throws {
        #expect(MarkBitsArenas.usableByteCount == 65520)
        #expect(MarkBitsArenas.sureByteCount == 65400)
        let fixture = MemoryFixture()
        let arenas = try #require(MarkBitsArenas(memory: fixture.memory, statistic: fixture.statistic))
        fixture.exhaustPersistentChunk()
        let before = fixture.memory.callCount
        for _ in 0..<65400 / 8 { _ = try #require(arenas.newMarkBits(elemCount: 1, forSweep: false)) }
        #expect(fixture.memory.callCount == before + 1)
        #expect(fixture.close() == 0)
    }

    @Test func bitsLastTwoEpochsAndComeBackClear() throws {
        let fixture = MemoryFixture()
        let arenas = try #require(MarkBitsArenas(memory: fixture.memory, statistic: fixture.statistic))
        var epochs: [Set<UInt>] = []
        for epoch in 0..<12 {
            var taken: Set<UInt> = []
            for _ in 0..<1500 {
                let bits = try #require(arenas.newMarkBits(elemCount: 512, forSweep: false))
                if !isClear(bits, 64) { Issue.record("not clear in epoch \(epoch)") }
                bits.update(repeating: 0xA5, count: 64)
                taken.insert(UInt(bitPattern: bits))
            }
            for older in epochs.suffix(2) where !older.isDisjoint(with: taken) {
                Issue.record("bits in use were handed out again in epoch \(epoch)")
            }
            epochs.append(taken)
            arenas.nextEpoch()
        }
        #expect(fixture.close() == 0)
    }

    @Test func aSteadyStateTakesNoMemory() throws {
        let fixture = MemoryFixture()
        let arenas = try #require(MarkBitsArenas(memory: fixture.memory, statistic: fixture.statistic))
        fixture.exhaustPersistentChunk()
        var calls: UInt64 = 0
        for epoch in 0..<20 {
            if epoch == 6 { calls = fixture.memory.callCount }
            #expect(arenas.reserve(byteCount: 100_000))
            arenas.nextEpoch()
            for _ in 0..<2000 {
                _ = try #require(arenas.newMarkBits(elemCount: 300, forSweep: true))
                _ = try #require(arenas.newMarkBits(elemCount: 64, forSweep: false))
            }
        }
        #expect(fixture.memory.callCount == calls)
        #expect(fixture.close() == 0)
    }

    @Test func refusalGivesNilAndThenWorksAgain() throws {
        let fixture = MemoryFixture()
        let arenas = try #require(MarkBitsArenas(memory: fixture.memory, statistic: fixture.statistic))
        fixture.exhaustPersistentChunk()
        fixture.memory.failCall(1)
        #expect(arenas.newMarkBits(elemCount: 64, forSweep: false) == nil)
        #expect(arenas.newMarkBits(elemCount: 64, forSweep: false) != nil)
        fixture.memory.failCall(2)
        #expect(!arenas.reserve(byteCount: 200_000))
        #expect(arenas.reservedByteCount == 0)
        #expect(arenas.reserve(byteCount: 200_000))
        #expect(arenas.reservedByteCount == 200_000)
        #expect(fixture.close() == 0)
    }

    /// Every call refused from `reserve` on: others get nothing once what is not reserved is used up, sweeping gets
    /// all that was promised.
    @Test(arguments: [false, true]) func theReserveIsThereForSweepingOnly(epochBetween: Bool) throws {
        let fixture = MemoryFixture()
        let arenas = try #require(MarkBitsArenas(memory: fixture.memory, statistic: fixture.statistic))
        fixture.exhaustPersistentChunk()
        for _ in 0..<500 { _ = try #require(arenas.newMarkBits(elemCount: 1024, forSweep: false)) }
        #expect(arenas.reserve(byteCount: 300_000))
        if epochBetween {
            for _ in 0..<100 {
                fixture.memory.failCall(1)
                _ = arenas.newMarkBits(elemCount: 700, forSweep: false)
            }
            arenas.nextEpoch()
        }
        var generator = SeededGenerator(seed: 7)
        var promised = 300_000
        var refusals = 0
        while promised >= 128 {
            fixture.memory.failCall(1)
            if arenas.newMarkBits(elemCount: 1024, forSweep: false) == nil { refusals += 1 }
            fixture.memory.failCall(1)
            let elemCount = Int.random(in: 1...1024, using: &generator)
            let bits = arenas.newMarkBits(elemCount: elemCount, forSweep: true)
            if bits == nil {
                Issue.record("refused with \(promised) bytes still promised")
                break
            }
            promised -= MarkBitsArenas.byteCount(elemCount: elemCount)
        }
        #expect(refusals > 0)
        #expect(arenas.reservedByteCount == promised)
        fixture.memory.failCall(0)
        #expect(fixture.close() == 0)
    }
}

@Suite struct MarkBitsArenaStress {
    @Test func concurrentRequestsGetBitsOfTheirOwn() throws {
        struct Shared: @unchecked Sendable {
            let arenas: MarkBitsArenas
            let slots: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>
        }
        let threads = 4
        let requests = 6000
        let fixture = MemoryFixture()
        let slots = UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>.allocate(capacity: threads * requests)
        slots.initialize(repeating: nil, count: threads * requests)
        defer { slots.deallocate() }
        let shared = Shared(
            arenas: try #require(MarkBitsArenas(memory: fixture.memory, statistic: fixture.statistic)), slots: slots)
        for _ in 0..<6 {
            #expect(shared.arenas.reserve(byteCount: 200_000))
            shared.arenas.nextEpoch()
            onThreads(threads) { thread in
                for index in 0..<requests {
                    let bits = shared.arenas.newMarkBits(elemCount: 200, forSweep: thread % 2 == 0)!
                    bits.withMemoryRebound(to: UInt64.self, capacity: 4) { words in
                        for word in 0..<4 {
                            precondition(words[word] == 0, "bits are not clear")
                            words[word] = UInt64(thread * requests + index + 1)
                        }
                    }
                    shared.slots[thread * requests + index] = bits
                }
            }
            // Nobody wrote to anybody else's.
            var wrong = 0
            for index in 0..<threads * requests {
                slots[index]!.withMemoryRebound(to: UInt64.self, capacity: 4) { words in
                    for word in 0..<4 where words[word] != UInt64(index + 1) { wrong += 1 }
                }
            }
            #expect(wrong == 0)
            #expect(shared.arenas.reservedByteCount < 32)
        }
        #expect(fixture.close() == 0)
    }

    /// The system refuses at random while mutators compete: what sweeping was promised, it gets.
    @Test func theReserveHoldsUnderCompetition() throws {
        struct Shared: @unchecked Sendable {
            let arenas: MarkBitsArenas
            let memory: OSMemory
        }
        let fixture = MemoryFixture()
        let shared = Shared(
            arenas: try #require(MarkBitsArenas(memory: fixture.memory, statistic: fixture.statistic)),
            memory: fixture.memory)
        fixture.exhaustPersistentChunk()
        for _ in 0..<10 {
            #expect(shared.arenas.reserve(byteCount: 2 * 2000 * 64))
            shared.arenas.nextEpoch()
            onThreads(4) { thread in
                for _ in 0..<2000 {
                    if thread < 2 {
                        precondition(shared.arenas.newMarkBits(elemCount: 512, forSweep: true) != nil)
                    } else {
                        shared.memory.failCall(1)
                        _ = shared.arenas.newMarkBits(elemCount: 900, forSweep: false)
                    }
                }
            }
            shared.memory.failCall(0)
            #expect(shared.arenas.reservedByteCount == 0)
        }
        #expect(fixture.close() == 0)
    }
}
