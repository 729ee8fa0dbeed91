// Traces, read back by a strict reader of the format.

import GravlaxHeap
import GravlaxObserve
import Testing
import TraceFormat

@Suite("Chrome traces")
struct ChromeTraceTests {
    private static let mutator = EventTrack(.mutator, 0)

    private func trace(_ events: [HeapEvent], lost: UInt64 = 0, origin: UInt64 = 0) throws -> TraceFile {
        final class Output { var bytes: [UInt8] = [] }
        let output = Output()
        var reading = EventReading()
        reading.events = events
        reading.lostCount = lost
        ChromeTraceWriter(reading, origin: origin).write { output.bytes += $0 }
        return try TraceFile(output.bytes)
    }

    @Test func nothingIsATraceToo() throws {
        let file = try trace([])
        #expect(file.slices.isEmpty && file.tracks.isEmpty && file.processName == "gravlax")
        #expect(file.otherData == ["eventsLost": "0", "slicesCut": "0"])
    }

    /// Events come in the order in which they end; slices lie in those that were open.
    @Test func slicesAreNested() throws {
        let file = try trace([
            HeapEvent(.sweepCredit, Self.mutator, start: 1300, duration: 100, (3, 0, 0, 0)),
            HeapEvent(.assist, Self.mutator, start: 1500, duration: 250, (4096, 0, 0, 0)),
            HeapEvent(.drain, EventTrack(.marker, 1), start: 1100, duration: 700, (512, 0, 0, 0)),
            HeapEvent(.stopped, Self.mutator, start: 1200, duration: 2000),
            HeapEvent(.cycle, .heap, start: 1000, duration: 5_001_234, (1, 77, 0, 0)),
        ], origin: 1000)
        let expected: [TraceFile.Slice] = [
            .init("collection", on: "collector", 0, 5_001_234, depth: 0, ["number": "1", "bytesMarked": "77"]),
            .init("mark", on: "mark worker 2", 100, 700, depth: 0, ["bytes": "512"]),
            .init("stopped", on: "mutator 1", 200, 2000, depth: 0),
            .init("sweep for allocation", on: "mutator 1", 300, 100, depth: 1, ["spans": "3"]),
            .init("mark assist", on: "mutator 1", 500, 250, depth: 1, ["bytes": "4096"]),
        ]
        #expect(file.slices == expected)
        #expect(file.tracks == ["collector", "mutator 1", "mark worker 2"])
    }

    @Test func aStopShowsBothItsParts() throws {
        let file = try trace([
            HeapEvent(.stop, Self.mutator, start: 100, duration: 90, (UInt64(StopReason.markStart.rawValue), 30, 0, 0))
        ])
        #expect(file.slices.map(\.name) == ["stop the world", "waiting for everybody", "world stopped"])
        #expect(file.slices.map(\.start) == [100, 100, 130] && file.slices.map(\.duration) == [90, 30, 60])
        #expect(file.slices.map(\.depth) == [0, 1, 1])
        #expect(file.slices[0].arguments == ["reason": "start of marking", "nanosecondsToStop": "30"])
    }

    @Test func codesAreWords() throws {
        let file = try trace([
            HeapEvent(.phase, .heap, start: 1, (UInt64(TracePhase.mark.rawValue), 0, 0, 0)),
            HeapEvent(.phase, .heap, start: 2, (UInt64(TracePhase.off.rawValue), 0, 0, 0)),
            HeapEvent(.rootJob, Self.mutator, start: 3, duration: 1, (UInt64(RootJobKind.specials.rawValue), 5, 0, 0)),
            HeapEvent(.scavenge, EventTrack(.scavenger), start: 4, duration: 1, (UInt64(ScavengeReason.forced.rawValue), 8192, 0, 0)),
            HeapEvent(.scavenge, EventTrack(.scavenger), start: 5, duration: 1, (999, 1, 0, 0)),
        ])
        #expect(file.instants.map(\.name) == ["phase: mark", "phase: off"])
        #expect(file.slices.map { $0.arguments["job"] ?? $0.arguments["reason"] } == ["specials", "forced", "999"])
    }

    @Test func countersAreTracks() throws {
        let file = try trace([
            HeapEvent(.counters, .heap, start: 10, (100, 200, 300, 400)),
            HeapEvent(.counters, .heap, start: 20, (101, .max, 300, 0)),
        ])
        #expect(file.counters.mapValues { $0.map(\.value) } == [
            "heap live": [100, 101], "heap goal": [200], "heap in use": [300, 300], "heap released": [400, 0],
        ])
    }

    @Test func lossesAreShown() throws {
        let file = try trace([HeapEvent(.growth, .heap, start: 500, (64, 0, 0, 0))], lost: 12, origin: 100)
        #expect(file.otherData["eventsLost"] == "12")
        #expect(file.instants.first == TraceFile.Instant("events lost", on: "", 400, ["count": "12"]))
    }

    /// Small spans are counted by the millisecond, per track; large ones stand for themselves.
    @Test func smallSpansAreCountedTogether() throws {
        func span(_ kind: HeapEventKind, _ track: EventTrack, _ start: UInt64, pages: UInt64) -> HeapEvent {
            HeapEvent(kind, track, start: start, (0xc000_0000, pages, 5, 0))
        }
        let file = try trace([
            span(.spanAllocation, Self.mutator, 0, pages: 1), span(.spanAllocation, Self.mutator, 999_999, pages: 2),
            span(.spanFree, Self.mutator, 500_000, pages: 1), span(.spanAllocation, EventTrack(.mutator, 1), 600_000, pages: 32),
            span(.spanAllocation, Self.mutator, 700_000, pages: 33), span(.spanAllocation, Self.mutator, 1_000_000, pages: 4),
        ])
        func arguments(_ spans: Int, _ pages: Int) -> [String: String] { ["spans": "\(spans)", "pages": "\(pages)"] }
        let expected: [TraceFile.Instant] = [
            .init("spans allocated", on: "mutator 1", 0, arguments(2, 3)),
            .init("spans freed", on: "mutator 1", 500_000, arguments(1, 1)),
            .init("spans allocated", on: "mutator 2", 600_000, arguments(1, 32)),
            .init("spans allocated", on: "mutator 1", 700_000,
                ["address": "3221225472", "pages": "33", "spanClass": "5"]),
            .init("spans allocated", on: "mutator 1", 1_000_000, arguments(1, 4)),
        ]
        #expect(file.instants == expected)
    }

    /// Threads that share a track, its number having wrapped, do not spoil the picture.
    @Test func slicesThatOverlapAreCut() throws {
        let file = try trace([
            HeapEvent(.drain, Self.mutator, start: 100, duration: 100), HeapEvent(.drain, Self.mutator, start: 150, duration: 100),
            HeapEvent(.drain, Self.mutator, start: 250, duration: 10),
        ])
        #expect(file.slices.map(\.duration) == [100, 50, 10] && file.slices.map(\.depth) == [0, 1, 0])
        #expect(file.otherData["slicesCut"] == "1")
    }

    /// Whatever threads that nest may have done: the reader, which checks order and nesting, takes it, and gets all of it.
    @Test(arguments: 0..<8 as Range<UInt64>) func anyHistoryIsAValidTrace(seed: UInt64) throws {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func random(_ limit: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % limit
        }
        var events: [HeapEvent] = []
        var time: UInt64 = 0
        func act(_ track: EventTrack, depth: Int) {
            time += random(3)
            let start = time
            let childCount = depth < 5 ? random(4) : 0
            for _ in 0..<childCount { act(track, depth: depth + 1) }
            time += random(3)
            // The parts of a stop are slices of their own, which others would have to respect.
            let kinds = HeapEventKind.allCases.filter { $0 != .stop || childCount == 0 }
            let kind = kinds[Int(random(UInt64(kinds.count)))]
            let length = time - start
            events.append(HeapEvent(
                kind, track, start: kind.isSlice ? start : time, duration: kind.isSlice ? length : 0,
                (random(4), random(40), random(1 << 40), random(9))))
        }
        for _ in 0..<100 {
            let kind = EventTrack.Kind.allCases[Int(random(6))]
            let isOneOfMany = [.mutator, .marker, .sweeper].contains(kind)
            act(EventTrack(kind, isOneOfMany ? Int(random(2)) : 0), depth: 0)
        }
        let file = try trace(events)
        let stops = events.count { $0.kind == .stop }
        #expect(file.slices.count == events.count { $0.kind.isSlice } + 2 * stops)
        #expect(file.counters["heap in use"]?.count == events.count { $0.kind == .counters })
        #expect(file.otherData["slicesCut"] == "0")
    }
}
