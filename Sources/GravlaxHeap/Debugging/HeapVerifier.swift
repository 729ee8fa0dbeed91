// Walks a stopped heap and says what does not hold. Callable in release builds.

import Glibc
import Synchronization

/// Checks a heap whose world is stopped. Each violation is a sentence.
package struct HeapVerifier {
    private let heap: MHeapRef

    package init(_ heap: MHeapRef) { self.heap = heap }

    /// What does not hold. `afterMark`: marks are complete and nothing is swept
    /// yet; then the reachability of every marked object's referents is checked too.
    package func violations(afterMark: Bool) -> [String] {
        var found: [String] = []
        var pagesInUse: UInt = 0
        var inUseBytes: UInt64 = 0
        let generation = heap.sweepgen
        for position in 0..<heap.pointee.allSpansCount {
            let span = MSpanRef(bitPattern: heap.pointee.allSpans[position]).unsafelyUnwrapped
            guard span.state == .inUse else { continue }
            pagesInUse += span.pointee.pageCount
            inUseBytes += UInt64(span.pointee.pageCount) << UInt64(HeapConstants.pageShift)
            checkSpan(span, generation, &found)
            if afterMark { checkMarks(span, &found) }
        }
        if pagesInUse != heap.pointee.pagesInUse.load(ordering: .relaxed) {
            found.append("pagesInUse is \(heap.pointee.pagesInUse.load(ordering: .relaxed)), the spans have \(pagesInUse)")
        }
        let counters = heap.pointee.statistics
        if counters.heapInUse.byteCount != inUseBytes {
            found.append("heapInUse is \(counters.heapInUse.byteCount), the spans have \(inUseBytes)")
        }
        if counters.heapSys.byteCount != counters.heapInUse.byteCount + counters.heapIdle.byteCount {
            found.append("heapSys \(counters.heapSys.byteCount) ≠ heapInUse \(counters.heapInUse.byteCount) + heapIdle \(counters.heapIdle.byteCount)")
        }
        if counters.heapReleased.byteCount > counters.heapIdle.byteCount {
            found.append("heapReleased \(counters.heapReleased.byteCount) > heapIdle \(counters.heapIdle.byteCount)")
        }
        return found
    }

    private func checkSpan(_ span: MSpanRef, _ generation: UInt32, _ found: inout [String]) {
        let name = "span \(String(span.base, radix: 16))"
        for page in 0..<span.pointee.pageCount {
            let address = span.base + page << UInt(HeapConstants.pageShift)
            if heap.spanOf(address) != span { found.append("\(name): page \(page) leads elsewhere") }
        }
        let arena = heap.arena(ArenaIndex(address: span.base))!
        let (byte, mask) = arena.pageIndex(of: span.base)
        if arena.pointee.pageInUse[byte].load(ordering: .relaxed) & mask == 0 {
            found.append("\(name): its page is not marked in use")
        }
        let state = span.pointee.sweepgen.load(ordering: .relaxed)
        if state != generation && state != generation &+ 3 {
            found.append("\(name): generation \(state) in a swept heap of generation \(generation)")
        }
        if span.pointee.spanClass.sizeClass != .large, state == generation {
            let words = UnsafeRawPointer(span.pointee.allocBits!).assumingMemoryBound(to: UInt64.self)
            var allocated = 0
            for index in 0..<Int((span.pointee.elemCount + 63) / 64) { allocated += words[index].nonzeroBitCount }
            if allocated > Int(span.pointee.allocCount) {
                found.append("\(name): \(allocated) alloc bits, \(span.pointee.allocCount) objects counted")
            }
            if span.pointee.list == nil { found.append("\(name): in no list") }
        }
        var last: SpecialRef? = nil
        var special = span.pointee.specials
        while let current = special {
            if let last, (last.pointee.offset, last.pointee.kind.rawValue) >= (current.pointee.offset, current.pointee.kind.rawValue) {
                found.append("\(name): specials out of order")
            }
            last = current
            special = current.pointee.next
        }
    }

    /// Whatever a marked object refers to is marked: no grey object is left,
    /// hence nothing reachable is white.
    private func checkMarks(_ span: MSpanRef, _ found: inout [String]) {
        let encoding = heap.pointee.configuration.encoding
        let arena = heap.arena(ArenaIndex(address: span.base))!
        let (byte, mask) = arena.pageIndex(of: span.base)
        let pageMarked = arena.pointee.pageMarks[byte].load(ordering: .relaxed) & mask != 0
        for index in 0..<UInt(span.pointee.elemCount) where span.isMarked(index) {
            let object = span.base + index * span.pointee.elemSize
            if !pageMarked { found.append("object \(String(object, radix: 16)) is marked, its span's page mark is clear") }
            if span.isFree(index) { found.append("object \(String(object, radix: 16)) is marked and not allocated") }
            if span.pointee.spanClass.noscan { continue }
            var at = object
            while at < object + span.pointee.elemSize {
                let arena = heap.arena(ArenaIndex(address: at))!
                let bits = heap.bitmapWord(at, arena)
                if bits & 0b10 == 0 { break }
                let word = UnsafePointer<UInt64>(bitPattern: at)!.pointee
                if bits & 1 != 0, word & encoding.mask == encoding.match {
                    check(word: word, encoding, holder: object, at: at, &found)
                }
                at += 8
            }
        }
    }

    private func check(word: UInt64, _ encoding: WordEncoding, holder: UInt, at slot: UInt, _ found: inout [String]) {
        let address = UInt(word & encoding.addressMask)
        guard let (base, span, index) = heap.findObject(address) else {
            found.append("slot \(String(slot, radix: 16)) of object \(String(holder, radix: 16)) holds "
                + "\(String(word, radix: 16)), which is no object")
            return
        }
        if !span.isMarked(index) {
            found.append("object \(String(base, radix: 16)) is reachable from \(String(holder, radix: 16)) and not marked")
        }
    }
}

/// Prints violations and aborts: the heap cannot be trusted any more.
func reportViolations(_ violations: [String]) -> Never {
    for violation in violations.prefix(20) {
        let line = Array("heap verifier: \(violation)\n".utf8)
        line.withUnsafeBytes { _ = write(2, $0.baseAddress, $0.count) }
    }
    fatal("the heap is inconsistent", ("violations", UInt(violations.count)))
}
