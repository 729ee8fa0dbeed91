/// Numbers in text, as `num` and `std/json` read them. The texts lie in strings that registers hold.
extension Machine {
    /// The number that `text` is, white space around it apart: digits with an optional sign, fraction and exponent, or
    /// hexadecimal digits after `0x`; `nan` and `inf`, as numbers print. Polls; `nil`, too, where that failed.
    func number(in text: UnsafeRawBufferPointer) -> Double? {
        var start = 0
        var end = text.count
        while start < end, NumberReading.isSpace(text[start]), worked(1) { start += 1 }
        while end > start, NumberReading.isSpace(text[end - 1]), worked(1) { end -= 1 }
        guard start < end, failure == nil else { return nil }
        let body = UnsafeRawBufferPointer(rebasing: text[start..<end])
        let isNegative = body[0] == UInt8(ascii: "-")
        let unsigned = isNegative || body[0] == UInt8(ascii: "+") ? UnsafeRawBufferPointer(rebasing: body[1...]) : body
        guard let magnitude = magnitude(unsigned) else { return nil }
        return isNegative ? -magnitude : magnitude
    }

    private func magnitude(_ text: UnsafeRawBufferPointer) -> Double? {
        if text.elementsEqual("inf".utf8) { return .infinity }
        if text.elementsEqual("nan".utf8) { return .nan }
        if text.count > 2, text[0] == UInt8(ascii: "0"), text[1] | 0x20 == UInt8(ascii: "x") {
            var value = 0.0
            for byte in text[2...] {
                guard let digit = NumberReading.hexadecimalDigit(byte), worked(1) else { return nil }
                value = value * 16 + Double(digit)
            }
            return value
        }
        var reading = NumberReading()
        guard reading.read(text, self), reading.length == text.count else { return nil }
        return reading.value
    }
}

/// A number without a sign in decimal digits, perhaps with a fraction and an exponent.
///
/// Of its digits so many are kept as can have an influence on the double nearest to the number, which is below 800; of
/// the others only whether they are all 0.
struct NumberReading {
    /// How many bytes the number is long; 0: there is none.
    private(set) var length = 0
    private(set) var value = 0.0

    private var digits: [UInt8] = []
    /// Whether a digit that is not 0 was left out.
    private var isInexact = false
    private var exponent = 0

    private static let digitLimit = 800
    /// Where all numbers with any digits that memory can hold are 0 or infinite.
    private static let exponentLimit = 1 << 40

    /// Reads what stands at the beginning of `text`. Polls; false: failed.
    mutating func read(_ text: UnsafeRawBufferPointer, _ machine: Machine) -> Bool {
        guard var end = readDigits(text, from: 0, isFraction: false, machine) else { return false }
        guard end > 0 else { return true }
        if end + 1 < text.count, text[end] == UInt8(ascii: "."), NumberReading.isDigit(text[end + 1]) {
            guard let last = readDigits(text, from: end + 1, isFraction: true, machine) else { return false }
            end = last
        }
        if end < text.count, text[end] | 0x20 == UInt8(ascii: "e") {
            guard let last = readExponent(text, from: end + 1, machine) else { return false }
            end = last ?? end
        }
        length = end
        if length <= 64 {
            value = Double(String(decoding: text[..<end], as: UTF8.self)) ?? 0
            return true
        }
        if isInexact {
            digits.append(UInt8(ascii: "1"))
            exponent -= 1
        }
        value = digits.isEmpty ? 0 : Double(String(decoding: digits, as: UTF8.self) + "e\(exponent)") ?? 0
        return true
    }

    /// Gives where the digits end.
    private mutating func readDigits(
        _ text: UnsafeRawBufferPointer, from start: Int, isFraction: Bool, _ machine: Machine
    ) -> Int? {
        var end = start
        while end < text.count, NumberReading.isDigit(text[end]) {
            let digit = text[end]
            end += 1
            if digit == UInt8(ascii: "0"), digits.isEmpty {
                if isFraction { exponent -= 1 }
            } else if digits.count < NumberReading.digitLimit {
                digits.append(digit)
                if isFraction { exponent -= 1 }
            } else {
                if digit != UInt8(ascii: "0") { isInexact = true }
                if !isFraction { exponent += 1 }
            }
            guard machine.worked(1) else { return nil }
        }
        return end
    }

    /// Gives where the exponent ends, which begins after an `e`; `.some(nil)`: there is none.
    private mutating func readExponent(_ text: UnsafeRawBufferPointer, from start: Int, _ machine: Machine) -> Int?? {
        var end = start
        let isNegative = end < text.count && text[end] == UInt8(ascii: "-")
        if isNegative || end < text.count && text[end] == UInt8(ascii: "+") { end += 1 }
        guard end < text.count, NumberReading.isDigit(text[end]) else { return .some(nil) }
        var written = 0
        while end < text.count, NumberReading.isDigit(text[end]) {
            written = min(written * 10 + Int(text[end] - UInt8(ascii: "0")), NumberReading.exponentLimit)
            end += 1
            guard machine.worked(1) else { return nil }
        }
        exponent += isNegative ? -written : written
        return end
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    static func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }
}
