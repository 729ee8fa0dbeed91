// Sweeping one span: what was not marked is free. The generation protocol
// stands at `MSpan.sweepgen`; who sweeps when, in `SweepPacing.swift`.

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// h−2 → h−1. True for the one who may sweep the span (INV-8).
    package func claim(_ span: MSpanRef) -> Bool {
        let generation = sweepgen
        return span.pointee.sweepgen.compareExchange(
            expected: generation &- 2, desired: generation &- 1, ordering: .acquiring
        ).exchanged
    }

    /// Sweeps a claimed span. With `preserve` the caller keeps it in hand; else
    /// it goes to the right list, or back to the heap: then true.
    ///
    /// - Source: Go 1.14 mgcsweep.go, (*mspan).sweep.
    package func sweep(_ span: MSpanRef, preserve: Bool, _ mutator: MutatorRef?) -> Bool {
        var freed = FreedSpans()
        sweep(span, preserve: preserve, into: &freed)
        return free(&freed, mutator) > 0
    }

    /// The same, and if it is to go back to the heap, it goes to `freed`.
    package func sweep(_ span: MSpanRef, preserve: Bool, into freed: inout FreedSpans) {
        let generation = sweepgen
        if span.state != .inUse || span.pointee.sweepgen.load(ordering: .acquiring) != generation &- 1 {
            fatal("sweeping a span that is not claimed", ("base", span.base),
                ("generation", UInt(span.pointee.sweepgen.load(ordering: .relaxed))))
        }
        pointee.pagesSwept.wrappingAdd(span.pointee.pageCount, ordering: .relaxed)
        sweepSpecials(span)

        let sizeClass = Int(span.pointee.spanClass.sizeClass.rawValue)
        let live = span.markedCount
        // INV-16.
        if live > span.pointee.allocCount {
            fatal("more objects marked than allocated", ("base", span.base), ("marked", UInt(live)),
                ("allocated", UInt(span.pointee.allocCount)))
        }
        let deadCount = span.pointee.allocCount - live
        if deadCount > 0, pointee.configuration.debug.clobberFree { clobberUnmarked(span) }
        let previousCount = span.pointee.allocCount
        span.pointee.allocCount = live
        guard let fresh = pointee.markBits.newMarkBits(elemCount: Int(span.pointee.elemCount), forSweep: true)
        else { fatal("the reserve of mark bits ran out") }
        span.pointee.allocBits = span.pointee.gcmarkBits
        span.pointee.gcmarkBits = fresh
        span.resetAllocation()

        var isDead = false
        if sizeClass == 0 {
            span.pointee.needZero = span.pointee.needZero || live == 0
            span.pointee.sweepgen.store(generation, ordering: .releasing)
            if live == 0 {
                pointee.statistics.largeFreeBytes.add(UInt64(span.pointee.elemSize))
                pointee.statistics.largeFreeCount.add(1)
                isDead = true
            }
        } else if deadCount > 0 {
            pointee.statistics.smallFreeCount(sizeClass).add(UInt64(deadCount))
            isDead = central(span.pointee.spanClass).freeSwept(span, preserve: preserve, previousCount: previousCount)
        } else {
            span.pointee.sweepgen.store(generation, ordering: .releasing)
        }
        if isDead { freed.add(span) } else { pushSwept(span) }
    }

    /// Makes sure that the span is swept, by whomever, before it returns.
    ///
    /// - Source: Go 1.14 mgcsweep.go, (*mspan).ensureSwept.
    package func ensureSwept(_ span: MSpanRef, _ mutator: MutatorRef?) {
        let generation = sweepgen
        let state = span.pointee.sweepgen.load(ordering: .acquiring)
        if state == generation || state == generation &+ 3 { return }
        if state == generation &- 2, claim(span) {
            _ = sweep(span, preserve: false, mutator)
            return
        }
        while true {
            let state = span.pointee.sweepgen.load(ordering: .acquiring)
            if state == generation || state == generation &+ 3 { return }
            // Its mutator sweeps it on its way back from a safepoint; one that stays there is helped.
            if state == generation &+ 1 { pointee.world.flushSafeMutators() } else { spinHint() }
        }
    }

    /// Sweeps one unswept span. Returns its pages if it went back to the heap,
    /// 0 if not, nil if there was none left.
    ///
    /// - Source: Go 1.14 mgcsweep.go, sweepone.
    package func sweepOne(_ mutator: MutatorRef?) -> UInt? {
        if pointee.sweepDone.load(ordering: .acquiring) != 0 { return nil }
        pointee.sweepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { pointee.sweepers.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        var looks = Int.max
        guard let span = takeUnswept(&looks) else { return nil }
        var freed = FreedSpans()
        sweep(span, preserve: false, into: &freed)
        return freeForCredit(&freed, mutator)
    }

    /// Sweeps up to `count` unswept spans; those that go back to the heap do so together. Spans that somebody else has
    /// swept are passed over, but not too many at a time. False when nothing is left.
    ///
    /// - Parameters:
    ///   - payer: whose allocation is charged with it.
    ///   - track: whose it is in a trace, if not one of the mutators'.
    package func sweepBatch(
        _ mutator: MutatorRef?, spans count: Int, payer: MutatorRef? = nil, track: EventTrack? = nil
    ) -> Bool {
        if pointee.sweepDone.load(ordering: .acquiring) != 0 { return false }
        pointee.sweepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { pointee.sweepers.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        var looks = 8 * count
        var freed = FreedSpans()
        var spans: UInt64 = 0
        let began = monotonicNanoseconds()
        for _ in 0..<count {
            guard let span = takeUnswept(&looks) else { break }
            spans += 1
            sweep(span, preserve: false, into: &freed)
            if freed.isFull { _ = freeForCredit(&freed, mutator) }
        }
        _ = freeForCredit(&freed, mutator)
        if spans > 0 { noteSweep(from: began, spans: spans, payer, track ?? mutator?.pointee.track) }
        return pointee.sweepDone.load(ordering: .relaxed) == 0
    }

    private func noteSweep(
        from began: UInt64, spans: UInt64, _ payer: MutatorRef?, _ track: EventTrack?
    ) {
        let ended = monotonicNanoseconds()
        if let payer {
            payer.charge(.sweep, ended &- began)
            pointee.events.slice(.sweepCredit, payer.pointee.track, from: began, to: ended, spans)
        } else {
            pointee.statistics.sweepTime.add(ended &- began)
            pointee.events.slice(.sweep, track ?? .heap, from: began, to: ended, spans)
        }
    }

    /// An unswept span, claimed; nil when there is none left, or `looks` did not suffice to find one.
    private func takeUnswept(_ looks: inout Int) -> MSpanRef? {
        while looks > 0 {
            looks -= 1
            guard let span = MSpanRef(bitPattern: unsweptSpans.pop()) else {
                if pointee.sweepDone.exchange(1, ordering: .acquiringAndReleasing) == 0 {
                    pointee.statistics.sweepEndLive.set(pointee.statistics.heapLive.value)
                }
                return nil
            }
            // Not in use, or swept already (allocation or the reclaimer was faster): look further.
            if span.state == .inUse, claim(span) { return span }
        }
        return nil
    }

    /// Frees the spans and leaves word for the reclaimer that it need not look for as many pages. Returns these.
    private func freeForCredit(_ freed: inout FreedSpans, _ mutator: MutatorRef?) -> UInt {
        let pages = free(&freed, mutator)
        if pages > 0 { pointee.reclaimCredit.wrappingAdd(pages, ordering: .relaxed) }
        return pages
    }

    /// Sweeps up to so many unswept spans, for a mutator that waits for the end of the sweep in bounded pieces.
    /// True when nothing is left, and nobody else is at a span either.
    package func sweepSome(_ mutator: MutatorRef?, spans count: Int) -> Bool {
        _ = sweepBatch(mutator, spans: count)
        return isSweepDone
    }

    /// Forgets which spans had a marked object, before a mark begins to find out anew. The sweep is done, so that the
    /// reclaimer, which reads these bits, finds no span that it could claim, whatever it reads. The world may be running.
    package func clearPageMarks() {
        for order in 0..<pointee.allArenasCount.load(ordering: .acquiring) {
            let marks = arena(order: order).pointee.pageMarks
            // Eight bytes at a time; others read, atomically.
            let words = UnsafeMutableRawPointer(marks).assumingMemoryBound(to: Atomic<UInt64>.self)
            for index in 0..<HeapArena.pageBitBytes / 8 { words[index].store(0, ordering: .relaxed) }
        }
    }

    /// Nothing is left to sweep and nobody is sweeping.
    package var isSweepDone: Bool {
        pointee.sweepDone.load(ordering: .acquiring) != 0
            && pointee.sweepers.load(ordering: .sequentiallyConsistent) == 0
    }

    /// Fills what is about to be free with a pattern: no tagged value, a wild address.
    private func clobberUnmarked(_ span: MSpanRef) {
        for index in 0..<UInt(span.pointee.elemCount) where !span.isMarked(index) {
            let object = UnsafeMutableRawPointer(bitPattern: span.base + index * span.pointee.elemSize)!
            object.assumingMemoryBound(to: UInt64.self)
                .update(repeating: 0xdead_beef_dead_beef, count: Int(span.pointee.elemSize / 8))
        }
        span.pointee.needZero = true
    }
}
