// What the page heap itself tells of: its counters and its spans.

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Nanoseconds between two samples of the counters that allocation takes.
    private static var sampleInterval: UInt64 { 200_000 }

    /// Samples the counters where they change: `always` at the turns of a cycle, else every so often.
    @inline(__always)
    package func sampleCounters(always: Bool = false) {
        if _slowPath(pointee.events.isOn) {
            pointee.events.sample(interval: always ? 0 : Self.sampleInterval, pointee.statistics)
        }
    }

    /// A span was made, or is about to be given back.
    @inline(__always)
    package func noteSpan(_ kind: HeapEventKind, _ span: MSpanRef, _ mutator: MutatorRef?) {
        if _slowPath(pointee.events.isOn) {
            pointee.events.instant(
                kind, mutator?.pointee.track ?? .pages, UInt64(span.base), UInt64(span.pointee.pageCount),
                UInt64(span.pointee.spanClass.rawValue))
        }
    }
}
