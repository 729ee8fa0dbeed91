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
            pointee.statistics.sweepSlope.set(0)
            pointee.sweepPagesPerByte.store(0, ordering: .releasing)
            return
        }
        let slope = (Double(pages) / Double(distance)).bitPattern
        pointee.statistics.sweepSlope.set(slope)
        pointee.sweepPagesPerByte.store(slope, ordering: .relaxed)
        pointee.sweepHeapLiveBasis.store(UInt(live), ordering: .relaxed)
        // Last: a change of it tells those who are paying that the line moved.
        pointee.pagesSweptBasis.store(swept, ordering: .releasing)
    }

    /// What an allocation of so many pages may be charged with.
    package func sweepCharge(pageCount: UInt, payer: MutatorRef? = nil) -> SweepCharge {
        SweepCharge(pointee.configuration.sweepBound, pageCount: pageCount, payer: payer)
    }

    /// Spans that are swept for the line before the line is looked at again.
    private static var creditBatch: UInt { 8 }

    /// Sweeps until the pages swept are above the line for a heap that is
    /// `spanBytes` larger, or the charge is used up: then the line stays where it is, for those who come after.
    /// Called without locks, before a span is taken.
    ///
    /// - Source: Go 1.14 mgcsweep.go, deductSweepCredit.
    package func deductSweepCredit(spanBytes: UInt, callerSweepPages: UInt, _ charge: inout SweepCharge) {
        let slope = pointee.sweepPagesPerByte.load(ordering: .acquiring)
        if slope == 0 || isDisabled(.sweepCredit) { return }
        while true {
            let basis = pointee.pagesSweptBasis.load(ordering: .acquiring)
            let live = pointee.statistics.heapLive.value
            let liveBasis = UInt64(pointee.sweepHeapLiveBasis.load(ordering: .relaxed))
            let newLive = (live > liveBasis ? live - liveBasis : 0) + UInt64(spanBytes)
            let target = Int64(Double(bitPattern: slope) * Double(newLive)) - Int64(callerSweepPages)
            while true {
                let owed = target - Int64(bitPattern: UInt64(pointee.pagesSwept.load(ordering: .relaxed) &- basis))
                if owed <= 0 || charge.creditSpanCount <= 0 { break }
                // No span has less than a page, so that no more is swept than is owed.
                let count = Swift.min(Int(Swift.min(UInt(owed), Self.creditBatch)), charge.creditSpanCount)
                if !sweepBatch(nil, spans: count, payer: charge.payer) {
                    pointee.sweepPagesPerByte.store(0, ordering: .releasing)
                    return
                }
                charge.payForCredit(spans: count)
                if pointee.pagesSweptBasis.load(ordering: .acquiring) != basis { break }
            }
            if charge.creditSpanCount <= 0 { return }
            if pointee.pagesSweptBasis.load(ordering: .acquiring) == basis { return }
        }
    }

    // MARK: Reclaiming

    private static var reclaimDone: UInt64 { 1 << 63 }

    /// Sweeps and frees at least `pageCount` pages, if the arenas hold that many
    /// dead ones and the charge allows it: credit first, then chunk after chunk. Called without the lock.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).reclaim.
    package func reclaim(_ pageCount: UInt, _ mutator: MutatorRef?, _ charge: inout SweepCharge) {
        var wanted = pageCount
        if pointee.reclaimIndex.load(ordering: .relaxed) >= Self.reclaimDone { return }
        let chunk = charge.isBounded ? SweepCharge.reclaimPageCount : HeapConstants.pagesPerChunk
        while wanted > 0, !charge.isUsedUp {
            let credit = pointee.reclaimCredit.load(ordering: .relaxed)
            if credit > 0 {
                let take = Swift.min(credit, wanted)
                if pointee.reclaimCredit.compareExchange(
                    expected: credit, desired: credit - take, ordering: .relaxed
                ).exchanged { wanted -= take }
                continue
            }
            let index = pointee.reclaimIndex.wrappingAdd(UInt64(chunk), ordering: .relaxed).oldValue
            let arenaIndex = index / UInt64(HeapConstants.pagesPerArena)
            if arenaIndex >= UInt64(pointee.sweepArenasCount.load(ordering: .relaxed)) {
                pointee.reclaimIndex.store(Self.reclaimDone, ordering: .relaxed)
                return
            }
            let began = monotonicNanoseconds()
            let got = reclaimChunk(
                arena: Int(arenaIndex), page: Int(index % UInt64(HeapConstants.pagesPerArena)), pageCount: chunk,
                mutator, &charge)
            if let mutator {
                let ended = monotonicNanoseconds()
                mutator.charge(.sweep, ended &- began)
                pointee.events.slice(.reclaim, mutator.pointee.track, from: began, to: ended, UInt64(got))
            }
            if got <= wanted {
                wanted -= got
            } else {
                pointee.reclaimCredit.wrappingAdd(got - wanted, ordering: .relaxed)
                wanted = 0
            }
        }
    }

    /// Pages whose spans the reclaimer claims under one taking of the heap lock: two bytes of `pageInUse`.
    private static var claimPageCount: Int { 16 }

    /// Sweeps the spans of a run of pages that have no marked object. Returns the pages freed.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).reclaimChunk.
    private func reclaimChunk(
        arena order: Int, page: Int, pageCount: Int, _ mutator: MutatorRef?, _ charge: inout SweepCharge
    ) -> UInt {
        let arena = arena(order: order)
        // Two sweeps in progress must not end at once while this one goes on.
        pointee.sweepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { pointee.sweepers.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        charge.pay(spans: 1)
        var freed = FreedSpans()
        var pages: UInt = 0
        withUnsafeTemporaryAllocation(of: MSpanRef.self, capacity: Self.claimPageCount) { claimed in
            for first in stride(from: page, to: page + pageCount, by: Self.claimPageCount) {
                let count = claimDead(arena, first..<first + Self.claimPageCount, claimed)
                for index in 0..<count { sweep(claimed[index], preserve: false, into: &freed) }
                charge.pay(spans: count)
                if freed.isFull { pages += free(&freed, mutator) }
            }
        }
        return pages + free(&freed, mutator)
    }

    /// Claims the unswept spans that begin in a run of whole bytes of pages and have no marked object. Returns their
    /// number. Several may be claimed at once, since sweeping one never waits for another.
    private func claimDead(
        _ arena: HeapArenaRef, _ pages: Range<Int>, _ claimed: UnsafeMutableBufferPointer<MSpanRef>
    ) -> Int {
        func dead(_ byte: Int) -> UInt8 {
            arena.pointee.pageInUse[byte].load(ordering: .acquiring)
                & ~arena.pointee.pageMarks[byte].load(ordering: .relaxed)
        }
        let bytes = pages.lowerBound / 8..<pages.upperBound / 8
        if bytes.allSatisfy({ dead($0) == 0 }) { return 0 }
        var count = 0
        // Spans are freed under the lock: while the bit stands, the entry is not stale.
        pointee.lock.withLock {
            for byte in bytes {
                var bits = dead(byte)
                while bits != 0 {
                    let page = byte * 8 + bits.trailingZeroBitCount
                    bits &= bits - 1
                    let address = arena.pointee.base + UInt(page) << UInt(HeapConstants.pageShift)
                    guard let span = arena.spanEntry(address), claim(span) else { continue }
                    claimed[count] = span
                    count += 1
                }
            }
        }
        return count
    }
}
