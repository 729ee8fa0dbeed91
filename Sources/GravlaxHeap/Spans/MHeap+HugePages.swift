// Huge pages for what the heap grows into. Touching fresh memory is the dearest
// thing an allocator does, and a page of 2 MiB costs a third, byte for byte, of
// what 512 pages of 4 KiB cost; marking profits from fewer misses of the TLB.
//
// A small heap keeps small pages, since what it does not touch should cost
// nothing. Memory that was scavenged comes back in small pages too (see
// `OSMemory.unused`), unless one span takes whole huge pages of it.
//
// The first touch of a huge page keeps its thread waiting for a quarter of a
// millisecond. So a larger heap has the next chunk touched in the background:
//
//     curArenaBase            preparedEnd                curArenaEnd
//     ──────┼──────────────────────┼──────────────────────────┼──
//      heap │ next chunk: counted  │ not touched, counts as   │
//           │ as ready, touched    │ released                 │

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Bytes of a heap that stay on small pages.
    private var smallHeapBytes: UInt { 8 << 20 }
    /// Bytes of a heap for which no memory is touched ahead: an eighth of it would be much.
    private var unpreparedHeapBytes: UInt { 32 << 20 }

    /// Asks for huge pages in chunks that the heap has just grown into, beyond its first 8 MiB. The first touch of any
    /// part then makes 2 MiB ready at once, so that the chunks count as ready from now on; under a budget they are
    /// left alone when that would not fit. What is prepared already is so counted. Under the heap lock.
    func preferHugePages(base: UInt, byteCount: UInt) {
        pointee.lock.assertHeld()
        let prepared = Swift.min(Swift.max(pointee.preparedEnd, base) - base, byteCount)
        if prepared > 0 {
            pointee.pages.noteReady(base: base, pageCount: prepared >> UInt(HeapConstants.pageShift))
        }
        let fresh = byteCount - prepared
        if pointee.configuration.usesHugePages, pointee.pages.inUse.totalByteCount > smallHeapBytes, fresh > 0,
            countReady(byteCount: fresh, spareByteCount: 0)
        {
            let start = base + prepared
            pointee.memory.preferHugePages(UnsafeMutableRawPointer(bitPattern: start)!, byteCount: fresh)
            pointee.pages.noteReady(base: start, pageCount: fresh >> UInt(HeapConstants.pageShift))
        }
        if pointee.pages.inUse.totalByteCount >= unpreparedHeapBytes {
            pointee.preparation?._withUnsafeGuaranteedRef { $0.post() }
        }
    }

    /// Counts bytes that the system had as ready; false, and nothing counted, when less than `spareByteCount` of a
    /// budget would be left.
    private func countReady(byteCount: UInt, spareByteCount: UInt) -> Bool {
        let counters = pointee.statistics
        counters.heapReleased.subtract(byteCount)
        guard let budget = pointee.configuration.budget, counters.readyBytes + UInt64(spareByteCount) > budget else {
            return true
        }
        counters.heapReleased.add(byteCount)
        return false
    }

    // MARK: The next chunk

    /// Bytes at the start of the current arena's rest that count as ready. Under the heap lock.
    package var preparedByteCount: UInt {
        Swift.max(pointee.preparedEnd, pointee.curArenaBase) - pointee.curArenaBase
    }

    /// Touches the chunk that the heap will grow into next, on huge pages, unless that is done. Where the arena ends
    /// it is extended first. On the background thread only; the heap lock is open while the system works.
    package func prepareNextChunk() {
        let chunk = PageGeometry.chunkByteCount
        // As a participant: in a stop the heap's statistics hold still. What is left out is asked for again.
        guard pointee.world.tryEnter() else { return }
        pointee.lock.lock()
        let base = pointee.curArenaBase
        let hasRoom = preparedByteCount == 0
            && (pointee.curArenaEnd - base >= chunk || extendCurrentArena())
            && countReady(byteCount: chunk, spareByteCount: 2 * chunk)
        if hasRoom {
            pointee.preparedEnd = base + chunk
            pointee.isPreparing = true
        }
        pointee.lock.unlock()
        pointee.world.leave()
        if !hasRoom { return }
        let start = UnsafeMutableRawPointer(bitPattern: base)!
        pointee.memory.preferHugePages(start, byteCount: chunk)
        for offset in stride(from: 0, to: chunk, by: Int(OSMemory.hugePageByteCount)) {
            // Whoever has grown into it touches it as he goes.
            if pointee.lock.withLock({ pointee.curArenaBase > base + offset }) { break }
            pointee.memory.populate(start + Int(offset), byteCount: OSMemory.hugePageByteCount)
        }
        pointee.lock.withLock { pointee.isPreparing = false }
    }

    /// Gives the prepared chunk back to the system, unless it is being touched just now. Under the heap lock. Returns
    /// the bytes.
    func releasePrepared() -> UInt {
        pointee.lock.assertHeld()
        let byteCount = preparedByteCount
        if byteCount == 0 || pointee.isPreparing { return 0 }
        let start = UnsafeMutableRawPointer(bitPattern: pointee.curArenaBase)!
        guard pointee.memory.unused(start, byteCount: byteCount) else { return 0 }
        pointee.preparedEnd = 0
        pointee.statistics.heapReleased.add(byteCount)
        return byteCount
    }
}
