import GravlaxHeap
import Synchronization
import Testing

/// Runs of pages becoming spans: which path serves them, what is counted, what the record says.
@Suite struct AllocSpanTests {
    private static let large = SpanClass(.large, noscan: true)

    /// A heap that has a chunk of free pages.
    private func grown() throws -> HeapFixture {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(512) })
        return fixture
    }

    // MARK: The page cache

    @Test func smallRunsComeFromTheMutatorsPages() throws {
        let fixture = try grown()
        let first = try #require(fixture.raw.alloc(1, Self.large, needZero: false, fixture.state))
        let cache = fixture.state.pointee.pageCache
        #expect(cache.base == first.base && cache.free == ~1)
        let second = try #require(fixture.raw.alloc(15, Self.large, needZero: false, fixture.state))
        #expect(second.base == first.base + 8192)
        #expect(fixture.state.pointee.pageCache.free == ~0xFFFF)
    }

    @Test func fromSixteenPagesOnTheAllocatorServes() throws {
        let fixture = try grown()
        _ = try #require(fixture.raw.alloc(1, Self.large, needZero: false, fixture.state))
        let cache = fixture.state.pointee.pageCache
        let span = try #require(fixture.raw.alloc(16, Self.large, needZero: false, fixture.state))
        #expect(fixture.state.pointee.pageCache == cache)
        #expect(span.base == cache.base + 64 << 13)
    }

    @Test func withoutAMutatorThereIsNoCache() throws {
        let fixture = try grown()
        let first = try fixture.objectSpan(1)
        let second = try fixture.objectSpan(1)
        #expect(second.base == first.base + 8192 && fixture.state.pointee.pageCache.isEmpty)
    }

    /// Holding the heap lock, since taking it again would be fatal (and without checks a deadlock).
    @Test func nothingIsLockedWhenPagesAndARecordAreAtHand() throws {
        let fixture = try grown()
        _ = try #require(fixture.raw.alloc(1, Self.large, needZero: false, fixture.state))
        #expect(fixture.state.pointee.spanRecordCount == 63)
        fixture.withLock {
            for count in 1...5 as ClosedRange<UInt> {
                #expect(fixture.raw.alloc(count, Self.large, needZero: false, fixture.state) != nil)
            }
        }
        #expect(fixture.state.pointee.spanRecordCount == 58)
    }

    @Test func anEmptyStockTakesTheLockWithTheBaseAlreadyFound() throws {
        let fixture = try grown()
        let first = try #require(fixture.raw.alloc(1, Self.large, needZero: false, fixture.state))
        fixture.withLock {
            while let record = fixture.state.takeSpanRecord() { fixture.raw.freeSpanRecord(record, nil) }
        }
        let second = try #require(fixture.raw.alloc(1, Self.large, needZero: false, fixture.state))
        #expect(second.base == first.base + 8192)
        #expect(fixture.state.pointee.spanRecordCount == 63)
    }

    @Test func whatTheCacheCannotServeTheAllocatorDoes() throws {
        let fixture = try grown()
        let cached = try #require(fixture.raw.alloc(1, Self.large, needZero: false, fixture.state))
        // Every other page of the cache is taken: no run of two is left.
        fixture.state.pointee.pageCache = PageCache(base: cached.base, free: 0xAAAA_AAAA_AAAA_AAAA, scavenged: 0)
        let span = try #require(fixture.raw.alloc(2, Self.large, needZero: false, fixture.state))
        #expect(span.base == cached.base + 64 << 13)
        #expect(fixture.state.pointee.pageCache.free == 0xAAAA_AAAA_AAAA_AAAA)
        fixture.state.pointee.pageCache = PageCache(base: cached.base, free: ~1, scavenged: ~1)
    }

    @Test func aClosedMutatorGivesItsPagesBack() throws {
        let fixture = try grown()
        let other = try fixture.makeMutator()
        let span = try #require(fixture.raw.alloc(3, Self.large, needZero: false, other.state))
        other.close()
        // The other 61 pages of its cache are free again, still without memory behind them.
        let released = fixture.statistics.heapReleased
        let next = try fixture.manualSpan(61)
        #expect(next.base == span.base + 3 << 13)
        #expect(fixture.statistics.heapReleased == released - 61 * 8192)
        fixture.freeManual(next)
    }

    // MARK: Records

    @Test(arguments: [1, 5, 33, 67] as [UInt8], [true, false])
    func aSmallSpanIsReadyForItsClass(sizeClass: UInt8, noscan: Bool) throws {
        let fixture = try HeapFixture()
        let spanClass = SpanClass(SizeClass(rawValue: sizeClass), noscan: noscan)
        let pages = UInt(spanClass.sizeClass.pageCount)
        let size = UInt(spanClass.sizeClass.elemSize)
        let span = try fixture.objectSpan(pages, spanClass)
        #expect(span.state == .inUse && span.pointee.pageCount == pages)
        #expect(span.pointee.spanClass == spanClass && span.pointee.elemSize == size)
        #expect(UInt(span.pointee.elemCount) == pages << 13 / size)
        #expect(span.pointee.limit == span.base + UInt(span.pointee.elemCount) * size)
        #expect(span.pointee.allocCount == 0 && span.pointee.freeIndex == 0)
        #expect(span.markedCount == 0 && span.freeCount == span.pointee.elemCount)
        #expect(span.pointee.allocBits != span.pointee.gcmarkBits)
        #expect(span.pointee.sweepgen.load(ordering: .relaxed) == fixture.raw.sweepgen)
        #expect(!span.inList && span.pointee.specials == nil)
        #expect(span.pointee.divMul == SizeClassTable.divMul[Int(sizeClass)])
        #expect(span.pointee.baseMask == SizeClassTable.baseMask[Int(sizeClass)])
    }

    @Test func aManualSpanHasNoObjects() throws {
        let fixture = try HeapFixture()
        let swept = fixture.raw.sweptSpans.count
        let span = try fixture.manualSpan(5)
        #expect(span.state == .manual && span.pointee.pageCount == 5)
        #expect(span.pointee.elemCount == 0 && span.pointee.allocCount == 0 && span.pointee.manualFreeList == 0)
        #expect(span.pointee.limit == span.base + 5 << 13)
        #expect(span.pointee.gcmarkBits == nil && span.pointee.allocBits == nil)
        #expect(fixture.raw.sweptSpans.count == swept)
        #expect(fixture.raw.pagesInUse == 0)
        fixture.freeManual(span)
    }

    @Test func everyInUseSpanStandsOnTheSweptStack() throws {
        let fixture = try HeapFixture()
        let spans = try (0..<3).map { _ in try fixture.objectSpan(2) }
        var found: [UInt] = []
        fixture.raw.sweptSpans.forEach { found.append($0) }
        #expect(found == spans.map { UInt(bitPattern: $0) })
        #expect(fixture.raw.pagesInUse == 6)
        #expect(fixture.raw.unsweptSpans.count == 0)
        // The stacks trade roles with the generation alone.
        fixture.raw.pointee.sweepgen.wrappingAdd(2, ordering: .relaxed)
        #expect(fixture.raw.unsweptSpans.count == 3 && fixture.raw.sweptSpans.count == 0)
        fixture.raw.pointee.sweepgen.wrappingSubtract(2, ordering: .relaxed)
    }

    // MARK: Accounting

    /// What moves when `pageCount` pages are taken: heapSys, heapIdle, heapInUse, heapReleased, stacksInUse, pagesInUse.
    private struct Delta: Equatable, CustomStringConvertible {
        var values: [Int64]
        init(_ values: Int64...) { self.values = values }
        init(from before: HeapStatistics, to after: HeapStatistics) {
            values = [\HeapStatistics.heapSys, \.heapIdle, \.heapInUse, \.heapReleased, \.stacksInUse, \.pagesInUse]
                .map { Int64(after[keyPath: $0]) - Int64(before[keyPath: $0]) }
        }
        var description: String { "\(values)" }
    }

    @Test(arguments: [1, 15, 16, 100, 600] as [UInt], [true, false])
    func objectPagesMoveFromIdleToInUse(pageCount: UInt, withMutator: Bool) throws {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(1024) })
        let mutator = withMutator ? fixture.state : nil
        let bytes = Int64(pageCount << 13)
        let start = fixture.statistics
        let fresh = try #require(
            fixture.raw.alloc(pageCount, Self.large, needZero: false, mutator))
        let taken = fixture.statistics
        #expect(Delta(from: start, to: taken) == Delta(0, -bytes, bytes, -bytes, 0, Int64(pageCount)))
        fixture.raw.freeSpan(fresh, mutator)
        let freed = fixture.statistics
        // Freed pages keep their memory.
        #expect(Delta(from: start, to: freed) == Delta(0, 0, 0, -bytes, 0, 0))
        #expect(fresh.state == .dead && freed.heapSys == freed.heapIdle + freed.heapInUse)

        let again = try #require(
            fixture.raw.alloc(pageCount, Self.large, needZero: false, nil))
        #expect(again.base == fresh.base)
        #expect(Delta(from: freed, to: fixture.statistics) == Delta(0, -bytes, bytes, 0, 0, Int64(pageCount)))
    }

    @Test(arguments: [1, 20, 600] as [UInt])
    func manualPagesLeaveTheHeapForTheirStatistic(pageCount: UInt) throws {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(1024) })
        let bytes = Int64(pageCount << 13)
        let start = fixture.statistics
        let span = try fixture.manualSpan(pageCount)
        #expect(Delta(from: start, to: fixture.statistics) == Delta(-bytes, -bytes, 0, -bytes, bytes, 0))
        fixture.freeManual(span)
        #expect(Delta(from: start, to: fixture.statistics) == Delta(0, 0, 0, -bytes, 0, 0))
    }

    @Test func partlyReleasedRunsCountWhatTheSystemHas() throws {
        let fixture = try HeapFixture()
        let first = try fixture.manualSpan(10)
        fixture.freeManual(first)
        let start = fixture.statistics
        // Ten pages with memory, six without.
        let span = try fixture.objectSpan(16)
        #expect(span.base == first.base)
        #expect(Delta(from: start, to: fixture.statistics) == Delta(0, -16 * 8192, 16 * 8192, -6 * 8192, 0, 16))
    }

    // MARK: Refusals and misuse

    /// Each call an allocation makes is refused in turn; nothing is counted, and then it works.
    @Test(arguments: [1, 20, 9000] as [UInt], [true, false])
    func aRefusedSpanLeavesNothingBehind(pageCount: UInt, manual: Bool) throws {
        var refusals = 0
        for n in 1...60 as ClosedRange<UInt64> {
            let fixture = try HeapFixture()
            func take() -> MSpanRef? {
                manual
                    ? fixture.raw.allocManual(pageCount, fixture.counters.stacksInUse, fixture.state)
                    : fixture.raw.alloc(pageCount, Self.large, needZero: true, fixture.state)
            }
            fixture.memory.failCall(n)
            let first = take()
            fixture.memory.failCall(0)
            let after = fixture.statistics
            #expect(after.heapSys == after.heapIdle + after.heapInUse && after.heapReleased <= after.heapIdle)
            if first == nil {
                refusals += 1
                #expect(after.heapInUse == 0 && after.stacksInUse == 0 && after.pagesInUse == 0)
                #expect(fixture.raw.sweptSpans.count == 0)
                #expect(after.heapReleased == after.heapIdle)
                #expect(take() != nil)
            }
        }
        #expect(refusals >= 4)
    }

    @Test func misuseIsFatal() async {
        // No pages at all.
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            _ = fixture.raw.allocManual(0, fixture.counters.stacksInUse, nil)
        }
        // Objects are left.
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            let span = try fixture.objectSpan(1)
            span.pointee.allocCount = 1
            fixture.raw.freeSpan(span, nil)
        }
        // Not swept in this cycle.
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            let span = try fixture.objectSpan(1)
            fixture.raw.pointee.sweepgen.wrappingAdd(2, ordering: .relaxed)
            fixture.raw.freeSpan(span, nil)
        }
        // Freed twice.
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            let span = try fixture.objectSpan(1)
            fixture.raw.freeSpan(span, nil)
            fixture.raw.freeSpan(span, nil)
        }
    }

    @Test func freeingTheWrongKindIsFatal() async {
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            fixture.raw.freeSpan(try fixture.manualSpan(1), nil)
        }
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            fixture.freeManual(try fixture.objectSpan(1))
        }
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            let span = try fixture.manualSpan(1)
            span.pointee.allocCount = 1
            fixture.freeManual(span)
        }
    }
}
