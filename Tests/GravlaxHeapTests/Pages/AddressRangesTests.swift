import GravlaxHeap
import Testing

@Suite struct AddressRangesTests {
    private struct Fixture {
        let memory: OSMemory
        var ranges: AddressRanges

        init() throws {
            memory = try #require(OSMemory())
            ranges = try #require(
                AddressRanges(
                    memory: memory, statistic: SystemStatistic(initializing: .allocate(byteCount: 8, alignment: 8))))
        }

        mutating func add(_ base: UInt, _ limit: UInt) -> Bool {
            guard ranges.reserveOne() else { return false }
            ranges.add(AddressRange(base: base, limit: limit))
            return true
        }

        var all: [[UInt]] { (0..<ranges.count).map { [ranges[$0].base, ranges[$0].limit] } }
    }

    @Test(arguments: [
        ([[10, 20]], [[10, 20]]),
        ([[10, 20], [30, 40]], [[10, 20], [30, 40]]),
        ([[30, 40], [10, 20]], [[10, 20], [30, 40]]),
        ([[10, 20], [20, 40]], [[10, 40]]),
        ([[20, 40], [10, 20]], [[10, 40]]),
        ([[10, 20], [30, 40], [20, 30]], [[10, 40]]),
        ([[10, 20], [30, 40], [50, 60], [20, 30]], [[10, 40], [50, 60]]),
        ([[10, 20], [50, 60], [30, 40]], [[10, 20], [30, 40], [50, 60]]),
    ] as [([[UInt]], [[UInt]])])
    func neighboursAreJoined(added: [[UInt]], expected: [[UInt]]) throws {
        var fixture = try Fixture()
        for range in added {
            let done = fixture.add(range[0], range[1])
            #expect(done)
        }
        #expect(fixture.all == expected)
        #expect(fixture.ranges.totalByteCount == added.reduce(0) { $0 + $1[1] - $1[0] })
        #expect(fixture.memory.destroy() == 0)
    }

    @Test func lookupsSeeBordersAndGaps() throws {
        var fixture = try Fixture()
        for index in 1...40 as ClosedRange<UInt> {
            let done = fixture.add(index * 100, index * 100 + 10)
            #expect(done)
        }
        let ranges = fixture.ranges
        #expect(ranges.count == 40)
        #expect(!ranges.contains(99) && ranges.contains(100) && ranges.contains(109) && !ranges.contains(110))
        #expect(ranges.firstAddress(from: 0) == 100)
        #expect(ranges.firstAddress(from: 105) == 105)
        #expect(ranges.firstAddress(from: 110) == 200)
        #expect(ranges.firstAddress(from: 4009) == 4009)
        #expect(ranges.firstAddress(from: 4010) == nil)
        #expect(ranges.intersects(AddressRange(base: 90, limit: 101)))
        #expect(!ranges.intersects(AddressRange(base: 110, limit: 200)))
        #expect(ranges.intersects(AddressRange(base: 0, limit: 9000)))
        #expect(fixture.memory.destroy() == 0)
    }

    @Test func refusedRoomChangesNothing() throws {
        var fixture = try Fixture()
        for index in 1...16 as ClosedRange<UInt> { _ = fixture.add(index * 100, index * 100 + 10) }
        // Use up the chunk, so that more room needs the system.
        let count = SystemStatistic(initializing: .allocate(byteCount: 8, alignment: 8))
        let calls = fixture.memory.callCount
        while fixture.memory.callCount == calls {
            _ = fixture.memory.allocatePersistent(byteCount: 60 << 10, statistic: count)
        }
        for _ in 0..<3 { _ = fixture.memory.allocatePersistent(byteCount: 60 << 10, statistic: count) }
        for _ in 0..<63 { _ = fixture.memory.allocatePersistent(byteCount: 250, statistic: count) }
        let before = fixture.all
        fixture.memory.failCall(1)
        let refused = fixture.add(9000, 9010)
        #expect(!refused)
        #expect(fixture.all == before)
        let done = fixture.add(9000, 9010)
        #expect(done && fixture.ranges.count == 17)
        #expect(fixture.memory.destroy() == 0)
    }

    @Test(arguments: [
        ([10, 20], [30, 40], [10, 20]), ([10, 20], [15, 40], [10, 15]), ([10, 20], [0, 15], [15, 20]),
        ([10, 20], [10, 15], [15, 20]), ([10, 20], [15, 20], [10, 15]),
    ] as [([UInt], [UInt], [UInt])])
    func subtracts(from: [UInt], other: [UInt], rest: [UInt]) {
        let range = AddressRange(base: from[0], limit: from[1])
        let result = range.subtracting(AddressRange(base: other[0], limit: other[1]))
        #expect(result == AddressRange(base: rest[0], limit: rest[1]))
    }
}

@Suite struct PallocSumTests {
    @Test(arguments: [
        ([0, 0, 0], [0, 0, 0], [0, 0, 0]), ([8, 8, 8], [8, 8, 8], [16, 16, 16]), ([2, 3, 3], [8, 8, 8], [2, 11, 11]),
        ([8, 8, 8], [4, 4, 0], [12, 12, 0]), ([1, 2, 2], [3, 4, 1], [1, 5, 1]), ([8, 8, 8], [0, 6, 1], [8, 8, 1]),
    ] as [([UInt], [UInt], [UInt])])
    func merges(low: [UInt], high: [UInt], whole: [UInt]) {
        let parts = [low, high].map { PallocSum(start: $0[0], max: $0[1], end: $0[2]) }
        let merged = parts.withUnsafeBufferPointer {
            PallocSum.merging($0.baseAddress!, count: 2, logPageCount: 3)
        }
        #expect(merged == PallocSum(start: whole[0], max: whole[1], end: whole[2]))
    }

    @Test func packsTheFullForm() {
        let full = PallocSum(start: 1 << 21, max: 1 << 21, end: 1 << 21)
        #expect(full.bits == 1 << 63)
        #expect(full.start == 1 << 21 && full.max == 1 << 21 && full.end == 1 << 21)
        let almost = PallocSum(start: 1, max: 1 << 21 - 1, end: 1 << 20)
        #expect(almost.start == 1 && almost.max == 1 << 21 - 1 && almost.end == 1 << 20)
        #expect(PallocSum.none.isNone && !PallocSum.freeChunk.isNone)
    }
}
