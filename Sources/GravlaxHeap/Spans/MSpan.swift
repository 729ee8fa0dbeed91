// The span record: a run of pages, the size of the objects in it, and the bits
// that say which of them are allocated and which are marked. Records live in
// raw memory, are recycled without losing their generation, and are touched
// field by field only. Overview: Allocation/Malloc.swift.

import Synchronization

/// What a span's pages are used for.
///
///     dead ──allocSpan──▶ inUse  (objects, swept by the collector)
///      ▲  └──allocSpan──▶ manual (stacks, work buffers: nobody scans them)
///      └────freeSpan─────┘
@usableFromInline package enum MSpanState: UInt8, Sendable {
    case dead = 0
    case inUse = 1
    case manual = 2
}

@usableFromInline package typealias MSpanRef = UnsafeMutablePointer<MSpan>

/// - Source: Go 1.14 mheap.go, mspan.
///
/// Unless a field says otherwise it is written by whoever owns the span: the
/// thread that initialises it before `state` is published, then the processor
/// cache that holds it, or the one sweeper that claimed it through `sweepgen`.
@usableFromInline package struct MSpan: ~Copyable {
    // The first 64 bytes, one cache line, are all that marking and the fast path of allocation look at.

    /// Link, the first word, which a free record's pool uses too: stale lookups find the rest as it was.
    /// Under the lock of the list the span is in.
    package var next: MSpanRef?
    @usableFromInline package var startAddress: UInt
    /// End of the usable objects.
    @usableFromInline package var limit: UInt
    /// Bytes of one object; of a large object's span: all of its bytes.
    @usableFromInline package var elemSize: UInt
    /// Marks of the cycle in progress; become `allocBits` at the sweep. The bytes are atomic.
    @usableFromInline package var gcmarkBits: UnsafeMutablePointer<UInt8>?
    /// The bits of `allocCache` stand for objects from `freeIndex` on, inverted: 1 is free.
    /// Bits for objects past `elemCount` are clear.
    @usableFromInline package var allocCache: UInt64
    /// Objects below are allocated; the one at it is the next candidate (INV-12).
    @usableFromInline package var freeIndex: UInt32
    /// Division of an offset by `elemSize`; all 0 for a large object.
    @usableFromInline package var divMul: UInt32
    @usableFromInline package var divShift: UInt8
    @usableFromInline package var divShift2: UInt8
    @usableFromInline package var spanClass: SpanClass
    /// Published last when a span is made and withdrawn first when it goes (INV-14).
    @usableFromInline package let stateBits: Atomic<UInt8>
    /// Free slots may be dirty: they are cleared before they are handed out, a window at a time or one by one.
    @usableFromInline package var needZero: Bool
    package var baseMask: UInt16

    @usableFromInline package var elemCount: UInt32
    /// The other link, and the owner, of the list the span is in. Under the list's lock.
    package var previous: MSpanRef?
    package var list: UnsafeMutablePointer<MSpanList>?

    /// The generation. With h the heap's `sweepgen`, which rises by 2 a cycle:
    ///
    ///     h − 2   needs sweeping
    ///     h − 1   is being swept
    ///     h       is swept and ready
    ///     h + 1   was cached before the sweep began and needs sweeping
    ///     h + 3   was swept and then cached
    ///
    /// h−2 → h−1 is a compare-and-swap: it makes its winner the owner. The
    /// store that ends a sweep releases, and every load that acts on h acquires. INV-8, INV-9.
    @usableFromInline package let sweepgen: Atomic<UInt32>
    /// Live objects as of the last sweep or refill; a cached span derives what it handed out since.
    package var allocCount: UInt32
    @usableFromInline package var pageCount: UInt
    package var allocBits: UnsafeMutablePointer<UInt8>?
    /// Where the next 64-bit window of `allocBits` begins; a multiple of 64.
    package var allocWindow: UInt32
    /// What `allocCache` would be: all of it is withheld, so that each allocation takes the slow path. 0 where none is.
    package var withheldCache: UInt64

    /// Objects of a manual span's user; the heap only resets it.
    package var manualFreeList: UInt
    /// Specials sorted by offset, then kind. Under `specialLock`.
    package var specials: UnsafeMutablePointer<Special>?
    /// The last of them. Under `specialLock`.
    package var lastSpecial: UnsafeMutablePointer<Special>?
    package let specialLock: Atomic<UInt32>

    /// Objects without pointers that are larger are cleared one by one, and only if their user asks for it. In bytes.
    package static let maxClearedNoScan = 128

    /// Bytes of a record: whole cache lines, to which records are aligned.
    package static let recordByteCount = (MemoryLayout<MSpan>.stride + 63) & ~63
}

extension UnsafeMutablePointer where Pointee == MSpan {
    @inlinable @inline(__always)
    package var state: MSpanState {
        unsafeBitCast(pointee.stateBits.load(ordering: .acquiring), to: MSpanState.self)
    }

    package func setState(_ state: MSpanState) {
        pointee.stateBits.store(state.rawValue, ordering: .releasing)
    }

    /// - Source: Go 1.14 mheap.go, (*mspan).base.
    @inlinable @inline(__always)
    package var base: UInt { pointee.startAddress }

    /// Bytes of one object, how many fit, and their bytes together.
    ///
    /// - Source: Go 1.14 mheap.go, (*mspan).layout.
    package var layout: (size: UInt, count: UInt, total: UInt) {
        let total = pointee.pageCount << UInt(HeapConstants.pageShift)
        let size = pointee.elemSize
        return (size, size > 0 ? total / size : 0, total)
    }

    /// Resets everything except the generation and the division fields.
    ///
    /// - Source: Go 1.14 mheap.go, (*mspan).init.
    package func initialize(base: UInt, pageCount: UInt) {
        pointee.next = nil
        pointee.previous = nil
        pointee.list = nil
        pointee.startAddress = base
        pointee.pageCount = pageCount
        pointee.limit = 0
        pointee.elemSize = 0
        pointee.allocCache = 0
        pointee.freeIndex = 0
        pointee.allocWindow = 0
        pointee.elemCount = 0
        pointee.allocCount = 0
        pointee.withheldCache = 0
        pointee.spanClass = SpanClass(rawValue: 0)
        pointee.needZero = false
        pointee.allocBits = nil
        pointee.gcmarkBits = nil
        pointee.manualFreeList = 0
        pointee.specials = nil
        pointee.lastSpecial = nil
        pointee.specialLock.store(0, ordering: .relaxed)
        setState(.dead)
    }

    /// Bytes of mark bits that the span's objects take.
    package var markBitByteCount: Int { MarkBitsArenas.byteCount(elemCount: Int(pointee.elemCount)) }

    /// The index of the object that `address` points into.
    @inlinable @inline(__always)
    package func objectIndex(of address: UInt) -> UInt { objectIndex(offset: address &- pointee.startAddress) }

    /// The index of the object `offset` bytes from the span's base.
    @inlinable @inline(__always)
    package func objectIndex(offset: UInt) -> UInt {
        ((offset &>> UInt(pointee.divShift)) &* UInt(pointee.divMul)) &>> UInt(pointee.divShift2)
    }

    /// Refills `allocCache` from the window of `allocBits` at `allocWindow`.
    /// Returns false when the span has no further window: it is full.
    ///
    /// - Source: Go 1.14 mbitmap.go, (*mspan).refillAllocCache and nextFreeIndex.
    package func loadNextWindow() -> Bool {
        var window = pointee.allocWindow
        let count = pointee.elemCount
        while window < count {
            let words = UnsafeRawPointer(pointee.allocBits!).assumingMemoryBound(to: UInt64.self)
            var free = ~words[Int(window >> 6)]
            if count - window < 64 { free &= (1 &<< UInt64(count - window)) &- 1 }
            pointee.freeIndex = window
            window += 64
            pointee.allocWindow = window
            if free != 0 {
                if pointee.needZero, clearsWindows { clear(free, from: window - 64) }
                pointee.allocCache = free
                return true
            }
        }
        pointee.allocCache = 0
        pointee.freeIndex = count
        pointee.allocWindow = window
        return false
    }

    /// Whether a window's free slots are cleared as it is loaded, so that the fast path of allocation need not look.
    package var clearsWindows: Bool { !pointee.spanClass.noscan || pointee.elemSize <= UInt(MSpan.maxClearedNoScan) }

    /// Clears the slots whose bits are set in `free`, of which bit 0 is slot `window`: run by run.
    private func clear(_ free: UInt64, from window: UInt32) {
        var rest = free
        var slot = UInt(window)
        while rest != 0 {
            let skip = rest.trailingZeroBitCount
            rest &>>= UInt64(skip)
            let run = (~rest).trailingZeroBitCount
            slot += UInt(skip)
            UnsafeMutableRawPointer(bitPattern: base + slot * pointee.elemSize)!
                .initializeMemory(as: UInt8.self, repeating: 0, count: run * Int(pointee.elemSize))
            slot += UInt(run)
            rest = run == 64 ? 0 : rest &>> UInt64(run)
        }
    }

    /// Starts over at the first object, after `allocBits` changed.
    package func resetAllocation() {
        pointee.freeIndex = 0
        pointee.allocWindow = 0
        pointee.allocCache = 0
        pointee.withheldCache = 0
    }

    /// Gives back the bits that were withheld to force a slow path.
    package func restoreWithheld() {
        if pointee.withheldCache == 0 { return }
        pointee.allocCache = pointee.withheldCache
        pointee.withheldCache = 0
    }

    /// Empties `allocCache` until `restoreWithheld`, so that the next allocation is slow.
    package func withholdWindow() {
        restoreWithheld()
        pointee.withheldCache = pointee.allocCache
        pointee.allocCache = 0
    }

    /// Free objects that the current owner could still hand out.
    package var freeCount: UInt32 {
        var count = UInt32((pointee.allocCache | pointee.withheldCache).nonzeroBitCount)
        var window = pointee.allocWindow
        let total = pointee.elemCount
        let words = UnsafeRawPointer(pointee.allocBits!).assumingMemoryBound(to: UInt64.self)
        while window < total {
            var free = ~words[Int(window >> 6)]
            if total - window < 64 { free &= (1 &<< UInt64(total - window)) &- 1 }
            count += UInt32(free.nonzeroBitCount)
            window += 64
        }
        return count
    }


    /// Whether the object at `index` is not allocated, for a span that nobody allocates from meanwhile.
    package func isFree(_ index: UInt) -> Bool {
        if index < UInt(pointee.freeIndex) { return false }
        return pointee.allocBits![Int(index >> 3)] & (1 << (index & 7)) == 0
    }

    /// Popcount of the marks.
    package var markedCount: UInt32 {
        let words = UnsafeRawPointer(pointee.gcmarkBits!).assumingMemoryBound(to: UInt64.self)
        var count = 0
        for index in 0..<Int((pointee.elemCount + 63) >> 6) { count += words[index].nonzeroBitCount }
        return UInt32(count)
    }

    /// The mark bits 64 at a time: bit i of word w is object 64w + i, as in bytes on a little-endian machine.
    @inlinable @inline(__always)
    package func markWord(_ index: UInt) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (UnsafeMutableRawPointer(pointee.gcmarkBits.unsafelyUnwrapped) + Int((index &>> 6) &* 8))
            .assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inlinable @inline(__always)
    package func isMarked(_ index: UInt) -> Bool {
        markWord(index).pointee.load(ordering: .relaxed) &>> UInt64(index & 63) & 1 != 0
    }

    /// Like `setMarked`, by the only thread that sets marks: the world is stopped.
    @inline(__always)
    package func setMarkedAlone(_ index: UInt) -> Bool {
        let word = markWord(index)
        let mask: UInt64 = 1 &<< UInt64(index & 63)
        let old = word.pointee.load(ordering: .relaxed)
        if old & mask != 0 { return false }
        word.pointee.store(old | mask, ordering: .relaxed)
        return true
    }

    /// Sets the mark and tells whether it was new. Any thread, while marking.
    @inlinable @inline(__always)
    package func setMarked(_ index: UInt) -> Bool {
        let word = markWord(index)
        let mask: UInt64 = 1 &<< UInt64(index & 63)
        // A plain load first: most references of a busy object find it marked.
        if word.pointee.load(ordering: .relaxed) & mask != 0 { return false }
        return word.pointee.bitwiseOr(mask, ordering: .relaxed).oldValue & mask == 0
    }
}
