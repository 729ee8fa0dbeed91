import CGravlaxShims

/// The text of numbers: the shortest digits that read back to the same double, laid out as language.md says:
/// no `.0`, an exponent below 1e-7 and from 1e21, `nan`, `inf`, `-inf`, `-0`.
package enum NumberFormatting {
    /// Calls `emit` with the ASCII text of `number`.
    package static func format(_ number: Double, _ emit: (UnsafeRawBufferPointer) -> Void) {
        // At most 27 bytes: a sign, 17 digits, point, zeros and exponent.
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
            let count = write(number, into: buffer)
            emit(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
        }
    }

    package static func text(_ number: Double) -> String {
        var result = ""
        format(number) { result = String(decoding: $0, as: UTF8.self) }
        return result
    }

    /// Writes the text and gives its byte count; `buffer` holds at least 64 bytes.
    package static func write(_ number: Double, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        if number.isNaN { return copy("nan", into: buffer) }
        if number.isInfinite { return copy(number < 0 ? "-inf" : "inf", into: buffer) }
        if number == 0 { return copy(number.sign == .minus ? "-0" : "0", into: buffer) }
        if abs(number) < 0x1p53 {
            let integer = gravlax_truncate(number)
            if Double(integer) == number { return writeInteger(integer, into: buffer) }
        }
        return writeShortest(number, into: buffer)
    }

    private static func copy(_ text: StaticString, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        buffer.copyMemory(from: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        return text.utf8CodeUnitCount
    }

    private static func writeInteger(_ number: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var rest = number.magnitude
        var digitCount = 0
        var probe = rest
        repeat {
            digitCount += 1
            probe /= 10
        } while probe != 0
        let sign = number < 0 ? 1 : 0
        if sign == 1 { buffer[0] = UInt8(ascii: "-") }
        var position = sign + digitCount
        while position > sign {
            position -= 1
            buffer[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return sign + digitCount
    }

    /// The standard library's description has the shortest digits in another layout: take digits and exponent from it.
    private static func writeShortest(_ number: Double, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var description = number.magnitude.description
        return description.withUTF8 { text in
            withUnsafeTemporaryAllocation(byteCount: 400, alignment: 1) { digits in
                var digitCount = 0
                var pointPosition: Int?
                var exponent = 0
                var index = 0
                while index < text.count {
                    let byte = text[index]
                    if byte == UInt8(ascii: ".") {
                        pointPosition = digitCount
                    } else if byte == UInt8(ascii: "e") {
                        var sign = 1
                        index += 1
                        while index < text.count {
                            switch text[index] {
                            case UInt8(ascii: "-"): sign = -1
                            case UInt8(ascii: "+"): break
                            default: exponent = exponent * 10 + Int(text[index] - UInt8(ascii: "0"))
                            }
                            index += 1
                        }
                        exponent *= sign
                        break
                    } else {
                        digits[digitCount] = byte
                        digitCount += 1
                    }
                    index += 1
                }
                var point = (pointPosition ?? digitCount) + exponent
                var first = 0
                while first < digitCount - 1, digits[first] == UInt8(ascii: "0") {
                    first += 1
                    point -= 1
                }
                var end = digitCount
                while end > first + 1, digits[end - 1] == UInt8(ascii: "0") { end -= 1 }
                return layOut(
                    UnsafeRawBufferPointer(rebasing: digits[first..<end]), point: point,
                    isNegative: number < 0, into: buffer)
            }
        }
    }

    /// Lays out 0.d1d2d3… × 10^point.
    private static func layOut(
        _ digits: UnsafeRawBufferPointer, point: Int, isNegative: Bool, into buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        var count = 0
        func put(_ byte: UInt8) {
            buffer[count] = byte
            count += 1
        }
        let zero = UInt8(ascii: "0")
        if isNegative { put(UInt8(ascii: "-")) }
        switch point {
        case (digits.count)...21:
            for digit in digits { put(digit) }
            for _ in digits.count..<point { put(zero) }
        case 1...21:
            for index in 0..<digits.count {
                if index == point { put(UInt8(ascii: ".")) }
                put(digits[index])
            }
        case -6...0:
            put(zero)
            put(UInt8(ascii: "."))
            for _ in 0..<(-point) { put(zero) }
            for digit in digits { put(digit) }
        default:
            put(digits[0])
            if digits.count > 1 { put(UInt8(ascii: ".")) }
            for digit in digits.dropFirst() { put(digit) }
            put(UInt8(ascii: "e"))
            let exponent = point - 1
            put(UInt8(ascii: exponent < 0 ? "-" : "+"))
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            count += writeInteger(Int64(exponent.magnitude), into: rest)
        }
        return count
    }
}
