import GravlaxCompiler

/// The module `std/json`. Neither direction recurses: both keep a stack of what is open.
extension Machine {
    func runJSON(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        switch builtin {
        case .parse:
            return parseJSON(Value(bits: window[1]))
        case .stringify:
            let indent = optional(2, window, argumentCount)
            guard indent.isNil || indent.number >= 0 && indent.number <= 16 else {
                return failed("json.stringify expects a whole number from 0 to 16 as 'indent', not \(NumberFormatting.text(indent.number)).")
            }
            return makeJSON(of: Value(bits: window[1]), indent: indent.isNil ? nil : Int(indent.number))
        default:
            fatalError("not a member of std/json")
        }
    }

    static var jsonDepthLimit: Int { 10_000 }

    // MARK: Writing

    private struct OpenJSON {
        let words: ObjectWords
        let isMap: Bool
        var position = 0
        var isEmpty = true
    }

    private func makeJSON(of value: Value, indent: Int?) -> Value? {
        var byteCount = 0
        // Measured first: lists that share elements have texts far longer than themselves.
        let error = writeJSON(value, indent: indent) { piece in
            byteCount += piece.count
            return byteCount <= longestText && worked(piece.count)
        }
        if failure != nil { return nil }
        if let error { return failed(error) }
        guard byteCount <= longestText else {
            failure = .outOfMemory
            return nil
        }
        return makeString(byteCount: byteCount) { put in
            writeJSON(value, indent: indent, put) == nil && failure == nil
        }
    }

    /// Emits the text in pieces until `emit` says no. Gives the error, if there is one.
    private func writeJSON(_ value: Value, indent: Int?, _ emit: (UnsafeRawBufferPointer) -> Bool) -> String? {
        var open: [OpenJSON] = []
        var inside: Set<ObjectWords> = []
        var goesOn = true
        func put(_ text: StaticString) {
            goesOn = goesOn && emit(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        func breakLine() {
            guard let indent else { return }
            put("\n")
            for _ in 0..<indent * open.count { put(" ") }
        }
        /// Opens a collection, or writes anything else.
        func begin(_ value: Value) -> String? {
            switch value.kind {
            case .list, .map:
                guard inside.insert(value.words).inserted else { return "json.stringify can't write what contains itself." }
                guard open.count < Machine.jsonDepthLimit else {
                    return "json.stringify can't write more than \(Machine.jsonDepthLimit) levels."
                }
                let isMap = value.kind == .map
                put(isMap ? "{" : "[")
                open.append(OpenJSON(words: value.words, isMap: isMap))
            case .longString, .shortString:
                goesOn = goesOn && writeJSONString(StringObject.bytes(value.words), emit)
            case nil where value.isNumber:
                guard value.number.isFinite else { return "json.stringify can't write \(NumberFormatting.text(value.number))." }
                NumberFormatting.format(value.number) { goesOn = goesOn && emit($0) }
            case nil:
                put(value.isNil ? "null" : value.isTruthy ? "true" : "false")
            default:
                return "json.stringify can't write \(kindName(value))."
            }
            return nil
        }
        if let error = begin(value) { return error }
        while goesOn, var current = open.popLast() {
            guard let (key, element) = nextJSON(&current) else {
                if !current.isEmpty { breakLine() }
                put(current.isMap ? "}" : "]")
                inside.remove(current.words)
                continue
            }
            if !current.isEmpty { put(",") }
            current.isEmpty = false
            open.append(current)
            breakLine()
            if let key {
                guard StringObject.isString(key) else {
                    return "json.stringify expects strings as keys of maps, not \(kindName(key))."
                }
                goesOn = goesOn && writeJSONString(StringObject.bytes(key.words), emit)
                put(indent == nil ? ":" : ": ")
            }
            if let error = begin(element) { return error }
        }
        return nil
    }

    private func nextJSON(_ open: inout OpenJSON) -> (key: Value?, element: Value)? {
        if open.isMap {
            while open.position < MapObject.used(open.words) {
                let entry = MapObject.entries(open.words) + 2 * open.position
                open.position += 1
                if entry[0] != Value.undefinedBits { return (Value(bits: entry[0]), Value(bits: entry[1])) }
            }
            return nil
        }
        guard open.position < ListObject.count(open.words) else { return nil }
        open.position += 1
        return (nil, Value(bits: ListObject.elements(open.words)[open.position - 1]))
    }

    /// Emits pieces of 64 KiB at most. False: the last was refused.
    private func writeJSONString(_ text: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        func put(_ text: StaticString) -> Bool {
            emit(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        guard put("\"") else { return false }
        var start = 0
        for index in text.indices {
            let byte = text[index]
            let isPlain = byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            if isPlain, index - start < Machine.bytesBetweenPolls { continue }
            guard emit(UnsafeRawBufferPointer(rebasing: text[start..<index])) else { return false }
            start = index
            if isPlain { continue }
            start = index + 1
            let isWritten: Bool
            switch byte {
            case UInt8(ascii: "\""): isWritten = put("\\\"")
            case UInt8(ascii: "\\"): isWritten = put("\\\\")
            case UInt8(ascii: "\n"): isWritten = put("\\n")
            case UInt8(ascii: "\r"): isWritten = put("\\r")
            case UInt8(ascii: "\t"): isWritten = put("\\t")
            default:
                let digits = Array("0123456789abcdef".utf8)
                let escape = Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                isWritten = escape.withUnsafeBytes(emit)
            }
            guard isWritten else { return false }
        }
        return emit(UnsafeRawBufferPointer(rebasing: text[start...])) && put("\"")
    }
}
