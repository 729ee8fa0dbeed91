import GravlaxHeap
import Synchronization
import Testing

/// Records that hang on single objects.
@Suite struct SpecialTests {
    private struct Entry: Equatable {
        let offset: UInt16
        let kind: SpecialKind
        let payload: UInt64
    }

    /// The list of the span that holds `address`, front to back.
    private func specials(_ fixture: HeapFixture, _ address: UInt) -> [Entry] {
        var entries: [Entry] = []
        var special = fixture.raw.spanOf(address)!.pointee.specials
        while let current = special {
            entries.append(Entry(offset: current.pointee.offset, kind: current.pointee.kind, payload: current.pointee.payload))
            special = current.pointee.next
        }
        return entries
    }

    /// Records in lists and queues.
    private func inUse(_ fixture: HeapFixture) -> Int {
        fixture.raw.pointee.specials.pool.takenCount - fixture.state.pointee.specialStockCount
    }

    @Test func kindsHaveTheNumbersOfGo() {
        #expect(SpecialKind.finalizer.rawValue == 1 && SpecialKind.profile.rawValue == 2)
        #expect(SpecialKind.weakHandle.rawValue == 3 && SpecialKind.cleanup.rawValue == 4)
    }

    /// In whatever order they are added: by offset, then by kind, finalizers first.
    @Test(arguments: 0..<6 as Range<UInt64>) func recordsAreSorted(seed: UInt64) throws {
        let fixture = try HeapFixture()
        let objects = try (0..<12).map { _ in try fixture.allocateNoScan(48) }
        let base = fixture.raw.spanOf(objects[0])!.base
        var generator = SeededGenerator(seed: seed)
        let additions = objects.flatMap { address in SpecialKind.allCases.map { (address, $0) } }
        for (address, kind) in additions.shuffled(using: &generator) {
            #expect(fixture.raw.addSpecial(kind, to: address, payload: UInt64(address) + UInt64(kind.rawValue), fixture.state) == .registered)
        }
        let expected = additions.map {
            Entry(offset: UInt16($0.0 - base), kind: $0.1, payload: UInt64($0.0) + UInt64($0.1.rawValue))
        }
        #expect(specials(fixture, base) == expected)
    }

    @Test func oneOfAKindForAnObject() throws {
        let fixture = try HeapFixture()
        let address = try fixture.allocateNoScan(48)
        #expect(fixture.raw.addSpecial(.finalizer, to: address, payload: 1, fixture.state) == .registered)
        #expect(fixture.raw.addSpecial(.finalizer, to: address, payload: 2, fixture.state) == .exists)
        #expect(fixture.raw.addSpecial(.profile, to: address, payload: 3, fixture.state) == .registered)
        #expect(specials(fixture, address).map(\.payload) == [1, 3])
        #expect(inUse(fixture) == 2)
    }

    @Test func removingTakesTheExactRecord() throws {
        let fixture = try HeapFixture()
        let address = try fixture.allocateNoScan(48)
        let other = try fixture.allocateNoScan(48)
        let raw = fixture.raw
        for (place, kind, payload) in [(address, SpecialKind.finalizer, 1), (address, .profile, 2), (other, .profile, 3)] {
            #expect(raw.addSpecial(kind, to: place, payload: UInt64(payload), fixture.state) == .registered)
        }
        // Neither another kind, nor an interior pointer, nor twice.
        #expect(raw.removeSpecial(.finalizer, from: other, fixture.state) == nil)
        #expect(raw.removeSpecial(.profile, from: address + 8, fixture.state) == nil)
        #expect(raw.removeSpecial(.profile, from: address, fixture.state) == 2)
        #expect(raw.removeSpecial(.profile, from: address, fixture.state) == nil)
        #expect(specials(fixture, address).map(\.payload) == [1, 3])
        #expect(raw.removeSpecial(.finalizer, from: address, fixture.state) == 1)
        #expect(raw.removeSpecial(.profile, from: other, fixture.state) == 3)
        #expect(specials(fixture, address).isEmpty)
        #expect(inUse(fixture) == 0)
    }

    @Test func theSpanIsSweptFirst() throws {
        let fixture = try HeapFixture()
        let address = try fixture.allocateNoScan(48)
        fixture.roots.words = [UInt64(address)]
        let span = try #require(fixture.raw.spanOf(address))
        fixture.state.releaseAll()
        for change in 0..<2 {
            fixture.markAndFlip()
            #expect(span.pointee.sweepgen.load(ordering: .relaxed) == fixture.raw.sweepgen &- 2)
            if change == 0 {
                #expect(fixture.raw.addSpecial(.profile, to: address, payload: 1, fixture.state) == .registered)
            } else {
                #expect(fixture.raw.removeSpecial(.profile, from: address, fixture.state) == 1)
            }
            #expect(span.pointee.sweepgen.load(ordering: .relaxed) == fixture.raw.sweepgen)
        }
    }

    @Test func sweepingFreesTheRecordsOfTheDead() throws {
        let fixture = try HeapFixture()
        let objects = try (0..<30).map { _ in try fixture.allocateNoScan(48) }
        for address in objects {
            #expect(fixture.raw.addSpecial(.profile, to: address, payload: UInt64(address), fixture.state) == .registered)
        }
        let live = objects.enumerated().filter { $0.offset % 7 == 2 }.map(\.element)
        fixture.roots.words = live.map(UInt64.init)
        fixture.mutator.collect()
        #expect(specials(fixture, live[0]).map(\.payload) == live.map(UInt64.init))
        #expect(inUse(fixture) == live.count)
        fixture.roots.words = []
        fixture.mutator.collect()
        #expect(inUse(fixture) == 0)
    }

    @Test func largeObjectsAndTinyPiecesHaveThemToo() throws {
        let fixture = try HeapFixture()
        let large = try fixture.allocateNoScan(1 << 20)
        #expect(fixture.raw.addSpecial(.profile, to: large, payload: 1, fixture.state) == .registered)
        _ = try fixture.allocateNoScan(8)
        let piece = try fixture.allocateNoScan(4)
        #expect(piece % 16 == 8)
        #expect(fixture.raw.addSpecial(.profile, to: piece, payload: 2, fixture.state) == .registered)
        // The block lives: so do the records of all its pieces.
        fixture.roots.words = [UInt64(piece - 8)]
        fixture.mutator.collect()
        #expect(specials(fixture, piece).map(\.payload) == [2])
        #expect(inUse(fixture) == 1)
    }

    @Test func aRefusedRecordChangesNothing() throws {
        let fixture = try HeapFixture()
        let objects = try (0..<9000).map { _ in try fixture.allocateNoScan(48) }
        var refused: UInt?
        for address in objects where refused == nil {
            fixture.memory.failCall(1)
            if fixture.raw.addSpecial(.profile, to: address, payload: 1, fixture.state) == .refused { refused = address }
            fixture.memory.failCall(0)
        }
        let address = try #require(refused)
        #expect(fixture.raw.removeSpecial(.profile, from: address, fixture.state) == nil)
        #expect(fixture.raw.addSpecial(.profile, to: address, payload: 1, fixture.state) == .registered)
    }

    @Test func recordsAreUsedAgain() throws {
        let fixture = try HeapFixture()
        let address = try fixture.allocateNoScan(48)
        #expect(fixture.raw.addSpecial(.profile, to: address, payload: 1, fixture.state) == .registered)
        let record = fixture.raw.spanOf(address)!.pointee.specials
        #expect(fixture.raw.removeSpecial(.profile, from: address, fixture.state) == 1)
        #expect(fixture.raw.addSpecial(.profile, to: address, payload: 2, fixture.state) == .registered)
        #expect(fixture.raw.spanOf(address)!.pointee.specials == record)
    }

    @Test func addressesOutsideObjectsAreFatal() async {
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            _ = fixture.raw.addSpecial(.profile, to: 4096, payload: 1, fixture.state)
        }
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            _ = fixture.raw.removeSpecial(.profile, from: try fixture.manualSpan(1).base, fixture.state)
        }
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture()
            _ = fixture.raw.addSpecial(.profile, to: try fixture.allocateNoScan(1 << 20) + 1 << 17, payload: 1, fixture.state)
        }
    }
}
