import GravlaxHeap
import Testing

/// Marking reads no further than an object goes, whatever its neighbour holds.
@Suite struct MarkBoundsTests {
    /// Objects without a header that fill their elements: the word behind each is the first of the next, a reference.
    @Test(arguments: [1, 2, 3, 4, 6, 8, 16, 31, 32, 36, 64, 128, 512, 4096])
    func theNeighbourOfAFullElementIsNotScanned(slotCount: Int) throws {
        let heap = try Heap(HeapConfiguration(encoding: .tagged))
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        let layout = ObjectLayout(
            headerWords: 0, slotCount: ObjectLayout.roundedSlotCount(headerWords: 0, slotCount: slotCount))
        // Dead objects that all refer to one; every second of them is a root with nothing in it.
        let target = try #require(mutator.allocateNoScan(byteCount: 64))
        let word = WordEncoding.tagged.match | UInt64(UInt(bitPattern: target))
        for index in 0..<64 {
            let object = try #require(mutator.allocate(layout)).assumingMemoryBound(to: UInt64.self)
            if index % 2 == 0 {
                roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
            } else {
                for slot in 0..<layout.byteCount / 8 { mutator.store(word, to: object + slot) }
            }
        }
        heap.collector.whileStopped(mutator.state) {
            heap.collector.finishSweepStopped()
            #expect(heap.collector.reserveForCycle())
            heap.collector.beginMarking()
            heap.collector.drainStopped()
            heap.collector.endMarking()
            let (_, span, index) = heap.raw.findObject(UInt(bitPattern: target))!
            #expect(!span.isMarked(index))
            #expect(HeapVerifier(heap.raw).violations(afterMark: true) == [])
            heap.collector.flip()
        }
        mutator.close()
    }
}
