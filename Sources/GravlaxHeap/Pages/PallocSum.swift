/// Free pages of a region, in one word: how many at its start, the longest run, how many at its end.
///
///      63   62         42 41          21 20           0
///     ┌────┬─────────────┬──────────────┬──────────────┐
///     │full│     end     │     max      │    start     │
///     └────┴─────────────┴──────────────┴──────────────┘
///
/// Each is at most 2^21. If one is 2^21 all three are: the whole region of a root summary is free, and only bit 63
/// is set. Zero means that nothing is free, as well as memory never given to the allocator.
///
/// - Source: Go 1.14 mpagealloc.go, pallocSum.
package struct PallocSum: Equatable, Sendable {
    package static let logMaximum = PageGeometry.logChunkPageCount + 4 * PageGeometry.levelBitCount
    package static let maximum: UInt = 1 << logMaximum
    private static let fieldMask: UInt64 = UInt64(maximum) - 1
    private static let fullBit: UInt64 = 1 << 63

    package let bits: UInt64

    /// Nothing is free.
    package static let none = PallocSum(start: 0, max: 0, end: 0)
    /// All of a chunk is free.
    package static let freeChunk = PallocSum(
        start: PageGeometry.chunkPageCount, max: PageGeometry.chunkPageCount, end: PageGeometry.chunkPageCount)

    @inline(__always)
    package init(start: UInt, max: UInt, end: UInt) {
        if max == Self.maximum {
            bits = Self.fullBit
        } else {
            bits = UInt64(start) & Self.fieldMask
                | (UInt64(max) & Self.fieldMask) << UInt64(Self.logMaximum)
                | (UInt64(end) & Self.fieldMask) << UInt64(2 * Self.logMaximum)
        }
    }

    @inline(__always)
    package var isNone: Bool { bits == 0 }
    @inline(__always)
    package var start: UInt { field(0) }
    @inline(__always)
    package var max: UInt { field(UInt64(Self.logMaximum)) }
    @inline(__always)
    package var end: UInt { field(UInt64(2 * Self.logMaximum)) }

    @inline(__always)
    private func field(_ shift: UInt64) -> UInt {
        bits & Self.fullBit != 0 ? Self.maximum : UInt(bits >> shift & Self.fieldMask)
    }

    /// The summary of neighbouring regions, each of 1 << `logPageCount` pages.
    ///
    /// - Source: Go 1.14 mpagealloc.go, mergeSummaries.
    package static func merging(
        _ parts: UnsafePointer<PallocSum>, count: Int, logPageCount: UInt
    ) -> PallocSum {
        let partPageCount: UInt = 1 << logPageCount
        var start = parts[0].start
        var longest = parts[0].max
        var end = parts[0].end
        for index in 1..<count {
            let next = parts[index]
            if start == UInt(index) << logPageCount { start += next.start }
            longest = Swift.max(longest, end + next.start, next.max)
            end = next.end == partPageCount ? end + partPageCount : next.end
        }
        return PallocSum(start: start, max: longest, end: end)
    }
}
