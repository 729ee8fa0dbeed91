// The allocator, from the top.
//
// An object of at most 32 KiB belongs to one of 68 size classes; its span class
// adds whether it holds pointers. Each mutator has a span for each span class
// in its cache and takes the next free slot of it: `allocCache` holds 64 slots'
// free bits, the lowest of them is found with one instruction. When the cache
// of bits is empty, the next window of the span's bits is loaded; when the span
// is full, the class's `MCentral` exchanges it for another, sweeping on the way;
// when that has none, the page heap makes one. Objects under 16 bytes without
// pointers share 16-byte blocks. Larger objects have a span each.
//
//     allocate ─▶ allocCache ─▶ next window ─▶ MCentral ─▶ MHeap.alloc ─▶ PageAllocator ─▶ OSMemory
//      (bit)        (span)        (span)       (its lock)    (heap lock)
//
// Allocation never collects and never waits for a collection (INV-29): it asks
// for one through the poll flag. nil means that memory was refused.

import Synchronization

extension Mutator {
    /// A zeroed object of this layout; nil when memory was refused. The caller fills it in before anybody else can see it;
    /// references go in through `store`, since a marker never looks into an object that was made while it marks.
    @inlinable @inline(__always)
    public func allocate(_ layout: ObjectLayout) -> UnsafeMutableRawPointer? {
        if _fastPath(layout.elemWords != 0) {
            let address = state.takeSlot(layout.spanClass)
            if _fastPath(address != 0) { return finish(address, layout) }
        }
        return allocateSlow(layout)
    }

    /// A zeroed object of this layout that plain stores may fill in, up to the next safepoint: no marker is at work. nil
    /// while the barrier is on, and where the cached span has no free slot at hand: `allocate` then.
    @inlinable @inline(__always)
    public func allocateWhite(_ layout: ObjectLayout) -> UnsafeMutableRawPointer? {
        guard _fastPath(state.pointee.barrier == 0), _fastPath(layout.elemWords != 0) else { return nil }
        let address = state.takeSlot(layout.spanClass)
        guard _fastPath(address != 0) else { return nil }
        writeBitmap(address, layout)
        return UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
    }

    /// Bitmap and colour. Slots of spans that go this way are clear (see `MSpan.clearsWindows`).
    @inlinable @inline(__always)
    package func finish(_ address: UInt, _ layout: ObjectLayout) -> UnsafeMutableRawPointer {
        writeBitmap(address, layout)
        if _slowPath(state.pointee.barrier != 0) { state.blacken(address) }
        return UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
    }

    @inlinable @inline(__always)
    package func writeBitmap(_ address: UInt, _ layout: ObjectLayout) {
        let heap = state.pointee.heap
        if layout.bits != 0 {
            let arena = heap.arena(ArenaIndex(address: address)).unsafelyUnwrapped
            heap.writeBitmap(address, bits: layout.bits, wordCount: UInt(layout.elemWords), arena)
        }
    }

    /// An object without pointers of `byteCount` bytes (≥ 0); nil when memory was refused.
    ///
    /// - Parameter zeroed: false if the caller overwrites all of it anyway: then it may hold anything.
    @inlinable @inline(__always)
    public func allocateNoScan(byteCount: Int, zeroed: Bool = true) -> UnsafeMutableRawPointer? {
        if _fastPath(UInt(bitPattern: byteCount &- HeapConstants.tinySize) <= UInt(MutatorState.noscanClassLimit)) {
            let address = state.takeSlot(
                SpanClass(rawValue: state.pointee.noscanClasses[(byteCount &+ 7) &>> 3]))
            if _fastPath(address != 0) {
                if _slowPath(state.pointee.barrier != 0) {
                    state.blacken(address)
                }
                return UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
            }
        }
        return state.allocateNoScanSlow(byteCount, zeroed: zeroed)
    }

    @usableFromInline @inline(never)
    package func allocateSlow(_ layout: ObjectLayout) -> UnsafeMutableRawPointer? {
        if layout.slotCount == 0 { return state.allocateNoScanSlow(layout.byteCount, zeroed: true) }
        let heap = state.pointee.heap
        if layout.byteCount > HeapConstants.maxSmallSize {
            guard let span = state.allocateLarge(layout.byteCount, noscan: false, zeroed: true) else { return nil }
            heap.writeLongBitmap(
                span.base, headerWords: UInt(layout.headerWords), slotCount: layout.slotCount,
                elemSize: span.pointee.elemSize)
            return UnsafeMutableRawPointer(bitPattern: span.base)
        }
        guard let (address, span) = state.nextFree(layout.spanClass) else { return nil }
        if layout.elemWords != 0 { return finish(address, layout) }
        heap.writeLongBitmap(
            address, headerWords: UInt(layout.headerWords), slotCount: layout.slotCount, elemSize: span.pointee.elemSize)
        if heap.isMarking { state.blacken(address) }
        return UnsafeMutableRawPointer(bitPattern: address)
    }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// Marks a new object: what is allocated while marking is black (INV-21).
    @usableFromInline @inline(never)
    package func blacken(_ address: UInt) {
        let heap = pointee.heap
        if heap.isDisabled(.blackAllocation) { return }
        let span = heap.spanOfUnchecked(address)
        if span.setMarked(span.objectIndex(of: address)) {
            let byteCount = UInt64(span.pointee.elemSize)
            pointee.blackBytes = pointee.blackBytes &+ byteCount
            if !span.pointee.spanClass.noscan { pointee.blackScanBytes = pointee.blackScanBytes &+ byteCount }
            heap.setPageMark(span)
        }
    }

    /// The next free slot of the cached span's window; 0 when the window is used up.
    ///
    /// - Source: Go 1.14 malloc.go, nextFreeFast.
    @inlinable @inline(__always)
    package func takeSlot(_ spanClass: SpanClass) -> UInt {
        let span = pointee.cache[Int(spanClass.rawValue)]
        let cache = span.pointee.allocCache
        if _slowPath(cache == 0) { return 0 }
        let bit = cache.trailingZeroBitCount
        let index = span.pointee.freeIndex &+ UInt32(truncatingIfNeeded: bit)
        span.pointee.allocCache = (cache &>> UInt64(truncatingIfNeeded: bit)) &>> 1
        span.pointee.freeIndex = index &+ 1
        return span.pointee.startAddress &+ UInt(index) &* span.pointee.elemSize
    }

    /// The next free slot of the class, from the cached span or a new one.
    ///
    /// - Source: Go 1.14 malloc.go, (*mcache).nextFree; mcache.go, refill.
    @inline(never)
    package func nextFree(_ spanClass: SpanClass) -> (UInt, MSpanRef)? {
        if pointee.flushGeneration != pointee.heap.sweepgen { prepareForSweep() }
        var span = pointee.cache[Int(spanClass.rawValue)]
        let isNew = span.pointee.allocCache | span.pointee.withheldCache == 0
        if !span.hasFree {
            let began = beginSlowAllocation()
            let isRefilled = refill(spanClass)
            endSlowAllocation(began)
            pointee.heap.sampleCounters()
            guard isRefilled else { return nil }
            span = pointee.cache[Int(spanClass.rawValue)]
            noteTaken(byteCount: pointee.refillBytes)
        }
        let address = takeSlot(spanClass)
        if let sampler = pointee.sampler, sampler.noteSlow(span, isNew: isNew) {
            sample(address, byteCount: span.pointee.elemSize)
        }
        if pointee.heap.pointee.configuration.debug.stress > 0 { noteStress(span) }
        return (address, span)
    }

    /// After `heapLive` rose by a span for the cache, or a large object: asks for a cycle that is due, or helps the one
    /// that runs.
    private func noteTaken(byteCount: UInt) {
        let heap = pointee.heap
        if heap.isMarking {
            assist(byteCount: byteCount)
        } else if heap.pointee.statistics.heapLive.value >= heap.pointee.pacer.trigger {
            requestPoll(.collect)
        }
    }

    /// `stress` counts every allocation, which it makes slow, and starts a cycle every so often.
    private func noteStress(_ span: MSpanRef?) {
        pointee.stressCountdown = pointee.stressCountdown - 1
        if pointee.stressCountdown <= 0 {
            pointee.stressCountdown = pointee.heap.pointee.configuration.debug.stress
            requestPoll(.collect)
        }
        span?.withholdWindow()
    }

    private func refill(_ spanClass: SpanClass) -> Bool {
        let old = pointee.cache[Int(spanClass.rawValue)]
        if old != pointee.emptySpan { release(old) }
        pointee.cache[Int(spanClass.rawValue)] = pointee.emptySpan
        guard let span = pointee.heap.central(spanClass).cacheSpan(self) else { return false }
        span.pointee.sweepgen.store(pointee.heap.sweepgen &+ 3, ordering: .releasing)
        pointee.cache[Int(spanClass.rawValue)] = span
        if pointee.heap.pointee.specials.hasDue { requestPoll(.dueCalls) }
        return true
    }

    private func release(_ span: MSpanRef) {
        pointee.sampler?.forget(span.pointee.spanClass)
        pointee.heap.central(span.pointee.spanClass).uncacheSpan(span, self)
    }

    /// Gives every cached span back and counts what was counted locally.
    ///
    /// - Source: Go 1.14 mcache.go, (*mcache).releaseAll.
    package func releaseAll() {
        for index in 0..<SpanClass.count where pointee.cache[index] != pointee.emptySpan {
            let span = pointee.cache[index]
            pointee.cache[index] = pointee.emptySpan
            release(span)
        }
        pointee.tiny = 0
        pointee.tinyOffset = 0
        flushLocalCounts()
    }

    /// Adds to the heap's statistics what this mutator counted by itself.
    ///
    /// - Source: Go 1.14 mcache.go, purgecachedstats.
    package func flushLocalCounts() {
        let statistics = pointee.heap.pointee.statistics
        if pointee.tinyAllocs != 0 { statistics.tinyAllocCount.add(pointee.tinyAllocs) }
        pointee.tinyAllocs = 0
        for sizeClass in 1..<SizeClass.count where pointee.smallAllocs[sizeClass] != 0 {
            statistics.smallAllocCount(sizeClass).add(pointee.smallAllocs[sizeClass])
            pointee.smallAllocs[sizeClass] = 0
        }
    }

    /// Counts objects handed out of a span of the class, ahead or back, without touching what others count in.
    package func countSmallAllocs(_ sizeClass: SizeClass, _ count: Int) {
        let index = Int(sizeClass.rawValue)
        pointee.smallAllocs[index] = pointee.smallAllocs[index] &+ UInt64(bitPattern: Int64(count))
    }

    /// Flushes a cache that was filled before the sweep began: its spans need sweeping.
    ///
    /// - Source: Go 1.14 mcache.go, (*mcache).prepareForSweep.
    package func prepareForSweep() {
        let generation = pointee.heap.sweepgen
        if pointee.flushGeneration == generation { return }
        releaseAll()
        pointee.flushGeneration = generation
    }

    /// - Source: Go 1.14 malloc.go, largeAlloc.
    @inline(never)
    package func allocateLarge(_ byteCount: Int, noscan: Bool, zeroed: Bool) -> MSpanRef? {
        if byteCount > HeapConstants.maxAllocation { return nil }
        if pointee.flushGeneration != pointee.heap.sweepgen { prepareForSweep() }
        let began = beginSlowAllocation()
        defer { endSlowAllocation(began) }
        let heap = pointee.heap
        let pages = UInt(byteCount + HeapConstants.pageSize - 1) >> UInt(HeapConstants.pageShift)
        let bytes = pages << UInt(HeapConstants.pageShift)
        var charge = heap.sweepCharge(pageCount: pages, payer: self)
        heap.deductSweepCredit(spanBytes: bytes, callerSweepPages: pages, &charge)
        guard let span = heap.alloc(pages, SpanClass(.large, noscan: noscan), needZero: zeroed, self, &charge) else {
            return nil
        }
        span.pointee.limit = span.base + UInt(byteCount)
        span.pointee.freeIndex = 1
        span.pointee.allocWindow = 64
        span.pointee.allocCount = 1
        let counters = heap.pointee.statistics
        counters.heapLive.add(UInt64(bytes))
        if !noscan { counters.heapScan.add(UInt64(bytes)) }
        counters.largeAllocBytes.add(UInt64(bytes))
        counters.largeAllocCount.add(1)
        heap.sampleCounters()
        if heap.isMarking { blacken(span.base) }
        noteTaken(byteCount: bytes)
        if let sampler = pointee.sampler, sampler.noteLarge(byteCount: Int(bytes)) { sample(span.base, byteCount: bytes) }
        if heap.pointee.configuration.debug.stress > 0 { noteStress(nil) }
        return span
    }

    /// Tiny, small or large, without pointers.
    @usableFromInline @inline(never)
    package func allocateNoScanSlow(_ byteCount: Int, zeroed: Bool) -> UnsafeMutableRawPointer? {
        if byteCount < HeapConstants.tinySize { return allocateTiny(byteCount) }
        if byteCount > HeapConstants.maxSmallSize {
            guard let span = allocateLarge(byteCount, noscan: true, zeroed: zeroed) else { return nil }
            return UnsafeMutableRawPointer(bitPattern: span.base)
        }
        return allocateSmallNoScan(SpanClass(SizeClass.fitting(byteCount), noscan: true), zeroed: zeroed)
    }

    private func allocateSmallNoScan(_ spanClass: SpanClass, zeroed: Bool) -> UnsafeMutableRawPointer? {
        var address = takeSlot(spanClass)
        if address == 0 {
            guard let (found, _) = nextFree(spanClass) else { return nil }
            address = found
        }
        let object = UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
        let span = pointee.cache[Int(spanClass.rawValue)]
        if zeroed, span.pointee.needZero, !span.clearsWindows {
            object.initializeMemory(as: UInt8.self, repeating: 0, count: Int(span.pointee.elemSize))
        }
        if pointee.barrier != 0 { blacken(address) }
        return object
    }

    /// Several small pointer-free objects in one 16-byte block, aligned by their size.
    ///
    /// - Source: Go 1.14 malloc.go, mallocgc.
    private func allocateTiny(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let size = UInt(Swift.max(byteCount, 1))
        let alignment: UInt = size & 7 == 0 ? 8 : size & 3 == 0 ? 4 : size & 1 == 0 ? 2 : 1
        let offset = alignUp(pointee.tinyOffset, alignment)
        if pointee.tiny != 0, offset + size <= UInt(HeapConstants.tinySize) {
            pointee.tinyOffset = offset + size
            pointee.tinyAllocs = pointee.tinyAllocs + 1
            return UnsafeMutableRawPointer(bitPattern: pointee.tiny + offset)
        }
        guard let block = allocateSmallNoScan(.tiny, zeroed: true) else { return nil }
        // Keep whichever block has more room left.
        if pointee.tiny == 0 || size < pointee.tinyOffset {
            pointee.tiny = UInt(bitPattern: block)
            pointee.tinyOffset = size
        }
        pointee.tinyAllocs = pointee.tinyAllocs + 1
        return block
    }
}
