extension PageAllocator {
    /// What happened to the pages of an update.
    enum Change {
        /// All of them were allocated.
        case alloc
        /// All of them were freed.
        case free
        /// Some of them changed.
        case some
    }

    /// Brings the summaries up to date with the bitmaps of [base, base + pageCount) (INV-5).
    ///
    /// - Source: Go 1.14 mpagealloc.go, update.
    func update(base: UInt, pageCount: UInt, change: Change) {
        let last = base + pageCount << PageGeometry.pageShift - 1
        let first = Int(PageGeometry.chunkIndex(base))
        let end = Int(PageGeometry.chunkIndex(last))
        let leaf = PageGeometry.levelCount - 1
        let leaves = summaries(leaf)
        if first == end {
            let new = chunk(UInt(first)).alloc.summarize()
            if leaves[first] == new { return }
            leaves[first] = new
        } else {
            leaves[first] = chunk(UInt(first)).alloc.summarize()
            switch change {
            case .alloc: (leaves + first + 1).update(repeating: .none, count: end - first - 1)
            case .free: (leaves + first + 1).update(repeating: .freeChunk, count: end - first - 1)
            case .some: for index in first + 1..<end { leaves[index] = chunk(UInt(index)).alloc.summarize() }
            }
            leaves[end] = chunk(UInt(end)).alloc.summarize()
        }

        var level = leaf - 1
        while level >= 0 {
            var changed = false
            let parents = summaries(level)
            let children = summaries(level + 1)
            let logBlock = Int(PageGeometry.levelBitCount)
            let shift = PageGeometry.levelShift(level)
            for index in Int(base >> shift)...Int(last >> shift) {
                let new = PallocSum.merging(
                    children + index << logBlock, count: 1 << logBlock,
                    logPageCount: PageGeometry.logPageCount(level + 1))
                if parents[index] != new {
                    parents[index] = new
                    changed = true
                }
            }
            if !changed { return }
            level -= 1
        }
    }

    /// The lowest run of `pageCount` free pages, and a good next search address. Nil if there is none.
    ///
    /// Goes down from the root. At each level it looks at one block: for a summary whose `max` suffices, which it
    /// enters, or for a run made of one summary's end, whole free ones, and the next one's start. Meanwhile it
    /// narrows the window that holds the first free page of the heap as far as what it sees allows.
    ///
    /// - Source: Go 1.14 mpagealloc.go, find.
    func find(pageCount: UInt) -> (base: UInt, searchAddress: UInt)? {
        var firstFree = AddressRange(base: 0, limit: PageGeometry.addressLimit)
        var block = 0
        levels: for level in 0..<PageGeometry.levelCount {
            let shift = PageGeometry.levelShift(level)
            let logPages = PageGeometry.logPageCount(level)
            let pagesInSummary: UInt = 1 << logPages
            let blockCount = 1 << Int(PageGeometry.blockBitCount(level))
            block <<= Int(PageGeometry.blockBitCount(level))
            let entries = summaries(level) + block

            let searchIndex = Int(state.pointee.searchAddress >> shift)
            var index = searchIndex & ~(blockCount - 1) == block ? searchIndex - block : 0
            // Nothing above the last chunk of the heap is free; at the root that spares thousands of summaries.
            let end = level == 0
                ? Int(PageGeometry.chunkBase(state.pointee.endChunk) - 1) >> Int(shift) + 1 : blockCount
            // A run of `run` free pages starts at page `runStart` of the block and touches the next summary.
            var run: UInt = 0
            var runStart: UInt = 0
            while index < end {
                let sum = entries[index]
                if sum.isNone {
                    run = 0
                    index += 1
                    continue
                }
                narrow(&firstFree, to: AddressRange(
                    base: UInt(block + index) << shift, limit: UInt(block + index + 1) << shift))
                let start = sum.start
                if run + start >= pageCount {
                    if run == 0 { runStart = UInt(index) << logPages }
                    run += start
                    break
                }
                if sum.max >= pageCount {
                    block += index
                    continue levels
                }
                if run == 0 || start < pagesInSummary {
                    run = sum.end
                    runStart = UInt(index + 1) << logPages - run
                } else {
                    run += pagesInSummary
                }
                index += 1
            }
            if run >= pageCount {
                let base = UInt(block) << shift + runStart << PageGeometry.pageShift
                return (base, firstHeapAddress(from: firstFree.base))
            }
            if level == 0 { return nil }
            fatal("a summary promised free pages that its block has not",
                ("level", UInt(level)), ("block", UInt(block)), ("pages", pageCount))
        }

        let index = UInt(block)
        guard let found = chunk(index).alloc.find(pageCount: pageCount, from: 0) else {
            fatal("a summary promised free pages that its chunk has not", ("chunk", index), ("pages", pageCount))
        }
        let chunkBase = PageGeometry.chunkBase(index)
        narrow(&firstFree, to: AddressRange(
            base: chunkBase + found.firstFree << PageGeometry.pageShift,
            limit: chunkBase + PageGeometry.chunkByteCount))
        return (
            chunkBase + found.first << PageGeometry.pageShift, firstHeapAddress(from: firstFree.base)
        )
    }

    /// `found` has free pages: if it lies in the window, the first free page is in there. Ranges beyond the window
    /// come after the first free page and say nothing.
    private func narrow(_ window: inout AddressRange, to found: AddressRange) {
        if window.base <= found.base && found.limit <= window.limit {
            window = found
        } else if found.base < window.limit && window.base < found.limit {
            fatal("free ranges overlap in part", ("base", found.base), ("limit", found.limit),
                ("window base", window.base), ("window limit", window.limit))
        }
    }

    /// The lowest address of the heap from `address` on: a region's base may lie before the heap.
    private func firstHeapAddress(from address: UInt) -> UInt {
        state.pointee.inUse.firstAddress(from: address) ?? PageGeometry.noAddress
    }
}
