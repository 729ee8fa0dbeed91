// Getting and giving back runs of pages: the only way memory enters and leaves spans.

import Synchronization

/// What a run of pages is wanted for.
package enum SpanPurpose {
    case objects(SpanClass)
    /// Stacks and the like; the counter gets the bytes.
    case manual(SystemStatistic)
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// A span of `pageCount` pages for objects of `spanClass`, cleared if
    /// `needZero` asks and the memory may be dirty. nil when memory was refused.
    ///
    /// Sweeps in proportion first, so that a growing heap reuses before it grows.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).alloc.
    package func alloc(
        _ pageCount: UInt, _ spanClass: SpanClass, needZero: Bool, _ mutator: MutatorRef?, _ charge: inout SweepCharge
    ) -> MSpanRef? {
        if pointee.sweepDone.load(ordering: .acquiring) == 0, !isDisabled(.reclaim) {
            reclaim(pageCount, mutator, &charge)
        }
        guard let span = allocSpan(pageCount, .objects(spanClass), mutator) else { return nil }
        if needZero, span.pointee.needZero {
            UnsafeMutableRawPointer(bitPattern: span.base)!
                .initializeMemory(as: UInt8.self, repeating: 0, count: Int(pageCount) << HeapConstants.pageShift)
            span.pointee.needZero = false
        }
        return span
    }

    /// Pages that the collector neither scans nor frees. nil when memory was refused.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).allocManual.
    package func allocManual(_ pageCount: UInt, _ statistic: SystemStatistic, _ mutator: MutatorRef?) -> MSpanRef? {
        allocSpan(pageCount, .manual(statistic), mutator)
    }

    /// Small runs come from the mutator's page cache without a lock, if it has a span record at hand too; all else
    /// takes the heap lock. What may still be refused after the pages are found gives them back.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).allocSpan.
    private func allocSpan(_ pageCount: UInt, _ purpose: SpanPurpose, _ mutator: MutatorRef?) -> MSpanRef? {
        var base: UInt = 0
        var scavenged: UInt = 0
        var record: MSpanRef? = nil
        if let mutator, pageCount < PageCache.pageCount / 4, !isDisabled(.pageCache) {
            var cache = mutator.pointee.pageCache
            if cache.isEmpty { cache = pointee.lock.withLock(chargedTo: mutator) { pointee.pages.allocToCache() } }
            (base, scavenged) = cache.alloc(pageCount: pageCount)
            mutator.pointee.pageCache = cache
            if base != 0 { record = mutator.takeSpanRecord() }
        }
        if base == 0 || record == nil {
            pointee.lock.lock(chargedTo: mutator)
            defer { pointee.lock.unlock() }
            mutator?.flushLocalCounts()
            if base == 0 {
                (base, scavenged) = pointee.pages.alloc(pageCount: pageCount)
                if base == 0 {
                    guard grow(pageCount) else { return nil }
                    (base, scavenged) = pointee.pages.alloc(pageCount: pageCount)
                    if base == 0 { fatal("the heap grew but has no room", ("pages", pageCount)) }
                }
            }
            record = allocSpanRecord(mutator)
            if record == nil { pointee.pages.giveBack(base: base, pageCount: pageCount, scavengedByteCount: scavenged) }
        }
        guard let span = record else { return nil }
        guard makeReady(scavengedByteCount: scavenged) else {
            return undo(span, base: base, pageCount: pageCount, scavenged: scavenged, mutator)
        }
        guard initialize(span, base: base, pageCount: pageCount, purpose) else {
            pointee.statistics.heapReleased.add(scavenged)
            return undo(span, base: base, pageCount: pageCount, scavenged: scavenged, mutator)
        }
        publish(span, hasScavenged: scavenged > 0, purpose)
        noteSpan(.spanAllocation, span, mutator)
        return span
    }

    /// Counts bytes that the system had as ready; false, and nothing counted, when that is more than the budget allows
    /// even after idle pages elsewhere were released. Several mutators may be here at once: each counts first and looks
    /// then, so that together they never go past the budget (INV-26), though two may be refused where one would have
    /// fitted.
    private func makeReady(scavengedByteCount scavenged: UInt) -> Bool {
        if scavenged == 0 { return true }
        let counters = pointee.statistics
        counters.heapReleased.subtract(scavenged)
        guard let budget = pointee.configuration.budget else { return true }
        // Read once: others change it meanwhile.
        let ready = counters.readyBytes
        if ready <= budget { return true }
        pointee.lock.withLock {
            let excess = UInt(ready - budget)
            let released = releasePrepared()
            pointee.pages.scavengeStartGeneration()
            if released < excess { _ = scavenge(byteCount: excess - released, .budget) }
        }
        if counters.readyBytes <= budget { return true }
        counters.heapReleased.add(scavenged)
        return false
    }

    /// Gives back what an allocation that is refused had taken (INV-27). Always nil.
    private func undo(
        _ span: MSpanRef, base: UInt, pageCount: UInt, scavenged: UInt, _ mutator: MutatorRef?
    ) -> MSpanRef? {
        pointee.lock.withLock {
            freeSpanRecord(span, mutator)
            pointee.pages.giveBack(base: base, pageCount: pageCount, scavengedByteCount: scavenged)
        }
        return nil
    }

    private func initialize(_ span: MSpanRef, base: UInt, pageCount: UInt, _ purpose: SpanPurpose) -> Bool {
        span.initialize(base: base, pageCount: pageCount)
        let bytes = pageCount << UInt(HeapConstants.pageShift)
        span.pointee.needZero = allocNeedsZero(base: base, pageCount: pageCount)
        guard case .objects(let spanClass) = purpose else {
            span.pointee.limit = base + bytes
            span.setState(.manual)
            return true
        }
        span.pointee.spanClass = spanClass
        let sizeClass = Int(spanClass.sizeClass.rawValue)
        if sizeClass == 0 {
            span.pointee.elemSize = bytes
            span.pointee.elemCount = 1
            span.pointee.divShift = 0
            span.pointee.divShift2 = 0
            span.pointee.divMul = 0
            span.pointee.baseMask = 0
        } else {
            let size = UInt(SizeClassTable.size[sizeClass])
            span.pointee.elemSize = size
            span.pointee.elemCount = UInt32(bytes / size)
            span.pointee.divShift = SizeClassTable.divShift[sizeClass]
            span.pointee.divShift2 = SizeClassTable.divShift2[sizeClass]
            span.pointee.divMul = SizeClassTable.divMul[sizeClass]
            span.pointee.baseMask = SizeClassTable.baseMask[sizeClass]
        }
        span.pointee.limit = base + UInt(span.pointee.elemCount) * span.pointee.elemSize
        let count = Int(span.pointee.elemCount)
        // A span made while marking was not among those that the cycle reserved bits for (INV-19).
        if isMarking, !pointee.markBits.reserveMore(elemCount: count) { return false }
        guard let marks = pointee.markBits.newMarkBits(elemCount: count, forSweep: false) else { return false }
        span.pointee.gcmarkBits = marks
        span.pointee.allocBits = pointee.markBits.newAllocBits(elemCount: count)
        span.pointee.sweepgen.store(sweepgen, ordering: .releasing)
        span.setState(.inUse)
        return true
    }

    /// Makes the span findable and counts it. Nothing can fail from here on.
    private func publish(_ span: MSpanRef, hasScavenged: Bool, _ purpose: SpanPurpose) {
        let bytes = span.pointee.pageCount << UInt(HeapConstants.pageShift)
        let counters = pointee.statistics
        if hasScavenged, pointee.configuration.usesHugePages {
            pointee.memory.used(UnsafeMutableRawPointer(bitPattern: span.base)!, byteCount: bytes)
        }
        switch purpose {
        case .objects: counters.inUseSpans.add(span)
        case .manual(let statistic):
            counters.heapSys.subtract(bytes)
            statistic.add(bytes)
        }
        setSpans(base: span.base, pageCount: span.pointee.pageCount, span)
        if case .objects = purpose {
            pushSwept(span)
            let arena = arena(ArenaIndex(address: span.base))!
            let (byte, mask) = arena.pageIndex(of: span.base)
            arena.pointee.pageInUse[byte].bitwiseOr(mask, ordering: .releasing)
        }
    }

    /// All pages of the range lead to `span`, across arena borders (INV-1).
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).setSpans.
    package func setSpans(base: UInt, pageCount: UInt, _ span: MSpanRef) {
        var page = base >> UInt(HeapConstants.pageShift)
        let end = page + pageCount
        while page < end {
            let address = page << UInt(HeapConstants.pageShift)
            let arena = arena(ArenaIndex(address: address))!
            let first = page & UInt(HeapConstants.pagesPerArena - 1)
            let count = Swift.min(end - page, UInt(HeapConstants.pagesPerArena) - first)
            for index in 0..<count {
                arena.pointee.spans[Int(first + index)].store(UInt(bitPattern: span), ordering: .releasing)
            }
            page += count
        }
    }

    /// Whether the range may hold old data; moves the arenas' high-water marks
    /// to its end. Called for every allocation. A mark that moves into the range
    /// meanwhile means that two owners hold it: fatal.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).allocNeedsZero.
    package func allocNeedsZero(base: UInt, pageCount: UInt) -> Bool {
        var address = base
        let end = base + pageCount << UInt(HeapConstants.pageShift)
        var dirty = false
        while address < end {
            let index = ArenaIndex(address: address)
            let arena = arena(index)!
            let offset = address - index.base
            let endOffset = Swift.min(end - index.base, UInt(HeapConstants.arenaSize))
            let mark = arena.pointee.zeroedBase.load(ordering: .relaxed)
            if offset < mark { dirty = true }
            arena.raiseZeroedBase(from: mark, over: offset..<endOffset)
            address = index.base + endOffset
        }
        return dirty
    }

    // MARK: Giving back

    /// Frees an in-use span whose objects are all dead.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).freeSpan.
    package func freeSpan(_ span: MSpanRef, _ mutator: MutatorRef?) {
        pointee.lock.withLock {
            freeSpanLocked(span, mutator)
        }
    }

    /// Under the heap lock.
    func freeSpanLocked(_ span: MSpanRef, _ mutator: MutatorRef?) {
        if span.state != .inUse || span.pointee.allocCount != 0
            || span.pointee.sweepgen.load(ordering: .acquiring) != sweepgen
        {
            fatal("freeing a span that is not ready for it", ("base", span.base),
                ("objects", UInt(span.pointee.allocCount)))
        }
        let arena = arena(ArenaIndex(address: span.base))!
        let (byte, mask) = arena.pageIndex(of: span.base)
        arena.pointee.pageInUse[byte].bitwiseAnd(~mask, ordering: .releasing)
        pointee.statistics.inUseSpans.subtract(span)
        giveBackPages(span, mutator)
    }

    /// Frees a manual span.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).freeManual.
    package func freeManual(_ span: MSpanRef, _ statistic: SystemStatistic, _ mutator: MutatorRef?) {
        let bytes = span.pointee.pageCount << UInt(HeapConstants.pageShift)
        pointee.lock.withLock {
            if span.state != .manual || span.pointee.allocCount != 0 {
                fatal("freeing a manual span that is not one", ("base", span.base))
            }
            statistic.subtract(bytes)
            pointee.statistics.heapSys.add(bytes)
            giveBackPages(span, mutator)
        }
    }

    private func giveBackPages(_ span: MSpanRef, _ mutator: MutatorRef?) {
        noteSpan(.spanFree, span, mutator)
        pointee.pages.free(base: span.base, pageCount: span.pointee.pageCount)
        span.setState(.dead)
        freeSpanRecord(span, mutator)
    }
}
