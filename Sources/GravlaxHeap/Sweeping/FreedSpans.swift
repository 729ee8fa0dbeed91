// Spans on their way back to the page heap. Who sweeps many spans gathers those
// of which nothing lives, and the heap lock is taken once for all of them.

/// Swept spans without a live object, in use still and in no list, linked through `next`. A value of one sweeper, which
/// counts among `MHeap.sweepers` until the last of them is freed: a sweep with such spans has not ended.
package struct FreedSpans {
    private var first: MSpanRef?
    package private(set) var spanCount = 0
    package private(set) var pageCount: UInt = 0

    /// How long the heap lock may be kept for them, in spans, and how much others may be kept waiting for, in pages.
    package static let spanLimit = 32
    package static let pageLimit: UInt = 256

    package init() {}

    package var isFull: Bool { spanCount >= Self.spanLimit || pageCount >= Self.pageLimit }

    /// Takes a span that the caller owns.
    mutating func add(_ span: MSpanRef) {
        span.pointee.next = first
        first = span
        spanCount += 1
        pageCount += span.pointee.pageCount
    }

    /// Takes one out; nil when none is left.
    mutating func takeOne() -> MSpanRef? {
        guard let span = first else { return nil }
        first = span.pointee.next
        span.pointee.next = nil
        spanCount -= 1
        pageCount -= span.pointee.pageCount
        return span
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Gives all of them back to the heap. Returns their pages.
    package func free(_ spans: inout FreedSpans, _ mutator: MutatorRef?) -> UInt {
        if spans.spanCount == 0 { return 0 }
        let pages = spans.pageCount
        pointee.lock.withLock {
            while let span = spans.takeOne() { freeSpanLocked(span, mutator) }
        }
        pointee.statistics.spanFreeLockings.add(1)
        return pages
    }
}
