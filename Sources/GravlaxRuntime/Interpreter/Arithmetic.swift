import CGravlaxShims

/// Arithmetic, order and equality on the bits of values.
enum Arithmetic {
    @inline(__always) static func isNumber(_ bits: UInt64) -> Bool { _fastPath(bits < Value.firstTag) }

    @inline(__always) static func areNumbers(_ left: UInt64, _ right: UInt64) -> Bool {
        _fastPath(left < Value.firstTag && right < Value.firstTag)
    }

    // Of numbers.

    @inline(__always) static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
        (Double(bitPattern: left) + Double(bitPattern: right)).bitPattern
    }

    @inline(__always) static func difference(_ left: UInt64, _ right: UInt64) -> UInt64 {
        (Double(bitPattern: left) - Double(bitPattern: right)).bitPattern
    }

    @inline(__always) static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
        (Double(bitPattern: left) * Double(bitPattern: right)).bitPattern
    }

    @inline(__always) static func quotient(_ left: UInt64, _ right: UInt64) -> UInt64 {
        (Double(bitPattern: left) / Double(bitPattern: right)).bitPattern
    }

    @inline(__always) static func successor(_ counter: UInt64) -> UInt64 {
        (Double(bitPattern: counter) + 1).bitPattern
    }

    @inline(__always) static func isLess(_ left: UInt64, _ right: UInt64) -> Bool {
        Double(bitPattern: left) < Double(bitPattern: right)
    }

    @inline(__always) static func isLessOrEqual(_ left: UInt64, _ right: UInt64) -> Bool {
        Double(bitPattern: left) <= Double(bitPattern: right)
    }

    /// `%` with the sign of the dividend, as C's fmod. Both operands are numbers.
    @inline(__always) static func remainder(_ left: UInt64, _ right: UInt64) -> UInt64 {
        // Positive integers below 2^53, by far the most frequent: the bits of a positive number are in its order.
        if left < 0x4340_0000_0000_0000, right < 0x4340_0000_0000_0000 {
            let dividend = gravlax_truncate(Double(bitPattern: left))
            let divisor = gravlax_truncate(Double(bitPattern: right))
            if divisor > 0, Double(dividend).bitPattern == left, Double(divisor).bitPattern == right {
                return Double(dividend % divisor).bitPattern
            }
        }
        return remainderSlow(left, right)
    }

    @inline(never) private static func remainderSlow(_ left: UInt64, _ right: UInt64) -> UInt64 {
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
        guard StringObject.isString(leftValue), StringObject.isString(rightValue) else {
            return rangesAreEqual(leftValue, rightValue)
        }
        return StringObject.areEqual(leftValue.words, rightValue.words)
    }

    /// Whether both are ranges, and written alike.
    @inline(never) static func rangesAreEqual(_ left: Value, _ right: Value) -> Bool {
        guard let left = left.object(.range), let right = right.object(.range) else { return false }
        return RangeObject.bounds(left) == RangeObject.bounds(right)
    }
}
