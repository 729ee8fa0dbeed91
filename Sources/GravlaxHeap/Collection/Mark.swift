// Marking. Grey objects wait in work buffers as addresses that are not marked
// yet, pass through a short ring that gives the processor time to fetch what
// will be looked at (the object, its bits, its span's record), are marked when
// they leave the ring, and are scanned by the pointer bitmap. One `MarkWorker`
// is one thread's share; `step` does a bounded piece and returns.
//
//     roots, barriers ─▶ ┌────────┐        ┌──── ring ────┐
//                        │ buffer │ ─pop─▶ │ prefetch … … │ ─▶ mark, scan ─┐
//            ┌─────────▶ └────────┘        └──────────────┘                │
//            └───────────────────── what the object refers to ◀────────────┘

import CGravlaxShims
import Synchronization

/// One thread's share of a mark. Not shared.
package struct MarkWorker {
    /// A grey object on its way through the ring; entry 0: none.
    private struct Candidate {
        /// As it came from the stack: an object's address, or a piece (see `pieceTag`).
        var entry: UInt
        var span: MSpanRef
        /// The 64 bits of the pointer bitmap that cover `entry`.
        var cell: UnsafeMutablePointer<Atomic<UInt64>>
    }

    let heap: MHeapRef
    private let encoding: WordEncoding
    /// The world is stopped and nobody else marks: marks need no atomic read-modify-write.
    package var isAlone: Bool
    /// Whose marking it is in a trace.
    package let track: EventTrack
    private var stack: GreyStack
    private let ring: UnsafeMutablePointer<Candidate>
    /// Where the oldest candidate of the ring is, which the next one replaces.
    private var ringPosition = 0
    /// The span whose page mark was set last.
    private var pageMarked: MSpanRef?
    /// Bytes of the objects marked when they left the ring, and of those that hold pointers; since `publish`.
    private var scannedBytes: UInt64 = 0
    private var scannedPointerBytes: UInt64 = 0
    /// Bytes of the objects marked since `publish`.
    package var markedBytes: UInt64 { scannedBytes + stack.unqueuedBytes }
    /// Bytes of the objects with pointers that were marked since `publish`: what a cycle's progress is measured in.
    package var scanWork: UInt64 { scannedPointerBytes }

    private static let ringCapacity = 16
    /// Fewer entries than this are not shared.
    private static let sharedCount = 8
    /// Set in an entry that stands for (a piece of) an object which is marked already and only has to be scanned.
    /// Objects are 8-byte aligned.
    private static let pieceTag: UInt = 1

    /// Bytes of memory that a worker needs for its ring.
    static var ringByteCount: Int { ringCapacity * MemoryLayout<Candidate>.stride }

    /// - Parameters:
    ///   - ring: `ringByteCount` bytes that outlive the worker.
    ///   - isAlone: see there.
    init(_ heap: MHeapRef, ring: UnsafeMutableRawPointer, isAlone: Bool = false, track: EventTrack) {
        self.track = track
        self.heap = heap
        self.isAlone = isAlone
        encoding = heap.pointee.configuration.encoding
        stack = GreyStack(heap.pointee.work, verifies: heap.pointee.configuration.debug.verify)
        self.ring = ring.bindMemory(to: Candidate.self, capacity: Self.ringCapacity)
        self.ring.initialize(
            repeating: Candidate(
                entry: 0, span: MSpanRef(bitPattern: 8)!, cell: UnsafeMutablePointer(bitPattern: 8)!),
            count: Self.ringCapacity)
    }

    /// A worker in memory of its own, for as long as the heap lives; nil when the system refuses it.
    package static func make(_ heap: MHeapRef, track: EventTrack = .world) -> UnsafeMutablePointer<MarkWorker>? {
        let recordByteCount = (MemoryLayout<MarkWorker>.stride + 63) & ~63
        guard let place = heap.pointee.memory.allocatePersistent(
            byteCount: UInt(recordByteCount + ringByteCount), alignment: 64, statistic: heap.pointee.statistics.metadata)
        else { return nil }
        let worker = place.bindMemory(to: MarkWorker.self, capacity: 1)
        worker.initialize(to: MarkWorker(heap, ring: place + recordByteCount, track: track))
        return worker
    }

    /// Leaves what is still grey to the other workers.
    package mutating func giveAway() {
        for position in 0..<Self.ringCapacity where ring[position].entry != 0 {
            if !stack.push(ring[position].entry) { Self.markUnqueued(ring[position].entry, heap, &stack) }
            ring[position].entry = 0
        }
        // Page marks are cleared between cycles.
        pageMarked = nil
        stack.giveAway()
    }

    /// Gives other workers some of what waits here, if that is worth their while.
    package mutating func share() {
        if stack.count >= Self.sharedCount, heap.pointee.work.stacks.fullIsEmpty { stack.shareHalf() }
    }

    /// Adds what was marked to the cycle's progress. Returns the scan work.
    @discardableResult
    package mutating func publish() -> Int {
        let progress = heap.pointee.work.progress
        let work = scannedPointerBytes
        if markedBytes != 0 { progress.pointee.markedBytes.wrappingAdd(markedBytes, ordering: .relaxed) }
        if work != 0 { progress.pointee.scanWork.wrappingAdd(work, ordering: .relaxed) }
        scannedBytes = 0
        scannedPointerBytes = 0
        stack.unqueuedBytes = 0
        return Int(work)
    }

    /// Greys the object that a root word refers to, if it refers to one.
    package mutating func mark(word: UInt64) {
        if word & encoding.mask == encoding.match { mark(address: UInt(word & encoding.addressMask)) }
    }

    /// The same for `count` words. A deep stack has the same few objects over and over, and none is marked before all are
    /// pushed: without those that came shortly before, buffers do not grow with it.
    mutating func mark(words: UnsafePointer<UInt64>, count: Int) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Self.recentCount) { recent in
            recent.initialize(repeating: 0)
            for index in 0..<count {
                let word = words[index]
                let place = Int(truncatingIfNeeded: (word ^ word >> 6) >> 4) & (Self.recentCount - 1)
                if recent[place] == word { continue }
                recent[place] = word
                mark(word: word)
            }
        }
    }

    private static let recentCount = 64

    /// Greys the object that `address` points into, if there is one.
    package mutating func mark(address: UInt) {
        let address = address & ~Self.pieceTag
        if address == 0 || stack.push(address) { return }
        // What is grey already makes room, unless others hold all buffers.
        while step(1024) {}
        if !stack.push(address) { Self.markUnqueued(address, heap, &stack) }
    }

    /// Greys what the object at `object`, the start of it, refers to, and not the object.
    package mutating func scanReferents(of object: UInt, _ span: MSpanRef) {
        if !span.pointee.spanClass.noscan { Self.scanPiece(object, span, heap, encoding, &stack) }
    }

    /// Marks the object that `address` points into at once, and pushes what it refers to on the index's stack, or here
    /// what that has no room for. Its base; 0 if it was marked already, or there is none.
    mutating func markAndScan(_ address: UInt, _ index: EphemeronIndex) -> UInt {
        guard let (base, span, number) = heap.findObject(address), span.setMarked(number) else { return 0 }
        let size = span.pointee.elemSize
        scannedBytes &+= UInt64(size)
        heap.setPageMark(span)
        if span.pointee.spanClass.noscan { return base }
        if size > UInt(HeapConstants.scanPiece) {
            Self.scanPiece(base, span, heap, encoding, &stack)
            return base
        }
        var at = base
        while at < base &+ size {
            let cell = heap.arena(ArenaIndex(address: at)).unsafelyUnwrapped
            let bits = heap.bitmapWord(at, cell)
            if bits & 0b10 == 0 { break }
            if bits & 0b01 != 0 {
                let slot = UnsafePointer<Atomic<UInt64>>(bitPattern: at).unsafelyUnwrapped
                let word = slot.pointee.load(ordering: .acquiring)
                let referent = UInt(word & encoding.addressMask)
                if word & encoding.mask == encoding.match, !index.pushGrey(referent) { mark(address: referent) }
            }
            at &+= 8
        }
        return base
    }

    /// Looks at up to `units` grey objects; of large ones each 512 bytes count as one more, so that what one call scans is
    /// bounded. False when nothing was left.
    ///
    /// - Source: Go 1.14 mgcmark.go, gcDrainN, greyobject and scanobject; the ring is this heap's own.
    package mutating func step(_ units: Int) -> Bool {
        let ring = self.ring
        // Copies in local variables, which nobody else can see change.
        var stack = self.stack
        var position = ringPosition
        var pageMarked = self.pageMarked
        var scannedBytes = self.scannedBytes
        var scannedPointerBytes = self.scannedPointerBytes
        let heap = self.heap
        let encoding = self.encoding
        let isAlone = self.isAlone
        defer {
            self.stack = stack
            ringPosition = position
            self.pageMarked = pageMarked
            if self.scannedBytes != scannedBytes { heap.progress.pointee.markings.wrappingAdd(1, ordering: .relaxed) }
            self.scannedBytes = scannedBytes
            self.scannedPointerBytes = scannedPointerBytes
        }
        var rest = units
        var emptyCount = 0
        while rest > 0 {
            let candidate = ring[position]
            ring[position].entry = 0
            let entry = stack.pop()
            if _fastPath(entry != 0) {
                emptyCount = 0
                let index = ArenaIndex(address: entry)
                if index.isValid, let arena = heap.arena(index), let span = arena.spanEntry(entry) {
                    gravlax_prefetch(span)
                    gravlax_prefetch(UnsafeRawPointer(bitPattern: entry))
                    let cell = arena.pointee.bitmap + Int((entry & UInt(HeapConstants.arenaSize - 1)) &>> 8)
                    gravlax_prefetch(cell)
                    ring[position] = Candidate(entry: entry, span: span, cell: cell)
                }
            } else if candidate.entry == 0 {
                emptyCount &+= 1
                if emptyCount == Self.ringCapacity { return false }
            }
            position = (position &+ 1) & (Self.ringCapacity - 1)
            if candidate.entry == 0 { continue }
            rest &-= 1
            if _slowPath(candidate.entry & Self.pieceTag != 0) {
                rest &-= HeapConstants.scanPiece &>> 9
                Self.scanPiece(candidate.entry & ~Self.pieceTag, candidate.span, heap, encoding, &stack)
                continue
            }
            guard let (base, size) = Self.mark(candidate, isAlone) else { continue }
            scannedBytes &+= UInt64(size)
            if candidate.span != pageMarked {
                heap.setPageMark(candidate.span)
                pageMarked = candidate.span
            }
            if !candidate.span.pointee.spanClass.noscan {
                scannedPointerBytes &+= UInt64(size)
                // As much of a large object as is scanned at once counts as many small ones.
                rest &-= Swift.min(Int(bitPattern: size), HeapConstants.scanPiece) &>> 9
                Self.scan(base, size, candidate, heap, encoding, &stack)
            }
        }
        return true
    }

    /// Marks the object that a candidate stands for: its base and size, or nil if it is marked already or none.
    @inline(__always)
    private static func mark(_ candidate: Candidate, _ isAlone: Bool) -> (base: UInt, size: UInt)? {
        let span = candidate.span
        guard span.state == .inUse else { return nil }
        let base = span.base
        let offset = candidate.entry &- base
        // Below the base in a stale entry of the page map: the difference wraps and is above the limit.
        guard offset < span.pointee.limit &- base else { return nil }
        let index = span.objectIndex(offset: offset)
        guard isAlone ? span.setMarkedAlone(index) : span.setMarked(index) else { return nil }
        let size = span.pointee.elemSize
        return (base &+ index &* size, size)
    }

    // What scans is static and takes plain values, so that no address of the worker's fields escapes from the loop.

    /// Greys what an object refers to.
    @inline(__always)
    private static func scan(
        _ base: UInt, _ size: UInt, _ candidate: Candidate, _ heap: MHeapRef, _ encoding: WordEncoding,
        _ stack: inout GreyStack
    ) {
        // Up to 32 words: the object lies in one page with the address that led to it, hence in one arena.
        if _slowPath(size > 256) { return scanPiece(base, candidate.span, heap, encoding, &stack) }
        let cell = candidate.cell - Int(bitPattern: (candidate.entry &>> 8) &- (base &>> 8))
        let shift = UInt64(truncatingIfNeeded: (base &>> 2) & 62)
        var bits = cell.pointee.load(ordering: .relaxed) &>> shift
        let bitCount = UInt64(truncatingIfNeeded: size &>> 2)
        if _slowPath(shift &+ bitCount > 64) {
            bits |= (cell + 1).pointee.load(ordering: .relaxed) &<< (64 &- shift)
        }
        // A clear "more to scan" bit behind the last word, in case the object fills its element.
        let ends = bitCount == 64 ? ~bits & moreBits : (~bits | 1 &<< (bitCount &+ 1)) & moreBits
        greyReferents(base, bits, ends, holder: base, heap, encoding, &stack)
    }

    private static var moreBits: UInt64 { 0xAAAA_AAAA_AAAA_AAAA }
    private static var pointerBits: UInt64 { 0x5555_5555_5555_5555 }

    /// Pushes what the words from `address` on refer to. `bits`: the pointer bitmap from there; `ends`: a bit for each
    /// word without "more to scan", of which the first ends the object.
    @inline(__always)
    private static func greyReferents(
        _ address: UInt, _ bits: UInt64, _ ends: UInt64, holder: UInt, _ heap: MHeapRef, _ encoding: WordEncoding,
        _ stack: inout GreyStack
    ) {
        // Bits after the first end are stale, and where that is the end of the element, the word is another object's.
        var pointers = bits & pointerBits & (((ends & (0 &- ends)) &>> 1) &- 1)
        while pointers != 0 {
            let position = UInt(pointers.trailingZeroBitCount) &>> 1
            pointers &= pointers &- 1
            // Pairs with the releasing fence before an object is published.
            let slot = UnsafePointer<Atomic<UInt64>>(bitPattern: address &+ position &* 8).unsafelyUnwrapped
            let word = slot.pointee.load(ordering: .acquiring)
            if word & encoding.mask == encoding.match {
                let referent = UInt(word & encoding.addressMask) & ~pieceTag
                if _slowPath(stack.verifies) {
                    checkPointer(referent, slot: address &+ position &* 8, holder: holder, heap)
                }
                if referent != 0, !stack.push(referent) { markUnqueued(referent, heap, &stack) }
            }
        }
    }

    /// Marks an object that the stack has no room for, and leaves what it refers to to the next scan of all marked
    /// objects. There are further such scans only as long as one of them marks something, so that marking ends.
    @inline(never)
    private static func markUnqueued(_ entry: UInt, _ heap: MHeapRef, _ stack: inout GreyStack) {
        if entry & pieceTag != 0 { return stack.overflow.pointee.store(1, ordering: .relaxed) }
        guard let (_, span, index) = heap.findObject(entry), span.setMarked(index) else { return }
        stack.unqueuedBytes &+= UInt64(span.pointee.elemSize)
        heap.progress.pointee.markings.wrappingAdd(1, ordering: .relaxed)
        heap.setPageMark(span)
        if !span.pointee.spanClass.noscan { stack.overflow.pointee.store(1, ordering: .relaxed) }
    }

    /// Scans an object that is larger than 32 words, or the piece of a large one at `address`.
    /// At the first piece the others become work of their own, so that workers can share them; those that there is no
    /// room for are scanned with the first.
    @inline(never)
    private static func scanPiece(
        _ address: UInt, _ span: MSpanRef, _ heap: MHeapRef, _ encoding: WordEncoding, _ stack: inout GreyStack
    ) {
        let piece = UInt(HeapConstants.scanPiece)
        let object = span.base &+ span.objectIndex(of: address) &* span.pointee.elemSize
        let end = object &+ span.pointee.elemSize
        var pieceEnd = Swift.min(end, address &+ piece)
        if address == object, pieceEnd != end {
            // The last piece first, so that what has no room follows this one.
            var other = object &+ (end &- object &- 1) / piece * piece
            while other != object, stack.push(other | pieceTag) { other &-= piece }
            pieceEnd = Swift.min(end, other &+ piece)
        }
        var at = address
        while at < pieceEnd {
            // 32 words at a time, or as many as lie in one arena.
            let arena = heap.arena(ArenaIndex(address: at)).unsafelyUnwrapped
            let arenaEnd = (at | UInt(HeapConstants.arenaSize - 1)) &+ 1
            let words = Swift.min((Swift.min(pieceEnd, arenaEnd) &- at) &>> 3, 32)
            let valid: UInt64 = words == 32 ? ~0 : (1 &<< UInt64(words &* 2)) &- 1
            let bits = heap.bitmapWord(at, arena) & valid
            let ends = ~bits & moreBits & valid
            greyReferents(at, bits, ends, holder: object, heap, encoding, &stack)
            if ends != 0 { return }
            at &+= words &* 8
        }
    }

    /// Scans every marked object again until no buffer ran out on the way. World stopped, and no other worker at work.
    package mutating func rescanAfterOverflow() {
        let heap = heap
        while heap.pointee.work.overflow.pointee.exchange(0, ordering: .relaxed) != 0 {
            // What specials keep may have been grey and not marked.
            withUnsafeMutablePointer(to: &self) { worker in
                for job in 0..<heap.specialRootJobCount { heap.markSpecialRoots(job: job, worker) }
            }
            for position in 0..<heap.pointee.allSpansCount {
                let span = MSpanRef(bitPattern: heap.pointee.allSpans[position]).unsafelyUnwrapped
                if span.state != .inUse || span.pointee.spanClass.noscan { continue }
                for index in 0..<UInt(span.pointee.elemCount) where span.isMarked(index) {
                    Self.scanPiece(span.base + index * span.pointee.elemSize, span, heap, encoding, &stack)
                    while step(256) {}
                }
            }
        }
    }

    /// A word of an object that leads into the heap, but to no object. Plain addresses of a client may point outside
    /// the heap; under `verify` one that leads to pages of the heap without an object is reported (INV-18).
    @inline(never)
    private static func checkPointer(_ address: UInt, slot: UInt, holder: UInt, _ heap: MHeapRef) {
        guard let span = heap.spanOf(address) else { return }
        if span.state == .inUse, address >= span.base, address < span.pointee.limit { return }
        fatal("a pointer leads to no object", ("pointer", address), ("in the slot", slot), ("of the object", holder),
            ("span", span.base), ("span state", UInt(span.state.rawValue)), ("limit", span.pointee.limit))
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Notes that the span has a marked object. Any thread, while marking.
    @inline(__always)
    package func setPageMark(_ span: MSpanRef) {
        let arena = arena(ArenaIndex(address: span.base)).unsafelyUnwrapped
        let (byte, mask) = arena.pageIndex(of: span.base)
        if arena.pointee.pageMarks[byte].load(ordering: .relaxed) & mask == 0, !isDisabled(.pageMarks) {
            arena.pointee.pageMarks[byte].bitwiseOr(mask, ordering: .relaxed)
        }
    }
}
