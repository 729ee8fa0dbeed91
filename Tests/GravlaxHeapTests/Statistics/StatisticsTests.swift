import GravlaxHeap
import Synchronization
import Testing

/// The identities between the statistics, and exact numbers where they can be known.
@Suite struct StatisticsTests {
    private func check(_ fixture: HeapFixture, _ statistics: HeapStatistics) {
        #expect(statistics.heapSys == statistics.heapInUse + statistics.heapIdle)
        #expect(statistics.heapReleased <= statistics.heapIdle)
        #expect(statistics.objects == statistics.mallocs - statistics.frees)
        let small = statistics.bySize.reduce(into: (mallocs: UInt64(0), frees: UInt64(0))) {
            $0.mallocs += $1.mallocs
            $0.frees += $1.frees
        }
        #expect(statistics.mallocs == small.mallocs + fixture.counters.largeAllocCount.value)
        #expect(statistics.frees == small.frees + fixture.counters.largeFreeCount.value)
        var pages: UInt = 0
        for position in 0..<fixture.raw.pointee.allSpansCount {
            let span = MSpanRef(bitPattern: fixture.raw.pointee.allSpans[position])!
            if span.state == .inUse { pages += span.pointee.pageCount }
        }
        #expect(statistics.pagesInUse == UInt64(pages) && statistics.heapInUse == UInt64(pages) << 13)
    }

    @Test(arguments: 0..<4 as Range<UInt64>) func identitiesHoldThroughoutAWorkload(seed: UInt64) throws {
        let fixture = try HeapFixture()
        var generator = SeededGenerator(seed: seed)
        var stacks: [UnsafeMutableRawPointer] = []
        for _ in 0..<40 {
            for _ in 0..<200 {
                switch Int.random(in: 0..<100, using: &generator) {
                case 0..<2: _ = try fixture.allocateNoScan(Int.random(in: 32_769...500_000, using: &generator))
                case 2..<4: stacks.append(fixture.mutator.allocateStack(byteCount: Int.random(in: 1...300_000, using: &generator))!)
                case 4..<6: if let stack = stacks.popLast() { fixture.mutator.freeStack(stack) }
                case 6..<30: _ = try fixture.allocate(ObjectLayout(headerWords: 1, slotCount: Int.random(in: 0...200, using: &generator)))
                default:
                    let address = try fixture.allocateNoScan(Int.random(in: 0...5000, using: &generator))
                    if Int.random(in: 0..<10, using: &generator) == 0 { fixture.roots.words.append(UInt64(address & ~7)) }
                }
            }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: fixture.mutator.collect()
            case 1: fixture.markAndFlip()
            case 2: _ = fixture.raw.scavengeAll()
            default: break
            }
            check(fixture, fixture.mutator.readStatistics())
        }
        fixture.roots.words = []
        stacks.forEach(fixture.mutator.freeStack)
        fixture.mutator.collect()
        let end = fixture.mutator.readStatistics()
        check(fixture, end)
        #expect(end.objects == 0 && end.heapInUse == 0 && end.stacksInUse == 0 && end.heapMarked == 0)
    }

    @Test func countsAreExactWhenNothingIsCached() throws {
        let fixture = try HeapFixture()
        let live = try (0..<10).map { _ in UInt64(try fixture.allocateNoScan(48)) }
        for _ in 0..<90 { _ = try fixture.allocateNoScan(48) }
        for _ in 0..<3 { _ = try fixture.allocateNoScan(50_000) }
        for _ in 0..<7 { _ = try fixture.allocate(ObjectLayout(headerWords: 1, slotCount: 1)) }
        let before = fixture.mutator.readStatistics()
        #expect(before.mallocs == 110 && before.frees == 0)
        fixture.roots.words = live
        fixture.mutator.collect()
        let after = fixture.mutator.readStatistics()
        #expect(after.mallocs == 110 && after.frees == 100 && after.objects == 10)
        #expect([after.bySize[4].mallocs, after.bySize[4].frees] == [100, 90] && after.bySize[4].size == 48)
        #expect([after.bySize[1].mallocs, after.bySize[1].frees] == [7, 7] && after.bySize[1].size == 16)
        #expect(fixture.counters.largeFreeBytes.value == 3 * 7 * 8192)
        #expect(after.heapMarked == 480 && after.cycles == 1)
    }

    @Test func everyClassHasItsRow() throws {
        let fixture = try HeapFixture()
        let rows = fixture.statistics.bySize
        #expect(rows.count == SizeClass.count - 1)
        #expect(rows.map(\.size) == SizeClassTable.size.dropFirst().map { Int($0) })
    }

    @Test func scavengingReleasesAllThatIsFree() throws {
        let fixture = try HeapFixture()
        let span = try fixture.manualSpan(1000)
        let kept = try fixture.manualSpan(10)
        object(span.base).update(repeating: 1, count: 1000 << 10)
        fixture.freeManual(span)
        let before = fixture.statistics
        #expect(before.heapIdle - before.heapReleased == 1000 << 13)
        #expect(fixture.raw.scavengeAll() == 1000 << 13)
        let after = fixture.statistics
        #expect(after.heapReleased == after.heapIdle && after.heapIdle == before.heapIdle)
        #expect(object(span.base).pointee == 0)
        // Nothing is left, and what is in use stays.
        #expect(fixture.raw.scavengeAll() == 0)
        #expect(fixture.statistics.stacksInUse == 10 << 13)
        fixture.freeManual(kept)
    }

    @Test func refusedReleasesAreNotCounted() throws {
        let fixture = try HeapFixture()
        fixture.freeManual(try fixture.manualSpan(100))
        let before = fixture.statistics.heapReleased
        fixture.memory.failCall(1)
        #expect(fixture.raw.scavengeAll() == 0)
        #expect(fixture.statistics.heapReleased == before)
        #expect(fixture.raw.scavengeAll() == 100 << 13)
    }

    @Test func freeOSMemoryCollectsFirst() throws {
        let fixture = try HeapFixture()
        let live = try fixture.allocateNoScan(1 << 20)
        fixture.roots.words = [UInt64(live)]
        for _ in 0..<50 { _ = try fixture.allocateNoScan(1 << 20) }
        for _ in 0..<5000 { _ = try fixture.allocateNoScan(100) }
        #expect(fixture.mutator.freeOSMemory() >= 50 << 20)
        let after = fixture.statistics
        #expect(after.heapReleased == after.heapIdle && after.heapInUse == 1 << 20)
        #expect(after.cycles == 1 && after.objects == 1)
    }

    // MARK: Sizes that the rest of the heap relies on

    @Test func constantsAreThoseOfTheArchitecture() {
        #expect(HeapConstants.pageSize == 8192 && HeapConstants.arenaSize == 64 << 20)
        #expect(HeapConstants.pagesPerArena == 8192 && HeapConstants.arenaCount == 1 << 22)
        #expect(HeapConstants.pagesPerChunk == 512 && HeapConstants.pagesPerChunk % 8 == 0)
        #expect(SpanClass.count == 136 && SpanClass.tiny == SpanClass(SizeClass.fitting(16), noscan: true))
        #expect(MarkBitsArenas.arenaByteCount == 64 << 10 && MarkBitsArenas.usableByteCount == 65_520)
        #expect(OSMemory.hugePageByteCount <= UInt(HeapConstants.maxPhysicalHugePageSize))
        #expect(UInt(HeapConstants.maxPhysicalHugePageSize) == PageGeometry.chunkByteCount)
    }

    @Test(arguments: [
        (4096, true), (8192, true), (65_536, true), (524_288, true), (0, false), (2048, false), (12_288, false), (1 << 20, false),
    ] as [(UInt, Bool)])
    func systemPagesHaveBounds(byteCount: UInt, isAccepted: Bool) {
        #expect(HeapConstants.acceptsPhysicalPages(byteCount: byteCount) == isAccepted)
    }

    @Test(arguments: 0..<UInt8(SpanClass.count)) func spanClassesAreSizeAndScan(rawValue: UInt8) {
        let spanClass = SpanClass(rawValue: rawValue)
        #expect(spanClass.sizeClass.rawValue == rawValue / 2 && spanClass.noscan == (rawValue % 2 == 1))
        #expect(SpanClass(spanClass.sizeClass, noscan: spanClass.noscan) == spanClass)
    }

    @Test(arguments: [
        (0, 100, 4 << 20), (1 << 20, 100, 4 << 20), (10 << 20, 100, 20 << 20), (10 << 20, 0, 10 << 20),
        (1 << 30, 1 << 40, (1 << 30) + (1 << 70 as UInt128) / 100), (1 << 60, .max, .max), (0, .max, .max), (5, -1, .max),
    ] as [(UInt64, Int, UInt128)])
    func theGoalFollowsWhatIsLive(marked: UInt64, percent: Int, goal: UInt128) {
        #expect(Pacer.goal(afterMarking: marked, percent: percent) == UInt64(clamping: goal))
    }
}
