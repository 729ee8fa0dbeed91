import GravlaxHeap
import Synchronization
import Testing

/// Several pointer-free objects in one 16-byte block.
@Suite struct TinyAllocationTests {
    @Test(arguments: [(1, 1), (2, 2), (3, 1), (4, 4), (5, 1), (6, 2), (8, 8), (10, 2), (12, 4), (15, 1)] as [(Int, UInt)])
    func objectsAreAlignedByTheirSize(byteCount: Int, alignment: UInt) throws {
        let fixture = try HeapFixture()
        for _ in 0..<40 {
            _ = try fixture.allocateNoScan(1)
            #expect(try fixture.allocateNoScan(byteCount) % alignment == 0)
        }
    }

    @Test func objectsShareABlockUntilItIsFull() throws {
        let fixture = try HeapFixture()
        let block = try fixture.allocateNoScan(8)
        #expect(block % 16 == 0)
        #expect(try fixture.allocateNoScan(4) == block + 8)
        #expect(try fixture.allocateNoScan(1) == block + 12)
        #expect(try fixture.allocateNoScan(2) == block + 14)
        #expect(try fixture.allocateNoScan(1) == block + 16)
        let found = try #require(fixture.raw.findObject(block + 13))
        #expect(found.base == block && found.span.pointee.spanClass == SpanClass.tiny)
        #expect(SpanClass.tiny.sizeClass.elemSize == 16 && SpanClass.tiny.noscan && SpanClass.tiny.rawValue == 5)
        fixture.state.releaseAll()
        #expect(fixture.statistics.tinyAllocs == 5 && fixture.statistics.mallocs == 2)
    }

    @Test func theBlockWithMoreRoomIsKept() throws {
        let fixture = try HeapFixture()
        let first = try fixture.allocateNoScan(10)
        let second = try fixture.allocateNoScan(12)
        #expect(second == first + 16)
        // Six bytes are left in the first, four in the second.
        #expect(try fixture.allocateNoScan(4) == first + 12)
        let third = try fixture.allocateNoScan(1)
        #expect(third == second + 16)
        #expect(try fixture.allocateNoScan(15) == third + 1)
    }

    @Test(arguments: [0, -1, Int.min]) func nothingIsAByte(byteCount: Int) throws {
        let fixture = try HeapFixture()
        let first = try fixture.allocateNoScan(byteCount)
        #expect(try fixture.allocateNoScan(byteCount) == first + 1)
    }

    @Test func blocksAreZeroedWhenTheyAreUsedAgain() throws {
        let fixture = try HeapFixture()
        // One block lives, so that the span stays; the others are dirty and die.
        let keeper = try fixture.allocateNoScan(15)
        fixture.roots.words = [UInt64(keeper & ~7)]
        for _ in 0..<100 {
            let block = try fixture.allocateNoScan(15)
            UnsafeMutableRawPointer(bitPattern: block)!.initializeMemory(as: UInt8.self, repeating: 0xA5, count: 16)
        }
        fixture.mutator.collect()
        for _ in 0..<100 {
            let address = try fixture.allocateNoScan(8)
            #expect(fixture.raw.spanOf(address) == fixture.raw.spanOf(keeper) && object(address).pointee == 0)
        }
    }
}

/// Objects up to 32 KiB.
@Suite struct SmallAllocationTests {
    @Test func everySizeGetsItsClass() throws {
        let fixture = try HeapFixture()
        for byteCount in stride(from: 16, through: HeapConstants.maxSmallSize, by: 61) {
            let address = try fixture.allocateNoScan(byteCount)
            let span = try #require(fixture.raw.spanOfHeap(address))
            #expect(span.pointee.spanClass == SpanClass(SizeClass.fitting(byteCount), noscan: true))
            #expect((address - span.base) % span.pointee.elemSize == 0)
        }
    }

    @Test(arguments: [(1, 0, true), (1, 1, false), (0, 1, false), (1, 4095, false), (4096, 0, true)] as [(Int, Int, Bool)])
    func slotsDecideWhetherASpanIsScanned(header: Int, slots: Int, noscan: Bool) throws {
        let fixture = try HeapFixture()
        let span = try #require(
            fixture.raw.spanOfHeap(try fixture.allocate(ObjectLayout(headerWords: header, slotCount: slots))))
        #expect(span.pointee.spanClass.noscan == noscan)
    }

    @Test func objectsNeverOverlap() throws {
        let fixture = try HeapFixture()
        var generator = SeededGenerator(seed: 1)
        var ends: [(start: UInt, end: UInt)] = []
        for _ in 0..<3000 {
            let byteCount = Int.random(in: 1...3000, using: &generator)
            let start = try fixture.allocateNoScan(byteCount)
            ends.append((start, start + UInt(byteCount)))
        }
        ends.sort { $0.start < $1.start }
        #expect(zip(ends, ends.dropFirst()).allSatisfy { $0.end <= $1.start })
    }

    /// Whatever was there before, an object begins as zeroes, on the fast path and the slow one.
    @Test(arguments: [ObjectLayout(headerWords: 1, slotCount: 3), ObjectLayout(headerWords: 1, slotCount: 60),
        ObjectLayout(headerWords: 20, slotCount: 0), ObjectLayout(headerWords: 2, slotCount: 4000)])
    func objectsAreZeroed(layout: ObjectLayout) throws {
        let fixture = try HeapFixture()
        let words = layout.byteCount / 8
        func dirty() throws -> [UInt] {
            try (0..<200).map { _ in
                let address = try fixture.allocate(layout)
                #expect((0..<words).allSatisfy { object(address)[$0] == 0 })
                object(address).update(repeating: 0xBAD, count: words)
                return address
            }
        }
        let first = try dirty()
        fixture.roots.words = stride(from: 0, to: 200, by: 3).map { UInt64(first[$0]) }
        // The words are no objects: nothing but the roots stays.
        fixture.mutator.collect()
        let second = try dirty()
        #expect(!Set(first).isDisjoint(with: second))
    }

    @Test func layoutsThatNobodyCanHaveAreRefused() throws {
        let fixture = try HeapFixture()
        for layout in [
            ObjectLayout(headerWords: Int.max, slotCount: 0), ObjectLayout(headerWords: 1, slotCount: Int.max),
            ObjectLayout(headerWords: Int.max, slotCount: Int.max), ObjectLayout(headerWords: 1 << 33, slotCount: 1 << 45),
        ] {
            #expect(fixture.mutator.allocate(layout) == nil)
        }
        #expect(ObjectLayout.roundedSlotCount(headerWords: 1, slotCount: Int.max) == Int.max)
        #expect(ObjectLayout.roundedSlotCount(headerWords: Int.max, slotCount: 5) == 5)
        #expect(fixture.statistics.heapSys == 0)
    }

    @Test(arguments: [(1, 0, 0), (1, 1, 1), (1, 3, 3), (1, 4, 5), (2, 4096, 4094 + 1024)])
    func slotCountsAreRoundedToWhatIsPaidFor(header: Int, slots: Int, rounded: Int) {
        #expect(ObjectLayout.roundedSlotCount(headerWords: header, slotCount: slots) == rounded)
    }
}

/// Objects with a span of their own.
@Suite struct LargeAllocationTests {
    @Test(arguments: [32_769, 40_960, 40_961, 1 << 20, (64 << 20) + 1])
    func aLargeObjectHasWholePagesAndEndsWithItself(byteCount: Int) throws {
        let fixture = try HeapFixture()
        let address = try fixture.allocateNoScan(byteCount)
        let span = try #require(fixture.raw.spanOfHeap(address))
        let pages = (byteCount + 8191) / 8192
        #expect(address == span.base && span.pointee.pageCount == UInt(pages))
        #expect(span.pointee.limit == address + UInt(byteCount))
        #expect(span.pointee.elemSize == UInt(pages * 8192) && span.pointee.elemCount == 1)
        #expect(span.pointee.allocCount == 1 && !span.hasFree && !span.isFree(0))
        #expect(span.pointee.spanClass == SpanClass(.large, noscan: true))
        let counters = fixture.counters
        #expect(counters.largeAllocBytes.value == UInt64(pages * 8192) && counters.largeAllocCount.value == 1)
        #expect(fixture.statistics.heapLive == UInt64(pages * 8192))
        fixture.mutator.collect()
        #expect(counters.largeFreeBytes.value == UInt64(pages * 8192) && counters.largeFreeCount.value == 1)
        #expect(span.state == .dead)
    }

    @Test func largeObjectsAreZeroedWhenTheirPagesAreUsedAgain() throws {
        let fixture = try HeapFixture()
        let first = try fixture.allocateNoScan(100_000)
        object(first).update(repeating: .max, count: 12_500)
        fixture.mutator.collect()
        let second = try fixture.allocate(ObjectLayout(headerWords: 1, slotCount: 12_000))
        #expect(second == first)
        #expect((0..<12_001).allSatisfy { object(second)[$0] == 0 })
    }

    @Test(arguments: [Int.max, Int.max - 8191, 1 << 62, HeapConstants.maxAllocation + 1])
    func absurdSizesAreRefused(byteCount: Int) throws {
        let fixture = try HeapFixture()
        #expect(fixture.mutator.allocateNoScan(byteCount: byteCount) == nil)
        #expect(fixture.statistics.heapSys == 0)
        #expect(fixture.mutator.allocateStack(byteCount: byteCount) == nil)
    }

    /// Address space is not memory: what nobody touches costs nothing but its tables.
    @Test func hugeSizesAreServedFromAddressSpace() throws {
        let fixture = try HeapFixture()
        let address = try fixture.allocateNoScan(16 << 30)
        object(address + 16 << 30 - 8).pointee = 7
        #expect(fixture.raw.findObject(address + 16 << 30 - 1)?.base == address)
        fixture.mutator.collect()
        #expect(fixture.raw.findObject(address) == nil)
    }

    // MARK: Stacks

    @Test func stacksAreWholePagesThatNobodyCollects() throws {
        let fixture = try HeapFixture()
        let stack = try #require(fixture.mutator.allocateStack(byteCount: 8193))
        let address = UInt(bitPattern: stack)
        #expect(fixture.statistics.stacksInUse == 16384)
        object(address)[2047] = 5
        fixture.mutator.collect()
        #expect(object(address)[2047] == 5 && fixture.raw.isInHeapOrStack(address + 16383))
        fixture.mutator.freeStack(stack)
        #expect(fixture.statistics.stacksInUse == 0 && !fixture.raw.isInHeapOrStack(address))
    }

    @Test(arguments: [0, -1, Int.min]) func noStackIsRefused(byteCount: Int) throws {
        let fixture = try HeapFixture()
        #expect(fixture.mutator.allocateStack(byteCount: byteCount) == nil)
    }

    @Test func freeingWhatIsNoStackIsFatal() async {
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            fixture.mutator.freeStack(fixture.mutator.allocateStack(byteCount: 20_000)! + 8192)
        }
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            fixture.mutator.freeStack(fixture.mutator.allocateNoScan(byteCount: 40_000)!)
        }
    }
}
