import GravlaxHeap
import Testing

/// The times in the reports of cycles: all that a cycle took is in them, once.
@Suite struct CycleReportTests {
    private final class Reports {
        var all: [CycleReport] = []
    }

    /// A heap whose cycles are run by its mutators alone, and what it reported.
    private static func heap(_ change: (inout HeapConfiguration) -> Void = { _ in }) throws -> (Heap, Reports) {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.markWorkers = 0
        configuration.backgroundSweepers = 0
        configuration.scavengesInBackground = false
        configuration.gcPercent = -1
        configuration.processorCount = 2
        change(&configuration)
        let heap = try Heap(configuration)
        let reports = Reports()
        heap.onCycle = { reports.all.append($0) }
        return (heap, reports)
    }

    private static func fill(_ mutator: Mutator, _ roots: RootWords, count: Int) {
        for _ in 0..<count {
            guard let object = mutator.allocate(ObjectLayout(headerWords: 1, slotCount: 511)) else { return }
            roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: object)))
        }
    }

    /// Who waits for a cycle marks in it, and who advances it by steps: that time is collecting, too.
    @Test(arguments: [true, false]) func whoeverMarksIsCounted(waits: Bool) throws {
        let (heap, reports) = try Self.heap()
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let mutator = try heap.makeMutator(roots: roots)
        Self.fill(mutator, roots, count: 1000)
        if waits {
            #expect(mutator.collect())
        } else {
            #expect(mutator.beginCycle())
            while mutator.step(16) {}
        }
        let report = try #require(reports.all.first)
        #expect(report.backgroundTime > 0)
        #expect(report.collectingTotal >= report.backgroundTime)
        mutator.close()
    }

    /// Each stop is in one report, in the totals, and in what the limiter goes by: for every processor.
    @Test func everyStopIsCountedOnce() throws {
        let (heap, reports) = try Self.heap { $0.budget = 8 << 20 }
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let mutator = try heap.makeMutator(roots: roots)
        Self.fill(mutator, roots, count: 1000)
        #expect(mutator.collect())
        Self.fill(mutator, roots, count: 3000)
        // At the budget a cycle runs with the world stopped.
        #expect(mutator.allocateOrCollect(ObjectLayout(headerWords: 1, slotCount: 511)) == nil)
        #expect(reports.all.count == 2)
        let whole = try #require(reports.all.last)
        #expect(whole.markTermination.timeStopped > 0)
        var stopped: UInt64 = 0
        for report in reports.all {
            stopped += report.sweepTermination.timeStopped + report.markTermination.timeStopped
        }
        #expect(heap.statistics.pauseTotalNanoseconds == stopped)
        #expect(whole.collectingTotal >= 2 * whole.markTermination.timeStopped)
        #expect(whole.longestStop <= whole.markTermination.timeStopped)
        mutator.close()
    }

    /// A stop for a cycle that finds no memory is in no report, but in the total.
    @Test func aStopInVainIsCounted() throws {
        let (heap, reports) = try Self.heap()
        let roots = RootWords()
        defer { withExtendedLifetime(roots) {} }
        let mutator = try heap.makeMutator(roots: roots)
        // More mark bits than are at hand.
        for _ in 0..<5_000_000 { _ = mutator.allocateNoScan(byteCount: 16) as UnsafeMutableRawPointer? }
        let before = heap.statistics.pauseTotalNanoseconds
        heap.raw.pointee.memory.failCall(1)
        #expect(heap.collector.runCycleStopped(mutator.state, sweepsStopped: true) == .refused)
        heap.raw.pointee.memory.failCall(0)
        #expect(reports.all.isEmpty)
        #expect(heap.statistics.pauseTotalNanoseconds > before)
        mutator.close()
    }
}
