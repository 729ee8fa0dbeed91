extension PageAllocator {
    /// Takes [base, base + byteCount) into the heap, all of it free and scavenged.
    ///
    /// False, and nothing changed, when the system refuses room for the tables, or when the range is not within 48-bit
    /// addresses.
    ///
    /// - Precondition: aligned to chunks, and outside all that was grown over before.
    /// - Source: Go 1.14 mpagealloc.go, grow; mpagealloc_64bit.go, sysGrow.
    package func grow(base: UInt, byteCount: UInt) -> Bool {
        state.pointee.lock.assertHeld()
        let (limit, overflow) = base.addingReportingOverflow(byteCount)
        if overflow || base == 0 || limit > PageGeometry.addressLimit - PageGeometry.chunkByteCount { return false }
        let range = AddressRange(base: base, limit: limit)
        if (base | byteCount) & (PageGeometry.chunkByteCount - 1) != 0 || byteCount == 0
            || state.pointee.inUse.intersects(range)
        {
            fatal("the heap grows over a bad range", ("base", base), ("limit", limit))
        }
        guard prepareSummaries(range) else { return false }
        guard prepareChunkTables(range) else {
            revokeSummaries(range, levels: 1..<PageGeometry.levelCount)
            return false
        }
        var inUse = state.pointee.inUse
        guard inUse.reserveOne() else {
            freeNewChunkTables(range)
            revokeSummaries(range, levels: 1..<PageGeometry.levelCount)
            return false
        }

        inUse.add(range)
        state.pointee.inUse = inUse
        let start = PageGeometry.chunkIndex(base)
        let end = PageGeometry.chunkIndex(limit)
        if state.pointee.startChunk == 0 || start < state.pointee.startChunk { state.pointee.startChunk = start }
        if end > state.pointee.endChunk { state.pointee.endChunk = end }
        if base < state.pointee.searchAddress { state.pointee.searchAddress = base }
        for index in start..<end { chunk(index).scavenged.setAll() }
        update(base: base, pageCount: byteCount >> PageGeometry.pageShift, change: .free)
        return true
    }

    /// Makes the summaries of `range` ready at all levels but the root.
    private func prepareSummaries(_ range: AddressRange) -> Bool {
        for level in 1..<PageGeometry.levelCount {
            let need = newSummaryMemory(level, range)
            if need.byteCount == 0 { continue }
            guard
                state.pointee.memory.map(
                    UnsafeMutableRawPointer(bitPattern: need.base)!, byteCount: need.byteCount,
                    statistic: state.pointee.metadata)
            else {
                revokeSummaries(range, levels: 1..<level)
                return false
            }
        }
        return true
    }

    private func revokeSummaries(_ range: AddressRange, levels: Range<Int>) {
        for level in levels {
            let added = newSummaryMemory(level, range)
            if added.byteCount == 0 { continue }
            state.pointee.memory.revoke(
                UnsafeMutableRawPointer(bitPattern: added.base)!, byteCount: added.byteCount,
                statistic: state.pointee.metadata)
        }
    }

    /// System pages that hold the summaries of `range`, except those that ranges in use made ready: since summaries
    /// are in the order of addresses, only the nearest range on either side can share a page.
    private func newSummaryMemory(_ level: Int, _ range: AddressRange) -> AddressRange {
        var need = summaryMemory(level, range)
        let successor = state.pointee.inUse.successor(of: range.base)
        if successor > 0 {
            need = need.subtracting(summaryMemory(level, state.pointee.inUse[successor - 1]))
        }
        if need.byteCount > 0 && successor < state.pointee.inUse.count {
            need = need.subtracting(summaryMemory(level, state.pointee.inUse[successor]))
        }
        return need
    }

    /// System pages that hold the summaries of `range` with those beside them in their blocks.
    private func summaryMemory(_ level: Int, _ range: AddressRange) -> AddressRange {
        // A block of eight summaries never lies across two system pages, so aligning to pages covers it.
        let shift = PageGeometry.levelShift(level)
        let array = UInt(bitPattern: summaries(level))
        let page = OSMemory.pageByteCount
        return AddressRange(
            base: alignDown(array + range.base >> shift * 8, page),
            limit: alignUp(array + ((range.limit - 1) >> shift + 1) * 8, page))
    }

    /// Allocates the chunk tables that `range` is the first to need.
    private func prepareChunkTables(_ range: AddressRange) -> Bool {
        for index in chunkTableIndexes(range) where chunkTables[index] == nil {
            guard
                let table = state.pointee.memory.allocate(
                    byteCount: Tables.chunkTableByteCount, statistic: state.pointee.metadata)
            else {
                freeNewChunkTables(range)
                return false
            }
            chunkTables[index] = table
        }
        return true
    }

    /// Frees the chunk tables of `range` that no range in use needs.
    private func freeNewChunkTables(_ range: AddressRange) {
        for index in chunkTableIndexes(range) {
            let covered = AddressRange(
                base: UInt(index) << Tables.chunkTableShift, limit: UInt(index + 1) << Tables.chunkTableShift)
            guard let table = chunkTables[index], !state.pointee.inUse.intersects(covered) else { continue }
            chunkTables[index] = nil
            state.pointee.memory.free(
                table, byteCount: Tables.chunkTableByteCount, readyByteCount: Tables.chunkTableByteCount,
                statistic: state.pointee.metadata)
        }
    }

    private func chunkTableIndexes(_ range: AddressRange) -> ClosedRange<Int> {
        Int(range.base >> Tables.chunkTableShift)...Int((range.limit - 1) >> Tables.chunkTableShift)
    }
}
