// The page heap: everything of one heap that is not per processor. Lives in
// system memory; reached through `MHeapRef`. Overview: Allocation/Malloc.swift.
//
// Lock order: central < heap < specialRecords < markBits < systemMemory.

import Synchronization

@usableFromInline package typealias MHeapRef = UnsafeMutablePointer<MHeap>

/// - Source: Go 1.14 mheap.go, mheap.
@usableFromInline package struct MHeap: ~Copyable {
    package let memory: OSMemory
    package let configuration: HeapConfiguration
    /// Guards `pages`, `allSpans`, `arenas`' making, `curArena`, the record pools and the hints.
    package let lock: HeapLock
    package let pages: PageAllocator
    package let statistics: HeapCounters

    /// Rises by 2 a cycle, while the world is stopped. See `MSpan.sweepgen`.
    @usableFromInline package let sweepgen: Atomic<UInt32>
    /// 1 when the stack of unswept spans ran empty.
    package let sweepDone: Atomic<UInt32>
    /// Nonzero while marking: barriers are on and new objects are black.
    @usableFromInline package let marking: Atomic<UInt32>

    /// Every span record ever made, once. Under `lock`, or the world stopped.
    package var allSpans: UnsafeMutablePointer<UInt>
    package var allSpansCount: Int
    package var allSpansCapacity: Int

    /// Two stacks of in-use spans that trade roles each cycle: swept ones in
    /// `sweepSpans[sweepgen / 2 % 2]`, unswept ones in the other (INV-11).
    package let sweepSpans0: SweepBuffer
    package let sweepSpans1: SweepBuffer

    /// The line of the proportional sweep: through (`sweepHeapLiveBasis`,
    /// `pagesSweptBasis`) with slope `sweepPagesPerByte` (a Double's bits; 0 = off).
    package let pagesSweptBasis: Atomic<UInt>
    package let sweepHeapLiveBasis: Atomic<UInt>
    package let sweepPagesPerByte: Atomic<UInt64>


    /// Address of the record of each arena, 0 where no heap is. Entries never go back to 0.
    @usableFromInline package let arenas: UnsafeMutablePointer<Atomic<UInt>>
    /// Address of `allArenas`. Stored under `lock`, releasing, once the array holds all that the last one held.
    package let allArenasAddress: Atomic<UInt>
    package let allArenasCount: Atomic<Int>
    package var allArenasCapacity: Int
    /// How many of `allArenas` there were when the sweep started.
    package let sweepArenasCount: Atomic<Int>
    /// Rest of the arena being grown into. Under `lock`.
    package var curArenaBase: UInt
    package var curArenaEnd: UInt
    /// A chunk below that rest that is not the page allocator's yet; of no meaning while `spareState` is none. Under `lock`,
    /// but that the thread that prepares it may read it.
    package var spareChunk: UInt
    /// Under `lock`.
    package var spareState: SpareChunkState
    /// Prepares the next chunk. Set before the first mutator is made; outlives the heap's record.
    var preparation: Unmanaged<BackgroundTask>?
    /// Ordered places to try to grow at. Under `lock`.
    package let arenaHints: UnsafeMutablePointer<ArenaHints>

    /// Bytes retained beyond which growing scavenges; `UInt.max` = no goal.
    package let scavengeGoal: Atomic<UInt>
    /// Bytes that were in use when the last cycle ended, and its goal; 0 before the first. Stored with the world stopped.
    package let scavengeBasisInUse: Atomic<UInt64>
    package let scavengeBasisGoal: Atomic<UInt64>

    /// One set of lists for each span class.
    package let centrals: UnsafeMutableRawPointer
    /// Span records. Under `lock`.
    package let spanAllocator: UnsafeMutablePointer<FixedAllocator>
    package let specials: Specials
    package let markBits: MarkBitsArenas
    package let work: MarkWork
    package let pacer: Pacer
    package let world: World
    /// What happens, for those who watch.
    package let events: EventStream
    package let latencies: HeapLatencies

    /// Keeps what follows, which sweepers change all the time, off the cache lines above, which allocation reads.
    private let padding: (UInt, UInt, UInt, UInt, UInt, UInt, UInt, UInt) = (0, 0, 0, 0, 0, 0, 0, 0)

    /// Calls of `sweepOne` in progress.
    package let sweepers: Atomic<UInt32>
    package let pagesSwept: Atomic<UInt>
    /// Next page, over the arenas in `sweepArenas` order, for the reclaimer; ≥ 2^63 is done.
    package let reclaimIndex: Atomic<UInt64>
    /// Pages swept beyond what was asked for, shared by all who reclaim.
    package let reclaimCredit: Atomic<UInt>
}

extension UnsafeMutablePointer where Pointee == MHeap {
    @inlinable @inline(__always)
    package var sweepgen: UInt32 { pointee.sweepgen.load(ordering: .relaxed) }

    package func isDisabled(_ mechanism: Mechanisms) -> Bool {
        pointee.configuration.disabledMechanisms.contains(mechanism)
    }

    /// Pages of in-use spans; manual ones are not among them.
    package var pagesInUse: UInt { pointee.statistics.inUseSpans.pageCount }

    package var sweptSpans: SweepBuffer {
        sweepgen / 2 % 2 == 0 ? pointee.sweepSpans0 : pointee.sweepSpans1
    }
    package var unsweptSpans: SweepBuffer {
        sweepgen / 2 % 2 == 0 ? pointee.sweepSpans1 : pointee.sweepSpans0
    }
    /// Puts a span among those swept in this cycle. Never refused: there is room for every span record.
    package func pushSwept(_ span: MSpanRef) {
        if !sweptSpans.push(UInt(bitPattern: span)) { fatal("a sweep buffer has no room", ("span", span.base)) }
    }

    @inlinable @inline(__always)
    package var isMarking: Bool { pointee.marking.load(ordering: .relaxed) != 0 }

    package func central(_ spanClass: SpanClass) -> MCentralRef {
        (pointee.centrals + Int(spanClass.rawValue) * MCentral.stride)
            .assumingMemoryBound(to: MCentral.self)
    }

    // MARK: Looking addresses up

    /// Index of each mapped arena in order of mapping; appended under the heap lock. An array that was outgrown stays
    /// as it was, so that whoever read `allArenasCount` or `sweepArenasCount` before finds as many entries.
    package var allArenas: UnsafeMutablePointer<UInt> {
        UnsafeMutablePointer<UInt>(bitPattern: pointee.allArenasAddress.load(ordering: .acquiring)).unsafelyUnwrapped
    }

    /// The record of the n-th arena to be mapped.
    package func arena(order: Int) -> HeapArenaRef {
        arena(ArenaIndex(rawValue: allArenas[order])).unsafelyUnwrapped
    }

    @inlinable @inline(__always)
    package func arena(_ index: ArenaIndex) -> HeapArenaRef? {
        HeapArenaRef(bitPattern: pointee.arenas[Int(index.rawValue)].load(ordering: .acquiring))
    }

    /// The map's entry for `address`, perhaps stale; nil if out of range or never used.
    ///
    /// - Source: Go 1.14 mheap.go, spanOf.
    @inlinable @inline(__always)
    package func spanOf(_ address: UInt) -> MSpanRef? {
        let index = ArenaIndex(address: address)
        guard index.isValid, let arena = arena(index) else { return nil }
        return arena.spanEntry(address)
    }

    /// The same for an address known to be in the heap.
    ///
    /// - Source: Go 1.14 mheap.go, spanOfUnchecked.
    @inlinable @inline(__always)
    package func spanOfUnchecked(_ address: UInt) -> MSpanRef {
        arena(ArenaIndex(address: address)).unsafelyUnwrapped.spanEntry(address).unsafelyUnwrapped
    }

    /// The in-use span whose objects contain `address`.
    ///
    /// - Source: Go 1.14 mheap.go, spanOfHeap.
    @inlinable @inline(__always)
    package func spanOfHeap(_ address: UInt) -> MSpanRef? {
        guard let span = spanOf(address), span.state == .inUse,
            address >= span.base, address < span.pointee.limit
        else { return nil }
        return span
    }

    /// - Source: Go 1.14 mheap.go, inheap.
    package func isInHeap(_ address: UInt) -> Bool { spanOfHeap(address) != nil }

    /// - Source: Go 1.14 mheap.go, inHeapOrStack.
    package func isInHeapOrStack(_ address: UInt) -> Bool {
        guard let span = spanOf(address), address >= span.base, span.state != .dead else { return false }
        return address < span.pointee.limit
    }

    /// Base and index of the object that `address` points into; nil is "no object".
    ///
    /// - Source: Go 1.14 mbitmap.go, findObject.
    package func findObject(_ address: UInt) -> (base: UInt, span: MSpanRef, index: UInt)? {
        guard let span = spanOfHeap(address) else { return nil }
        let index = span.objectIndex(of: address)
        return (span.base + index * span.pointee.elemSize, span, index)
    }
}

extension UnsafeMutablePointer where Pointee == HeapArena {
    @inlinable @inline(__always)
    package func spanEntry(_ address: UInt) -> MSpanRef? {
        let page = (address >> UInt(HeapConstants.pageShift)) & UInt(HeapConstants.pagesPerArena - 1)
        return MSpanRef(bitPattern: pointee.spans[Int(page)].load(ordering: .acquiring))
    }
}
