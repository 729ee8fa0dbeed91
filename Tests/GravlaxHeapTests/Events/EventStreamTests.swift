// The ring of events: what is added comes out once, in order, or is counted as lost.

import Synchronization
import Testing

import GravlaxHeap

@Suite("Event stream")
struct EventStreamTests {
    private let fixture = MemoryFixture()

    private func stream() throws -> EventStream {
        try #require(EventStream(memory: fixture.memory, statistic: fixture.statistic))
    }

    private func add(_ stream: EventStream, _ values: Range<UInt64>) {
        for value in values { stream.slice(.sweep, .heap, from: value, to: value + 3, value) }
    }

    @Test func offIsSilent() throws {
        let stream = try stream()
        #expect(!stream.isOn && stream.begin() == 0)
        stream.instant(.growth, .heap, 1)
        stream.slice(.sweep, .heap, from: 1, to: 2)
        stream.end(.sweep, .heap, stream.begin())
        var reader = EventReader(stream)
        let reading = reader.read()
        #expect(reading.events.isEmpty && reading.lostCount == 0)
        #expect(stream.capacity == 0, "nothing was added, so there is no ring")
    }

    @Test func allOfAnEventComesBack() throws {
        let stream = try stream()
        #expect(stream.start(capacity: 300))
        #expect(stream.capacity == 512, "rounded up to a power of two")
        stream.slice(.cycle, EventTrack(.marker, 4095), from: 10, to: 25, 1, .max, 3, 4)
        let before = stream.begin()
        stream.instant(.growth, EventTrack(.mutator, 4096), 7)
        let begun = stream.begin()
        stream.end(.stopped, EventTrack(.scavenger, 2), begun)
        let after = stream.begin()
        var reader = EventReader(stream)
        let events = reader.read().events
        try #require(events.count == 3)
        #expect(events[0] == HeapEvent(.cycle, EventTrack(.marker, 4095), start: 10, duration: 15, (1, .max, 3, 4)))
        #expect(events[1].track == EventTrack(.mutator, 0), "numbers wrap")
        #expect(events[1].duration == 0 && events[1].values.0 == 7)
        #expect(before <= events[1].start && events[1].start <= events[2].start)
        #expect(events[2].start == begun && events[2].start + events[2].duration <= after)
        #expect(reader.read().events.isEmpty, "each event is read once")
    }

    @Test func theNewestStayAndTheRestIsCounted() throws {
        let stream = try stream()
        _ = stream.start(capacity: 256)
        var early = EventReader(stream)
        add(stream, 1..<11)
        #expect(early.read().events.map(\.values.0) == Array(1..<11))
        add(stream, 11..<1000)
        var late = EventReader(stream)
        for (reading, lost) in [(early.read(), 989 - 256), (late.read(), 999 - 256)] {
            #expect(reading.events.map(\.values.0) == Array(744..<1000))
            #expect(reading.lostCount == UInt64(lost))
        }
    }

    @Test func offAndOnAgainKeepsTheRing() throws {
        let stream = try stream()
        _ = stream.start(capacity: 256)
        add(stream, 1..<4)
        stream.stop()
        add(stream, 4..<6)
        let calls = fixture.memory.callCount
        _ = stream.start(capacity: 1 << 20)
        #expect(fixture.memory.callCount == calls && stream.capacity == 256)
        add(stream, 6..<8)
        var reader = EventReader(stream)
        #expect(reader.read().events.map(\.values.0) == [1, 2, 3, 6, 7])
    }

    @Test func aRefusedRingLeavesTheStreamOff() throws {
        let stream = try stream()
        fixture.exhaustPersistentChunk()
        fixture.memory.failCall(1)
        #expect(!stream.start())
        #expect(!stream.isOn)
        #expect(stream.start(capacity: 256) && stream.isOn, "another attempt may be granted")
    }

    /// Producers on several threads, a reader beside them: every event is read whole and once, or counted.
    @Test(arguments: [(256, 20_000), (1 << 17, 20_000)])
    func threadsLoseNothingUncounted(capacity: Int, perThread: Int) throws {
        let stream = try stream()
        _ = stream.start(capacity: capacity)
        let producerCount = 3
        let finished = Atomic<Int>(0)
        struct Seen: Sendable {
            var counts = [Int](repeating: 0, count: 3)
            var lost: UInt64 = 0
            var newest = [UInt64](repeating: 0, count: 3)
        }
        let result = Mutex(Seen())
        onThreads(producerCount + 1) { index in
            if index < producerCount {
                for value in 1...UInt64(perThread) {
                    stream.slice(.drain, EventTrack(.marker, index), from: value, to: value * 2, value, ~value, value ^ 5)
                }
                finished.add(1, ordering: .releasing)
                return
            }
            var reader = EventReader(stream)
            var seen = Seen()
            var isLast = false
            repeat {
                isLast = finished.load(ordering: .acquiring) == producerCount
                let reading = reader.read(isLast: isLast)
                seen.lost += reading.lostCount
                for event in reading.events {
                    let (a, b, c, d) = event.values
                    let producer = event.track.number
                    #expect(event.start == a && event.duration == a && b == ~a && c == a ^ 5 && d == 0)
                    #expect(a > seen.newest[producer], "a thread's events stand in their order")
                    seen.newest[producer] = a
                    seen.counts[producer] += 1
                }
            } while !isLast
            let last = seen
            result.withLock { $0 = last }
        }
        let seen = result.withLock { $0 }
        #expect(UInt64(seen.counts.reduce(0, +)) + seen.lost == UInt64(producerCount * perThread))
        if capacity > producerCount * perThread { #expect(seen.lost == 0) }
    }

    /// A producer that sleeps while it writes is lapped: whoever comes to its slot gives its own event up.
    ///
    ///     slow producer          the others
    ///     claims slot 3
    ///                            add 256 events, of which one comes to slot 3: dropped
    ///     finishes
    ///                            the reader finds the rest, and one lost
    @Test func aSlotInUseIsNotTakenOver() throws {
        let stream = try stream()
        _ = stream.start(capacity: 256)
        add(stream, 0..<3)
        let slot = try #require(stream.claim())
        add(stream, 4..<300)
        stream.finish(slot)
        var reader = EventReader(stream)
        let reading = reader.read(isLast: true)
        #expect(reading.events.map(\.values.0) == (44..<300).filter { $0 != 259 })
        #expect(reading.lostCount == 45)
    }

    @Test func aReaderWaitsForTheUnfinishedOnlyForHalfARing() throws {
        let stream = try stream()
        _ = stream.start(capacity: 256)
        add(stream, 0..<2)
        _ = try #require(stream.claim())
        add(stream, 3..<10)
        var reader = EventReader(stream)
        #expect(reader.read().events.map(\.values.0) == [0, 1])
        #expect(reader.read().events.isEmpty)
        add(stream, 10..<140)
        let reading = reader.read()
        #expect(reading.events.map(\.values.0) == Array(3..<140) && reading.lostCount == 1)
    }

    @Test(arguments: HeapEventKind.allCases)
    func everyKindHasNames(kind: HeapEventKind) {
        #expect(kind.valueNames.count <= 4)
    }
}
