// The shared lists of spans of one span class: those that may have a free
// object and those that have none or are cached. Sweeping happens on the way
// out. The lock is dropped before any call to the heap.

import CGravlaxShims
import Synchronization

package typealias MCentralRef = UnsafeMutablePointer<MCentral>

/// - Source: Go 1.14 mcentral.go, mcentral.
package struct MCentral: ~Copyable {
    package let lock: HeapLock
    package let heap: MHeapRef
    package let spanClass: SpanClass
    /// Spans with a free object: the crowded ones after the others, as of when each was listed. The list is under `lock`.
    package let nonEmpty: MSpanListRef
    /// Spans with none, or cached; swept ones at the end (INV-10). The list is under `lock`.
    package let empty: MSpanListRef

    /// Centrals stand apart so that two of them never share a cache line.
    static let stride = 256
    /// How many unswept full spans one request sweeps, at most, before it grows the heap instead.
    static let sweepTries = 100
}

extension UnsafeMutablePointer where Pointee == MCentral {
    private var nonEmpty: MSpanListRef { pointee.nonEmpty }
    private var empty: MSpanListRef { pointee.empty }

    /// Makes the central and its two lists in `MCentral.stride` zero bytes.
    static func make(
        in block: UnsafeMutableRawPointer, heap: MHeapRef, spanClass: SpanClass, lock: HeapLock
    ) {
        let lists = (block + MCentral.stride - 2 * MemoryLayout<MSpanList>.stride)
            .bindMemory(to: MSpanList.self, capacity: 2)
        lists.initialize(repeating: MSpanList(), count: 2)
        block.bindMemory(to: MCentral.self, capacity: 1).initialize(
            to: MCentral(lock: lock, heap: heap, spanClass: spanClass, nonEmpty: lists, empty: lists + 1))
    }

    /// A span with a free object for the caller's cache; nil when memory was refused.
    ///
    /// - Source: Go 1.14 mcentral.go, (*mcentral).cacheSpan.
    package func cacheSpan(_ mutator: MutatorRef) -> MSpanRef? {
        let heap = pointee.heap
        let sizeClass = pointee.spanClass.sizeClass
        let spanBytes = UInt(sizeClass.pageCount) << UInt(HeapConstants.pageShift)
        var charge = heap.sweepCharge(pageCount: UInt(sizeClass.pageCount), payer: mutator)
        heap.deductSweepCredit(spanBytes: spanBytes, callerSweepPages: 0, &charge)
        guard let span = takeListed(mutator, &charge) ?? growSpan(mutator, &charge) ?? takeCrowded(mutator) else {
            return nil
        }
        if !span.hasFree { fatal("a span to allocate from is full", ("base", span.base)) }
        let used = UInt(span.pointee.allocCount) * span.pointee.elemSize
        heap.pointee.statistics.heapLive.add(UInt64(spanBytes - used))
        if !pointee.spanClass.noscan { heap.pointee.statistics.heapScan.add(UInt64(spanBytes - used)) }
        mutator.pointee.refillBytes = spanBytes - used
        mutator.countSmallAllocs(sizeClass, Int(span.pointee.elemCount - span.pointee.allocCount))
        return span
    }

    /// After a long life among other objects spans have a free slot or two each, and a new span is wanted at every other
    /// allocation: has the processor fetch the next one's bits, and the record of the one after it. Under the lock.
    private func fetchAhead() {
        guard let next = nonEmpty.pointee.first else { return }
        // A sweeper may be exchanging the bits of one that is not swept yet.
        if next.pointee.sweepgen.load(ordering: .acquiring) == pointee.heap.sweepgen, let bits = next.pointee.allocBits {
            gravlax_prefetch(bits)
        }
        guard let later = next.pointee.next else { return }
        gravlax_prefetch(later)
        gravlax_prefetch(UnsafeRawPointer(later) + 64)
    }

    private func takeListed(_ mutator: MutatorRef, _ charge: inout SweepCharge) -> MSpanRef? {
        let generation = pointee.heap.sweepgen
        pointee.lock.lock(chargedTo: mutator)
        var candidate = nonEmpty.pointee.first
        while let span = candidate, !charge.isUsedUp {
            candidate = span.pointee.next
            let state = span.pointee.sweepgen.load(ordering: .acquiring)
            let unswept = state == generation &- 2
            // From the first crowded one on the others are so too, or unswept, which sweepers get to.
            if state == generation, span.isCrowded, !pointee.heap.isDisabled(.crowdedSpans) { break }
            if unswept ? !pointee.heap.claim(span) : state == generation &- 1 { continue }
            nonEmpty.remove(span)
            empty.insertBack(span)
            fetchAhead()
            pointee.lock.unlock()
            if !unswept { return span }
            mutator.sweepForAllocation(span)
            charge.pay(spans: 1)
            if span.hasFree, !span.isCrowded || pointee.heap.isDisabled(.crowdedSpans) { return span }
            pointee.lock.lock(chargedTo: mutator)
            if span.hasFree { putBack(span) }
            candidate = nonEmpty.pointee.first
        }
        var tries = MCentral.sweepTries
        candidate = empty.pointee.first
        while let span = candidate, tries > 0, !charge.isUsedUp {
            candidate = span.pointee.next
            let state = span.pointee.sweepgen.load(ordering: .acquiring)
            // Others sweep it, now or (cached before the sweep began) when they come back.
            if state == generation &- 1 || state == generation &+ 1 { continue }
            // Swept spans stand at the end: all after the first of them are swept or being swept.
            guard state == generation &- 2 else { break }
            guard pointee.heap.claim(span) else { continue }
            empty.remove(span)
            empty.insertBack(span)
            pointee.lock.unlock()
            mutator.sweepForAllocation(span)
            if span.hasFree, !span.isCrowded || pointee.heap.isDisabled(.crowdedSpans) { return span }
            tries -= 1
            charge.pay(spans: 1)
            pointee.lock.lock(chargedTo: mutator)
            if span.hasFree { putBack(span) }
            candidate = empty.pointee.first
        }
        pointee.lock.unlock()
        return nil
    }

    /// A swept, crowded span that the caller has in hand, in the list of full ones, goes to the end of the others. Under
    /// the lock.
    private func putBack(_ span: MSpanRef) {
        empty.remove(span)
        nonEmpty.insertBack(span)
    }

    /// Lists a span with a free object. Under the lock.
    private func list(_ span: MSpanRef) {
        if span.isCrowded { nonEmpty.insertBack(span) } else { nonEmpty.insert(span) }
    }

    /// Any span with a free object, when the heap cannot grow.
    private func takeCrowded(_ mutator: MutatorRef) -> MSpanRef? {
        let generation = pointee.heap.sweepgen
        return pointee.lock.withLock(chargedTo: mutator) {
            var candidate = nonEmpty.pointee.first
            while let span = candidate, span.pointee.sweepgen.load(ordering: .acquiring) != generation {
                candidate = span.pointee.next
            }
            guard let span = candidate else { return nil }
            nonEmpty.remove(span)
            empty.insertBack(span)
            return span
        }
    }

    /// - Source: Go 1.14 mcentral.go, (*mcentral).grow.
    private func growSpan(_ mutator: MutatorRef, _ charge: inout SweepCharge) -> MSpanRef? {
        let pages = UInt(pointee.spanClass.sizeClass.pageCount)
        guard let span = pointee.heap.alloc(pages, pointee.spanClass, needZero: false, mutator, &charge) else {
            return nil
        }
        pointee.lock.withLock(chargedTo: mutator) { empty.insertBack(span) }
        return span
    }

    /// Takes a span back from a cache and corrects what was counted ahead. A
    /// span cached before the sweep began is swept here: it is ours to sweep.
    ///
    /// - Source: Go 1.14 mcentral.go, (*mcentral).uncacheSpan.
    package func uncacheSpan(_ span: MSpanRef, _ mutator: MutatorRef) {
        let generation = pointee.heap.sweepgen
        span.restoreWithheld()
        let free = span.freeCount
        span.pointee.allocCount = span.pointee.elemCount - free
        let stale = span.pointee.sweepgen.load(ordering: .acquiring) == generation &+ 1
        mutator.countSmallAllocs(pointee.spanClass.sizeClass, -Int(free))
        span.pointee.sweepgen.store(stale ? generation &- 1 : generation, ordering: .releasing)
        if free > 0 {
            pointee.lock.withLock {
                empty.remove(span)
                list(span)
            }
            // A stale span's objects were counted anew by the mark.
            if !stale {
                let unused = UInt64(UInt(free) * span.pointee.elemSize)
                pointee.heap.pointee.statistics.heapLive.subtract(unused)
                if !pointee.spanClass.noscan { pointee.heap.pointee.statistics.heapScan.subtract(unused) }
            }
        }
        if stale { _ = pointee.heap.sweep(span, preserve: false, mutator) }
    }

    /// Lists a span anew after a sweep freed some of it. True if nothing of it lives: then it is in no list, and the
    /// caller's to free.
    ///
    /// - Source: Go 1.14 mcentral.go, (*mcentral).freeSpan.
    ///
    /// - Parameter previousCount: objects that were allocated before the sweep.
    package func freeSwept(_ span: MSpanRef, preserve: Bool, previousCount: UInt32) -> Bool {
        let heap = pointee.heap
        span.pointee.needZero = true
        if preserve {
            span.pointee.sweepgen.store(heap.sweepgen, ordering: .releasing)
            return false
        }
        pointee.lock.lock()
        if previousCount == span.pointee.elemCount {
            empty.remove(span)
            list(span)
        } else if !span.isCrowded, span.isCrowded(allocCount: previousCount) {
            nonEmpty.remove(span)
            nonEmpty.insert(span)
        }
        // After the list moves: this hands the span over to whoever takes it next.
        span.pointee.sweepgen.store(heap.sweepgen, ordering: .releasing)
        if span.pointee.allocCount != 0 {
            pointee.lock.unlock()
            return false
        }
        nonEmpty.remove(span)
        pointee.lock.unlock()
        return true
    }
}

extension UnsafeMutablePointer where Pointee == MSpan {
    /// Whether so few objects are free that the span is not worth taking as long as there is another: at most one in 32.
    /// A heap whose old objects die one by one would have an allocation in two go through all of a refill.
    package var isCrowded: Bool { isCrowded(allocCount: pointee.allocCount) }

    package func isCrowded(allocCount: UInt32) -> Bool {
        pointee.elemCount &- allocCount <= pointee.elemCount &>> 5
    }

    /// Whether the owner can allocate from the span; loads the window if so.
    package var hasFree: Bool {
        if pointee.allocCache != 0 { return true }
        if pointee.withheldCache != 0 {
            restoreWithheld()
            return true
        }
        return loadNextWindow()
    }
}
