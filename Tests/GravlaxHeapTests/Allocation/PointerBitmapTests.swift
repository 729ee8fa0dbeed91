import GravlaxHeap
import Synchronization
import Testing

/// Two bits a word: written without touching the neighbours, read by the marker up to the first word that ends it.
@Suite struct PointerBitmapTests {
    /// The bits of `count` words from `address` on, one by one.
    private func bits(_ raw: MHeapRef, _ address: UInt, _ count: Int) -> [UInt8] {
        (0..<count).map { word in
            let at = address + UInt(word) * 8
            return UInt8(raw.bitmapWord(at, raw.arena(ArenaIndex(address: at))!) & 3)
        }
    }

    private static let header: UInt8 = 0b10
    private static let slot: UInt8 = 0b11

    @Test(arguments: 1...32) func everyCountAtEveryShiftLeavesTheNeighboursAlone(count: UInt) throws {
        let fixture = try HeapFixture()
        let span = try fixture.objectSpan(1)
        let raw = fixture.raw
        let arena = try #require(raw.arena(ArenaIndex(address: span.base)))
        var generator = SeededGenerator(seed: UInt64(count))
        for shift in 0..<UInt(40) {
            // Everything around is set, so that a bit cleared by mistake shows; then the reverse.
            for background in [~0, 0] as [UInt64] {
                for word in stride(from: UInt(0), to: 128, by: 32) {
                    raw.writeBitmap(span.base + word * 8, bits: background, wordCount: 32, arena)
                }
                let pattern = UInt64.random(in: 0 ... .max, using: &generator)
                    & (count == 32 ? ~0 : (1 << UInt64(count * 2)) - 1)
                raw.writeBitmap(span.base + shift * 8, bits: pattern, wordCount: count, arena)
                let expected = (0..<UInt(120)).map { word -> UInt8 in
                    if word < shift || word >= shift + count { return UInt8(background & 3) }
                    return UInt8(pattern >> UInt64((word - shift) * 2) & 3)
                }
                if bits(raw, span.base, 120) != expected {
                    Issue.record("\(count) words at \(shift) over \(background)")
                    return
                }
            }
        }
    }

    @Test func aWindowAtTheEndOfAnArenaIsReadWithoutItsNeighbour() throws {
        let fixture = try HeapFixture()
        let border = try fixture.leavePagesBeforeBorder(1)
        let raw = fixture.raw
        let arena = try #require(raw.arena(ArenaIndex(address: border - 8)))
        raw.writeBitmap(border - 24, bits: 0b11_10_11, wordCount: 3, arena)
        #expect(raw.bitmapWord(border - 24, arena) == 0b11_10_11)
        #expect(bits(raw, border - 32, 4) == [0, 3, 2, 3])
    }

    @Test(arguments: [
        (1, 0, 6), (0, 1, 6), (1, 2, 4), (2, 30, 32), (1, 31, 40), (3, 61, 64), (1, 100, 256), (64, 64, 129),
        (0, 257, 512), (5, 0, 600),
    ] as [(UInt, UInt, UInt)])
    func longObjectsHaveHeaderSlotsAndAnEnd(header: UInt, slots: UInt, words: UInt) throws {
        let fixture = try HeapFixture()
        let span = try fixture.objectSpan(1)
        let raw = fixture.raw
        let arena = try #require(raw.arena(ArenaIndex(address: span.base)))
        for offset in [0, 1, 7, 31, 33] as [UInt] {
            for word in stride(from: UInt(0), to: 704, by: 32) {
                raw.writeBitmap(span.base + word * 8, bits: ~0, wordCount: 32, arena)
            }
            raw.writeLongBitmap(
                span.base + offset * 8, headerWords: header, slotCount: slots, elemSize: words * 8)
            let found = bits(raw, span.base, Int(offset + words) + 8)
            #expect(found.prefix(Int(offset)).allSatisfy { $0 == 3 } && found.suffix(8).allSatisfy { $0 == 3 })
            let own = found.dropFirst(Int(offset)).prefix(Int(words))
            #expect(own.prefix(Int(header)).allSatisfy { $0 == Self.header })
            #expect(own.dropFirst(Int(header)).prefix(Int(slots)).allSatisfy { $0 == Self.slot })
            if header + slots < words { #expect(own.dropFirst(Int(header + slots)).first == 0) }
        }
    }

    @Test(arguments: [(1, 1), (1, 2), (0, 4), (2, 30), (1, 31), (1, 32), (1, 63), (3, 500), (1, 4095)])
    func anObjectGetsTheBitsOfItsLayout(header: Int, slots: Int) throws {
        let fixture = try HeapFixture()
        let layout = ObjectLayout(headerWords: header, slotCount: slots)
        for _ in 0..<5 {
            let found = bits(fixture.raw, try fixture.allocate(layout), header + slots)
            #expect(found == Array(repeating: Self.header, count: header) + Array(repeating: Self.slot, count: slots))
        }
    }

    /// A chain through the last slot of each object: whoever reads a bitmap wrongly loses the rest.
    @Test(arguments: [(1, 3, 7), (1, 31, 9), (2, 500, 3), (1, 5000, 8), (1, 40_000, 45), (7, 16_384 * 5, 99)])
    func theMarkerFindsEverySlotAcrossArenas(header: Int, slots: Int, pagesBefore: UInt) throws {
        let fixture = try HeapFixture()
        let border = try fixture.leavePagesBeforeBorder(pagesBefore)
        let layout = ObjectLayout(headerWords: header, slotCount: slots)
        let small = ObjectLayout(headerWords: 1, slotCount: 1)
        // Until an object lies across the border or past it.
        var holders: [UInt] = []
        repeat {
            holders.append(try fixture.allocate(layout))
        } while holders.last! + UInt(layout.byteCount) <= border
        let last = try #require(holders.last)
        fixture.roots.words = [UInt64(last) + 16]
        var children: [UInt] = []
        for index in 0..<slots {
            let child = try fixture.allocate(small)
            children.append(child)
            object(last)[header + index] = UInt64(child)
        }
        fixture.markAndFlip()
        let lost = children.filter { child in
            guard let (_, span, index) = fixture.raw.findObject(child) else { return true }
            // The mark bits become alloc bits when the span is swept.
            fixture.raw.ensureSwept(span, fixture.state)
            return span.isFree(index)
        }
        #expect(lost.count == 0)
        fixture.mutator.collect()
        #expect(fixture.statistics.heapMarked >= UInt64(slots * 16))
        let arena = try #require(fixture.raw.arena(ArenaIndex(address: last)))
        let span = try #require(fixture.raw.spanOfHeap(last))
        let (byte, mask) = arena.pageIndex(of: span.base)
        #expect(arena.pointee.pageMarks[byte].load(ordering: .relaxed) & mask != 0)
    }

    @Test func theMarkerStopsAtTheFirstWordWithoutTheScanBit() throws {
        let fixture = try HeapFixture()
        // Five words asked for, six in the element: the sixth keeps the bits of a longer object before it.
        let long = ObjectLayout(headerWords: 0, slotCount: 6)
        let short = ObjectLayout(headerWords: 0, slotCount: 5)
        let target = try fixture.allocateNoScan(64)
        // Keeps the span, so that the freed slot is the next.
        let keeper = try fixture.allocate(short)
        fixture.roots.words = [UInt64(keeper)]
        let first = try fixture.allocate(long)
        fixture.mutator.collect()
        let second = try fixture.allocate(short)
        #expect(second == first)
        object(second)[5] = UInt64(target)
        fixture.roots.words = [UInt64(second)]
        fixture.mutator.collect()
        #expect(fixture.statistics.heapMarked == 48)
        object(second)[4] = UInt64(target)
        fixture.mutator.collect()
        #expect(fixture.statistics.heapMarked == 48)
    }

    @Test func pointersIntoTheSecondArenaOfAnObjectMarkItsFirstPage() throws {
        let fixture = try HeapFixture()
        let border = try fixture.leavePagesBeforeBorder(5, arenaCount: 3)
        let base = try fixture.allocateNoScan(20 << 13)
        #expect(base == border - 5 << 13)
        // Another marked span whose first page has the same place in the second arena.
        let filler = try fixture.manualSpan(UInt(HeapConstants.pagesPerArena) - 20)
        let twin = try fixture.allocateNoScan(40_000)
        #expect(twin == base + UInt(HeapConstants.arenaSize))
        fixture.roots.words = [UInt64(twin), UInt64(border + 16)]
        fixture.markAndFlip()
        let arena = try #require(fixture.raw.arena(ArenaIndex(address: base)))
        let (byte, mask) = arena.pageIndex(of: base)
        #expect(arena.pointee.pageMarks[byte].load(ordering: .relaxed) & mask != 0)
        fixture.freeManual(filler)
    }
}
