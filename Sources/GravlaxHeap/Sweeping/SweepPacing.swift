// Who sweeps when: allocation in proportion to what it takes, the reclaimer
// before a run of pages is taken, and whoever ends a sweep.

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Sets the line that keeps sweeping ahead of allocation: all of it is done
    /// when the heap reaches `trigger`. World stopped, or at mark termination.
    ///
    /// - Source: Go 1.14 mgc.go, gcPaceSweeper.
    package func paceSweeper(trigger: UInt64) {
        let live = pointee.statistics.heapLive.value
        // A heap that never collects by itself has no trigger: then the line is flat.
        let distance = Swift.max(Int64(clamping: trigger) - Int64(clamping: live) - (1 << 20), Int64(HeapConstants.pageSize))
        let swept = pointee.pagesSwept.load(ordering: .relaxed)
        let pages = Int64(pagesInUse) - Int64(swept)
        if pages <= 0 {
            pointee.sweepPagesPerByte.store(0, ordering: .releasing)
            return
        }
        pointee.sweepPagesPerByte.store((Double(pages) / Double(distance)).bitPattern, ordering: .relaxed)
        pointee.sweepHeapLiveBasis.store(UInt(live), ordering: .relaxed)
        // Last: a change of it tells those who are paying that the line moved.
        pointee.pagesSweptBasis.store(swept, ordering: .releasing)
    }

    /// Sweeps until the pages swept are above the line for a heap that is
    /// `spanBytes` larger. Called without locks, before a span is taken.
    ///
    /// - Source: Go 1.14 mgcsweep.go, deductSweepCredit.
    package func deductSweepCredit(spanBytes: UInt, callerSweepPages: UInt) {
        let slope = pointee.sweepPagesPerByte.load(ordering: .acquiring)
        if slope == 0 || isDisabled(.sweepCredit) { return }
        while true {
            let basis = pointee.pagesSweptBasis.load(ordering: .acquiring)
            let live = pointee.statistics.heapLive.value
            let liveBasis = UInt64(pointee.sweepHeapLiveBasis.load(ordering: .relaxed))
            let newLive = (live > liveBasis ? live - liveBasis : 0) + UInt64(spanBytes)
            let target = Int64(Double(bitPattern: slope) * Double(newLive)) - Int64(callerSweepPages)
            while target > Int64(bitPattern: UInt64(pointee.pagesSwept.load(ordering: .relaxed) &- basis)) {
                if sweepOne(nil) == nil {
                    pointee.sweepPagesPerByte.store(0, ordering: .releasing)
                    return
                }
                if pointee.pagesSweptBasis.load(ordering: .acquiring) != basis { break }
            }
            if pointee.pagesSweptBasis.load(ordering: .acquiring) == basis { return }
        }
    }

    // MARK: Reclaiming

    private static var reclaimDone: UInt64 { 1 << 63 }

    /// Sweeps and frees at least `pageCount` pages, if the arenas hold that many
    /// dead ones: credit first, then chunk after chunk. Called without the lock.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).reclaim.
    package func reclaim(_ pageCount: UInt) {
        var wanted = pageCount
        if pointee.reclaimIndex.load(ordering: .relaxed) >= Self.reclaimDone { return }
        while wanted > 0 {
            let credit = pointee.reclaimCredit.load(ordering: .relaxed)
            if credit > 0 {
                let take = Swift.min(credit, wanted)
                if pointee.reclaimCredit.compareExchange(
                    expected: credit, desired: credit - take, ordering: .relaxed
                ).exchanged { wanted -= take }
                continue
            }
            let chunk = UInt64(HeapConstants.pagesPerChunk)
            let index = pointee.reclaimIndex.wrappingAdd(chunk, ordering: .relaxed).oldValue
            let arenaIndex = index / UInt64(HeapConstants.pagesPerArena)
            if arenaIndex >= UInt64(pointee.sweepArenasCount.load(ordering: .relaxed)) {
                pointee.reclaimIndex.store(Self.reclaimDone, ordering: .relaxed)
                return
            }
            let got = reclaimChunk(
                arena: Int(arenaIndex), page: Int(index % UInt64(HeapConstants.pagesPerArena)),
                pageCount: HeapConstants.pagesPerChunk)
            if got <= wanted {
                wanted -= got
            } else {
                pointee.reclaimCredit.wrappingAdd(got - wanted, ordering: .relaxed)
                wanted = 0
            }
        }
    }

    /// Sweeps the spans of a run of pages that have no marked object. Returns the pages freed.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).reclaimChunk.
    private func reclaimChunk(arena order: Int, page: Int, pageCount: Int) -> UInt {
        let arena = arena(order: order)
        // Two sweeps in progress must not end at once while this one goes on.
        pointee.sweepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { pointee.sweepers.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        var freed: UInt = 0
        for byte in page / 8..<(page + pageCount) / 8 {
            var done: UInt8 = 0
            while true {
                // Read anew after each sweep: the bits change while it runs.
                let dead = arena.pointee.pageInUse[byte].load(ordering: .acquiring)
                    & ~arena.pointee.pageMarks[byte].load(ordering: .relaxed) & ~done
                if dead == 0 { break }
                let bit = dead.trailingZeroBitCount
                done |= 1 << UInt8(bit)
                let address = arena.pointee.base + UInt(byte * 8 + bit) << UInt(HeapConstants.pageShift)
                pointee.lock.lock()
                // Spans are freed under the lock: while the bit stands, the entry is not stale.
                let isInUse = arena.pointee.pageInUse[byte].load(ordering: .acquiring) & (1 << UInt8(bit)) != 0
                let span = isInUse ? arena.spanEntry(address) : nil
                let claimed = span.map { claim($0) } ?? false
                pointee.lock.unlock()
                guard claimed, let span else { continue }
                let pages = span.pointee.pageCount
                if sweep(span, preserve: false, nil) { freed += pages }
            }
        }
        return freed
    }
}
