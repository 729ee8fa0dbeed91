// Growing the heap: new arenas from the system, and the pages of the current one.

import Synchronization

/// Address space for the heap that is not yet part of it: mapped, and with
/// records for its arenas that nobody can find before `adopt`.
private struct NewArenas {
    let base: UInt
    let byteCount: UInt
    /// The first record; each block holds the address of the next in its first word.
    var records: UnsafeMutableRawPointer?

    var end: UInt { base + byteCount }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// A value of its own: a mutating call through `pointee.arenaHints` would count as a change of the heap's record.
    private var hints: UnsafeMutablePointer<ArenaHints> { pointee.arenaHints }

    /// Adds at least `pageCount` pages to the page allocator. Under the heap
    /// lock. Returns false when the system refuses; then no statistic, arena or
    /// hint has changed.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).grow.
    package func grow(_ pageCount: UInt) -> Bool {
        pointee.lock.assertHeld()
        // Also keeps the roundings below from wrapping.
        if pageCount == 0 || pageCount > UInt(HeapConstants.maxAllocation / HeapConstants.pageSize) { return false }
        let bytes = alignUp(pageCount, UInt(HeapConstants.pagesPerChunk)) << UInt(HeapConstants.pageShift)
        if bytes == PageGeometry.chunkByteCount, growIntoSpareChunk() {
            noteGrowth(bytes)
            return true
        }
        if bytes <= pointee.curArenaEnd - pointee.curArenaBase {
            guard pointee.pages.grow(base: pointee.curArenaBase, byteCount: bytes) else { return false }
            pointee.curArenaBase = pointee.curArenaBase + bytes
            preferHugePages(base: pointee.curArenaBase - bytes, byteCount: bytes)
            noteGrowth(bytes)
            return true
        }
        let old = hints.pointee
        guard let new = reserveArenas(bytes) else {
            hints.pointee = old
            return false
        }
        guard let grown = growInto(new, bytes) else {
            abandon(new)
            hints.pointee = old
            return false
        }
        adopt(new)
        preferHugePages(base: pointee.curArenaBase - bytes, byteCount: bytes)
        noteGrowth(grown)
        return true
    }

    /// What follows on a growth by so many bytes.
    private func noteGrowth(_ byteCount: UInt) {
        callForSpareChunk()
        pointee.events.instant(.growth, .pages, UInt64(byteCount))
        scavengeForGrowth(byteCount)
    }

    /// Gives the page allocator `bytes` of the current arena extended by `new`,
    /// or, where those are no neighbours, all the rest of the current arena and
    /// `bytes` of `new`. Returns what it got; nil, the current arena as good as before, when refused.
    private func growInto(_ new: NewArenas, _ bytes: UInt) -> UInt? {
        var grown = bytes
        var base = pointee.curArenaBase
        if new.base != pointee.curArenaEnd {
            let rest = pointee.curArenaEnd - base
            if rest > 0 {
                guard pointee.pages.grow(base: base, byteCount: rest) else { return nil }
                pointee.curArenaBase = pointee.curArenaEnd
                grown += rest
            }
            base = new.base
        }
        guard pointee.pages.grow(base: base, byteCount: bytes) else { return nil }
        pointee.curArenaBase = base + bytes
        pointee.curArenaEnd = new.end
        return grown
    }

    /// Adds an arena at the end of the current one, where nothing else lies there; false, and nothing changed, otherwise
    /// or when the system refuses. Under the heap lock.
    func extendCurrentArena() -> Bool {
        pointee.lock.assertHeld()
        let old = hints.pointee
        guard let new = reserveArenas(UInt(HeapConstants.arenaSize)) else {
            hints.pointee = old
            return false
        }
        guard new.base == pointee.curArenaEnd else {
            abandon(new)
            hints.pointee = old
            return false
        }
        pointee.curArenaEnd = new.end
        adopt(new)
        return true
    }

    /// Maps whole arenas of address space for `bytes` and makes their records. nil
    /// when the system refuses: only the hints have changed.
    ///
    /// - Source: Go 1.14 malloc.go, (*mheap).sysAlloc.
    private func reserveArenas(_ bytes: UInt) -> NewArenas? {
        let arena = UInt(HeapConstants.arenaSize)
        let size = alignUp(bytes, arena)
        var found: UInt = 0
        while let hint = hints.pointee.first {
            let (low, underflow) = hint.address.subtractingReportingOverflow(hint.growsDown ? size : 0)
            if !underflow, low &+ size <= PageGeometry.addressLimit, low != 0,
                let got = pointee.memory.reserve(byteCount: size, hint: low)
            {
                if UInt(bitPattern: got) == low {
                    hints.pointee.advanceFirst(to: hint.growsDown ? low : low + size)
                    found = low
                    break
                }
                pointee.memory.free(got, byteCount: size)
            }
            hints.pointee.dropFirst()
        }
        if found == 0 {
            guard let got = pointee.memory.reserve(byteCount: size, alignment: arena) else { return nil }
            found = UInt(bitPattern: got)
            hints.pointee.addAround(base: found, end: found + size)
        }
        let start = UnsafeMutableRawPointer(bitPattern: found)!
        guard pointee.memory.map(start, byteCount: size, statistic: pointee.statistics.heapSys) else {
            pointee.memory.free(start, byteCount: size)
            return nil
        }
        var new = NewArenas(base: found, byteCount: size, records: nil)
        for _ in 0..<size / arena {
            guard let block = pointee.memory.allocate(
                byteCount: HeapArena.blockBytes, statistic: pointee.statistics.metadata)
            else {
                abandon(new)
                return nil
            }
            block.storeBytes(of: UInt(bitPattern: new.records), as: UInt.self)
            new.records = block
        }
        guard reserveAllArenas(Int(size / arena)) else {
            abandon(new)
            return nil
        }
        return new
    }

    /// Gives back what `reserveArenas` made.
    private func abandon(_ new: NewArenas) {
        var records = new.records
        while let block = records {
            records = UnsafeMutableRawPointer(bitPattern: block.load(as: UInt.self))
            pointee.memory.free(
                block, byteCount: HeapArena.blockBytes, readyByteCount: HeapArena.blockBytes,
                statistic: pointee.statistics.metadata)
        }
        pointee.memory.free(
            UnsafeMutableRawPointer(bitPattern: new.base)!, byteCount: new.byteCount, readyByteCount: new.byteCount,
            statistic: pointee.statistics.heapSys)
    }

    /// Makes the new arenas findable, in the order of their addresses, and counts
    /// them: nobody has touched them yet, so they are idle and the system has them.
    private func adopt(_ new: NewArenas) {
        var records = new.records
        for base in stride(from: new.base, to: new.end, by: HeapConstants.arenaSize) {
            let block = records.unsafelyUnwrapped
            records = UnsafeMutableRawPointer(bitPattern: block.load(as: UInt.self))
            block.storeBytes(of: 0, as: UInt.self)
            let index = ArenaIndex(address: base)
            let record = HeapArenaRef.make(in: block, base: base)
            let count = pointee.allArenasCount.load(ordering: .relaxed)
            allArenas[count] = index.rawValue
            pointee.allArenasCount.store(count + 1, ordering: .releasing)
            pointee.arenas[Int(index.rawValue)].store(UInt(bitPattern: record), ordering: .releasing)
        }
        pointee.statistics.heapReleased.add(new.byteCount)
    }

    /// Room for `count` more arenas. The old array stays for readers that hold
    /// it; it goes with the heap.
    private func reserveAllArenas(_ count: Int) -> Bool {
        let needed = pointee.allArenasCount.load(ordering: .relaxed) + count
        if needed <= pointee.allArenasCapacity { return true }
        let capacity = Swift.max(512, pointee.allArenasCapacity * 2, needed)
        guard let raw = pointee.memory.allocatePersistent(
            byteCount: UInt(capacity * 8), statistic: pointee.statistics.metadata)
        else { return false }
        let array = raw.bindMemory(to: UInt.self, capacity: capacity)
        array.update(from: allArenas, count: pointee.allArenasCapacity)
        pointee.allArenasAddress.store(UInt(bitPattern: array), ordering: .releasing)
        pointee.allArenasCapacity = capacity
        return true
    }

    /// Scavenges what growing pushes past the goal.
    private func scavengeForGrowth(_ byteCount: UInt) {
        let goal = pointee.scavengeGoal.load(ordering: .relaxed)
        if goal == .max { return }
        let wanted = retainedByteCount &+ byteCount
        if wanted > goal {
            _ = scavenge(byteCount: Swift.min(byteCount, wanted - goal), .growth)
        }
    }

    /// Releases every free page. Returns the bytes.
    ///
    /// - Source: Go 1.14 mheap.go, (*mheap).scavengeAll.
    package func scavengeAll() -> UInt {
        pointee.lock.withLock {
            pointee.pages.scavengeStartGeneration()
            return releasePrepared() + scavenge(byteCount: .max, .forced)
        }
    }
}
