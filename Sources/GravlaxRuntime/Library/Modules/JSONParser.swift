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
        var reader = JSONReader(text: StringObject.bytes(text.words), machine: self)
        while true {
            // A value begins here.
            guard reader.skipSpace() else { return nil }
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
                        guard reader.skipSpace() else { return nil }
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
        guard failure == nil, let error = reader.error, let place = reader.place else { return nil }
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
        guard reader.skipSpace() else { return nil }
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
        guard reader.skipSpace() else { return nil }
        if reader.byte == UInt8(ascii: ",") {
            reader.position += 1
            guard reader.skipSpace() else { return nil }
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
        guard readJSONString(&reader), reader.skipSpace() else { return nil }
        guard reader.byte == UInt8(ascii: ":") else {
            reader.fail("Expect ':' after a key")
            return nil
        }
        reader.position += 1
        mutator.store(temporaries[Machine.valuePlace], to: ListObject.elements(stack) + (ListObject.count(stack) - 1))
        return true
    }

    private func readJSONString(_ reader: inout JSONReader) -> Bool {
        var again = reader
        var byteCount = 0
        let isMeasured = reader.string { piece in
            byteCount += piece.count
            return worked(piece.count)
        }
        return isMeasured && keep(makeString(byteCount: byteCount) { put in again.string(put) })
    }
}

