// Events of a heap in the Trace Event Format: what Perfetto and chrome://tracing
// open. A process for the heap, a thread for each track, four counters.

import GravlaxHeap

/// Writes a trace: one JSON object, its events sorted by time. Times are microseconds since `origin`.
///
///     heap.startEvents()
///     …
///     var reader = EventReader(heap)
///     ChromeTraceWriter(reader.read(isLast: true), origin: heap.createdNanoseconds).write { file.write($0) }
public struct ChromeTraceWriter {
    private let timeline: TraceTimeline
    private let lostCount: UInt64
    private let origin: UInt64
    private let firstTime: UInt64

    /// - Parameter origin: nanoseconds of the monotonic clock that the trace calls 0.
    public init(_ reading: EventReading, origin: UInt64) {
        timeline = TraceTimeline(reading.events)
        lostCount = reading.lostCount
        self.origin = origin
        firstTime = timeline.rows.first?.start ?? origin
    }

    /// Hands the text over in pieces of about 64 KiB.
    public func write(to sink: @escaping (UnsafeRawBufferPointer) -> Void) {
        var text = TraceText(sink)
        text.write("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"eventsLost\":\"")
        text.write(lostCount)
        text.write("\",\"slicesCut\":\"")
        text.write(UInt64(timeline.clippedCount))
        text.write("\"},\"traceEvents\":[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"tid\":0,\"args\":{\"name\":\"gravlax\"}}")
        for (index, track) in timeline.tracks.enumerated() { name(track, index, &text) }
        if lostCount > 0 { loss(&text) }
        for row in timeline.rows {
            if row.event.kind == .counters { sample(row, &text) } else { draw(row, &text) }
        }
        text.write("\n]}\n")
        text.flush()
    }

    // MARK: Parts

    private func name(_ track: EventTrack, _ position: Int, _ text: inout TraceText) {
        text.write(",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":")
        text.write(identifier(track))
        text.write(",\"args\":{\"name\":\"")
        text.write(track.kind.title)
        if !track.kind.isSingle {
            text.write(" ")
            text.write(UInt64(track.number + 1))
        }
        text.write("\"}},\n{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":1,\"tid\":")
        text.write(identifier(track))
        text.write(",\"args\":{\"sort_index\":")
        text.write(UInt64(position))
        text.write("}}")
    }

    /// 0 is the process itself.
    private func identifier(_ track: EventTrack) -> UInt64 { UInt64(track.rawValue) + 1 }

    /// A mark across all tracks where the trace begins: what happened before it is missing.
    private func loss(_ text: inout TraceText) {
        text.write(",\n{\"ph\":\"i\",\"s\":\"g\",\"name\":\"events lost\",\"cat\":\"trace\",\"pid\":1,\"tid\":0,\"ts\":")
        text.write(microseconds: firstTime - min(origin, firstTime))
        text.write(",\"args\":{\"count\":")
        text.write(lostCount)
        text.write("}}")
    }

    private func sample(_ row: TraceRow, _ text: inout TraceText) {
        let values = row.event.values
        for (name, value) in [
            ("heap live", values.0), ("heap goal", values.1), ("heap in use", values.2), ("heap released", values.3),
        ] as [(StaticString, UInt64)] {
            // No goal: a heap that never collects by itself.
            if value == .max { continue }
            text.write(",\n{\"ph\":\"C\",\"name\":\"")
            text.write(name)
            text.write("\",\"pid\":1,\"tid\":0,\"ts\":")
            text.write(microseconds: row.start - min(origin, row.start))
            text.write(",\"args\":{\"bytes\":")
            text.write(value)
            text.write("}}")
        }
    }

    private func draw(_ row: TraceRow, _ text: inout TraceText) {
        text.write(row.isSlice ? ",\n{\"ph\":\"X\",\"name\":\"" : ",\n{\"ph\":\"i\",\"s\":\"t\",\"name\":\"")
        text.write(row.title)
        text.write("\",\"cat\":\"")
        text.write(row.event.kind.category)
        text.write("\",\"pid\":1,\"tid\":")
        text.write(identifier(row.event.track))
        text.write(",\"ts\":")
        text.write(microseconds: row.start - min(origin, row.start))
        if row.isSlice {
            text.write(",\"dur\":")
            text.write(microseconds: row.duration)
        }
        text.write(",\"args\":{")
        arguments(row, &text)
        text.write("}}")
    }

    private func arguments(_ row: TraceRow, _ text: inout TraceText) {
        switch row.shape {
        case .stopping, .standing: return
        case .spans(let count, let pages):
            text.write("\"spans\":")
            text.write(count)
            text.write(",\"pages\":")
            text.write(pages)
        case .event:
            let values = row.event.values
            var isFirst = true
            for (name, value) in zip(row.event.kind.valueNames, [values.0, values.1, values.2, values.3]) {
                text.write(isFirst ? "\"" : ",\"")
                isFirst = false
                text.write(name)
                text.write("\":")
                if name.description == row.event.kind.codeName, let word = row.event.kind.word(for: value) {
                    text.write("\"")
                    text.write(word)
                    text.write("\"")
                } else {
                    text.write(value)
                }
            }
        }
    }
}
