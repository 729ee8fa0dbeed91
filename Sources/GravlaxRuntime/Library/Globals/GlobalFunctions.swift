import Glibc

/// The functions that every program has without an import.
extension Machine {
    func runGlobal(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        switch builtin {
        case .clock:
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Value(unchecked: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
        case .str:
            let value = Value(bits: window[1])
            return StringObject.isString(value) ? value : makeText(of: value)
        case .type:
            return makeString(typeName(Value(bits: window[1])))
        case .num:
            let value = Value(bits: window[1])
            if value.isNumber { return value }
            guard StringObject.isString(value) else { return .nil }
            return NumberReading.number(in: StringObject.bytes(value.words)).map { Value(number: $0) } ?? .nil
        case .assert:
            return assert(window, argumentCount: argumentCount)
        default:
            fatalError("not a global function")
        }
    }

    private func assert(_ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        if Value(bits: window[1]).isTruthy { return .nil }
        let message = optional(2, window, argumentCount)
        if message.isNil { return failed("Assertion failed.") }
        guard let text = makeText(of: message) else { return nil }
        return failed("Assertion failed: \(StringObject.text(text.words))")
    }

    /// What `type` gives.
    private func typeName(_ value: Value) -> String {
        if value.isNumber { return "number" }
        guard let kind = value.kind else { return value.isNil ? "nil" : "boolean" }
        return switch kind {
        case .longString, .shortString: "string"
        case .closure, .native, .boundMethod: "function"
        case .classObject: "class"
        case .instance: "instance"
        case .list: "list"
        case .map: "map"
        case .range: "range"
        case .module: "module"
        case .weakReference: "weak reference"
        case .weakMap: "weak map"
        case .cell, .buffer, .accessor: "value"
        }
    }
}

/// Numbers in text, as `num` and `std/json` read them.
enum NumberReading {
    /// The number that `text` is, white space around it apart: digits with an optional sign, fraction and exponent, or
    /// hexadecimal digits after `0x`; `nan` and `inf`, as numbers print.
    static func number(in text: UnsafeRawBufferPointer) -> Double? {
        var start = 0
        var end = text.count
        while start < end, isSpace(text[start]) { start += 1 }
        while end > start, isSpace(text[end - 1]) { end -= 1 }
        guard start < end else { return nil }
        let body = UnsafeRawBufferPointer(rebasing: text[start..<end])
        let isNegative = body[0] == UInt8(ascii: "-")
        let unsigned = isNegative || body[0] == UInt8(ascii: "+") ? UnsafeRawBufferPointer(rebasing: body[1...]) : body
        guard let magnitude = magnitude(unsigned) else { return nil }
        return isNegative ? -magnitude : magnitude
    }

    private static func magnitude(_ text: UnsafeRawBufferPointer) -> Double? {
        if text.elementsEqual("inf".utf8) { return .infinity }
        if text.elementsEqual("nan".utf8) { return .nan }
        if text.count > 2, text[0] == UInt8(ascii: "0"), text[1] | 0x20 == UInt8(ascii: "x") {
            var value = 0.0
            for byte in text[2...] {
                guard let digit = hexadecimalDigit(byte) else { return nil }
                value = value * 16 + Double(digit)
            }
            return value
        }
        guard decimalLength(text, from: 0) == text.count else { return nil }
        return Double(String(decoding: text, as: UTF8.self))
    }

    /// How many bytes from `start` on are digits, perhaps with a fraction and an exponent; 0 when there is no digit.
    static func decimalLength(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        func digits(_ from: Int) -> Int {
            var end = from
            while end < text.count, text[end] &- UInt8(ascii: "0") < 10 { end += 1 }
            return end
        }
        var end = digits(start)
        guard end > start else { return 0 }
        if end + 1 < text.count, text[end] == UInt8(ascii: ".") {
            let fraction = digits(end + 1)
            if fraction > end + 1 { end = fraction }
        }
        if end < text.count, text[end] | 0x20 == UInt8(ascii: "e") {
            var first = end + 1
            if first < text.count, text[first] == UInt8(ascii: "+") || text[first] == UInt8(ascii: "-") { first += 1 }
            let exponent = digits(first)
            if exponent > first { end = exponent }
        }
        return end - start
    }

    static func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }
}
