import GravlaxHeap
import Synchronization
import Testing

/// From addresses to arenas, spans and objects.
@Suite struct ArenaMapTests {
    @Test(arguments: [
        (0, 0, true), (0x3FF_FFFF, 0, true), (0x400_0000, 1, true), (0x7FFF_FFFF_FFFF, 0x1F_FFFF, true),
        (0xFFFF_FFFF_FFFF, 0x3F_FFFF, true), (0x1_0000_0000_0000, 0x40_0000, false),
        (UInt.max, UInt.max >> 26, false),
    ] as [(UInt, UInt, Bool)])
    func arenaIndexes(address: UInt, index: UInt, isValid: Bool) {
        let arena = ArenaIndex(address: address)
        #expect(arena.rawValue == index && arena.isValid == isValid)
        #expect(arena.base == address & ~UInt(HeapConstants.arenaSize - 1))
    }

    @Test(arguments: [(0, 0, 1), (7, 0, 0x80), (8, 1, 1), (100, 12, 0x10), (8191, 1023, 0x80)] as [(UInt, Int, UInt8)])
    func pageIndexes(page: UInt, byte: Int, mask: UInt8) throws {
        let fixture = try HeapFixture()
        let span = try fixture.manualSpan(1)
        let arena = try #require(fixture.raw.arena(ArenaIndex(address: span.base)))
        let found = arena.pageIndex(of: arena.pointee.base + page << 13 + 8191)
        #expect(found.byte == byte && found.mask == mask)
    }

    @Test func addressesOutsideTheHeapHaveNoSpan() throws {
        let fixture = try HeapFixture()
        let span = try fixture.objectSpan(1)
        let unusedPage = span.base + UInt(HeapConstants.arenaSize) - 8192
        let local = withUnsafePointer(to: fixture) { UInt(bitPattern: $0) }
        for address in [0, 1, 4096, unusedPage, 1 << 47, 1 << 48, UInt.max, UInt.max - 7, local] as [UInt] {
            #expect(fixture.raw.spanOf(address) == nil)
            #expect(fixture.raw.spanOfHeap(address) == nil)
            #expect(!fixture.raw.isInHeap(address) && !fixture.raw.isInHeapOrStack(address))
            #expect(fixture.raw.findObject(address) == nil)
        }
    }

    @Test func everyByteOfAnObjectLeadsToIt() throws {
        let fixture = try HeapFixture()
        let spanClass = SpanClass(SizeClass.fitting(9472), noscan: true)
        let span = try fixture.objectSpan(UInt(spanClass.sizeClass.pageCount), spanClass)
        for index in 0..<UInt(span.pointee.elemCount) {
            let base = span.base + index * 9472
            for address in [base, base + 1, base + 8, base + 4735, base + 9471] {
                let found = try #require(fixture.raw.findObject(address))
                #expect(found.base == base && found.span == span && found.index == index)
                #expect(fixture.raw.isInHeap(address) && fixture.raw.isInHeapOrStack(address))
                #expect(fixture.raw.spanOf(address) == span && fixture.raw.spanOfUnchecked(address) == span)
            }
        }
        // What is left over at the end of the span belongs to no object.
        let rest = span.pointee.limit
        #expect(rest < span.base + span.layout.total)
        #expect(fixture.raw.spanOf(rest) == span)
        #expect(fixture.raw.spanOfHeap(rest) == nil && fixture.raw.findObject(rest) == nil)
        #expect(!fixture.raw.isInHeapOrStack(rest))
    }

    @Test func aLargeObjectEndsWhereItsSizeDoes() throws {
        let fixture = try HeapFixture()
        let pointer = try #require(fixture.mutator.allocateNoScan(byteCount: 40_001))
        let base = UInt(bitPattern: pointer)
        let found = try #require(fixture.raw.findObject(base + 40_000))
        #expect(found.base == base && found.index == 0)
        #expect(fixture.raw.findObject(base + 40_001) == nil)
        #expect(fixture.raw.spanOf(base + 40_001) == found.span)
    }

    @Test func manualSpansAreNoHeap() throws {
        let fixture = try HeapFixture()
        let span = try fixture.manualSpan(3)
        for address in [span.base, span.base + 3 << 13 - 1] {
            #expect(fixture.raw.spanOf(address) == span)
            #expect(!fixture.raw.isInHeap(address) && fixture.raw.spanOfHeap(address) == nil)
            #expect(fixture.raw.isInHeapOrStack(address))
            #expect(fixture.raw.findObject(address) == nil)
        }
        #expect(!fixture.raw.isInHeapOrStack(span.base + 3 << 13))
        fixture.freeManual(span)
    }

    @Test func deadSpansAreFoundByTheMapAlone() throws {
        let fixture = try HeapFixture()
        let span = try fixture.objectSpan(2)
        let base = span.base
        fixture.raw.freeSpan(span, nil)
        #expect(fixture.raw.spanOf(base) == span && span.state == .dead)
        #expect(fixture.raw.spanOfHeap(base) == nil && fixture.raw.findObject(base + 8) == nil)
        #expect(!fixture.raw.isInHeapOrStack(base))
    }

    /// The map may lead from a freed page to a record that describes other pages by now.
    @Test(arguments: [true, false]) func staleEntriesAreSeenThrough(manual: Bool) throws {
        let fixture = try HeapFixture()
        let first = try fixture.objectSpan(2)
        let guardSpan = try fixture.manualSpan(1)
        let old = first.base
        fixture.raw.freeSpan(first, nil)
        let second = manual ? try fixture.manualSpan(4) : try fixture.objectSpan(4)
        #expect(second == first && second.base > old)
        #expect(fixture.raw.spanOf(old) == second)
        #expect(fixture.raw.spanOfHeap(old) == nil && fixture.raw.findObject(old + 16) == nil)
        #expect(!fixture.raw.isInHeapOrStack(old))
        fixture.freeManual(guardSpan)
    }

    @Test func everyPageOfASpanLeadsToItAcrossArenas() throws {
        let fixture = try HeapFixture()
        let border = try fixture.leavePagesBeforeBorder(3)
        let span = try fixture.objectSpan(7)
        #expect(span.base == border - 3 << 13)
        for page in 0..<UInt(7) { #expect(fixture.raw.spanOf(span.base + page << 13) == span) }
        #expect(fixture.raw.spanOf(span.base - 1) != span)
        #expect(fixture.raw.spanOf(span.base + 7 << 13) != span)
        #expect(fixture.raw.spanOfHeap(border + 1) == span)
        #expect(fixture.raw.findObject(border + 8)?.base == span.base)
    }

    @Test func onlyTheFirstPageIsMarkedInUse() throws {
        let fixture = try HeapFixture()
        let span = try fixture.objectSpan(3)
        let manual = try fixture.manualSpan(2)
        #expect(fixture.isHeadInUse(span.base))
        #expect(!fixture.isHeadInUse(span.base + 8192) && !fixture.isHeadInUse(span.base + 16384))
        #expect(!fixture.isHeadInUse(manual.base))
        fixture.raw.freeSpan(span, nil)
        #expect(!fixture.isHeadInUse(span.base))
        fixture.freeManual(manual)
    }
}
