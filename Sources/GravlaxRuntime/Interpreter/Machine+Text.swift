import GravlaxCompiler

/// Interpolated strings.
extension Machine {
    /// R[A], an object, becomes its text.
    @inline(never) func convertToText(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let value = Value(bits: frame.pointee.base[i.a])
        if StringObject.isString(value) { return true }
        if let isDone = makeOwnText(frame, pc, of: value) { return isDone }
        guard let text = makeText(of: value) else { return false }
        frame.pointee.base[i.a] = text.bits
        return true
    }

    /// Joins strings and the texts of simple values with one allocation.
    @inline(never) func concatenate(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let parts = UnsafeBufferPointer(start: frame.pointee.base + i.a, count: i.b)
        if parts.count == 1, StringObject.isString(Value(bits: parts[0])) { return true }
        // The texts of numbers are made once, each in a piece of its own with its length in the last byte.
        let piece = 64
        let joined = withUnsafeTemporaryAllocation(byteCount: piece * parts.count, alignment: 8) { scratch -> Value? in
            func number(_ index: Int) -> UnsafeMutableRawBufferPointer {
                UnsafeMutableRawBufferPointer(rebasing: scratch[index * piece..<(index + 1) * piece])
            }
            var byteCount = 0
            for (index, bits) in parts.enumerated() {
                if Arithmetic.isNumber(bits) {
                    let count = NumberFormatting.write(Double(bitPattern: bits), into: number(index))
                    number(index)[piece - 1] = UInt8(count)
                    byteCount += count
                } else {
                    byteCount += Machine.simpleText(Value(bits: bits)).count
                }
            }
            return makeString(byteCount: byteCount) { put in
                for (index, bits) in parts.enumerated() {
                    let text = number(index)
                    guard
                        put(
                            Arithmetic.isNumber(bits)
                                ? UnsafeRawBufferPointer(rebasing: text[..<Int(text[piece - 1])])
                                : Machine.simpleText(Value(bits: bits)))
                    else { return false }
                }
                return true
            }
        }
        guard let joined else { return false }
        frame.pointee.base[i.a] = joined.bits
        return true
    }

    /// The text of a string, a boolean or nil.
    private static func simpleText(_ value: Value) -> UnsafeRawBufferPointer {
        if value.isObject { return StringObject.bytes(value.words) }
        let text: StaticString = value.isNil ? "nil" : value.isTruthy ? "true" : "false"
        return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}
