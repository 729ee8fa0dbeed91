// Marking: grey objects wait in work buffers, pass through a short queue that
// prefetches them, and are scanned by the pointer bitmap. One `MarkWorker` is
// one thread's share; `step` does a bounded piece and returns.

import CGravlaxShims
import Synchronization

/// What all workers of a heap share.
package struct MarkWork {
    package let stacks: WorkBufferStacks
    /// Set when no buffer could be had: marked objects may be unscanned, and
    /// all of them are scanned again before marking ends.
    package let overflow: UnsafeMutablePointer<Atomic<UInt32>>
}

/// One thread's share of a mark. Not shared.
package struct MarkWorker {
    let heap: MHeapRef
    let encoding: WordEncoding
    private var current: WorkBuffer?
    private var queueHead = 0
    private var queueCount = 0
    private let queue: UnsafeMutablePointer<UInt>
    /// Bytes of the objects marked.
    package private(set) var markedBytes: UInt64 = 0

    private static let queueCapacity = 16

    package init(_ heap: MHeapRef) {
        self.heap = heap
        encoding = heap.pointee.configuration.encoding
        queue = .allocate(capacity: Self.queueCapacity)
        queue.initialize(repeating: 0, count: Self.queueCapacity)
    }

    package mutating func destroy() {
        if let buffer = current {
            if buffer.isEmpty { heap.pointee.work.stacks.putEmpty(buffer) } else { heap.pointee.work.stacks.putFull(buffer) }
        }
        current = nil
        queue.deallocate()
    }

    /// Greys the object that a root word refers to, if it refers to one.
    @inline(__always)
    package mutating func mark(word: UInt64) {
        if word & encoding.mask == encoding.match { mark(address: UInt(word & encoding.addressMask), from: 0) }
    }

    /// Greys the object at `address`: marks it, and queues it if it has anything to scan.
    @inline(__always)
    package mutating func mark(address: UInt, from holder: UInt) {
        guard let span = heap.spanOf(address), span.state == .inUse,
            address &- span.base < span.pointee.limit &- span.base
        else {
            badPointer(address, holder)
            return
        }
        let index = span.objectIndex(of: address)
        guard span.setMarked(index) else { return }
        let arena = heap.arena(ArenaIndex(address: span.base)).unsafelyUnwrapped
        let (byte, mask) = arena.pageIndex(of: span.base)
        if arena.pointee.pageMarks[byte].load(ordering: .relaxed) & mask == 0 {
            arena.pointee.pageMarks[byte].bitwiseOr(mask, ordering: .relaxed)
        }
        markedBytes &+= UInt64(span.pointee.elemSize)
        if !span.pointee.spanClass.noscan { push(span.base &+ index &* span.pointee.elemSize) }
    }

    /// A tagged word whose address is no object. Plain addresses of a client may
    /// point outside the heap; under `verify` a word in an arena that leads to no live span is reported.
    @inline(never)
    private func badPointer(_ address: UInt, _ holder: UInt) {
        guard heap.pointee.configuration.debug.verify, address != 0, let span = heap.spanOf(address) else { return }
        fatal("a pointer leads to no object", ("pointer", address), ("held by", holder),
            ("span", span.base), ("span state", UInt(span.state.rawValue)), ("limit", span.pointee.limit))
    }

    @inline(__always)
    private mutating func push(_ object: UInt) {
        if let buffer = current, !buffer.isFull { return buffer.push(object) }
        pushSlow(object)
    }

    @inline(never)
    private mutating func pushSlow(_ object: UInt) {
        if let full = current { heap.pointee.work.stacks.putFull(full) }
        current = heap.pointee.work.stacks.getEmpty()
        if let buffer = current { return buffer.push(object) }
        heap.pointee.work.overflow.pointee.store(1, ordering: .relaxed)
    }

    @inline(__always)
    private mutating func pop() -> UInt {
        if let buffer = current, !buffer.isEmpty { return buffer.pop() }
        return popSlow()
    }

    @inline(never)
    private mutating func popSlow() -> UInt {
        guard let full = heap.pointee.work.stacks.tryGetFull() else { return 0 }
        if let empty = current { heap.pointee.work.stacks.putEmpty(empty) }
        current = full
        return full.pop()
    }

    /// Scans up to `units` objects. False when nothing was left to scan.
    package mutating func step(_ units: Int) -> Bool {
        var rest = units
        while rest > 0 {
            while queueCount < Self.queueCapacity {
                let object = pop()
                if object == 0 { break }
                gravlax_prefetch(UnsafeRawPointer(bitPattern: object))
                queue[(queueHead + queueCount) & (Self.queueCapacity - 1)] = object
                queueCount += 1
            }
            if queueCount == 0 { return false }
            let object = queue[queueHead]
            queueHead = (queueHead + 1) & (Self.queueCapacity - 1)
            queueCount -= 1
            scan(object)
            rest -= 1
        }
        return true
    }

    /// Scans the object (or the piece of one) at `address`, up to `HeapConstants.scanPiece` bytes.
    ///
    /// - Source: Go 1.14 mgcmark.go, scanobject.
    @inline(__always)
    private mutating func scan(_ address: UInt) {
        let arena = heap.arena(ArenaIndex(address: address)).unsafelyUnwrapped
        let span = arena.spanEntry(address).unsafelyUnwrapped
        var size = span.pointee.elemSize
        if size > UInt(HeapConstants.scanPiece) {
            let end = span.base + size
            if address == span.base {
                // The other pieces are work of their own, so that workers can share them.
                var piece = address + UInt(HeapConstants.scanPiece)
                while piece < end {
                    push(piece)
                    piece += UInt(HeapConstants.scanPiece)
                }
            }
            size = Swift.min(end - address, UInt(HeapConstants.scanPiece))
        }
        let end = address &+ size
        let border = address | UInt(HeapConstants.arenaSize - 1)
        if _fastPath(end &- 1 <= border) {
            _ = scanWords(address, end, arena, holder: address)
        } else {
            scanAcrossArenas(address, end)
        }
    }

    /// What spans across arenas hold: each arena has a bitmap of its own.
    @inline(never)
    private mutating func scanAcrossArenas(_ address: UInt, _ end: UInt) {
        var at = address
        while at < end {
            let arena = heap.arena(ArenaIndex(address: at)).unsafelyUnwrapped
            let stop = Swift.min(end, (at | UInt(HeapConstants.arenaSize - 1)) + 1)
            if !scanWords(at, stop, arena, holder: address) { return }
            at = stop
        }
    }

    /// Scans words of one object in one arena. False when the object ended before `end`.
    @inline(__always)
    private mutating func scanWords(_ start: UInt, _ end: UInt, _ arena: HeapArenaRef, holder: UInt) -> Bool {
        var at = start
        while at < end {
            let bits = heap.bitmapWord(at, arena)
            let words = Swift.min((end &- at) &>> 3, 32)
            let mask = words < 32 ? (1 &<< UInt64(words &* 2)) &- 1 : ~0
            var pointers = bits & mask & 0x5555_5555_5555_5555
            // The first word without "more to scan" ends the object; bits after it are stale.
            let ends = ~bits & mask & 0xAAAA_AAAA_AAAA_AAAA
            if ends != 0 { pointers &= (ends & (0 &- ends)) &- 1 }
            while pointers != 0 {
                let index = UInt(pointers.trailingZeroBitCount) &>> 1
                pointers &= pointers &- 1
                let slot = UnsafePointer<Atomic<UInt64>>(bitPattern: at &+ index &* 8).unsafelyUnwrapped
                let word = slot.pointee.load(ordering: .acquiring)
                if word & encoding.mask == encoding.match {
                    mark(address: UInt(word & encoding.addressMask), from: holder)
                }
            }
            if ends != 0 { return false }
            at &+= 256
        }
        return true
    }

    /// Scans every marked object again until no buffer ran out on the way.
    package mutating func rescanAfterOverflow() {
        while heap.pointee.work.overflow.pointee.exchange(0, ordering: .relaxed) != 0 {
            for position in 0..<heap.pointee.allSpansCount {
                let span = MSpanRef(bitPattern: heap.pointee.allSpans[position]).unsafelyUnwrapped
                if span.state != .inUse || span.pointee.spanClass.noscan { continue }
                for index in 0..<UInt(span.pointee.elemCount) where span.isMarked(index) {
                    push(span.base + index * span.pointee.elemSize)
                    while step(256) {}
                }
            }
        }
    }
}
