import GravlaxHeap

/// A sound heap with something of everything, to be damaged in one place.
final class Patient {
    let heap: Heap
    let roots = RootWords()
    let mutator: Mutator
    /// Swept spans in no cache: 48-byte objects, all slots taken; 112-byte objects, some free; a large object.
    let full: MSpanRef
    let partial: MSpanRef
    let large: MSpanRef
    /// In the mutator's cache.
    let cached: MSpanRef
    let stack: UnsafeMutableRawPointer

    var raw: MHeapRef { heap.raw }
    var counters: HeapCounters { raw.pointee.statistics }
    var arena: HeapArenaRef { raw.arena(ArenaIndex(address: full.base))! }
    var pages: PageAllocator { raw.pointee.pages }

    init() throws {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.gcPercent = -1
        configuration.backgroundSweepers = 0
        configuration.scavengesInBackground = false
        heap = try Heap(configuration)
        mutator = try heap.makeMutator(roots: roots)
        let node48 = ObjectLayout(headerWords: 1, slotCount: 5)
        let node112 = ObjectLayout(headerWords: 1, slotCount: 13)
        var words: [UInt64] = []
        func keep(_ memory: UnsafeMutableRawPointer?) { words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: memory))) }
        for _ in 0..<8192 / 48 { keep(mutator.allocate(node48)) }
        for _ in 0..<20 { keep(mutator.allocate(node112)) }
        keep(mutator.allocateNoScan(byteCount: 100_000))
        keep(mutator.allocateNoScan(byteCount: 5))
        roots.words = words
        _ = mutator.readStatistics()
        // Garbage, so that a sweep has something to free.
        for _ in 0..<20 { _ = mutator.allocate(node112) }
        mutator.collect()
        _ = mutator.readStatistics()
        let raw = heap.raw
        func span(_ index: Int) -> MSpanRef { raw.spanOf(UInt(words[index] & WordEncoding.tagged.addressMask))! }
        full = span(0)
        partial = span(8192 / 48)
        large = span(8192 / 48 + 20)
        // What is cached from here on, a tiny block in use among it.
        let object = mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 2))
        keep(object)
        keep(mutator.allocateNoScan(byteCount: 3))
        roots.words = words
        cached = raw.spanOf(UInt(bitPattern: object))!
        stack = mutator.allocateStack(byteCount: 3 * 8192)!
        let first = UnsafeMutableRawPointer(bitPattern: partial.base)!
        _ = mutator.addFinalizer(first, function: words[0])
        _ = mutator.addNativeCleanup(first, payload: 1)
        _ = mutator.addNativeCleanup(first + 112, payload: 1)
    }

    func violations(afterMark: Bool = false) -> [String] { HeapVerifier(raw).violations(afterMark: afterMark) }

    /// Marks with the world stopped, lets `body` look at the marks, and undoes it all.
    func afterMark(_ body: () -> Void) {
        heap.collector.whileStopped(mutator.state) {
            heap.collector.finishSweepStopped()
            precondition(heap.collector.reserveForCycle())
            heap.collector.beginMarking()
            heap.collector.drainStopped()
            heap.collector.endMarking()
            body()
            heap.collector.flip()
        }
    }

    func close() {
        mutator.freeStack(stack)
        mutator.close()
    }
}
