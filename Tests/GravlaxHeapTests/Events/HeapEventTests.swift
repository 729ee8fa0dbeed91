// What the heap tells of: each thing it does once, on the track of whoever did it, with true numbers.

import Glibc
import GravlaxHeap
import Synchronization
import Testing

@Suite("Heap events")
struct HeapEventTests {
    private let fixture: HeapFixture

    init() throws {
        fixture = try HeapFixture()
        #expect(fixture.raw.pointee.events.start(capacity: 1 << 14))
    }

    private func events(_ kind: HeapEventKind) -> [HeapEvent] {
        var reader = EventReader(fixture.raw.pointee.events)
        let reading = reader.read(isLast: true)
        #expect(reading.lostCount == 0)
        return reading.events.filter { $0.kind == kind }
    }

    private var track: EventTrack { fixture.state.pointee.track }

    @Test func spansComeAndGo() throws {
        let address = try fixture.allocateNoScan(100_000)
        _ = try fixture.allocateNoScan(48)
        let made = events(.spanAllocation)
        try #require(made.count == 2)
        #expect(made.allSatisfy { $0.track == track && $0.duration == 0 })
        #expect(made[0].values.0 == UInt64(address) && made[0].values.1 == 13)
        #expect(made[0].values.2 == UInt64(SpanClass(.large, noscan: true).rawValue))
        #expect(events(.spanFree).isEmpty)
        fixture.mutator.collect()
        let freed = events(.spanFree)
        #expect(Set(freed.map(\.values.0)) == Set(made.map(\.values.0)), "nothing is reachable")
    }

    @Test func growthIsTold() throws {
        let stack = try #require(fixture.mutator.allocateStack(byteCount: 70 << 20))
        fixture.mutator.freeStack(stack)
        let bytes = events(.growth).map(\.values.0)
        #expect(bytes == [72 << 20], "in chunks of 4 MiB")
    }

    @Test func scavengingIsTold() throws {
        _ = try fixture.allocateNoScan(3 << 20)
        fixture.mutator.freeOSMemory()
        let slices = events(.scavenge)
        try #require(slices.count == 1)
        #expect(slices[0].track == .pages && slices[0].values.0 == UInt64(ScavengeReason.forced.rawValue))
        #expect(slices[0].values.1 == fixture.statistics.scavengedBytes && slices[0].values.1 >= 3 << 20)
    }

    /// What is swept is told of by whoever swept it: all spans together, once each.
    @Test func sweepsAddUp() throws {
        for _ in 0..<20_000 { _ = try fixture.allocateNoScan(48) }
        let spans = UInt64(events(.spanAllocation).count)
        fixture.markAndFlip()
        while fixture.raw.sweepBatch(nil, spans: 10, track: EventTrack(.sweeper, 3)) {}
        let sweeps = events(.sweep)
        #expect(sweeps.count >= 11 && sweeps.allSatisfy { $0.track == EventTrack(.sweeper, 3) && $0.values.0 <= 10 })
        // The mutator's own cached span is swept by itself.
        #expect(sweeps.reduce(0) { $0 + $1.values.0 } == spans - 1)
        #expect(sweeps.reduce(0) { $0 + $1.duration } == fixture.counters.sweepTime.value)
    }

    @Test func sweepingForAnAllocationIsCharged() throws {
        for _ in 0..<20_000 { _ = try fixture.allocateNoScan(48) }
        fixture.markAndFlip()
        for _ in 0..<1000 { _ = try fixture.allocateNoScan(48) }
        let statistics = fixture.mutator.readStatistics()
        #expect(statistics.stalls.sweep.count > 0)
        #expect(statistics.sweepNanoseconds == statistics.stalls.sweep.total, "nobody else swept")
        let told = (events(.sweepCredit) + events(.reclaim)).reduce(0) { $0 + $1.duration }
        #expect(told <= statistics.stalls.sweep.total)
        #expect((events(.sweepCredit) + events(.reclaim)).allSatisfy { $0.track == track })
    }

    /// A collection, and a reading of the statistics: three stops, of which each is told, timed, and felt by the mutator.
    @Test func stopsAreTimed() throws {
        fixture.mutator.collect()
        _ = fixture.mutator.readStatistics()
        let statistics = fixture.statistics
        let stops = events(.stop)
        let reasons: [StopReason] = [.markStart, .markTermination, .statistics]
        #expect(stops.map(\.values.0) == reasons.map { UInt64($0.rawValue) })
        #expect(stops.allSatisfy { $0.track == .world && $0.values.1 <= $0.duration })
        #expect(statistics.timeToStop.count == 3 && statistics.timeStopped.count == 3)
        #expect(statistics.timeToStop.total == stops.reduce(0) { $0 + $1.values.1 })
        #expect(statistics.timeStopped.total == stops.reduce(0) { $0 + $1.duration - $1.values.1 })
        let felt = events(.stopped)
        #expect(felt.map(\.start) == stops.map(\.start) && felt.map(\.duration) == stops.map(\.duration))
        #expect(felt.allSatisfy { $0.track == track })
        // The reading's own stop was not over yet.
        #expect(statistics.stalls.stop.count == 2)
        #expect(fixture.mutator.readStatistics().stalls.stop.count == 3)
    }

    /// A mutator that comes to a safepoint while another stops the world stands still.
    ///
    ///     stopper            the other
    ///     stop: waits        runs
    ///                        safepoint: waits
    ///     stopped, start
    ///                        goes on: has been charged
    @Test func standingStillForAnotherIsCharged() throws {
        struct Pair: @unchecked Sendable {
            let stopper, other: Mutator
        }
        let pair = Pair(stopper: fixture.mutator, other: try fixture.makeMutator())
        let hasStood = Atomic<Bool>(false)
        onThreads(2) { index in
            if index == 0 {
                _ = pair.stopper.readStatistics()
                hasStood.store(true, ordering: .releasing)
            } else {
                while !hasStood.load(ordering: .acquiring) {
                    if pair.other.pollRequested { pair.other.safepoint() } else { sched_yield() }
                }
            }
        }
        pair.other.close()
        let stopped = events(.stopped)
        #expect(Set(stopped.map(\.track)) == [track, EventTrack(.mutator, 1)])
        #expect(fixture.mutator.readStatistics().stalls.stop.count == 2)
    }

    @Test func aCycleIsTold() throws {
        let live = try (0..<100).map { _ in UInt64(try fixture.allocateNoScan(48)) }
        fixture.roots.words = live
        fixture.mutator.collect()
        let cycles = events(.cycle)
        try #require(cycles.count == 1)
        #expect(cycles[0].track == .heap && cycles[0].values.0 == 1 && cycles[0].values.1 == 4800)
        let phases = events(.phase)
        let order: [TracePhase] = [.mark, .markTermination, .off]
        #expect(phases.map(\.values.0) == order.map { UInt64($0.rawValue) })
        #expect(phases.allSatisfy { cycles[0].start <= $0.start })
        #expect(events(.rootJob).contains { $0.values.0 == UInt64(RootJobKind.mutator.rawValue) && $0.track == track })
        #expect(!events(.drain).isEmpty)
    }

    @Test func countersAreSampledNowAndThen() throws {
        for _ in 0..<100 { _ = try fixture.allocateNoScan(40_000) }
        let samples = events(.counters)
        #expect((1...100).contains(samples.count))
        #expect(samples.allSatisfy { $0.values.2 <= fixture.statistics.heapInUse })
        for (sample, next) in zip(samples, samples.dropFirst()) { #expect(next.start - sample.start >= 200_000) }
    }
}
