// How long things took: counts in buckets that grow with the times they hold,
// so that a millionth and a second are kept with the same precision.
//
//     bucket   0 … 15      16 … 31      32 … 47      …   one octave each, in 16 parts
//     ns       0 … 15      16 … 31      32 … 63      …

import Synchronization

/// The buckets of all histograms. A bucket's times differ by less than a sixteenth.
package enum LatencyBuckets {
    private static let partBits: UInt64 = 4
    private static let parts = 1 << 4
    /// The last bucket ends at 2^42 ns, 73 minutes; it takes what is longer, too.
    package static let count = (42 - 4 + 1) * parts

    @inline(__always)
    package static func index(_ nanoseconds: UInt64) -> Int {
        if nanoseconds < UInt64(parts) { return Int(nanoseconds) }
        let octave = UInt64(63 - nanoseconds.leadingZeroBitCount)
        let part = nanoseconds >> (octave - partBits) & UInt64(parts - 1)
        return min(Int(octave - partBits + 1) * parts + Int(part), count - 1)
    }

    /// The longest time of a bucket.
    package static func upperBound(_ index: Int) -> UInt64 {
        if index < parts { return UInt64(index) }
        let shift = UInt64(index / parts - 1)
        return (UInt64(parts + index % parts + 1) << shift) - 1
    }
}

/// The counts in raw memory. A thin pointer: copies are the same counts.
package struct LatencyCounts {
    /// The longest time, the sum of all times, then a count for each bucket.
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>

    package static let byteCount = (2 + LatencyBuckets.count) * 8

    /// `memory` is `byteCount` zero bytes, 8-byte aligned, that outlive the counts.
    package init(at memory: UnsafeMutableRawPointer) {
        cells = memory.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// Counts a time. One thread at a time.
    package func record(_ nanoseconds: UInt64) {
        if nanoseconds > cells[0].load(ordering: .relaxed) { cells[0].store(nanoseconds, ordering: .relaxed) }
        add(1, nanoseconds)
        add(2 + LatencyBuckets.index(nanoseconds), 1)
    }

    private func add(_ index: Int, _ amount: UInt64) {
        cells[index].store(cells[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Adds everything to `other`, which several threads may do at once, and starts anew. By the one who records.
    package func move(to other: LatencyCounts) {
        if cells[1].load(ordering: .relaxed) == 0, cells[2].load(ordering: .relaxed) == 0 { return }
        other.cells[0].max(cells[0].load(ordering: .relaxed), ordering: .relaxed)
        cells[0].store(0, ordering: .relaxed)
        for index in 1..<2 + LatencyBuckets.count {
            let amount = cells[index].load(ordering: .relaxed)
            if amount == 0 { continue }
            other.cells[index].wrappingAdd(amount, ordering: .relaxed)
            cells[index].store(0, ordering: .relaxed)
        }
    }

    /// The counts now.
    package var histogram: LatencyHistogram {
        LatencyHistogram(
            maximum: cells[0].load(ordering: .relaxed), total: cells[1].load(ordering: .relaxed),
            buckets: (0..<LatencyBuckets.count).map { cells[2 + $0].load(ordering: .relaxed) })
    }
}

/// How often something took how long. Times in nanoseconds.
public struct LatencyHistogram: Sendable, Equatable {
    /// The longest time, exactly; 0 when there is none.
    public let maximum: UInt64
    /// The sum of all times, exactly.
    public let total: UInt64
    private let buckets: [UInt64]

    fileprivate init(maximum: UInt64, total: UInt64, buckets: [UInt64]) {
        self.maximum = maximum
        self.total = total
        self.buckets = buckets
    }

    /// How many times were counted.
    public var count: UInt64 { buckets.reduce(0, +) }

    /// The time that a share of all times does not exceed, at most a sixteenth too long; 0 when there is none.
    ///
    /// - Parameter share: 0…1; 0.99 for p99.
    public func quantile(_ share: Double) -> UInt64 {
        let rank = UInt64((Double(count) * share).rounded(.up))
        var seen: UInt64 = 0
        for (index, amount) in buckets.enumerated() {
            seen += amount
            if amount > 0, seen >= rank { return min(LatencyBuckets.upperBound(index), maximum) }
        }
        return maximum
    }
}
