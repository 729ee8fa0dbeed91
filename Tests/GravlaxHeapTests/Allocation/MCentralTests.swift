import GravlaxHeap
import Synchronization
import Testing

/// The shared lists of one span class, and what passes between them and a cache.
@Suite struct MCentralTests {
    /// One object of a page: a span is full with it.
    private static let page = SpanClass(SizeClass.fitting(8192), noscan: true)
    private static let small = SpanClass(SizeClass.fitting(48), noscan: true)

    private func contents(_ list: MSpanListRef) -> [MSpanRef] {
        var spans: [MSpanRef] = []
        var span = list.pointee.first
        while let current = span {
            spans.append(current)
            span = current.pointee.next
        }
        return spans
    }

    private func lists(_ fixture: HeapFixture, _ spanClass: SpanClass) -> (nonEmpty: [MSpanRef], empty: [MSpanRef]) {
        let central = fixture.raw.central(spanClass)
        return (contents(central.pointee.nonEmpty), contents(central.pointee.empty))
    }

    private func generation(_ span: MSpanRef) -> UInt32 { span.pointee.sweepgen.load(ordering: .relaxed) }

    /// Full spans of one object each; a cycle has left them unswept.
    private func unsweptFullSpans(_ count: Int, live: (Int) -> Bool) throws -> (HeapFixture, [MSpanRef]) {
        let fixture = try HeapFixture()
        let objects = try (0..<count).map { _ in try fixture.allocateNoScan(8192) }
        fixture.state.releaseAll()
        fixture.roots.words = objects.indices.filter(live).map { UInt64(objects[$0]) }
        fixture.markAndFlip()
        return (fixture, objects.map { fixture.raw.spanOf($0)! })
    }

    @Test func everyClassHasItsOwnAndNoneShareALine() throws {
        let fixture = try HeapFixture()
        var addresses: [UInt] = []
        for rawValue in 0..<UInt8(SpanClass.count) {
            let central = fixture.raw.central(SpanClass(rawValue: rawValue))
            #expect(central.pointee.spanClass.rawValue == rawValue)
            addresses.append(UInt(bitPattern: central))
        }
        #expect(addresses.count == 136 && addresses.allSatisfy { $0 % 64 == 0 })
        #expect(zip(addresses, addresses.dropFirst()).allSatisfy { $1 - $0 >= 128 })
    }

    @Test func anEmptyCentralGrows() throws {
        let fixture = try HeapFixture()
        let span = try #require(fixture.raw.central(Self.small).cacheSpan(fixture.state))
        #expect(span.pointee.spanClass == Self.small && span.pointee.pageCount == 1)
        let (nonEmpty, empty) = lists(fixture, Self.small)
        #expect(nonEmpty.isEmpty && empty == [span])
        // Ahead of time, all of it counts as handed out.
        fixture.state.flushLocalCounts()
        #expect(fixture.statistics.heapLive == 8192 && fixture.statistics.mallocs == UInt64(8192 / 48))
        fixture.raw.central(Self.small).uncacheSpan(span, fixture.state)
    }

    @Test func aSpanTakenBackIsCountedByItsObjects() throws {
        let fixture = try HeapFixture()
        let object = try fixture.allocateNoScan(48)
        for _ in 0..<9 { _ = try fixture.allocateNoScan(48) }
        let span = try #require(fixture.raw.spanOf(object))
        fixture.state.releaseAll()
        #expect(lists(fixture, Self.small).nonEmpty == [span] && lists(fixture, Self.small).empty.isEmpty)
        #expect(span.pointee.allocCount == 10 && generation(span) == fixture.raw.sweepgen)
        #expect(fixture.statistics.mallocs == 10)
        // What no object can use stays counted, as in Go.
        #expect(fixture.statistics.heapLive == 8192 - UInt64(8192 / 48 - 10) * 48)
        // Taken again: counted whole again, the rest at its end a second time, and it goes on where it was.
        let again = try #require(fixture.raw.central(Self.small).cacheSpan(fixture.state))
        #expect(again == span && fixture.statistics.heapLive == 8192 + 8192 % 48)
        #expect(lists(fixture, Self.small).nonEmpty.isEmpty && lists(fixture, Self.small).empty == [span])
        fixture.raw.central(Self.small).uncacheSpan(again, fixture.state)
        #expect(fixture.statistics.mallocs == 10)
    }

    @Test func aFullSpanStaysAmongTheFull() throws {
        let fixture = try HeapFixture()
        let object = try fixture.allocateNoScan(8192)
        fixture.state.releaseAll()
        let span = try #require(fixture.raw.spanOf(object))
        #expect(lists(fixture, Self.page).nonEmpty.isEmpty && lists(fixture, Self.page).empty == [span])
        #expect(fixture.statistics.heapLive == 8192 && fixture.statistics.mallocs == 1)
    }

    @Test func anUnsweptSpanIsSweptOnItsWayOut() throws {
        let fixture = try HeapFixture()
        let objects = try (0..<20).map { _ in try fixture.allocateNoScan(48) }
        fixture.state.releaseAll()
        fixture.roots.words = [UInt64(objects[4])]
        fixture.markAndFlip()
        let span = try #require(fixture.raw.spanOf(objects[0]))
        #expect(generation(span) == fixture.raw.sweepgen &- 2)
        let cached = try #require(fixture.raw.central(Self.small).cacheSpan(fixture.state))
        #expect(cached == span && span.pointee.allocCount == 1 && generation(span) == fixture.raw.sweepgen)
        #expect(span.pointee.needZero == true)
        #expect(fixture.statistics.bySize[4].frees == 19)
        fixture.raw.central(Self.small).uncacheSpan(cached, fixture.state)
    }

    @Test func atMostAHundredFullSpansAreSwept() throws {
        let (fixture, spans) = try unsweptFullSpans(150) { _ in true }
        let new = try #require(fixture.raw.central(Self.page).cacheSpan(fixture.state))
        #expect(!spans.contains(new))
        #expect(spans.filter { generation($0) == fixture.raw.sweepgen }.count == 100)
        // Those stand behind the others, the new one last.
        let order = lists(fixture, Self.page).empty.map { generation($0) == fixture.raw.sweepgen }
        #expect(order == Array(repeating: false, count: 50) + Array(repeating: true, count: 101))
        fixture.raw.central(Self.page).uncacheSpan(new, fixture.state)
    }

    @Test(arguments: [0, 60, 99]) func theFirstFullSpanWithADeadObjectIsTaken(dead: Int) throws {
        let (fixture, spans) = try unsweptFullSpans(150) { $0 != dead }
        let found = try #require(fixture.raw.central(Self.page).cacheSpan(fixture.state))
        #expect(found == spans[dead])
        #expect(spans.filter { generation($0) == fixture.raw.sweepgen }.count == dead + 1)
        #expect(fixture.raw.pointee.pagesSwept.load(ordering: .relaxed) == UInt(dead + 1))
        fixture.raw.central(Self.page).uncacheSpan(found, fixture.state)
    }

    @Test func spansBeingSweptByOthersAreSkipped() throws {
        let (fixture, spans) = try unsweptFullSpans(3) { _ in false }
        #expect(fixture.raw.claim(spans[0]))
        let found = try #require(fixture.raw.central(Self.page).cacheSpan(fixture.state))
        #expect(found == spans[1])
        fixture.raw.central(Self.page).uncacheSpan(found, fixture.state)
        #expect(fixture.raw.sweep(spans[0], preserve: false, fixture.state))
    }

    /// A mutator that stays outside for long keeps its spans from nobody else's way.
    @Test func spansCachedBeforeTheSweepAreSkipped() throws {
        let fixture = try HeapFixture()
        let other = try fixture.makeMutator()
        let pointer = other.allocateNoScan(byteCount: 8192)
        let held = try #require(fixture.raw.spanOf(UInt(bitPattern: pointer)))
        let spans = try (0..<3).map { _ in fixture.raw.spanOf(try fixture.allocateNoScan(8192))! }
        fixture.state.releaseAll()
        other.enterOutside()
        fixture.markAndFlip()
        #expect(lists(fixture, Self.page).empty == [held] + spans && generation(held) == fixture.raw.sweepgen &+ 1)
        let found = try #require(fixture.raw.central(Self.page).cacheSpan(fixture.state))
        #expect(found == spans[0])
        fixture.raw.central(Self.page).uncacheSpan(found, fixture.state)
        other.leaveOutside()
        other.close()
    }

    @Test func sweepingMovesSpansWithRoomAndFreesEmptyOnes() throws {
        let fixture = try HeapFixture()
        // Three spans of 170 objects: of one nothing lives, of one some, of one all.
        let perSpan = 8192 / 48
        let objects = try (0..<perSpan * 3).map { _ in try fixture.allocateNoScan(48) }
        fixture.state.releaseAll()
        let spans = (0..<3).map { fixture.raw.spanOf(objects[$0 * perSpan])! }
        fixture.roots.words = objects[perSpan..<perSpan + 5].map(UInt64.init) + objects[(2 * perSpan)...].map(UInt64.init)
        fixture.markAndFlip()
        var freed: [UInt] = []
        while let pages = fixture.raw.sweepOne(fixture.state) { freed.append(pages) }
        #expect(freed.sorted() == [0, 0, 1])
        #expect(spans[0].state == .dead && !spans[0].inList)
        #expect(lists(fixture, Self.small).nonEmpty == [spans[1]] && lists(fixture, Self.small).empty == [spans[2]])
        #expect(spans[1].pointee.allocCount == 5 && spans[1].pointee.needZero)
        #expect(spans[2].pointee.allocCount == UInt32(perSpan))
        #expect(fixture.statistics.bySize[4].frees == UInt64(2 * perSpan - 5))
        #expect(fixture.raw.pointee.pagesSwept.load(ordering: .relaxed) == 3)
    }

    @Test func aRefusedSpanIsNil() throws {
        let fixture = try HeapFixture()
        fixture.memory.failCall(1)
        #expect(fixture.raw.central(Self.small).cacheSpan(fixture.state) == nil)
        #expect(fixture.statistics.heapLive == 0 && fixture.statistics.mallocs == 0)
        #expect(lists(fixture, Self.small).empty.isEmpty)
        let span = try #require(fixture.raw.central(Self.small).cacheSpan(fixture.state))
        fixture.raw.central(Self.small).uncacheSpan(span, fixture.state)
    }
}
