import GravlaxHeap
import Synchronization
import Testing

/// Which memory may be dirty: everything below an arena's mark.
@Suite struct AllocNeedsZeroTests {
    private func marks(_ fixture: HeapFixture, _ border: UInt) -> [UInt] {
        [border - 1, border].map {
            fixture.raw.arena(ArenaIndex(address: $0))!.pointee.zeroedBase.load(ordering: .relaxed)
        }
    }

    @Test func theMarkRisesToTheEndOfEachRange() throws {
        let fixture = try HeapFixture()
        #expect(fixture.withLock { fixture.raw.grow(512) })
        let base = fixture.raw.pointee.curArenaBase - 512 << 13
        let arena = try #require(fixture.raw.arena(ArenaIndex(address: base)))
        func needsZero(_ page: UInt, _ count: UInt) -> Bool {
            fixture.raw.allocNeedsZero(base: base + page << 13, pageCount: count)
        }
        #expect(arena.pointee.zeroedBase.load(ordering: .relaxed) == 0)
        #expect(!needsZero(0, 2))
        #expect(arena.pointee.zeroedBase.load(ordering: .relaxed) == 2 << 13)
        #expect(!needsZero(5, 1))
        #expect(arena.pointee.zeroedBase.load(ordering: .relaxed) == 6 << 13)
        // Never used, yet below the mark: it counts as dirty.
        #expect(needsZero(2, 3))
        // Partly above the mark.
        #expect(needsZero(4, 4))
        #expect(arena.pointee.zeroedBase.load(ordering: .relaxed) == 8 << 13)
        #expect(needsZero(0, 1))
        #expect(arena.pointee.zeroedBase.load(ordering: .relaxed) == 8 << 13)
    }

    @Test func bothSidesOfABorderCount() throws {
        let fixture = try HeapFixture()
        let border = try fixture.leavePagesBeforeBorder(4)
        let size = UInt(HeapConstants.arenaSize)
        let raw = fixture.raw
        #expect(marks(fixture, border) == [size - 4 << 13, 0])
        #expect(!raw.allocNeedsZero(base: border - 2 << 13, pageCount: 5))
        #expect(marks(fixture, border) == [size, 3 << 13])
        // Dirty on one side only.
        #expect(raw.allocNeedsZero(base: border - 1 << 13, pageCount: 8))
        #expect(marks(fixture, border) == [size, 7 << 13])
        #expect(!raw.allocNeedsZero(base: border + 7 << 13, pageCount: 1))
    }

    @Test func othersMayMoveTheMarkPastOrBelowARange() throws {
        let fixture = try HeapFixture()
        let span = try fixture.manualSpan(8)
        let arena = try #require(fixture.raw.arena(ArenaIndex(address: span.base)))
        let mark: UInt = 8 << 13
        // The mark was last seen at 0; by now it stands at the start of the range, or past its end.
        arena.raiseZeroedBase(from: 0, over: mark..<mark + 8192)
        #expect(arena.pointee.zeroedBase.load(ordering: .relaxed) == mark + 8192)
        arena.raiseZeroedBase(from: 0, over: 8192..<mark)
        #expect(arena.pointee.zeroedBase.load(ordering: .relaxed) == mark + 8192)
        fixture.freeManual(span)
    }

    @Test func twoOwnersOfAPageAreFatal() async {
        // Somebody else's range ended within ours.
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            let arena = fixture.raw.arena(ArenaIndex(address: try fixture.manualSpan(8).base))!
            arena.raiseZeroedBase(from: 0, over: (7 << 13)..<(9 << 13))
        }
        // Somebody else's range ended where ours does.
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            let arena = fixture.raw.arena(ArenaIndex(address: try fixture.manualSpan(8).base))!
            arena.raiseZeroedBase(from: 0, over: (7 << 13)..<(8 << 13))
        }
    }

    @Test func memoryIsClearedOnlyIfAskedAndDirty() throws {
        let fixture = try HeapFixture()
        let raw = fixture.raw
        let large = SpanClass(.large, noscan: true)
        let fresh = try #require(raw.alloc(2, large, needZero: true, nil))
        #expect(fresh.pointee.needZero == false)
        object(fresh.base).update(repeating: 0x5A5A, count: 2048)
        raw.freeSpan(fresh, nil)

        let kept = try #require(raw.alloc(2, large, needZero: false, nil))
        #expect(kept.base == fresh.base && kept.pointee.needZero)
        #expect(object(kept.base)[0] == 0x5A5A && object(kept.base)[2047] == 0x5A5A)
        raw.freeSpan(kept, nil)

        let manual = try fixture.manualSpan(2)
        #expect(manual.pointee.needZero && object(manual.base)[5] == 0x5A5A)
        fixture.freeManual(manual)

        let cleared = try #require(raw.alloc(2, large, needZero: true, nil))
        #expect(cleared.pointee.needZero == false)
        #expect((0..<2048).allSatisfy { object(cleared.base)[$0] == 0 })
    }
}
