/// The methods of strings. They count and index in Unicode scalars; texts are searched as bytes, which comes to the same.
extension Machine {
    func runString(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        let receiver = Value(bits: window[0])
        let string = receiver.words
        // Read where there is one: the stack may end with the receiver.
        var argument: Value { Value(bits: window[1]) }
        switch builtin {
        case .sliceString:
            return slice(receiver, from: argument, to: optional(2, window, argumentCount))
        case .find:
            return find(argument.words, in: string, from: optional(2, window, argumentCount))
        case .containsText:
            return offset(of: StringObject.bytes(argument.words), in: StringObject.bytes(string), from: 0).map { Value($0 >= 0) }
        case .startsWith:
            let (text, start) = (StringObject.bytes(string), StringObject.bytes(argument.words))
            guard text.count >= start.count else { return Value(false) }
            return bytesAreEqual(UnsafeRawBufferPointer(rebasing: text.prefix(start.count)), start).map { Value($0) }
        case .endsWith:
            let (text, end) = (StringObject.bytes(string), StringObject.bytes(argument.words))
            guard text.count >= end.count else { return Value(false) }
            return bytesAreEqual(UnsafeRawBufferPointer(rebasing: text.suffix(end.count)), end).map { Value($0) }
        case .split:
            return split(string, by: argument.words)
        case .trim:
            return trim(receiver)
        case .upper:
            return convert(receiver, isUpper: true)
        case .lower:
            return convert(receiver, isUpper: false)
        case .replace:
            return replace(argument.words, with: Value(bits: window[2]).words, in: receiver)
        case .repeat:
            return repeated(receiver, argument.number)
        case .codePoints:
            return codePoints(string)
        case .bytes:
            return bytes(string)
        default:
            fatalError("not a method of strings")
        }
    }

    private func slice(_ receiver: Value, from start: Value, to end: Value) -> Value? {
        let string = receiver.words
        guard let count = scalarCount(string), let indexes = checkedIndexes(start, end, count: count, "String", "character")
        else { return nil }
        return indexes.count == count ? receiver : makeSlice(ofString: string, indexes)
    }

    private func find(_ text: ObjectWords, in string: ObjectWords, from start: Value) -> Value? {
        var first = 0
        if !start.isNil {
            guard let count = scalarCount(string),
                let index = checkedIndex(start, count: count, includingEnd: true, "String", "character"),
                let offset = scalarOffset(string, index)
            else { return nil }
            first = offset
        }
        guard let offset = offset(of: StringObject.bytes(text), in: StringObject.bytes(string), from: first) else { return nil }
        if offset < 0 { return .nil }
        if StringObject.isASCII(string) { return Value(unchecked: Double(offset)) }
        return scalarCount(UnsafeRawBufferPointer(rebasing: StringObject.bytes(string)[..<offset])).map {
            Value(unchecked: Double($0))
        }
    }

    private func repeated(_ receiver: Value, _ number: Double) -> Value? {
        guard number >= 0 else {
            return failed("string.repeat expects a whole number from 0 as 'count', not \(NumberFormatting.text(number)).")
        }
        let count = StringObject.byteCount(receiver.words)
        if count == 0 || number == 1 { return receiver }
        guard number * Double(count) <= Double(StringObject.maximumByteCount) else {
            failure = .outOfMemory
            return nil
        }
        return number == 0 ? makeString("") : makeRepeated(receiver.words, times: Int(number))
    }

    private func codePoints(_ string: ObjectWords) -> Value? {
        guard let count = scalarCount(string), let list = makeList(capacity: count) else { return nil }
        temporaries[1] = list.bits
        defer { temporaries[1] = 0 }
        var offset = 0
        while offset < StringObject.byteCount(string) {
            let scalar = scalar(in: StringObject.bytes(string), at: offset)
            offset += UTF8.width(scalar)
            guard push(Value(unchecked: Double(scalar.value)).bits, to: list.words), worked(8) else { return nil }
        }
        return list
    }

    private func bytes(_ string: ObjectWords) -> Value? {
        guard let list = makeList(capacity: StringObject.byteCount(string)) else { return nil }
        temporaries[1] = list.bits
        defer { temporaries[1] = 0 }
        for offset in 0..<StringObject.byteCount(string) {
            let byte = StringObject.bytes(string)[offset]
            guard push(Value(unchecked: Double(byte)).bits, to: list.words), worked(8) else { return nil }
        }
        return list
    }

    /// The scalar whose encoding begins at `offset`; the replacement character where there is none.
    func scalar(in text: UnsafeRawBufferPointer, at offset: Int) -> Unicode.Scalar {
        let first = text[offset]
        if first < 0x80 { return Unicode.Scalar(first) }
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard first >= 0xC0, offset + length <= text.count else { return "\u{FFFD}" }
        var value = UInt32(first) & (0x7F >> UInt32(length))
        for index in 1..<length { value = value << 6 | UInt32(text[offset + index] & 0x3F) }
        return Unicode.Scalar(value) ?? "\u{FFFD}"
    }
}

extension UTF8 {
    /// The count of bytes that encode a scalar.
    static func width(_ scalar: Unicode.Scalar) -> Int {
        scalar.value < 0x80 ? 1 : scalar.value < 0x800 ? 2 : scalar.value < 0x10000 ? 3 : 4
    }
}
