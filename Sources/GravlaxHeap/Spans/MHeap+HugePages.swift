// Huge pages for what the heap grows into. Touching fresh memory is the dearest
// thing an allocator does, and a page of 2 MiB costs a third, byte for byte, of
// what 512 pages of 4 KiB cost; marking profits from fewer misses of the TLB.
//
// A small heap keeps small pages, since what it does not touch should cost
// nothing. Memory that was scavenged comes back in small pages too (see
// `OSMemory.unused`), unless one span takes whole huge pages of it.
//
// The first touch of a huge page keeps its thread waiting for a quarter of a
// millisecond, and on a virtual machine whose host has to find the memory for
// several. Whoever asks for a span of megabytes is going to touch them all, and
// gains. For small spans a larger heap sets a chunk apart and has it touched in
// the background; it grows into that one next when it is ready by then, and past
// it into small pages otherwise:
//
//       heap │ chunk set apart   │ grown into since, │ not touched, counts
//            │ counts as ready   │ small pages       │ as released
//      ──────┼───────────────────┼───────────────────┼──────────────────────┼──
//            spareChunk                        curArenaBase           curArenaEnd

import Synchronization

/// A chunk of the heap's arenas that the page allocator does not have yet: the state of `MHeap.spareChunk`.
///
///     none ──prepare──▶ preparing ──touched──▶ ready ──scavenge──▶ released
///       ▲                   ▲                    │                    │  │
///       │                   └──────prepare───────┼────────────────────┘  │
///       └──────────────────────grow──────────────┴───────────────────────┘
package enum SpareChunkState: UInt8 {
    /// There is none.
    case none
    /// The background thread touches it. Counts as ready.
    case preparing
    /// On huge pages, each of them touched.
    case ready
    /// The system has its memory back.
    case released
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Bytes of a heap that stay on small pages.
    private var smallHeapBytes: UInt { 8 << 20 }
    /// Bytes of a heap for which no memory is touched ahead: an eighth of it would be much.
    private var unpreparedHeapBytes: UInt { 32 << 20 }

    /// Asks for huge pages in chunks that the heap has just grown into, beyond its first 8 MiB, unless small spans are
    /// going to lie there and a thread prepares memory for these. The first touch of any part then makes 2 MiB ready at
    /// once, so that the chunks count as ready from now on; under a budget they are left alone when that would not fit.
    /// Under the heap lock.
    func preferHugePages(base: UInt, byteCount: UInt) {
        pointee.lock.assertHeld()
        let isForSmallSpans = byteCount <= PageGeometry.chunkByteCount
        if pointee.configuration.usesHugePages, pointee.pages.inUse.totalByteCount > smallHeapBytes,
            !(isForSmallSpans && pointee.configuration.preparesMemory),
            countReady(byteCount: byteCount, spareByteCount: 0)
        {
            pointee.memory.preferHugePages(UnsafeMutableRawPointer(bitPattern: base)!, byteCount: byteCount)
            pointee.pages.noteReady(base: base, pageCount: byteCount >> UInt(HeapConstants.pageShift))
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

    // MARK: The chunk set apart

    /// Bytes of a chunk set apart that count as ready. Under the heap lock.
    package var preparedByteCount: UInt {
        switch pointee.spareState {
        case .preparing, .ready: PageGeometry.chunkByteCount
        case .none, .released: 0
        }
    }

    /// Gives the chunk that was set apart to the page allocator, unless it is being touched just now. False, and nothing
    /// changed, when there is none or the system refuses room for tables. Under the heap lock.
    func growIntoSpareChunk() -> Bool {
        pointee.lock.assertHeld()
        let state = pointee.spareState
        guard state == .ready || state == .released else { return false }
        let base = pointee.spareChunk
        guard pointee.pages.grow(base: base, byteCount: PageGeometry.chunkByteCount) else { return false }
        pointee.spareState = .none
        if state == .ready { pointee.pages.noteReady(base: base, pageCount: UInt(HeapConstants.pagesPerChunk)) }
        return true
    }

    /// Calls for the next chunk when the heap has grown.
    func callForSpareChunk() {
        if pointee.pages.inUse.totalByteCount >= unpreparedHeapBytes {
            pointee.preparation?._withUnsafeGuaranteedRef { $0.post() }
        }
    }

    /// Sets a chunk apart and touches it, on huge pages, unless that is done. Where the arena ends it is extended first.
    /// On the background thread only; the heap lock is open while the system works.
    package func prepareSpareChunk() {
        let chunk = PageGeometry.chunkByteCount
        // As a participant: in a stop the heap's statistics hold still. What is left out is asked for again.
        guard pointee.world.tryEnter() else { return }
        let isClaimed = pointee.lock.withLock { claimSpareChunk() }
        pointee.world.leave()
        if !isClaimed { return }
        // Stable while it is being prepared.
        let start = UnsafeMutableRawPointer(bitPattern: pointee.spareChunk)!
        pointee.memory.preferHugePages(start, byteCount: chunk)
        pointee.memory.populate(start, byteCount: chunk)
        pointee.lock.withLock { pointee.spareState = .ready }
    }

    /// None or released → preparing; false, and nothing changed, in other states, or when there is no room.
    private func claimSpareChunk() -> Bool {
        let chunk = PageGeometry.chunkByteCount
        let isNew = pointee.spareState == .none
        guard isNew || pointee.spareState == .released,
            !isNew || pointee.curArenaEnd - pointee.curArenaBase >= chunk || extendCurrentArena(),
            countReady(byteCount: chunk, spareByteCount: 2 * chunk)
        else { return false }
        if isNew {
            pointee.spareChunk = pointee.curArenaBase
            pointee.curArenaBase += chunk
        }
        pointee.spareState = .preparing
        return true
    }

    /// Gives the prepared chunk back to the system, unless it is being touched just now. Under the heap lock. Returns
    /// the bytes.
    func releasePrepared() -> UInt {
        pointee.lock.assertHeld()
        let byteCount = PageGeometry.chunkByteCount
        guard pointee.spareState == .ready,
            pointee.memory.unused(UnsafeMutableRawPointer(bitPattern: pointee.spareChunk)!, byteCount: byteCount)
        else { return 0 }
        pointee.spareState = .released
        pointee.statistics.heapReleased.add(byteCount)
        return byteCount
    }
}
