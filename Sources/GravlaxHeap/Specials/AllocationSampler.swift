// Which objects are sampled: one for every so many bytes on average, at distances
// that are distributed exponentially, so that each byte is as likely as any other.
// The fast path of allocation knows nothing of this. Where a window of free slots
// is loaded, its bytes are charged; if the next sample lies in it, the window is
// withheld, so that all its allocations are slow ones up to the one in question.

import Glibc

/// A mutator's distance to its next sample. A thin pointer to raw memory that only the mutator's thread uses.
package struct AllocationSampler {
    private struct Record {
        let meanByteCount: Int
        /// Bytes to the next sample.
        var distance: Int
        var random: UInt64
    }

    private let record: UnsafeMutablePointer<Record>
    /// Slow allocations up to the sampled one, that included, by span class; 0: none is due in the cached window.
    private let due: UnsafeMutablePointer<UInt8>

    /// - Parameters:
    ///   - meanByteCount: bytes for each sample, at least 1.
    ///   - seed: the same seed gives the same distances.
    /// Nil when the system refuses the memory.
    init?(meanByteCount: Int, seed: UInt64, memory: OSMemory, statistic: SystemStatistic) {
        guard let place = memory.allocatePersistent(byteCount: 256, alignment: 64, statistic: statistic) else { return nil }
        record = place.bindMemory(to: Record.self, capacity: 1)
        record.initialize(to: Record(meanByteCount: Swift.max(1, meanByteCount), distance: 0, random: seed))
        due = (place + 64).bindMemory(to: UInt8.self, capacity: SpanClass.count)
        due.initialize(repeating: 0, count: SpanClass.count)
        record.pointee.distance = nextDistance()
    }

    /// - Source: Go 1.14 malloc.go, nextSample and fastexprand.
    private func nextDistance() -> Int {
        record.pointee.random = record.pointee.random &+ 0x9E37_79B9_7F4A_7C15
        var bits = record.pointee.random
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        let uniform = Double((bits ^ bits >> 31) >> 11 + 1) / Double(1 << 53)
        return Int(-log(uniform) * Double(record.pointee.meanByteCount))
    }

    /// Charges `count` slots of `byteCount` bytes each. The number of the sampled one among them, from 1; 0 if none is.
    private func charge(_ count: Int, byteCount: Int) -> UInt8 {
        let total = count * byteCount
        if record.pointee.distance >= total {
            record.pointee.distance = record.pointee.distance - total
            return 0
        }
        let number = record.pointee.distance / byteCount + 1
        record.pointee.distance = nextDistance()
        return UInt8(number)
    }

    /// An object is about to be handed out of a span by way of the slow path. Whether it is the one to be sampled.
    ///
    /// - Parameter isNew: the span's window was loaded for it.
    func noteSlow(_ span: MSpanRef, isNew: Bool) -> Bool {
        let place = due + Int(span.pointee.spanClass.rawValue)
        let byteCount = Int(span.pointee.elemSize)
        let left = span.pointee.allocCache.nonzeroBitCount
        if isNew { place.pointee = charge(left + 1, byteCount: byteCount) }
        if place.pointee == 0 { return false }
        place.pointee = place.pointee - 1
        let isSampled = place.pointee == 0
        if isSampled, left > 0 { place.pointee = charge(left, byteCount: byteCount) }
        if place.pointee != 0, left > 0 { span.withholdWindow() }
        return isSampled
    }

    /// The same for a large object.
    func noteLarge(byteCount: Int) -> Bool { charge(1, byteCount: byteCount) != 0 }

    /// The cached span of that class is given back: what was due in it is not.
    func forget(_ spanClass: SpanClass) { due[Int(spanClass.rawValue)] = 0 }
}

extension UnsafeMutablePointer where Pointee == MutatorState {
    /// Counts a new object against the place that allocates it.
    func sample(_ address: UInt, byteCount: UInt) {
        let owner = pointee.owner.unsafelyUnwrapped.takeUnretainedValue()
        let site = owner.allocationSite?(UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped, Int(byteCount)) ?? 0
        // Without memory for it there is one sample less.
        _ = pointee.heap.setProfileBucket(address, byteCount: UInt64(byteCount), site: site, self)
    }
}
