/// The text of values. Lists and maps are walked with a stack of their own, so that deep nesting needs no native stack;
/// one that is inside itself prints as `[...]` or `{...}` there, and so does one that is too deep.
extension Machine {
    /// Emits the text of `value` in pieces, and stops between two elements once `goesOn` says no.
    func write(_ value: Value, while goesOn: () -> Bool = { true }, _ emit: (UnsafeRawBufferPointer) -> Void) {
        switch value.kind {
        case .list, .map: writeCollection(value, while: goesOn, emit)
        default: writeScalar(value, quotesStrings: false, emit)
        }
    }

    /// The text that `print` shows, as a string.
    func makeText(of value: Value) -> Value? {
        if value.isNumber {
            return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
                let count = NumberFormatting.write(value.number, into: buffer)
                return makeString(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
            }
        }
        // Measured first: lists that share elements have texts far longer than themselves, more than any memory.
        let limit = longestText
        var count = 0
        write(value, while: { count <= limit && worked(16) }) { count += $0.count }
        if failure != nil { return nil }
        guard count <= limit else {
            failure = .outOfMemory
            return nil
        }
        return makeString(byteCount: count) { put in
            var goesOn = true
            write(value, while: { goesOn && worked(16) }) { goesOn = goesOn && put($0) }
            return goesOn && failure == nil
        }
    }

    /// No text with more bytes can be made.
    var longestText: Int {
        min(heap.configuration.budget.map { Int(clamping: $0) } ?? .max, StringObject.maximumByteCount)
    }

    /// How many collections are shown inside one another: what is open lies outside of the heap.
    private static var printingDepth: Int { 100_000 }

    /// A collection that is being written, and the position to go on from.
    private struct OpenCollection {
        let words: ObjectWords
        let isMap: Bool
        var position = 0
        var isFirst = true
        var value: Value?
    }

    private func writeCollection(
        _ value: Value, while goesOn: () -> Bool, _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        func put(_ text: StaticString) {
            emit(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        var open: [OpenCollection] = []
        var inside: Set<ObjectWords> = []
        func begin(_ value: Value) {
            let isMap = value.kind == .map
            guard open.count < Machine.printingDepth, inside.insert(value.words).inserted else { return put(isMap ? "{...}" : "[...]") }
            put(isMap ? "{" : "[")
            open.append(OpenCollection(words: value.words, isMap: isMap))
        }
        begin(value)
        while goesOn(), var current = open.popLast() {
            let next: Value?
            if let value = current.value {
                put(": ")
                current.value = nil
                next = value
            } else {
                next = advance(&current)
                if next != nil {
                    if !current.isFirst { put(", ") }
                    current.isFirst = false
                }
            }
            guard let element = next else {
                put(current.isMap ? "}" : "]")
                inside.remove(current.words)
                continue
            }
            open.append(current)
            switch element.kind {
            case .list, .map: begin(element)
            default: writeScalar(element, quotesStrings: true, emit)
            }
        }
    }

    /// The next element or key; a key's value waits in the collection.
    private func advance(_ collection: inout OpenCollection) -> Value? {
        if collection.isMap {
            while collection.position < MapObject.used(collection.words) {
                let entry = MapObject.entries(collection.words) + 2 * collection.position
                collection.position += 1
                if entry[0] != Value.undefinedBits {
                    collection.value = Value(bits: entry[1])
                    return Value(bits: entry[0])
                }
            }
            return nil
        }
        guard collection.position < ListObject.count(collection.words) else { return nil }
        collection.position += 1
        return Value(bits: ListObject.elements(collection.words)[collection.position - 1])
    }

    private func writeScalar(_ value: Value, quotesStrings: Bool, _ emit: (UnsafeRawBufferPointer) -> Void) {
        func put(_ text: StaticString) {
            emit(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        func putName(of words: ObjectWords) {
            let name = Value(bits: ClassObject.record(words).pointee.classWords[ClassObject.name])
            emit(StringObject.bytes(name.words))
        }
        if value.isNumber { return NumberFormatting.format(value.number, emit) }
        guard let kind = value.kind else {
            switch value.bits {
            case Value.trueBits: return put("true")
            case Value.falseBits: return put("false")
            default: return put("nil")
            }
        }
        switch kind {
        case .longString, .shortString:
            quotesStrings ? writeQuoted(StringObject.bytes(value.words), emit) : emit(StringObject.bytes(value.words))
        case .closure: writeFunction(value.words, emit)
        case .boundMethod: writeScalar(Value(bits: value.words[BoundMethodObject.method]), quotesStrings: false, emit)
        case .native: put("<native fn>")
        case .classObject: putName(of: value.words)
        case .instance:
            if let ownTexts, let text = mapValue(ownTexts, value) { return emit(StringObject.bytes(text.words)) }
            putName(of: InstanceObject.classWords(value.words))
            guard errorInstance(value) != nil else { return put(" instance") }
            writeMessage(of: value.words, emit)
        case .module:
            put("<module ")
            var path = path(ofModule: value.words)
            path.withUTF8 { emit(UnsafeRawBufferPointer($0)) }
            put(">")
        case .range: RangeObject.write(value.words, emit)
        case .weakReference: put("<weak reference>")
        case .weakMap: put("<weak map>")
        case .list, .map, .cell, .buffer, .accessor: put("nil")
        }
    }

    /// What follows the name of an error's class: its message, when it has one. One that is a list, a map or an error is
    /// not gone into.
    private func writeMessage(of error: ObjectWords, _ emit: (UnsafeRawBufferPointer) -> Void) {
        func put(_ text: StaticString) {
            emit(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        guard let message = property(errorSymbols.message, of: error) else { return }
        put(": ")
        switch message.kind {
        case .list: put("[...]")
        case .map: put("{...}")
        case .instance:
            emit(StringObject.bytes(Value(bits: InstanceObject.classWords(message.words)[ClassObject.name]).words))
            put(" instance")
        default: writeScalar(message, quotesStrings: false, emit)
        }
    }

    private func writeFunction(_ closure: ObjectWords, _ emit: (UnsafeRawBufferPointer) -> Void) {
        let record = ClosureObject.prototype(closure)
        let function = programs[record.pointee.programNumber].program.functions[record.pointee.functionNumber]
        var text = function.kind == .script ? "<script>" : function.name.map { "<fn \($0)>" } ?? "<fn>"
        text.withUTF8 { emit(UnsafeRawBufferPointer($0)) }
    }

    /// A string inside a collection: in quotes, with the escapes that read back.
    private func writeQuoted(_ text: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) -> Void) {
        func put(_ text: StaticString) {
            emit(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        put("\"")
        var start = 0
        for index in text.indices {
            let escape: StaticString
            switch text[index] {
            case UInt8(ascii: "\""): escape = "\\\""
            case UInt8(ascii: "\\"): escape = "\\\\"
            case UInt8(ascii: "\n"): escape = "\\n"
            case UInt8(ascii: "\r"): escape = "\\r"
            case UInt8(ascii: "\t"): escape = "\\t"
            case 0: escape = "\\0"
            default: continue
            }
            emit(UnsafeRawBufferPointer(rebasing: text[start..<index]))
            put(escape)
            start = index + 1
        }
        emit(UnsafeRawBufferPointer(rebasing: text[start...]))
        put("\"")
    }
}
