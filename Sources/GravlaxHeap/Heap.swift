// One heap: the object that owns everything, makes mutators, and gives every
// byte back when it goes away.

import Synchronization

/// A garbage-collected page heap. Thread-safe; allocation goes through a
/// `Mutator` for each thread. All memory returns to the system when the heap is
/// released, which waits for its background threads. Close every mutator before.
///
///     let heap = try Heap(HeapConfiguration())
///     let mutator = try heap.makeMutator(roots: self)
///     let node = mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 2))
///
/// Sendable: threads share it to make their mutators. What it holds is constant after `onCycle` is set, and the rest is
/// in raw memory under the rules that stand there.
public final class Heap: @unchecked Sendable {
    package let raw: MHeapRef
    package let collector: Collector
    public let configuration: HeapConfiguration
    private let sweepers: BackgroundSweepers
    private let scavenger: BackgroundScavenger?
    private let preparation: BackgroundTask?
    private let listener: EventListener
    private let counterMemory: UnsafeMutableRawPointer
    /// Called after each cycle, on the thread that ended it, in the order of the cycles. Set before the first mutator is
    /// made. It may be called while the heap is being released, which waits for it: it must not refer to the heap, not
    /// even weakly (see `statisticsReader`).
    public var onCycle: ((CycleReport) -> Void)? {
        get { collector.onCycle }
        set { collector.onCycle = newValue }
    }
    /// Called with the bytes that `Mutator.freeOSMemory` gave back, on the mutator's thread. Set before the first mutator
    /// is made.
    public var onRelease: ((Int) -> Void)? {
        get { collector.onRelease }
        set { collector.onRelease = newValue }
    }

    /// - Throws: `HeapError.outOfMemory` when the system refuses what a heap needs to exist.
    public convenience init(_ configuration: HeapConfiguration = HeapConfiguration()) throws {
        try self.init(configuration, memory: OSMemory())
    }

    /// A heap that lives in `memory`, which is its own from here on; also if it throws.
    package init(_ configuration: HeapConfiguration, memory: OSMemory?) throws {
        self.configuration = configuration
        let counterMemory = UnsafeMutableRawPointer.allocate(byteCount: HeapCounters.byteCount, alignment: 64)
        counterMemory.initializeMemory(as: UInt8.self, repeating: 0, count: HeapCounters.byteCount)
        guard let memory, let raw = MHeapRef.make(memory, configuration, HeapCounters(at: counterMemory)) else {
            counterMemory.deallocate()
            throw HeapError.outOfMemory
        }
        self.raw = raw
        self.counterMemory = counterMemory
        let sweepers = BackgroundSweepers(raw, count: configuration.backgroundSweepers)
        let scavenger = configuration.scavengesInBackground ? BackgroundScavenger(raw) : nil
        guard let collector = Collector(
            raw, configuration, memory: memory, sweepers: sweepers, scavenger: scavenger)
        else {
            sweepers.stop()
            scavenger?.stop()
            raw.destroy()
            counterMemory.deallocate()
            throw HeapError.outOfMemory
        }
        self.sweepers = sweepers
        self.scavenger = scavenger
        self.collector = collector
        listener = EventListener(raw.pointee.events)
        let heapBits = UInt(bitPattern: raw)
        preparation = configuration.usesHugePages && configuration.preparesMemory
            ? BackgroundTask(label: "gravlax.memory") { _ in
                MHeapRef(bitPattern: heapBits).unsafelyUnwrapped.prepareSpareChunk()
            } : nil
        raw.pointee.preparation = preparation.map { Unmanaged.passUnretained($0) }
    }

    deinit {
        collector.stop()
        sweepers.stop()
        scavenger?.stop()
        preparation?.stop()
        listener.stop()
        raw.destroy()
        counterMemory.deallocate()
    }

    /// Switches the stream of events on for a listener, which gets what it keeps (`EventListener.kinds`) on a thread of its
    /// own, soon after it happened. It must not refer to the heap, which waits for it when it is released. One thread at a
    /// time, in which nobody else uses the stream.
    ///
    /// - Returns: false when the system refuses the memory.
    package func listen(_ body: @escaping @Sendable (EventReading) -> Void) -> Bool { listener.start(body) }

    /// Switches it off. One call of the listener may still come.
    package func stopListening() { listener.pause() }

    /// The report of the last cycle that ended; nil before the first.
    public var lastCycle: CycleReport? { collector.lastReport }

    /// Says where a sampled object is allocated: called with its address, which nothing is written to yet, and its size in
    /// bytes, on the thread that allocates, in the middle of that: it may not use the mutator. Set before the first mutator
    /// is made.
    public var allocationSite: ((UnsafeMutableRawPointer, Int) -> UInt64)? {
        get { collector.allocationSite }
        set { collector.allocationSite = newValue }
    }

    /// A mutator for the calling thread, running.
    ///
    /// - Parameter roots: what the thread's references stand in. Not retained, so that an object can be the roots of its
    ///   own mutator and close that when it goes: it must live until `close()`.
    /// - Throws: `HeapError.outOfMemory`.
    public func makeMutator(roots: any RootSource) throws -> Mutator {
        guard let mutator = raw.pointee.world.takeRetired() ?? MutatorRef.make(heap: raw) else {
            throw HeapError.outOfMemory
        }
        mutator.pointee.roots = Unmanaged.passUnretained(roots as AnyObject)
        mutator.pointee.owner = Unmanaged.passUnretained(collector)
        raw.pointee.world.add(mutator) {
            // In the middle of a cycle its roots are one job more.
            if raw.isMarking {
                mutator.beginMarking()
                raw.progress.pointee.pendingRoots.wrappingAdd(1, ordering: .relaxed)
                raw.progress.pointee.openRoots.store(1, ordering: .relaxed)
            }
            mutator.pointee.flushGeneration = raw.sweepgen
        }
        return Mutator(mutator)
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Builds a heap in system memory; nil, with everything given back, if any part is refused.
    static func make(_ memory: OSMemory, _ configuration: HeapConfiguration, _ counters: HeapCounters) -> MHeapRef? {
        if !HeapConstants.acceptsPhysicalPages(byteCount: OSMemory.pageByteCount) {
            fatal("the system's pages have a bad size", ("bytes", OSMemory.pageByteCount))
        }
        if let heap = build(memory, configuration, counters) { return heap }
        let leaked = memory.destroy()
        if leaked != 0 { fatal("a heap that was refused kept memory", ("bytes", UInt(leaked))) }
        return nil
    }

    private static func build(
        _ memory: OSMemory, _ configuration: HeapConfiguration, _ counters: HeapCounters
    ) -> MHeapRef? {
        let metadata = counters.metadata
        let arenasBytes = UInt(HeapConstants.arenaCount * 8)
        guard let block = memory.allocatePersistent(
            byteCount: UInt(MemoryLayout<MHeap>.stride), alignment: 64, statistic: metadata),
            let lock = HeapLock(rank: .heap, memory: memory, statistic: metadata),
            let pages = PageAllocator(
                memory: memory, lock: lock, metadata: metadata, released: counters.heapReleased)
        else { return nil }
        guard let arenas = memory.allocate(byteCount: arenasBytes, statistic: metadata) else {
            pages.destroy()
            return nil
        }
        func refused() -> MHeapRef? {
            pages.destroy()
            memory.free(arenas, byteCount: arenasBytes)
            return nil
        }
        guard let sweep0 = SweepBuffer(memory: memory, statistic: metadata),
            let sweep1 = SweepBuffer(memory: memory, statistic: metadata),
            let markBits = MarkBitsArenas(memory: memory, statistic: counters.markBits),
            let work = MarkWork(memory: memory, buffers: counters.workBuffers, statistic: metadata),
            let pacer = Pacer(
                configuration, counters, memory: memory,
                processorCount: configuration.processorCount ?? Processors.count),
            let centrals = memory.allocatePersistent(
                byteCount: UInt(SpanClass.count * MCentral.stride), alignment: 256, statistic: metadata),
            let specials = Specials(memory: memory, statistic: metadata),
            let events = EventStream(memory: memory, statistic: metadata),
            let latencies = HeapLatencies(memory: memory, statistic: metadata),
            let world = World(memory: memory, statistic: metadata, events: events, latencies: latencies),
            let pools = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<FixedAllocator>.stride), alignment: 64, statistic: metadata),
            let hints = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<ArenaHints>.stride), alignment: 64, statistic: metadata)
        else { return refused() }
        let heap = block.bindMemory(to: MHeap.self, capacity: 1)
        // The pools and the hints stand apart from the heap's record: their methods change them as a whole.
        let spans = pools.bindMemory(to: FixedAllocator.self, capacity: 1)
        spans.initialize(to: FixedAllocator(
            recordByteCount: MSpan.recordByteCount, alignment: 64, memory: memory, statistic: counters.spanRecords,
            zeroing: false, context: UnsafeMutableRawPointer(heap)
        ) { context, record in
            context!.assumingMemoryBound(to: MHeap.self).recordSpan(record)
        })
        let arenaHints = hints.bindMemory(to: ArenaHints.self, capacity: 1)
        arenaHints.initialize(to: ArenaHints())
        heap.initialize(to: MHeap(
            memory: memory, configuration: configuration, lock: lock, pages: pages, statistics: counters,
            sweepgen: Atomic(0), sweepDone: Atomic(1), marking: Atomic(0),
            allSpans: UnsafeMutablePointer<UInt>(bitPattern: 8)!, allSpansCount: 0, allSpansCapacity: 0,
            sweepSpans0: sweep0, sweepSpans1: sweep1,
            pagesSweptBasis: Atomic(0), sweepHeapLiveBasis: Atomic(0), sweepPagesPerByte: Atomic(0),
            arenas: arenas.bindMemory(to: Atomic<UInt>.self, capacity: HeapConstants.arenaCount),
            allArenasAddress: Atomic(8), allArenasCount: Atomic(0), allArenasCapacity: 0,
            sweepArenasCount: Atomic(0), curArenaBase: 0, curArenaEnd: 0, spareChunk: 0, spareState: .none,
            preparation: nil, arenaHints: arenaHints,
            scavengeGoal: Atomic(.max), scavengeBasisInUse: Atomic(0), scavengeBasisGoal: Atomic(0),
            centrals: centrals, spanAllocator: spans,
            specials: specials,
            markBits: markBits,
            work: work, pacer: pacer,
            world: world, events: events, latencies: latencies, sweepers: Atomic(0), pagesSwept: Atomic(0),
            reclaimIndex: Atomic(1 << 63), reclaimCredit: Atomic(0)))
        for index in 0..<SpanClass.count {
            guard let lock = HeapLock(rank: .central, memory: memory, statistic: metadata) else { return refused() }
            MCentralRef.make(
                in: centrals + index * MCentral.stride, heap: heap,
                spanClass: SpanClass(rawValue: UInt8(index)), lock: lock)
        }
        return heap
    }

    /// Gives everything back. Nobody uses the heap any more.
    func destroy() {
        let memory = pointee.memory
        pointee.world.destroy()
        pointee.work.stacks.destroy()
        pointee.specials.ephemerons.releaseIndex(memory)
        for order in 0..<pointee.allArenasCount.load(ordering: .relaxed) {
            let index = ArenaIndex(rawValue: allArenas[order])
            let record = arena(index)!
            memory.free(UnsafeMutableRawPointer(bitPattern: index.base)!, byteCount: UInt(HeapConstants.arenaSize))
            memory.free(UnsafeMutableRawPointer(record), byteCount: HeapArena.blockBytes)
        }
        if pointee.allSpansCapacity > 0 {
            memory.free(UnsafeMutableRawPointer(pointee.allSpans), byteCount: UInt(pointee.allSpansCapacity * 8))
        }
        memory.free(UnsafeMutableRawPointer(pointee.arenas), byteCount: UInt(HeapConstants.arenaCount * 8))
        pointee.pages.destroy()
        let leaked = memory.destroy()
        if leaked != 0 { fatal("a heap kept memory when it was destroyed", ("bytes", UInt(leaked))) }
    }
}
