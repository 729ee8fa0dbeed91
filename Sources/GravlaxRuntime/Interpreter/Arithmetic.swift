import CGravlaxShims

/// Arithmetic, order and equality on the bits of values.
enum Arithmetic {
    @inline(__always) static func isNumber(_ bits: UInt64) -> Bool { _fastPath(bits < Value.firstTag) }

    // What is no number has the bits of a NaN, and arithmetic with a NaN gives one: so the fast paths calculate first, and
    // only where the result is a NaN it is looked at whether there were numbers at all.

    @inline(__always) static func sum(_ left: UInt64, _ right: UInt64) -> Double {
        Double(bitPattern: left) + Double(bitPattern: right)
    }

    @inline(__always) static func difference(_ left: UInt64, _ right: UInt64) -> Double {
        Double(bitPattern: left) - Double(bitPattern: right)
    }

    @inline(__always) static func product(_ left: UInt64, _ right: UInt64) -> Double {
        Double(bitPattern: left) * Double(bitPattern: right)
    }

    @inline(__always) static func quotient(_ left: UInt64, _ right: UInt64) -> Double {
        Double(bitPattern: left) / Double(bitPattern: right)
    }

    @inline(__always) static func bits(of number: Double) -> UInt64 { number.bitPattern }
    @inline(__always) static func bits(of integer: Int) -> UInt64 { Double(integer).bitPattern }

    @inline(__always) static func successor(_ counter: UInt64) -> UInt64 {
        (Double(bitPattern: counter) + 1).bitPattern
    }

    /// Whether one of them is a NaN, or no number. All comparisons of such are false.
    @inline(__always) static func areUnordered(_ left: UInt64, _ right: UInt64) -> Bool {
        let left = Double(bitPattern: left)
        let right = Double(bitPattern: right)
        return !(left < right) && !(left >= right)
    }

    @inline(__always) static func isLess(_ left: UInt64, _ right: UInt64) -> Bool {
        Double(bitPattern: left) < Double(bitPattern: right)
    }

    @inline(__always) static func isLessOrEqual(_ left: UInt64, _ right: UInt64) -> Bool {
        Double(bitPattern: left) <= Double(bitPattern: right)
    }

    /// `left % right` where both are integers from 0 to 2^63, by far the most frequent case; nil for anything else, numbers
    /// or not.
    @inline(__always) static func integerRemainder(_ left: UInt64, _ right: UInt64) -> UInt64? {
        let divisor = gravlax_truncate(Double(bitPattern: right))
        guard divisor > 0, Double(divisor).bitPattern == right else { return nil }
        return integerRemainder(left, divisor: Int(divisor))
    }

    /// The same for a `divisor` that is known to be positive.
    @inline(__always) static func integerRemainder(_ left: UInt64, divisor: Int) -> UInt64? {
        let dividend = gravlax_truncate(Double(bitPattern: left))
        guard _fastPath(Double(dividend).bitPattern == left && dividend >= 0) else { return nil }
        return Double(UInt64(bitPattern: dividend) % UInt64(bitPattern: Int64(divisor))).bitPattern
    }

    /// `%` with the sign of the dividend, as C's fmod. Both operands are numbers.
    static func remainder(_ left: UInt64, _ right: UInt64) -> UInt64 {
        Value(number: Double(bitPattern: left).truncatingRemainder(dividingBy: Double(bitPattern: right))).bits
    }

    /// `==`: numbers as IEEE 754 says, strings by their text, ranges by their bounds, everything else by identity.
    @inline(__always) static func areEqual(_ left: UInt64, _ right: UInt64) -> Bool {
        if left < Value.firstTag, right < Value.firstTag {
            return Double(bitPattern: left) == Double(bitPattern: right)
        }
        if left == right { return true }
        // Only objects can be equal without being identical.
        guard left >> 48 == 0xFFFC, right >> 48 == 0xFFFC else { return false }
        return objectsAreEqual(left, right)
    }

    @inline(never) private static func objectsAreEqual(_ left: UInt64, _ right: UInt64) -> Bool {
        let leftValue = Value(bits: left)
        let rightValue = Value(bits: right)
        // The header says the kind, of a string how long it is, of a range whether it has its end.
        guard leftValue.words[0] == rightValue.words[0] else { return false }
        return StringObject.isString(leftValue)
            ? StringObject.areEqual(leftValue.words, rightValue.words) : rangesAreEqual(leftValue, rightValue)
    }

    /// Whether both are ranges, and written alike.
    @inline(never) static func rangesAreEqual(_ left: Value, _ right: Value) -> Bool {
        guard let left = left.object(.range), let right = right.object(.range) else { return false }
        return RangeObject.bounds(left) == RangeObject.bounds(right)
    }
}
