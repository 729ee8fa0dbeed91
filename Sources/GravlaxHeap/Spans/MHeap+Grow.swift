// Growing the heap: new arenas from the system, and the pages of the current one.

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Adds at least `pageCount` pages to the page allocator. Under the heap
    /// lock. Returns false, changing nothing that matters, when the system refuses.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).grow.
    package func grow(_ pageCount: UInt) -> Bool {
        pointee.lock.assertHeld()
        let chunk = PageGeometry.chunkByteCount
        let (bytes, overflow) = alignUp(pageCount, UInt(HeapConstants.pagesPerChunk))
            .multipliedReportingOverflow(by: UInt(HeapConstants.pageSize))
        if overflow || bytes > UInt(HeapConstants.maxAllocation) { return false }

        var base = pointee.curArenaBase
        if bytes > pointee.curArenaEnd - base {
            guard let region = reserveArenas(bytes) else { return false }
            if region.base == pointee.curArenaEnd {
                pointee.curArenaEnd = region.base + region.byteCount
            } else {
                // The rest of the old arena is still good: give it to the page allocator.
                let rest = pointee.curArenaEnd - pointee.curArenaBase
                if rest > 0, makeReady(base: pointee.curArenaBase, byteCount: rest) == false {
                    _ = rest  // Stays reserved; it is given back with the heap.
                }
                pointee.curArenaBase = region.base
                pointee.curArenaEnd = region.base + region.byteCount
            }
            base = pointee.curArenaBase
        }
        let size = alignUp(bytes, chunk)
        guard makeReady(base: base, byteCount: size) else { return false }
        pointee.curArenaBase = base + size
        scavengeForGrowth(size)
        return true
    }

    /// Maps a range and hands it to the page allocator as free, scavenged pages.
    private func makeReady(base: UInt, byteCount: UInt) -> Bool {
        let counters = pointee.statistics
        let start = UnsafeMutableRawPointer(bitPattern: base)!
        guard pointee.memory.map(start, byteCount: byteCount, statistic: counters.heapSys) else { return false }
        guard pointee.pages.grow(base: base, byteCount: byteCount) else {
            pointee.memory.revoke(start, byteCount: byteCount, statistic: counters.heapSys)
            return false
        }
        counters.heapIdle.add(byteCount)
        counters.heapReleased.add(byteCount)
        return true
    }

    /// Reserves whole arenas of address space for `bytes` and makes their records.
    ///
    /// - Source: Go 1.14 malloc.go, (*mheap).sysAlloc.
    private func reserveArenas(_ bytes: UInt) -> (base: UInt, byteCount: UInt)? {
        let arena = UInt(HeapConstants.arenaSize)
        let size = alignUp(bytes, arena)
        var found: UInt = 0
        while let hint = pointee.arenaHints.pointee.first {
            let (low, underflow) = hint.address.subtractingReportingOverflow(hint.growsDown ? size : 0)
            if !underflow, low &+ size <= PageGeometry.addressLimit, low != 0,
                let got = pointee.memory.reserve(byteCount: size, hint: low)
            {
                if UInt(bitPattern: got) == low {
                    pointee.arenaHints.pointee.advanceFirst(to: hint.growsDown ? low : low + size)
                    found = low
                    break
                }
                pointee.memory.free(got, byteCount: size)
            }
            pointee.arenaHints.pointee.dropFirst()
        }
        if found == 0 {
            guard let got = pointee.memory.reserve(byteCount: size, alignment: arena) else { return nil }
            found = UInt(bitPattern: got)
            pointee.arenaHints.pointee.addAround(base: found, end: found + size)
        }
        for base in stride(from: found, to: found + size, by: HeapConstants.arenaSize) {
            // Records made before a refusal stay: the range is reserved again, or never used.
            guard makeArenaRecord(base: base) else {
                pointee.memory.free(UnsafeMutableRawPointer(bitPattern: found)!, byteCount: size)
                pointee.arenaHints.pointee = ArenaHints()
                return nil
            }
        }
        return (found, size)
    }

    private func makeArenaRecord(base: UInt) -> Bool {
        let index = ArenaIndex(address: base)
        if arena(index) != nil { return true }
        if pointee.allArenasCount.load(ordering: .relaxed) == pointee.allArenasCapacity, !growAllArenas() {
            return false
        }
        guard let block = pointee.memory.allocate(
            byteCount: HeapArena.blockBytes, statistic: pointee.statistics.metadata)
        else { return false }
        let record = HeapArenaRef.make(in: block, base: base)
        let count = pointee.allArenasCount.load(ordering: .relaxed)
        pointee.allArenas[count] = index.rawValue
        pointee.allArenasCount.store(count + 1, ordering: .releasing)
        pointee.arenas[Int(index.rawValue)].store(UInt(bitPattern: record), ordering: .releasing)
        return true
    }

    /// The old array stays for readers that hold it; it goes with the heap.
    private func growAllArenas() -> Bool {
        let capacity = max(512, pointee.allArenasCapacity * 2)
        guard let raw = pointee.memory.allocatePersistent(
            byteCount: UInt(capacity * 8), statistic: pointee.statistics.metadata)
        else { return false }
        let array = raw.bindMemory(to: UInt.self, capacity: capacity)
        array.update(from: pointee.allArenas, count: pointee.allArenasCapacity)
        pointee.allArenas = array
        pointee.allArenasCapacity = capacity
        return true
    }

    /// Scavenges what growing pushes past the goal.
    private func scavengeForGrowth(_ byteCount: UInt) {
        let goal = pointee.scavengeGoal.load(ordering: .relaxed)
        if goal == .max { return }
        let retained = pointee.statistics.heapSys.byteCount - pointee.statistics.heapReleased.byteCount
        let wanted = UInt(retained) &+ byteCount
        if wanted > goal {
            _ = pointee.pages.scavenge(byteCount: Swift.min(byteCount, wanted - goal), locked: true)
        }
    }

    /// Releases every free page. Returns the bytes.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).scavengeAll.
    package func scavengeAll() -> UInt {
        pointee.lock.withLock {
            pointee.pages.scavengeStartGeneration()
            return pointee.pages.scavenge(byteCount: .max, locked: true)
        }
    }
}
