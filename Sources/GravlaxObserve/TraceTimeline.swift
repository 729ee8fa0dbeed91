// From the events of a heap, in the order in which they ended, to the rows of a
// picture: sorted by time, nested on each track, small spans counted together.

import GravlaxHeap

/// Something that a trace shows.
package struct TraceRow: Equatable {
    package enum Shape: Equatable {
        /// A slice, or an instant where the duration is 0, of an event.
        case event
        /// The two parts of a stop: until everybody stands still, and from then on.
        case stopping, standing
        /// Spans of up to `TraceTimeline.foldedPages` pages on one track, within one window.
        case spans(count: UInt64, pages: UInt64)
    }

    package var event: HeapEvent
    package var shape: Shape
    package var start: UInt64
    package var duration: UInt64

    /// Whether it takes part in nesting.
    package var isSlice: Bool { shape == .stopping || shape == .standing || event.kind.isSlice }
}

extension HeapEventKind {
    /// Whether events of the kind have a duration.
    package var isSlice: Bool {
        switch self {
        case .phase, .spanAllocation, .spanFree, .growth, .counters: false
        default: true
        }
    }
}

package struct TraceTimeline {
    package private(set) var rows: [TraceRow] = []
    /// In the order in which they are shown.
    package private(set) var tracks: [EventTrack] = []
    /// Slices that stuck out of the slice they began in, and were cut to it.
    package private(set) var clippedCount = 0

    /// Spans of more pages stand for themselves: 256 KiB.
    package static let foldedPages: UInt64 = 32
    /// Nanoseconds in which smaller ones are counted together.
    package static let foldingWindow: UInt64 = 1_000_000

    private struct FoldKey: Hashable {
        let kind: HeapEventKind
        let track: EventTrack
    }

    package init(_ events: [HeapEvent]) {
        rows.reserveCapacity(events.count)
        var open: [FoldKey: TraceRow] = [:]
        for event in events {
            switch event.kind {
            case .spanAllocation, .spanFree:
                if event.values.1 > Self.foldedPages { fallthrough }
                fold(event, &open)
            default:
                rows.append(TraceRow(event: event, shape: .event, start: event.start, duration: event.duration))
                if event.kind == .stop { split(event) }
            }
        }
        rows += open.values
        // A slice before what it contains.
        rows.sort { $0.start != $1.start ? $0.start < $1.start : $0.duration > $1.duration }
        nest()
        tracks = Set(rows.map(\.event.track)).sorted { $0.rawValue < $1.rawValue }
    }

    private mutating func fold(_ event: HeapEvent, _ open: inout [FoldKey: TraceRow]) {
        let key = FoldKey(kind: event.kind, track: event.track)
        if var row = open[key], case .spans(let count, let pages) = row.shape, event.start >= row.start,
            event.start - row.start < Self.foldingWindow
        {
            row.shape = .spans(count: count + 1, pages: pages + event.values.1)
            open[key] = row
        } else {
            if let row = open[key] { rows.append(row) }
            open[key] = TraceRow(
                event: event, shape: .spans(count: 1, pages: event.values.1), start: event.start, duration: 0)
        }
    }

    private mutating func split(_ event: HeapEvent) {
        let toStop = min(event.values.1, event.duration)
        rows.append(TraceRow(event: event, shape: .stopping, start: event.start, duration: toStop))
        rows.append(TraceRow(
            event: event, shape: .standing, start: event.start + toStop, duration: event.duration - toStop))
    }

    /// Cuts slices to those they begin in. Threads nest what they do; two that share a track, since numbers wrap, do not.
    private mutating func nest() {
        // Where the slices end that are open on each track, the outermost first.
        var open: [EventTrack: [UInt64]] = [:]
        for index in rows.indices where rows[index].isSlice {
            let row = rows[index]
            var ends = open.removeValue(forKey: row.event.track) ?? []
            while let end = ends.last, end <= row.start { ends.removeLast() }
            var end = row.start + row.duration
            if let limit = ends.last, end > limit {
                end = limit
                rows[index].duration = end - row.start
                clippedCount += 1
            }
            ends.append(end)
            open[row.event.track] = ends
        }
    }
}
