import GravlaxHeap
import Testing

/// What the write barrier records when its flag is forced on, and that a flush greys it.
@Suite struct BarrierTests {
    /// A holder with slots, and objects to refer to, none of them a root.
    private final class Scene {
        let heap: Heap
        let roots = RootWords()
        let mutator: Mutator
        let holder: UnsafeMutablePointer<UInt64>
        let source: UnsafeMutablePointer<UInt64>
        let words: [UInt64]

        static let slotCount = 200

        init() throws {
            var configuration = HeapConfiguration(encoding: .tagged)
            configuration.gcPercent = -1
            configuration.backgroundSweepers = 0
            configuration.scavengesInBackground = false
            configuration.markWorkers = 0
            heap = try Heap(configuration)
            mutator = try heap.makeMutator(roots: roots)
            let layout = ObjectLayout(headerWords: 0, slotCount: Self.slotCount)
            holder = try #require(mutator.allocate(layout)).assumingMemoryBound(to: UInt64.self)
            source = try #require(mutator.allocate(layout)).assumingMemoryBound(to: UInt64.self)
            let mutator = mutator
            words = (0..<2 * Self.slotCount).map { _ in
                WordEncoding.tagged.match | UInt64(UInt(bitPattern: mutator.allocateNoScan(byteCount: 64)))
            }
        }

        func force(_ isOn: Bool) { mutator.state.pointee.barrier = isOn ? MutatorState.barrierBit : 0 }

        /// What the buffer holds, oldest first.
        var recorded: [UInt64] {
            (0..<mutator.state.pointee.barrierCount).map { mutator.state.pointee.barrierBuffer[$0] }
        }

        /// Flushes, marks what that greyed, and says which of `words` got marks.
        func marked(_ words: some Sequence<UInt64>) -> [Bool] {
            heap.raw.pointee.marking.store(1, ordering: .relaxed)
            mutator.state.flushBarrier()
            let worker = MarkWorker.make(heap.raw)!
            while worker.pointee.step(64) {}
            worker.pointee.giveAway()
            heap.raw.pointee.marking.store(0, ordering: .relaxed)
            return words.map { word in
                let (_, span, index) = heap.raw.findObject(UInt(word & WordEncoding.tagged.addressMask))!
                return span.isMarked(index)
            }
        }

        func close() {
            force(false)
            mutator.state.pointee.barrierCount = 0
            mutator.close()
        }
    }

    @Test func nothingIsRecordedWhileItIsOff() throws {
        let scene = try Scene()
        scene.mutator.store(scene.words[0], to: scene.holder)
        scene.mutator.willBulkStore(destination: scene.holder, count: 10)
        scene.mutator.bulkStore(from: scene.holder, to: scene.source, count: 10)
        #expect(scene.recorded == [])
        #expect(scene.source[0] == scene.words[0])
        scene.close()
    }

    /// The deletion half keeps what a store hides; the insertion half what it shows.
    @Test func aStoreRecordsTheOldAndTheNewWord() throws {
        let scene = try Scene()
        scene.mutator.store(scene.words[0], to: scene.holder)
        scene.force(true)
        scene.mutator.store(scene.words[1], to: scene.holder)
        #expect(scene.holder[0] == scene.words[1])
        #expect(scene.recorded == [scene.words[0], scene.words[1]])
        #expect(scene.marked(scene.words.prefix(3)) == [true, true, false])
        #expect(scene.recorded == [])
        scene.close()
    }

    @Test func wordsThatAreNoReferencesAreNotMarked() throws {
        let scene = try Scene()
        scene.force(true)
        scene.mutator.store(scene.words[0] & WordEncoding.tagged.addressMask, to: scene.holder)
        #expect(scene.marked(scene.words.prefix(1)) == [false])
        scene.close()
    }

    @Test func aBulkStoreRecordsBothSidesOfEachSlot() throws {
        let scene = try Scene()
        for index in 0..<5 {
            scene.mutator.store(scene.words[index], to: scene.holder + index)
            scene.mutator.store(scene.words[10 + index], to: scene.source + index)
        }
        scene.force(true)
        scene.mutator.bulkStore(from: scene.source, to: scene.holder, count: 5)
        #expect((0..<5).map { scene.holder[$0] } == Array(scene.words[10..<15]))
        #expect(Set(scene.recorded) == Set(scene.words[0..<5] + scene.words[10..<15]))
        #expect(scene.marked(scene.words.prefix(20)) == (0..<20).map { $0 < 5 || (10..<15).contains($0) })
        scene.close()
    }

    /// Overlapping moves: what each slot held before is recorded, not what the move has put there meanwhile.
    @Test(arguments: [1, -1]) func aMoveWithinAnObjectLosesNothing(distance: Int) throws {
        let scene = try Scene()
        for index in 0..<20 { scene.mutator.store(scene.words[index], to: scene.holder + index) }
        scene.force(true)
        let first = distance > 0 ? 0 : 1
        scene.mutator.bulkStore(from: scene.holder + first, to: scene.holder + first + distance, count: 19)
        #expect((0..<19).map { scene.holder[first + distance + $0] } == Array(scene.words[first..<first + 19]))
        #expect(scene.marked(scene.words.prefix(20)).allSatisfy { $0 })
        scene.close()
    }

    /// Announced clears and plain moves: the old contents are what matters.
    @Test func anAnnouncementRecordsWhatTheSlotsHold() throws {
        let scene = try Scene()
        for index in 0..<5 { scene.mutator.store(scene.words[index], to: scene.holder + index) }
        scene.force(true)
        scene.mutator.willBulkStore(destination: scene.holder, count: 5)
        for index in 0..<5 { scene.holder[index] = 0 }
        #expect(Set(scene.recorded) == Set(scene.words[0..<5]))
        #expect(scene.marked(scene.words.prefix(6)) == [true, true, true, true, true, false])
        scene.close()
    }

    @Test func fillingRecordsWhatTheSlotsHeld() throws {
        let scene = try Scene()
        for index in 0..<5 { scene.mutator.store(scene.words[index], to: scene.holder + index) }
        scene.force(true)
        scene.mutator.bulkFill(scene.words[7], to: scene.holder, count: 5)
        #expect((0..<5).allSatisfy { scene.holder[$0] == scene.words[7] })
        #expect(Set(scene.recorded) == Set(scene.words[0..<5] + [scene.words[7]]))
        scene.close()
    }

    /// The buffer holds 256 words; more of them flush it on the way, and none is lost.
    @Test func aFullBufferIsFlushed() throws {
        let scene = try Scene()
        let count = Scene.slotCount
        for index in 0..<count { scene.mutator.store(scene.words[index], to: scene.holder + index) }
        scene.force(true)
        for index in 0..<count { scene.mutator.store(scene.words[count + index], to: scene.holder + index) }
        #expect(scene.recorded.count == 2 * count - MutatorState.barrierCapacity)
        #expect(scene.marked(scene.words).allSatisfy { $0 })
        scene.close()
    }

    /// What a client tests before it stores plainly.
    @Test func plainStoresAreForWhenItIsOff() throws {
        let scene = try Scene()
        let layout = ObjectLayout(headerWords: 1, slotCount: 3)
        // The first takes a span.
        _ = scene.mutator.allocate(layout)
        #expect(scene.mutator.barrierBit == 0)
        let object = try #require(scene.mutator.allocateWhite(layout)).assumingMemoryBound(to: UInt64.self)
        #expect((0..<4).allSatisfy { object[$0] == 0 })
        let (base, span, index) = try #require(scene.heap.raw.findObject(UInt(bitPattern: object)))
        #expect(base == UInt(bitPattern: object))
        #expect(!span.isMarked(index))
        scene.force(true)
        #expect(scene.mutator.barrierBit == 0x80)
        #expect(scene.mutator.allocateWhite(layout) == nil)
        scene.force(false)
        // No window holds more than 64 slots.
        var objects: Set<UnsafeMutableRawPointer> = []
        while let next = scene.mutator.allocateWhite(layout) { #expect(objects.insert(next).inserted) }
        #expect(objects.count < 64)
        #expect(scene.mutator.allocate(layout) != nil)
        scene.close()
    }

    /// While the flag is on, what is allocated is marked before anybody sees it.
    @Test(arguments: [5, 40, 3_000, 100_000]) func newObjectsAreBlack(byteCount: Int) throws {
        let scene = try Scene()
        scene.heap.raw.pointee.marking.store(1, ordering: .relaxed)
        scene.force(true)
        let bytes = try #require(scene.mutator.allocateNoScan(byteCount: byteCount))
        let node = try #require(scene.mutator.allocate(ObjectLayout(headerWords: 1, slotCount: byteCount / 8)))
        for object in [bytes, node] {
            let (_, span, index) = try #require(scene.heap.raw.findObject(UInt(bitPattern: object)))
            #expect(span.isMarked(index))
        }
        scene.heap.raw.pointee.marking.store(0, ordering: .relaxed)
        scene.close()
    }
}
