import Glibc
import GravlaxHeap
import Synchronization
import Testing

/// Growing the heap: arenas from the system, their order, and refusals.
@Suite struct GrowTests {
    private static let arenaSize = UInt(HeapConstants.arenaSize)
    private static let arenaPages = UInt(HeapConstants.pagesPerArena)

    /// Everything that a refusal must leave as it was.
    private struct Snapshot: Equatable {
        let statistics: HeapStatistics
        let arenaCount: Int
        let curArena: [UInt]
        let hints: ArenaHints.Hint?
        let addressSpace: UInt64

        init(_ fixture: HeapFixture) {
            statistics = fixture.statistics
            arenaCount = fixture.raw.pointee.allArenasCount.load(ordering: .relaxed)
            curArena = [fixture.raw.pointee.curArenaBase, fixture.raw.pointee.curArenaEnd]
            hints = fixture.raw.pointee.arenaHints.pointee.first
            addressSpace = fixture.memory.addressSpaceByteCount
        }
    }

    private func freePages(_ fixture: HeapFixture) -> UInt {
        fixture.raw.pointee.pages.inUse.reduceByteCount() >> 13
    }

    @Test(arguments: [(1, 512), (511, 512), (512, 512), (513, 1024), (8192, 8192)] as [(UInt, UInt)])
    func pagesComeInChunks(asked: UInt, got: UInt) throws {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(asked) })
        #expect(freePages(fixture) == got)
        let base = fixture.raw.pointee.curArenaBase - got << 13
        #expect(base % Self.arenaSize == 0)
        #expect(fixture.raw.pointee.curArenaEnd == base + Self.arenaSize)
    }

    @Test func newArenasAreIdleAndReleased() throws {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(1) })
        for value in [fixture.statistics.heapSys, fixture.statistics.heapIdle, fixture.statistics.heapReleased] {
            #expect(value == UInt64(Self.arenaSize))
        }
        // As long as the arena lasts, growing changes nothing but the page allocator.
        let before = fixture.statistics
        #expect(fixture.withLock { fixture.raw.grow(512) })
        #expect(fixture.statistics.heapSys == before.heapSys && freePages(fixture) == 1024)
        #expect(fixture.withLock { fixture.raw.grow(Self.arenaPages) })
        #expect(fixture.statistics.heapSys == 2 * before.heapSys)
    }

    @Test func neighboursExtendTheCurrentArena() throws {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(512) })
        // Nothing lies above: the region that the kernel chose is the highest that is free, or this hint fails.
        let end = fixture.raw.pointee.curArenaEnd
        let base = fixture.raw.pointee.curArenaBase
        #expect(fixture.raw.pointee.arenaHints.pointee.first == ArenaHints.Hint(address: end, growsDown: false))
        #expect(fixture.withLock { fixture.raw.grow(Self.arenaPages) })
        if fixture.raw.arena(ArenaIndex(address: end)) != nil {
            #expect(fixture.raw.pointee.curArenaBase == base + Self.arenaSize)
            #expect(fixture.raw.pointee.curArenaEnd == end + Self.arenaSize)
            #expect(freePages(fixture) == 512 + Self.arenaPages)
        } else {
            #expect(freePages(fixture) == 2 * Self.arenaPages)
        }
    }

    /// Something else lies above the arena, so that the heap goes on elsewhere.
    @Test func theRestOfTheOldArenaIsUsedWhenTheHeapSwitches() throws {
        let (fixture, blocker) = try blockedAbove(512)
        defer { blocker.remove() }
        let first = fixture.raw.pointee.curArenaEnd - Self.arenaSize
        #expect(fixture.withLock { fixture.raw.grow(1024) })
        #expect(freePages(fixture) == 1536 && fixture.raw.pointee.allArenasCount.load(ordering: .relaxed) == 1)
        #expect(fixture.withLock { fixture.raw.grow(Self.arenaPages - 512) })
        #expect(freePages(fixture) == Self.arenaPages + Self.arenaPages - 512)
        // The hint above failed and is gone; the one below served and moved on.
        let second = fixture.raw.pointee.curArenaBase - (Self.arenaPages - 512) << 13
        #expect(second != first + Self.arenaSize)
        #expect(fixture.raw.pointee.curArenaEnd == second + Self.arenaSize)
        let counts = fixture.statistics
        #expect(counts.heapSys == 2 * UInt64(Self.arenaSize) && counts.heapReleased == counts.heapSys)
        // All pages of both arenas can be had, but no run across what lies between them.
        let all = try [fixture.manualSpan(Self.arenaPages), fixture.manualSpan(Self.arenaPages - 512)]
        #expect(Set(all.map(\.base)) == [first, second])
        all.forEach(fixture.freeManual)
    }

    @Test func arenasFollowHintsDownWhenThereIsNoWayUp() throws {
        // Another test may take the place below just then: try elsewhere, since what was tried stays where it is.
        var tried: [HeapFixture] = []
        defer { withExtendedLifetime(tried) {} }
        for _ in 0..<40 {
            let (fixture, blocker) = try blockedAbove(Self.arenaPages)
            tried.append(fixture)
            defer { blocker.remove() }
            let first = fixture.raw.pointee.curArenaEnd - Self.arenaSize
            #expect(fixture.withLock { fixture.raw.grow(Self.arenaPages) })
            let second = fixture.raw.pointee.curArenaEnd - Self.arenaSize
            // Each made a record, in the order of their making.
            #expect(fixture.raw.allArenas[0] == first >> 26 && fixture.raw.allArenas[1] == second >> 26)
            if second != first - Self.arenaSize { continue }
            #expect(fixture.raw.pointee.arenaHints.pointee.first == ArenaHints.Hint(address: second, growsDown: true))
            return
        }
        Issue.record("the heap never went down")
    }

    /// A heap that has grown by `pageCount` pages of one arena, with something else right above that.
    private func blockedAbove(_ pageCount: UInt) throws -> (HeapFixture, Blocker) {
        for _ in 0..<20 {
            let fixture = try HeapFixture()
            #expect(fixture.withLock { fixture.raw.grow(pageCount) })
            if let blocker = try? Blocker(at: fixture.raw.pointee.curArenaEnd) { return (fixture, blocker) }
        }
        throw HeapError.outOfMemory
    }

    @Test func hintsAreAnOrderedList() {
        var hints = ArenaHints()
        #expect(hints.first == nil)
        hints.addAround(base: 100, end: 200)
        #expect(hints.first == ArenaHints.Hint(address: 200, growsDown: false))
        hints.advanceFirst(to: 300)
        #expect(hints.first == ArenaHints.Hint(address: 300, growsDown: false))
        hints.dropFirst()
        #expect(hints.first == ArenaHints.Hint(address: 100, growsDown: true))
        hints.addAround(base: 10, end: 20)
        #expect(hints.first == ArenaHints.Hint(address: 20, growsDown: false))
        hints.dropFirst()
        hints.dropFirst()
        #expect(hints.first == ArenaHints.Hint(address: 100, growsDown: true))
        hints.dropFirst()
        #expect(hints.first == nil)
    }

    @Test(arguments: [0, UInt.max, UInt.max - 511, UInt.max >> 13, 1 << 50, 1 << 35, (1 << 33) + 1] as [UInt])
    func absurdSizesAreRefusedAndChangeNothing(pageCount: UInt) throws {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(1) })
        let before = Snapshot(fixture)
        #expect(!fixture.withLock { fixture.raw.grow(pageCount) })
        #expect(Snapshot(fixture) == before)
        if pageCount > 0 { #expect(fixture.raw.allocManual(pageCount, fixture.counters.stacksInUse, nil) == nil) }
        #expect(Snapshot(fixture) == before)
    }

    /// Each call that growing makes is refused in turn: by one arena, by three, with and without a rest.
    @Test(arguments: [(0, 1), (0, 20_000), (512, 8192), (512, 20_000), (8192, 1)] as [(UInt, UInt)])
    func aRefusalChangesNothing(first: UInt, second: UInt) throws {
        var refusals = 0
        for n in 1...200 as ClosedRange<UInt64> {
            let fixture = try HeapFixture()
            if first > 0 { #expect(fixture.withLock { fixture.raw.grow(first) }) }
            // Above lies something else: the heap has to switch.
            let blocker = first > 0 ? try? Blocker(at: fixture.raw.pointee.curArenaEnd) : nil
            defer { blocker?.remove() }
            let before = Snapshot(fixture)
            fixture.memory.failCall(n)
            let grown = fixture.withLock { fixture.raw.grow(second) }
            fixture.memory.failCall(0)
            if grown {
                // A refused hint only leads elsewhere; else no call was refused, and all were tried.
                if fixture.memory.callCount >= n, n < 40 { continue }
                break
            }
            refusals += 1
            let after = Snapshot(fixture)
            #expect(after.statistics.heapSys == before.statistics.heapSys)
            #expect(after.statistics.heapIdle == before.statistics.heapIdle)
            #expect(after.statistics.heapReleased == before.statistics.heapReleased)
            #expect(after.arenaCount == before.arenaCount && after.hints == before.hints)
            #expect(after.curArena[1] == before.curArena[1])
            #expect(fixture.withLock { fixture.raw.grow(second) })
            #expect(freePages(fixture) >= first + second)
            fixture.close()
        }
        #expect(refusals >= 2)
    }

    @Test func aHeapRefusedAnArenaGivesEverythingBack() throws {
        // The record of the second arena is refused, then the heap goes: a foreign mapping at its place survives.
        for n in 1...12 as ClosedRange<UInt64> {
            let fixture = try HeapFixture()
            fixture.memory.failCall(n)
            _ = fixture.raw.allocManual(3 * Self.arenaPages, fixture.counters.stacksInUse, nil)
            fixture.memory.failCall(0)
            fixture.close()
            // `Heap.deinit` is fatal if a byte of address space is missing or too many.
        }
    }

    /// Who reads the list while the heap grows past its room keeps what it held.
    @Test func anOutgrownListOfArenasStaysAsItWas() throws {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(1) })
        let old = fixture.raw.allArenas
        let first = old[0]
        let more = 600
        #expect(fixture.withLock { fixture.raw.grow(UInt(more) * Self.arenaPages) })
        let new = fixture.raw.allArenas
        #expect(new != old && old[0] == first && new[0] == first)
        #expect(fixture.raw.pointee.allArenasCount.load(ordering: .relaxed) == more + 1)
        for order in 0...more { #expect(fixture.raw.arena(order: order).pointee.base == new[order] << 26) }
    }

    // MARK: The goal of the scavenger

    /// A heap of one arena, half of whose pages were used and freed; returns the bytes retained.
    private func usedAndFreed(_ fixture: HeapFixture) throws -> UInt {
        let span = try fixture.manualSpan(Self.arenaPages / 2)
        fixture.freeManual(span)
        fixture.withLock { fixture.raw.pointee.pages.scavengeStartGeneration() }
        return UInt(fixture.statistics.heapSys - fixture.statistics.heapReleased)
    }

    @Test(arguments: [0, 1, 512, 1024, 4096] as [UInt])
    func growingReleasesWhatExceedsTheGoal(excessPages: UInt) throws {
        let fixture = try HeapFixture()
        let retained = try usedAndFreed(fixture)
        #expect(retained == Self.arenaSize / 2)
        let growth: UInt = 1024 << 13
        fixture.raw.pointee.scavengeGoal.store(retained + growth - excessPages << 13, ordering: .relaxed)
        let released = fixture.statistics.heapReleased
        #expect(fixture.withLock { fixture.raw.grow(1024) })
        let more = fixture.statistics.heapReleased - released
        // Never more than the growth; whole huge pages may go where one would be cut.
        let wanted = min(growth, excessPages << 13)
        #expect(more >= UInt64(wanted) && more < UInt64(wanted + OSMemory.hugePageByteCount))
        #expect(fixture.statistics.heapReleased <= fixture.statistics.heapIdle)
    }

    /// What was freed since the last cycle is above the scavenger's position, until the next one.
    @Test func aCycleSendsTheScavengerToTheTop() throws {
        let fixture = try HeapFixture()
        fixture.freeManual(try fixture.manualSpan(Self.arenaPages / 2))
        fixture.raw.pointee.scavengeGoal.store(0, ordering: .relaxed)
        let released = fixture.statistics.heapReleased
        #expect(fixture.withLock { fixture.raw.grow(512) })
        #expect(fixture.statistics.heapReleased == released)
        fixture.mutator.collect()
        #expect(fixture.withLock { fixture.raw.grow(512) })
        #expect(fixture.statistics.heapReleased >= released + 512 << 13)
    }

    @Test func withoutAGoalGrowingReleasesNothing() throws {
        let fixture = try HeapFixture()
        _ = try usedAndFreed(fixture)
        #expect(fixture.raw.pointee.scavengeGoal.load(ordering: .relaxed) == .max)
        let released = fixture.statistics.heapReleased
        #expect(fixture.withLock { fixture.raw.grow(1024) })
        #expect(fixture.statistics.heapReleased == released)
    }
}

/// A page of somebody else's at a place of the test's choice.
private struct Blocker {
    private let page: UnsafeMutableRawPointer

    init(at address: UInt) throws {
        let got = mmap(UnsafeMutableRawPointer(bitPattern: address), 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        page = got
        // Something lies there already: as good as a blocker, but the caller may care.
        if UInt(bitPattern: got) != address {
            munmap(got, 4096)
            throw HeapError.outOfMemory
        }
    }

    func remove() { munmap(page, 4096) }
}

extension AddressRanges {
    func reduceByteCount() -> UInt { (0..<count).reduce(0) { $0 + self[$1].byteCount } }
}
