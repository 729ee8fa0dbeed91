import GravlaxHeap
import Synchronization
import Testing

/// The span record by itself: what `initialize` resets, windows, marks, indexes.
@Suite struct MSpanTests {
    @Test func statesHaveTheNumbersOfGo() {
        #expect(MSpanState.dead.rawValue == 0 && MSpanState.inUse.rawValue == 1 && MSpanState.manual.rawValue == 2)
    }

    @Test func initializeResetsAllButGenerationAndDivision() {
        let fixture = ListFixture()
        let span = fixture.spans
        let bits = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
        defer { bits.deallocate() }
        span.initialize(base: 0x10000, pageCount: 2)
        span.pointee.sweepgen.store(42, ordering: .relaxed)
        span.pointee.divShift = 3
        span.pointee.divShift2 = 11
        span.pointee.divMul = 683
        span.pointee.baseMask = 7
        span.pointee.limit = 1
        span.pointee.elemSize = 24
        span.pointee.allocCache = 5
        span.pointee.freeIndex = 6
        span.pointee.allocWindow = 64
        span.pointee.elemCount = 7
        span.pointee.allocCount = 8
        span.pointee.withheldCache = 9
        span.pointee.spanClass = SpanClass(rawValue: 7)
        span.pointee.needZero = true
        span.pointee.allocBits = bits
        span.pointee.gcmarkBits = bits
        span.pointee.manualFreeList = 11
        span.pointee.specials = UnsafeMutablePointer(bitPattern: 64)
        span.pointee.specialLock.store(1, ordering: .relaxed)
        span.setState(.inUse)
        fixture.lists.insert(span)
        fixture.lists.insert(span + 1)

        span.initialize(base: 0x20000, pageCount: 3)
        #expect(span.pointee.sweepgen.load(ordering: .relaxed) == 42)
        #expect(span.pointee.divShift == 3 && span.pointee.divShift2 == 11)
        #expect(span.pointee.divMul == 683 && span.pointee.baseMask == 7)
        #expect(span.base == 0x20000 && span.pointee.pageCount == 3)
        #expect(span.pointee.limit == 0 && span.pointee.elemSize == 0 && span.pointee.elemCount == 0)
        #expect(span.pointee.allocCache == 0 && span.pointee.freeIndex == 0 && span.pointee.allocWindow == 0)
        #expect(span.pointee.allocCount == 0 && span.pointee.withheldCache == 0)
        #expect(span.pointee.spanClass.rawValue == 0 && !span.pointee.needZero && span.pointee.manualFreeList == 0)
        #expect(span.pointee.allocBits == nil && span.pointee.gcmarkBits == nil && span.pointee.specials == nil)
        #expect(span.pointee.specialLock.load(ordering: .relaxed) == 0)
        #expect(!span.inList && span.pointee.next == nil && span.pointee.previous == nil)
        #expect(span.state == .dead)
    }

    @Test(arguments: [(2, 24, 682), (1, 0, 0), (5, 40960, 1), (1, 8192, 1), (3, 10240, 2)] as [(UInt, UInt, UInt)])
    func layoutIsSizeCountAndTotal(pages: UInt, size: UInt, count: UInt) {
        let fixture = ListFixture()
        fixture.spans.initialize(base: 0x10000, pageCount: pages)
        fixture.spans.pointee.elemSize = size
        let layout = fixture.spans.layout
        #expect(layout.size == size && layout.count == count && layout.total == pages * 8192)
    }

    /// The index of every byte of a real span of every class, in the heap and by division.
    @Test func indexesAreExactForEveryClassAndOffset() throws {
        let fixture = try HeapFixture()
        for sizeClass in 1..<UInt8(SizeClass.count) {
            let spanClass = SpanClass(SizeClass(rawValue: sizeClass), noscan: true)
            let span = try fixture.objectSpan(UInt(spanClass.sizeClass.pageCount), spanClass)
            let size = UInt(spanClass.sizeClass.elemSize)
            #expect(span.pointee.elemSize == size)
            #expect(span.pointee.limit == span.base + UInt(span.pointee.elemCount) * size)
            #expect(span.pointee.limit + size > span.base + span.layout.total)
            var wrong = 0
            for address in span.base..<span.pointee.limit where span.objectIndex(of: address) != (address - span.base) / size {
                wrong += 1
            }
            #expect(wrong == 0, "class \(sizeClass)")
        }
    }

    @Test func aLargeObjectHasIndexZeroEverywhere() throws {
        let fixture = try HeapFixture()
        let span = try fixture.objectSpan(20)
        #expect(span.pointee.divMul == 0 && span.pointee.divShift == 0)
        #expect(span.pointee.divShift2 == 0 && span.pointee.baseMask == 0)
        #expect(stride(from: span.base, to: span.base + 20 << 13, by: 8).allSatisfy { span.objectIndex(of: $0) == 0 })
    }
}

/// The window of free bits that allocation works from.
@Suite struct AllocWindowTests {
    /// A span of `count` objects whose alloc bits are those of `allocated`.
    private final class Windows {
        let list = ListFixture()
        let bits: UnsafeMutablePointer<UInt8>
        var span: MSpanRef { list.spans }

        init(count: UInt32, allocated: Set<UInt32>) {
            bits = .allocate(capacity: 256)
            bits.initialize(repeating: 0, count: 256)
            for index in allocated { bits[Int(index >> 3)] |= 1 << UInt8(index & 7) }
            span.initialize(base: 0x10000, pageCount: 1)
            span.pointee.elemCount = count
            span.pointee.allocBits = bits
        }

        deinit { bits.deallocate() }

        /// Takes the next free object as the allocator does.
        func next() -> UInt32? {
            guard span.hasFree else { return nil }
            let bit = span.pointee.allocCache.trailingZeroBitCount
            let index = span.pointee.freeIndex + UInt32(bit)
            span.pointee.allocCache = (span.pointee.allocCache &>> UInt64(bit)) &>> 1
            span.pointee.freeIndex = index + 1
            return index
        }
    }

    @Test(arguments: [1, 63, 64, 65, 127, 128, 200, 1024] as [UInt32])
    func everyFreeObjectComesOnceInOrder(count: UInt32) {
        var generator = SeededGenerator(seed: UInt64(count))
        for density in 0...4 {
            let allocated = Set((0..<count).filter { _ in Int.random(in: 0..<4, using: &generator) < density })
            let windows = Windows(count: count, allocated: allocated)
            let free = (0..<count).filter { !allocated.contains($0) }
            #expect(windows.span.freeCount == UInt32(free.count))
            for (position, index) in free.enumerated() {
                #expect(windows.next() == index)
                #expect(windows.span.freeCount == UInt32(free.count - position - 1))
            }
            #expect(windows.next() == nil)
            #expect(windows.span.freeCount == 0 && windows.span.pointee.freeIndex == count)
        }
    }

    /// What lies past the last object is garbage in Go's bits; here it must never be handed out.
    @Test func bitsPastTheLastObjectMeanNothing() {
        let windows = Windows(count: 70, allocated: [])
        for _ in 0..<70 { #expect(windows.next() != nil) }
        #expect(windows.next() == nil)
    }

    @Test func fullWindowsAreSkipped() {
        let windows = Windows(count: 300, allocated: Set(0..<256))
        #expect(windows.next() == 256)
    }

    @Test func isFreeKnowsWhatWasHandedOut() {
        let windows = Windows(count: 10, allocated: [3])
        #expect((0..<10).map { windows.span.isFree(UInt($0)) } == (0..<10).map { $0 != 3 })
        _ = windows.next()
        _ = windows.next()
        #expect(!windows.span.isFree(0) && !windows.span.isFree(1) && windows.span.isFree(2))
    }

    @Test func withheldBitsComeBackOneByOne() {
        let windows = Windows(count: 130, allocated: [1])
        #expect(windows.span.hasFree)
        for expected in (0..<130 as Range<UInt32>) where expected != 1 {
            windows.span.withholdWindow()
            #expect(windows.span.pointee.allocCache == 0)
            #expect(windows.span.freeCount == 129 - (expected == 0 ? 0 : expected - 1))
            #expect(windows.next() == expected)
        }
        #expect(windows.next() == nil)
    }

    @Test func resetStartsOverOnNewBits() {
        let windows = Windows(count: 100, allocated: [])
        for _ in 0..<80 { _ = windows.next() }
        windows.bits[0] = 0b101
        windows.span.resetAllocation()
        #expect(windows.next() == 1 && windows.next() == 3)
    }
}

@Suite struct MarkBitTests {
    @Test func marksAreSetOnceAndCounted() throws {
        let fixture = try HeapFixture()
        let spanClass = SpanClass(SizeClass.fitting(8), noscan: true)
        let span = try fixture.objectSpan(1, spanClass)
        #expect(span.markedCount == 0)
        for index in [0, 7, 8, 63, 64, 1023] as [UInt] {
            #expect(!span.isMarked(index))
            #expect(span.setMarked(index))
            #expect(!span.setMarked(index))
            #expect(span.isMarked(index))
            #expect(span.pointee.gcmarkBits![Int(index >> 3)] & (1 << UInt8(index & 7)) != 0)
        }
        #expect(span.markedCount == 6)
        #expect(!span.isMarked(1) && !span.isMarked(65))
    }
}
