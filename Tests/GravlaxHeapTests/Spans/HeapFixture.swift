import GravlaxHeap
import Testing

/// Roots that a test sets word by word.
final class TestRoots: RootSource {
    var words: [UInt64] = []

    func visitRoots(_ visitor: RootVisitor) {
        for word in words { visitor.visit(word: word) }
    }
}

/// A heap with one mutator that collects and sweeps only when the test says so.
final class HeapFixture {
    let roots = TestRoots()
    let mutator: Mutator
    private let heap: Heap
    private var isOpen = true

    init(_ change: (inout HeapConfiguration) -> Void = { _ in }) throws {
        var configuration = HeapConfiguration()
        configuration.gcPercent = -1
        configuration.backgroundSweepers = 0
        configuration.sweepBound = .proportional
        configuration.usesHugePages = false
        configuration.scavengesInBackground = false
        change(&configuration)
        heap = try Heap(configuration)
        mutator = try heap.makeMutator(roots: roots)
    }

    deinit { close() }

    var raw: MHeapRef { heap.raw }
    var memory: OSMemory { raw.pointee.memory }
    var state: MutatorRef { mutator.state }
    var counters: HeapCounters { raw.pointee.statistics }
    var statistics: HeapStatistics { heap.statistics }
    var ledger: FinalizationLedger { heap.finalizationLedger }

    func makeMutator() throws -> Mutator { try heap.makeMutator(roots: roots) }

    func close() {
        if isOpen { mutator.close() }
        isOpen = false
    }

    /// Marks and flips, and leaves all sweeping undone.
    func markAndFlip() {
        heap.collector.whileStopped(state) {
            heap.collector.finishSweepStopped()
            precondition(heap.collector.reserveForCycle())
            heap.collector.beginMarking()
            heap.collector.drainStopped()
            heap.collector.endMarking()
            heap.collector.flip()
        }
    }

    func withLock<Result>(_ body: () throws -> Result) rethrows -> Result { try raw.pointee.lock.withLock(body) }

    /// A span of objects that the test owns, outside every list.
    func objectSpan(_ pageCount: UInt, _ spanClass: SpanClass = SpanClass(.large, noscan: true)) throws -> MSpanRef {
        try #require(raw.alloc(pageCount, spanClass, needZero: false, nil))
    }

    func manualSpan(_ pageCount: UInt) throws -> MSpanRef {
        try #require(raw.allocManual(pageCount, counters.stacksInUse, nil))
    }

    func freeManual(_ span: MSpanRef) { raw.freeManual(span, counters.stacksInUse, nil) }

    /// What a span's page says about being in use.
    func isHeadInUse(_ address: UInt) -> Bool {
        let arena = raw.arena(ArenaIndex(address: address))!
        let (byte, mask) = arena.pageIndex(of: address)
        return arena.pointee.pageInUse[byte].load(ordering: .relaxed) & mask != 0
    }
}

/// An object in the heap as a pointer.
func object(_ address: UInt) -> UnsafeMutablePointer<UInt64> { UnsafeMutablePointer(bitPattern: address)! }

extension HeapFixture {
    /// Takes pages so that the next allocation that needs more than those starts `pageCount` pages before the border
    /// of two arenas, on pages that have never been used. Returns the border. For a fresh heap.
    func leavePagesBeforeBorder(_ pageCount: UInt, arenaCount: UInt = 2) throws -> UInt {
        // Grows the heap over neighbouring arenas without touching any but the first.
        #expect(withLock { raw.grow((arenaCount - 1) * UInt(HeapConstants.pagesPerArena) + 512) })
        let filler = try manualSpan(UInt(HeapConstants.pagesPerArena) - pageCount)
        #expect(filler.base % UInt(HeapConstants.arenaSize) == 0)
        return filler.base + UInt(HeapConstants.arenaSize)
    }
}

extension HeapFixture {
    /// The address of a new object.
    func allocate(_ layout: ObjectLayout) throws -> UInt {
        UInt(bitPattern: try #require(mutator.allocate(layout) as UnsafeMutableRawPointer?))
    }

    /// The address of a new object without pointers.
    func allocateNoScan(_ byteCount: Int) throws -> UInt {
        UInt(bitPattern: try #require(mutator.allocateNoScan(byteCount: byteCount) as UnsafeMutableRawPointer?))
    }
}
