import GravlaxHeap
import Synchronization
import Testing

/// The page reclaimer: credit first, then chunk after chunk of the arenas that the sweep began with.
@Suite struct ReclaimTests {
    private static let done: UInt64 = 1 << 63

    private func index(_ fixture: HeapFixture) -> UInt64 {
        fixture.raw.pointee.reclaimIndex.load(ordering: .relaxed)
    }
    private func credit(_ fixture: HeapFixture) -> UInt {
        fixture.raw.pointee.reclaimCredit.load(ordering: .relaxed)
    }

    /// Objects of ten pages each, and a cycle that leaves them unswept; `live` says which are roots.
    private func unsweptHeap(_ count: Int, live: Set<Int> = []) throws -> (HeapFixture, [MSpanRef]) {
        let fixture = try HeapFixture()
        let objects = try (0..<count).map { _ in try fixture.allocateNoScan(10 << 13) }
        fixture.roots.words = live.sorted().map { UInt64(objects[$0]) }
        let spans = objects.map { fixture.raw.spanOf($0)! }
        fixture.markAndFlip()
        return (fixture, spans)
    }

    @Test func aFreshHeapHasNothingToReclaim() throws {
        let fixture = try HeapFixture()
        #expect(index(fixture) == Self.done)
        fixture.raw.reclaim(100)
        #expect(index(fixture) == Self.done && credit(fixture) == 0)
    }

    @Test func deadSpansAreFreedAndTheSurplusIsCredit() throws {
        let (fixture, spans) = try unsweptHeap(20)
        #expect(index(fixture) == 0)
        fixture.raw.reclaim(15)
        // One chunk held all twenty spans: 200 pages, 15 of them asked for.
        #expect(spans.allSatisfy { $0.state == .dead })
        #expect(credit(fixture) == 185 && index(fixture) == 512)
        #expect(fixture.raw.pagesInUse == 0)
    }

    @Test func creditIsTakenFirst() throws {
        let (fixture, spans) = try unsweptHeap(20)
        fixture.raw.pointee.reclaimCredit.store(30, ordering: .relaxed)
        fixture.raw.reclaim(12)
        #expect(credit(fixture) == 18 && index(fixture) == 0)
        #expect(spans.allSatisfy { $0.state == .inUse })
        // The credit and then a chunk.
        fixture.raw.reclaim(20)
        #expect(credit(fixture) == 198 && index(fixture) == 512)
    }

    @Test func onlySpansWithoutMarksAreTouched() throws {
        let (fixture, spans) = try unsweptHeap(12, live: [3, 7])
        let unswept = fixture.raw.sweepgen &- 2
        fixture.raw.reclaim(1)
        for (number, span) in spans.enumerated() {
            if [3, 7].contains(number) {
                #expect(span.state == .inUse && span.pointee.sweepgen.load(ordering: .relaxed) == unswept)
            } else {
                #expect(span.state == .dead)
            }
        }
        #expect(credit(fixture) == 99)
    }

    @Test func sweptAndClaimedSpansAreLeftAlone() throws {
        let (fixture, spans) = try unsweptHeap(3)
        #expect(fixture.raw.claim(spans[0]))
        #expect(!fixture.raw.claim(spans[0]))
        fixture.raw.reclaim(1)
        #expect(spans[0].state == .inUse && spans[1].state == .dead && credit(fixture) == 19)
        #expect(fixture.raw.sweep(spans[0], preserve: false, fixture.state))
    }

    @Test func pastTheLastArenaItIsDone() throws {
        let (fixture, _) = try unsweptHeap(1)
        #expect(fixture.raw.pointee.sweepArenasCount.load(ordering: .relaxed) == 1)
        fixture.raw.reclaim(11)
        #expect(index(fixture) == Self.done && credit(fixture) == 0)
        // Credit is not touched any more.
        fixture.raw.pointee.reclaimCredit.store(5, ordering: .relaxed)
        fixture.raw.reclaim(1)
        #expect(credit(fixture) == 5)
    }

    @Test func arenasMadeSinceTheSweepBeganAreNotLookedAt() throws {
        let (fixture, _) = try unsweptHeap(1)
        fixture.mutator.collect()
        fixture.markAndFlip()
        #expect(fixture.withLock { fixture.raw.grow(UInt(HeapConstants.pagesPerArena)) })
        #expect(fixture.raw.pointee.allArenasCount.load(ordering: .relaxed) == 2)
        #expect(fixture.raw.pointee.sweepArenasCount.load(ordering: .relaxed) == 1)
        fixture.raw.reclaim(1)
        #expect(index(fixture) == Self.done)
    }

    @Test func everyChunkOfEveryArenaIsReached() throws {
        let fixture = try HeapFixture()
        let border = try fixture.leavePagesBeforeBorder(20)
        let objects = try (0..<120).map { _ in try fixture.allocateNoScan(10 << 13) }
        #expect(objects.first! < border && objects.last! > border + 512 << 13)
        fixture.markAndFlip()
        fixture.raw.reclaim(1200)
        #expect(fixture.raw.pagesInUse == 0)
        #expect(credit(fixture) == 0)
    }

    /// In all arenas, while the program runs, before a mark.
    @Test func pageMarksAreForgotten() throws {
        let fixture = try HeapFixture()
        let border = try fixture.leavePagesBeforeBorder(20)
        let objects = try (0..<4).map { _ in try fixture.allocateNoScan(10 << 13) }
        #expect(objects[0] < border && objects[3] > border)
        fixture.roots.words = objects.map { UInt64($0) }
        fixture.mutator.collect()
        func marked() -> [Bool] {
            objects.map { object in
                let arena = fixture.raw.arena(ArenaIndex(address: object))!
                let (byte, mask) = arena.pageIndex(of: object)
                return arena.pointee.pageMarks[byte].load(ordering: .relaxed) & mask != 0
            }
        }
        #expect(marked() == [true, true, true, true])
        fixture.raw.clearPageMarks()
        #expect(marked() == [false, false, false, false])
    }

    @Test func sweepingAWholeSpanAddsToTheCredit() throws {
        let (fixture, _) = try unsweptHeap(2, live: [1])
        var freed: [UInt] = []
        while let pages = fixture.raw.sweepOne(fixture.state) { freed.append(pages) }
        #expect(freed.sorted() == [0, 10])
        #expect(credit(fixture) == 10 && fixture.raw.isSweepDone)
    }

    /// Pages of the dead serve the next allocation: the heap does not grow, and no more than needed is swept.
    @Test func allocationReclaimsBeforeItGrows() throws {
        let (fixture, spans) = try unsweptHeap(100)
        let sys = fixture.statistics.heapSys - fixture.statistics.heapReleased
        let object = try fixture.allocateNoScan(40 << 13)
        #expect(object == spans[0].base)
        #expect(spans.filter { $0.state == .inUse }.count > 40)
        #expect(fixture.statistics.heapSys - fixture.statistics.heapReleased == sys)
    }
}
