/// What a range goes from and to, as compiler and interpreter both understand it.
package struct RangeBounds: Equatable, Sendable {
    package let start: Double
    package let end: Double
    /// Whether the end belongs to it.
    package let isClosed: Bool

    package init(start: Double, end: Double, isClosed: Bool) {
        (self.start, self.end, self.isClosed) = (start, end, isClosed)
    }

    /// Whether a loop has no turn. So is a range whose end lies before its start, and one with a NaN.
    package var isEmpty: Bool { !contains(start) }

    /// How many turns a loop has.
    package var count: Double {
        if isEmpty { return 0 }
        return isClosed ? (end - start).rounded(.down) + 1 : (end - start).rounded(.up)
    }

    package func contains(_ number: Double) -> Bool {
        start <= number && (isClosed ? number <= end : number < end)
    }

    /// Whether adding 1 again and again comes from the start to the end: beyond 2^53 it does not get on.
    package var isCountable: Bool {
        if isEmpty { return true }
        if start.magnitude > 0x1p53 { return false }
        return end == .infinity || (isClosed ? end < 0x1p53 : end <= 0x1p53)
    }
}
