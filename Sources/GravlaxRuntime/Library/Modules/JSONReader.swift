/// Reads the tokens of a JSON text, which lies in a string that a register holds. Polls.
struct JSONReader {
    let text: UnsafeRawBufferPointer
    var position = 0
    private(set) var error: String?

    private unowned let machine: Machine

    init(text: UnsafeRawBufferPointer, machine: Machine) { (self.text, self.machine) = (text, machine) }

    var isAtEnd: Bool { position >= text.count }
    /// 0 at the end.
    var byte: UInt8 { position < text.count ? text[position] : 0 }

    mutating func fail(_ message: String) { error = message }

    /// Line and column of the position, from 1; columns count scalars. `nil`: failed.
    var place: (line: Int, column: Int)? {
        var (line, column) = (1, 1)
        for byte in text[..<min(position, text.count)] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
            guard machine.worked(1) else { return nil }
        }
        return (line, column)
    }

    /// False: failed.
    mutating func skipSpace() -> Bool {
        while byte == 32 || byte == 10 || byte == 13 || byte == 9 {
            position += 1
            guard machine.worked(1) else { return false }
        }
        return true
    }

    mutating func take(_ word: String) -> Bool {
        guard text[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    mutating func number() -> Double? {
        let start = position
        if byte == UInt8(ascii: "-") { position += 1 }
        let hasLeadingZero =
            byte == UInt8(ascii: "0") && position + 1 < text.count && NumberReading.isDigit(text[position + 1])
        var reading = NumberReading()
        guard reading.read(UnsafeRawBufferPointer(rebasing: text[position...]), machine) else { return nil }
        guard reading.length > 0, !hasLeadingZero else {
            fail(hasLeadingZero ? "A number can't begin with 0" : "Expect digits")
            return nil
        }
        guard reading.value.isFinite else {
            position = start
            fail("A number is too large")
            return nil
        }
        position += reading.length
        return text[start] == UInt8(ascii: "-") ? -reading.value : reading.value
    }

    /// Reads a string, and emits what it stands for in pieces of 64 KiB at most. False: the error is set, or a piece was
    /// refused.
    mutating func string(_ emit: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        position += 1
        var start = position
        while true {
            if isAtEnd {
                fail("A string has no end")
                return false
            }
            if byte < 0x20 {
                fail("Expect an escape for a control character")
                return false
            }
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                if start < position, !emit(UnsafeRawBufferPointer(rebasing: text[start..<position])) { return false }
                position += 1
                if text[position - 1] == UInt8(ascii: "\"") { return true }
                guard escape(emit) else { return false }
                start = position
            } else {
                position += 1
                if position - start == Machine.bytesBetweenPolls {
                    guard emit(UnsafeRawBufferPointer(rebasing: text[start..<position])) else { return false }
                    start = position
                }
            }
        }
    }

    private mutating func escape(_ emit: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        if let meant = JSONReader.meaning(ofEscape: byte) {
            position += 1
            return withUnsafeBytes(of: meant, emit)
        }
        guard byte == UInt8(ascii: "u"), var value = hexadecimal() else {
            fail("Expect an escape that JSON has")
            return false
        }
        if value >= 0xD800, value < 0xDC00, byte == UInt8(ascii: "\\"), position + 1 < text.count,
            text[position + 1] == UInt8(ascii: "u")
        {
            position += 1
            guard let low = hexadecimal(), low >= 0xDC00, low < 0xE000 else {
                fail("Expect the second half of a surrogate pair")
                return false
            }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else {
            fail("A surrogate stands alone")
            return false
        }
        var character = String(Character(scalar))
        return character.withUTF8 { emit(UnsafeRawBufferPointer($0)) }
    }

    /// `nil` for `u`, and for what is no escape.
    private static func meaning(ofEscape byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "\""): byte
        default: nil
        }
    }

    /// `uXXXX`, at the `u`.
    private mutating func hexadecimal() -> UInt32? {
        guard position + 5 <= text.count else { return nil }
        var value: UInt32 = 0
        for byte in text[position + 1..<position + 5] {
            guard let digit = NumberReading.hexadecimalDigit(byte) else { return nil }
            value = value << 4 | digit
        }
        position += 5
        return value
    }
}
