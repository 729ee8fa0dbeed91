import GravlaxCompiler

/// A range of numbers: immutable, in memory the collector never scans.
///
///     word 0 header (bit 8: with its end)   word 1 start   word 2 end
///
/// Ranges are equal, and the same key of a map, when they are written alike.
enum RangeObject {
    static let byteCount = 24
    static let closedFlag: UInt64 = 1 << 8

    static func bounds(_ words: ObjectWords) -> RangeBounds {
        RangeBounds(
            start: Double(bitPattern: words[1]), end: Double(bitPattern: words[2]), isClosed: words[0] & closedFlag != 0)
    }

    /// Whether both are ranges and the same key of a map: a NaN is then itself.
    @inline(never) static func areSameKey(_ left: Value, _ right: Value) -> Bool {
        guard let left = left.object(.range), let right = right.object(.range), left[0] == right[0] else { return false }
        return areSameBound(left[1], right[1]) && areSameBound(left[2], right[2])
    }

    private static func areSameBound(_ left: UInt64, _ right: UInt64) -> Bool {
        left == right || Double(bitPattern: left) == Double(bitPattern: right)
    }

    static func hash(_ words: ObjectWords) -> UInt32 {
        // Adding 0 makes -0 a 0, which it equals.
        let start = (Double(bitPattern: words[1]) + 0).bitPattern
        let end = (Double(bitPattern: words[2]) + 0).bitPattern
        return Hashing.mix(UInt64(Hashing.mix(start)) << 32 ^ end ^ words[0])
    }

    /// The text, as a range is written.
    static func write(_ words: ObjectWords, _ emit: (UnsafeRawBufferPointer) -> Void) {
        let bounds = bounds(words)
        NumberFormatting.format(bounds.start, emit)
        let dots: StaticString = bounds.isClosed ? "..=" : ".."
        emit(UnsafeRawBufferPointer(start: dots.utf8Start, count: dots.utf8CodeUnitCount))
        NumberFormatting.format(bounds.end, emit)
    }
}
