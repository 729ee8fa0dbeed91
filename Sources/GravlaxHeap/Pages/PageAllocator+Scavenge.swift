extension PageAllocator {
    /// Gives free pages back to the system, highest addresses first, until `byteCount` bytes are released or all of
    /// the heap below the scavenger's position has been seen.
    ///
    /// Successive calls continue where the last one stopped; `scavengeStartGeneration` goes back to the top.
    /// The count of released bytes given to the initialiser rises with every piece, under the lock.
    ///
    /// - Parameter locked: whether the caller holds the heap lock, which then stays held throughout. Otherwise the
    ///   lock is taken for each piece, and let go while the system works.
    /// - Returns: the bytes released: more than asked for, if a huge page would have been broken up.
    /// - Source: Go 1.14 mpagealloc.go and mgcscavenge.go, scavenge.
    package func scavenge(byteCount: UInt, locked: Bool) -> UInt {
        var released: UInt = 0
        while released < byteCount {
            if !locked { state.pointee.lock.lock() }
            let piece = scavengeOne(byteCount: byteCount - released, locked: locked)
            if !locked { state.pointee.lock.unlock() }
            if piece == 0 { break }
            released += piece
        }
        return released
    }

    /// Takes back pages of which nothing was used, and gives all their memory to the system. Under the heap lock.
    ///
    /// - Parameter scavengedByteCount: what `alloc` said of them; still counted as released.
    package func giveBack(base: UInt, pageCount: UInt, scavengedByteCount: UInt) {
        state.pointee.lock.assertHeld()
        let size = pageCount << PageGeometry.pageShift
        let isReleased = state.pointee.memory.unused(UnsafeMutableRawPointer(bitPattern: base)!, byteCount: size)
        free(base: base, pageCount: pageCount)
        guard isReleased else {
            // Which of the pages the system had is not known any more: from now on all of them count as held.
            state.pointee.released.subtract(scavengedByteCount)
            return
        }
        forEachChunk(base: base, pageCount: pageCount) { chunk, first, count in
            chunk.scavenged.set(first, count: count)
        }
        state.pointee.released.add(size - scavengedByteCount)
    }

    /// Notes that free pages are not the system's any more: they may be touched in passing. Under the heap lock.
    package func noteReady(base: UInt, pageCount: UInt) {
        state.pointee.lock.assertHeld()
        forEachChunk(base: base, pageCount: pageCount) { chunk, first, count in
            chunk.scavenged.clear(first, count: count)
        }
    }

    /// Moves the scavenger's position to the top of the heap. Under the heap lock.
    ///
    /// - Source: Go 1.14 mgcscavenge.go, scavengeStartGen and resetScavengeAddr.
    package func scavengeStartGeneration() {
        state.pointee.lock.assertHeld()
        state.pointee.scavengeLimit = PageGeometry.chunkBase(state.pointee.endChunk)
    }

    /// Releases the next run of pages; 0 if there is none, or the system refuses. Entered and left with the lock.
    private func scavengeOne(byteCount: UInt, locked: Bool) -> UInt {
        state.pointee.lock.assertHeld()
        let maximum = (byteCount - 1) >> PageGeometry.pageShift + 1
        guard let found = findScavengeCandidate(maximum: maximum) else { return 0 }
        let base = found.base
        // The pages are allocated meanwhile, so that nobody takes them while the lock is open.
        if allocRange(base: base, pageCount: found.pageCount) != 0 {
            fatal("pages are scavenged twice", ("base", base), ("pages", found.pageCount))
        }
        let size = found.pageCount << PageGeometry.pageShift
        let start = UnsafeMutableRawPointer(bitPattern: base)!
        if !locked { state.pointee.lock.unlock() }
        let done = state.pointee.memory.unused(start, byteCount: size)
        if !locked { state.pointee.lock.lock() }
        free(base: base, pageCount: found.pageCount)
        guard done else { return 0 }
        chunkData(containing: base).scavenged.set(PageGeometry.pageInChunk(base), count: found.pageCount)
        state.pointee.released.add(size)
        return size
    }

    /// The highest run of free pages below the scavenger's position whose memory is still held; at most a chunk.
    private func findScavengeCandidate(maximum: UInt) -> (base: UInt, pageCount: UInt)? {
        let minimum = max(1, OSMemory.pageByteCount >> PageGeometry.pageShift)
        let hugePages = OSMemory.hugePageByteCount >> PageGeometry.pageShift
        let leaves = summaries(PageGeometry.levelCount - 1)
        var range = state.pointee.inUse.count - 1
        while range >= 0 {
            let candidates = state.pointee.inUse[range]
            var limit = min(state.pointee.scavengeLimit, candidates.limit)
            while limit > candidates.base {
                let index = PageGeometry.chunkIndex(limit - 1)
                if leaves[Int(index)].max >= minimum,
                    let found = chunk(index).findScavengeCandidate(
                        from: PageGeometry.pageInChunk(limit - 1), minimum: minimum, maximum: maximum,
                        hugePagePageCount: hugePages)
                {
                    return (PageGeometry.chunkBase(index) + found.first << PageGeometry.pageShift, found.count)
                }
                limit = PageGeometry.chunkBase(index)
                // Nothing left up here: do not look again before the next generation.
                state.pointee.scavengeLimit = limit
            }
            range -= 1
        }
        return nil
    }
}
