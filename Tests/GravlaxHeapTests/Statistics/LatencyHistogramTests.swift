// Counts of times: exact sums and maxima, quantiles within a sixteenth.

import Testing

import GravlaxHeap

@Suite("Latency histogram")
struct LatencyHistogramTests {
    private final class Cells {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: LatencyCounts.byteCount, alignment: 8)
        private let counts: LatencyCounts

        init() {
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: LatencyCounts.byteCount)
            counts = LatencyCounts(at: memory)
        }

        deinit { memory.deallocate() }

        func record(_ time: UInt64) { withExtendedLifetime(self) { counts.record(time) } }

        func move(to other: Cells) { withExtendedLifetime((self, other)) { counts.move(to: other.counts) } }

        var histogram: LatencyHistogram { withExtendedLifetime(self) { counts.histogram } }
    }

    /// Every time falls into a bucket that ends at it or above, and the bucket before ends below it.
    @Test func bucketsHoldTheirTimes() {
        var times: Set<UInt64> = Set(0...4096)
        for octave in 12..<42 as Range<UInt64> {
            for part in 0..<16 as Range<UInt64> {
                let edge: UInt64 = (16 + part) << (octave - 4)
                times.formUnion([edge - 1, edge, edge + 1])
            }
        }
        for time in times {
            let index = LatencyBuckets.index(time)
            let end = LatencyBuckets.upperBound(index)
            #expect(time <= end && end - time <= time / 16)
            if index > 0 { #expect(LatencyBuckets.upperBound(index - 1) < time) }
        }
        #expect(LatencyBuckets.index(.max) == LatencyBuckets.count - 1, "the last one takes all that is longer")
    }

    @Test func anEmptyOneIsZero() {
        let empty = Cells().histogram
        #expect(empty.count == 0 && empty.total == 0 && empty.maximum == 0)
        #expect(empty.quantile(0.5) == 0 && empty.quantile(1) == 0)
    }

    /// Against the sorted times themselves.
    @Test(arguments: 0..<6 as Range<UInt64>) func quantilesAreWithinASixteenth(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let cells = Cells()
        let times = (0..<5000).map { _ in
            UInt64.random(in: 0..<(1 << UInt64.random(in: 1...40, using: &generator)), using: &generator)
        }
        for time in times { cells.record(time) }
        let sorted = times.sorted()
        let histogram = cells.histogram
        #expect(histogram.count == 5000 && histogram.total == times.reduce(0, +) && histogram.maximum == sorted.last)
        for share in [0.0001, 0.25, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = sorted[Int((5000 * share).rounded(.up)) - 1]
            let told = histogram.quantile(share)
            #expect(exact <= told && told - exact <= exact / 16, "\(share)")
        }
    }

    @Test func movingAddsUpAndStartsAnew() {
        let (one, two, sum) = (Cells(), Cells(), Cells())
        for time in [0, 5, 1000] as [UInt64] { one.record(time) }
        for time in [7, 900] as [UInt64] { two.record(time) }
        one.move(to: sum)
        two.move(to: sum)
        one.move(to: sum)
        let histogram = sum.histogram
        #expect(histogram.count == 5 && histogram.total == 1912 && histogram.maximum == 1000)
        #expect(histogram.quantile(0.6) == 7)
        #expect(one.histogram == Cells().histogram)
    }

    @Test func aSingleZeroIsMoved() {
        let (one, sum) = (Cells(), Cells())
        one.record(0)
        one.move(to: sum)
        #expect(sum.histogram.count == 1)
    }
}
