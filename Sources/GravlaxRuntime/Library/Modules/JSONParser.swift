/// Reading JSON, as RFC 8259 has it. Of a key that is there twice the last value counts.
extension Machine {
    /// Where the stack of open collections is, and the value that was read last.
    private static var stackPlace: Int { 2 }
    private static var valuePlace: Int { 3 }

    /// `text` is in a register.
    func parseJSON(_ text: Value) -> Value? {
        guard let stack = makeList(capacity: 0) else { return nil }
        temporaries[Machine.stackPlace] = stack.bits
        defer {
            temporaries[Machine.stackPlace] = 0
            temporaries[Machine.valuePlace] = 0
        }
        var reader = JSONReader(text: StringObject.bytes(text.words))
        while true {
            // A value begins here.
            reader.skipSpace()
            guard var isOpen = beginJSONValue(&reader, stack.words) else { return explainJSON(reader) }
            // What it ends, and what goes on after it.
            while true {
                if isOpen {
                    isOpen = false
                    guard let step = firstInJSON(&reader, stack.words) else { return explainJSON(reader) }
                    if step { break }
                } else {
                    let count = ListObject.count(stack.words)
                    if count == 0 {
                        reader.skipSpace()
                        if reader.isAtEnd { return Value(bits: temporaries[Machine.valuePlace]) }
                        reader.fail("Expect the end of the text")
                        return explainJSON(reader)
                    }
                    guard let step = nextInJSON(&reader, stack.words) else { return explainJSON(reader) }
                    if step { break }
                }
            }
        }
    }

    /// The error that the reader found, or the failure that is set.
    private func explainJSON(_ reader: JSONReader) -> Value? {
        guard failure == nil, let error = reader.error else { return nil }
        let place = reader.place
        return failed("json.parse: \(error) (line \(place.line), column \(place.column)).")
    }

    private func keep(_ value: Value?) -> Bool {
        guard let value else { return false }
        temporaries[Machine.valuePlace] = value.bits
        return true
    }

    /// Reads a scalar into the value's place (false), or opens a collection on the stack (true); `nil`: failed.
    private func beginJSONValue(_ reader: inout JSONReader, _ stack: ObjectWords) -> Bool? {
        guard worked(16) else { return nil }
        switch reader.byte {
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            guard ListObject.count(stack) < 2 * Machine.jsonDepthLimit else {
                reader.fail("More than \(Machine.jsonDepthLimit) levels")
                return nil
            }
            let isMap = reader.byte == UInt8(ascii: "{")
            reader.position += 1
            guard keep(isMap ? makeMap() : makeList(capacity: 0)), push(temporaries[Machine.valuePlace], to: stack),
                // The place of a map's key.
                push(Value.nilBits, to: stack)
            else { return nil }
            return true
        case UInt8(ascii: "\""):
            return readJSONString(&reader) ? false : nil
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            guard let number = reader.number() else { return nil }
            return keep(Value(number: number)) ? false : nil
        default:
            for (word, value) in [("null", Value.nil), ("true", Value(true)), ("false", Value(false))] where reader.take(word) {
                return keep(value) ? false : nil
            }
            reader.fail(reader.isAtEnd ? "Expect a value before the end" : "Expect a value")
            return nil
        }
    }

    /// After an opening bracket: true when an element's value begins, false when the collection is over.
    private func firstInJSON(_ reader: inout JSONReader, _ stack: ObjectWords) -> Bool? {
        reader.skipSpace()
        let top = ListObject.elements(stack) + (ListObject.count(stack) - 2)
        let isMap = Value(bits: top[0]).kind == .map
        if reader.byte == UInt8(ascii: isMap ? "}" : "]") { return endJSON(&reader, stack) }
        return isMap ? readJSONKey(&reader, stack) : true
    }

    /// After a value in a collection: stores it, and then as `firstInJSON`.
    private func nextInJSON(_ reader: inout JSONReader, _ stack: ObjectWords) -> Bool? {
        let top = ListObject.elements(stack) + (ListObject.count(stack) - 2)
        let collection = Value(bits: top[0])
        let value = Value(bits: temporaries[Machine.valuePlace])
        let isMap = collection.kind == .map
        guard isMap ? setMapValue(collection.words, Value(bits: top[1]), value) : push(value.bits, to: collection.words) else {
            return nil
        }
        reader.skipSpace()
        if reader.byte == UInt8(ascii: ",") {
            reader.position += 1
            reader.skipSpace()
            return isMap ? readJSONKey(&reader, stack) : true
        }
        if reader.byte == UInt8(ascii: isMap ? "}" : "]") { return endJSON(&reader, stack) }
        reader.fail(isMap ? "Expect ',' or '}'" : "Expect ',' or ']'")
        return nil
    }

    private func endJSON(_ reader: inout JSONReader, _ stack: ObjectWords) -> Bool {
        reader.position += 1
        let count = ListObject.count(stack) - 2
        temporaries[Machine.valuePlace] = ListObject.elements(stack)[count]
        mutator.bulkFill(Value.nilBits, to: ListObject.elements(stack) + count, count: 2)
        ListObject.setCount(count, stack)
        return false
    }

    private func readJSONKey(_ reader: inout JSONReader, _ stack: ObjectWords) -> Bool? {
        guard reader.byte == UInt8(ascii: "\"") else {
            reader.fail("Expect a string as key")
            return nil
        }
        guard readJSONString(&reader) else { return nil }
        reader.skipSpace()
        guard reader.byte == UInt8(ascii: ":") else {
            reader.fail("Expect ':' after a key")
            return nil
        }
        reader.position += 1
        mutator.store(temporaries[Machine.valuePlace], to: ListObject.elements(stack) + (ListObject.count(stack) - 1))
        return true
    }

    private func readJSONString(_ reader: inout JSONReader) -> Bool {
        let start = reader.position
        var byteCount = 0
        guard reader.string({ byteCount += $0.count }) else { return false }
        let end = reader.position
        guard worked(end - start) else { return false }
        var again = reader
        again.position = start
        return keep(makeString(byteCount: byteCount) { put in _ = again.string(put) })
    }
}

/// Reads the tokens of a JSON text.
struct JSONReader {
    let text: UnsafeRawBufferPointer
    var position = 0
    private(set) var error: String?

    init(text: UnsafeRawBufferPointer) { self.text = text }

    var isAtEnd: Bool { position >= text.count }
    /// 0 at the end.
    var byte: UInt8 { position < text.count ? text[position] : 0 }

    mutating func fail(_ message: String) { error = message }

    /// Line and column of the position, from 1; columns count scalars.
    var place: (line: Int, column: Int) {
        var (line, column) = (1, 1)
        for byte in text[..<min(position, text.count)] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return (line, column)
    }

    mutating func skipSpace() {
        while byte == 32 || byte == 10 || byte == 13 || byte == 9 { position += 1 }
    }

    mutating func take(_ word: String) -> Bool {
        guard text[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    mutating func number() -> Double? {
        let start = position
        if byte == UInt8(ascii: "-") { position += 1 }
        let length = NumberReading.decimalLength(text, from: position)
        let hasLeadingZero = byte == UInt8(ascii: "0") && length > 1 && text[position + 1] &- UInt8(ascii: "0") < 10
        guard length > 0, !hasLeadingZero else {
            fail(hasLeadingZero ? "A number can't begin with 0" : "Expect digits")
            return nil
        }
        position += length
        return Double(String(decoding: text[start..<position], as: UTF8.self))
    }

    /// Reads a string, and emits what it stands for in pieces. False: the error is set.
    mutating func string(_ emit: (UnsafeRawBufferPointer) -> Void) -> Bool {
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
                if start < position { emit(UnsafeRawBufferPointer(rebasing: text[start..<position])) }
                position += 1
                if text[position - 1] == UInt8(ascii: "\"") { return true }
                guard escape(emit) else { return false }
                start = position
            } else {
                position += 1
            }
        }
    }

    private mutating func escape(_ emit: (UnsafeRawBufferPointer) -> Void) -> Bool {
        let simple: [UInt8: UInt8] = [
            UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9, UInt8(ascii: "b"): 8,
            UInt8(ascii: "f"): 12, UInt8(ascii: "/"): 47, UInt8(ascii: "\\"): 92, UInt8(ascii: "\""): 34,
        ]
        if let meant = simple[byte] {
            position += 1
            withUnsafeBytes(of: meant, emit)
            return true
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
        character.withUTF8 { emit(UnsafeRawBufferPointer($0)) }
        return true
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
