/// Joining the texts of a list's elements.
extension Machine {
    /// Whether the text of each element can be had without calling scripts; `nil`: failed.
    func hasPlainTexts(_ list: ObjectWords) -> Bool? {
        for index in 0..<ListObject.count(list) {
            switch Value(bits: ListObject.elements(list)[index]).kind {
            case nil, .longString, .shortString: break
            default: return false
            }
            guard worked(8) else { return nil }
        }
        return true
    }

    /// The texts of numbers, strings, booleans and nil, with `separator` between. The list stays as it is meanwhile.
    func join(_ list: ObjectWords, separator: Value) -> Value? {
        let between = separator.isNil ? 0 : StringObject.byteCount(separator.words)
        let count = ListObject.count(list)
        guard count > 0 else { return makeString("") }
        var byteCount = between * (count - 1)
        for index in 0..<count {
            writeSimple(Value(bits: ListObject.elements(list)[index])) { byteCount += $0.count }
            guard worked(8) else { return nil }
        }
        guard byteCount <= StringObject.maximumByteCount else {
            failure = .outOfMemory
            return nil
        }
        return makeString(byteCount: byteCount) { put in
            for index in 0..<count {
                if index > 0, !separator.isNil, !put(StringObject.bytes(separator.words)) { return false }
                var goesOn = true
                writeSimple(Value(bits: ListObject.elements(list)[index])) { goesOn = put($0) }
                guard goesOn, worked(8) else { return false }
            }
            return true
        }
    }

    private func writeSimple(_ value: Value, _ emit: (UnsafeRawBufferPointer) -> Void) {
        if value.isNumber { return NumberFormatting.format(value.number, emit) }
        if value.isObject { return emit(StringObject.bytes(value.words)) }
        let text: StaticString = value.isNil ? "nil" : value.isTruthy ? "true" : "false"
        emit(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
