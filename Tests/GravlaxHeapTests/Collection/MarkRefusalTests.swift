import GravlaxHeap
import Testing

/// Marking when the system refuses work buffers: slower, and nothing is lost.
@Suite struct MarkRefusalTests {
    /// More roots than the reserved buffers hold, each with a child, so that buffers run out both while roots are
    /// visited and while objects are scanned.
    @Test(arguments: 1...24) func nothingIsLostWhenABufferIsRefused(call: UInt64) throws {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.backgroundSweepers = 0
        configuration.scavengesInBackground = false
        configuration.gcPercent = -1
        let heap = try Heap(configuration)
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        let count = 12_000
        for number in 1...UInt64(count) {
            let parent = try #require(mutator.allocate(ObjectLayout(headerWords: 0, slotCount: 1)))
            let child = try #require(mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 1)))
            child.storeBytes(of: number, as: UInt64.self)
            mutator.store(
                WordEncoding.tagged.match | UInt64(UInt(bitPattern: child)),
                to: parent.assumingMemoryBound(to: UInt64.self))
            roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: parent)))
        }
        _ = mutator.readStatistics()
        heap.raw.pointee.memory.failCall(call)
        let collected = mutator.collect()
        heap.raw.pointee.memory.failCall(0)
        #expect(HeapVerifier(heap.raw).violations(afterMark: false) == [])
        if collected { #expect(mutator.readStatistics().objects == UInt64(2 * count)) }
        for (index, word) in roots.words.enumerated() {
            let parent = UnsafePointer<UInt64>(bitPattern: UInt(word & WordEncoding.tagged.addressMask))!
            let child = UnsafePointer<UInt64>(bitPattern: UInt(parent.pointee & WordEncoding.tagged.addressMask))!
            if child.pointee != UInt64(index + 1) {
                Issue.record("object \(index) was lost")
                break
            }
        }
        mutator.close()
    }

    /// An object with more references than the reserved buffers hold, and one with more pieces before them, while the
    /// system refuses every further buffer: marking ends, with everything marked.
    @Test(arguments: [0, 1100]) func markingEndsWithoutAnyFurtherBuffer(plainPieces: Int) throws {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.backgroundSweepers = 0
        configuration.scavengesInBackground = false
        configuration.gcPercent = -1
        let heap = try Heap(configuration)
        let roots = RootWords()
        let mutator = try heap.makeMutator(roots: roots)
        let slotCount = HeapConstants.scanPiece / 8
        let layout = ObjectLayout(headerWords: plainPieces * slotCount, slotCount: slotCount)
        let holder = try #require(mutator.allocate(layout))
        let slots = (holder + layout.byteCount).assumingMemoryBound(to: UInt64.self) - slotCount
        roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: holder)))
        for slot in 0..<slotCount {
            let parent = try #require(mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 1)))
            let child = try #require(mutator.allocateNoScan(byteCount: 16) as UnsafeMutableRawPointer?)
            mutator.store(
                WordEncoding.tagged.match | UInt64(UInt(bitPattern: child)),
                to: (parent + 8).assumingMemoryBound(to: UInt64.self))
            mutator.store(WordEncoding.tagged.match | UInt64(UInt(bitPattern: parent)), to: slots + slot)
        }
        _ = mutator.readStatistics()
        #expect(heap.collector.reserveForCycle())
        let (memory, stacks) = (heap.raw.pointee.memory, heap.raw.pointee.work.stacks)
        // Those that a cycle cannot do without are left.
        for _ in 0..<11 { _ = stacks.getEmpty() }
        memory.failCall(1, forGood: true)
        // Not one more block of buffers out of what the system gave before.
        while memory.allocatePersistent(
            byteCount: UInt(WorkBufferStacks.blockByteCount), statistic: heap.raw.pointee.statistics.metadata) != nil {}
        #expect(mutator.collect())
        memory.failCall(0)
        #expect(HeapVerifier(heap.raw).violations(afterMark: false) == [])
        let statistics = mutator.readStatistics()
        #expect(statistics.objects == UInt64(1 + 2 * slotCount))
        #expect(statistics.heapMarked == UInt64(layout.byteCount + 2 * slotCount * 16))
        mutator.close()
    }
}
