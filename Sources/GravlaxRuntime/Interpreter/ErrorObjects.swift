import GravlaxCompiler

/// The built-in class `Error` and its instances. Fields that scripts see are `message`, `line` and `trace`; three more have
/// names that no script can write:
///
///     origin   a string of the bytes of the `CallTrace`, once the error has been thrown
///     note     for errors of the language itself: the note on them, or false
///     failure  once it has been caught as what a function of the host let pass: the number of that (`KeptFailures`)
struct ErrorSymbols {
    let message, line, trace, origin, note, failure: Int32

    init(_ symbols: inout SymbolTable) {
        message = symbols.intern("message")
        line = symbols.intern("line")
        trace = symbols.intern("trace")
        origin = symbols.intern(BuiltinTable.hiddenPrefix + "origin")
        note = symbols.intern(BuiltinTable.hiddenPrefix + "note")
        failure = symbols.intern(BuiltinTable.hiddenPrefix + "failure")
    }
}

extension Machine {
    /// `init(message = nil)`, which makes the other two fields nil.
    private static let errorProgram: Program = {
        let code = [
            Instruction(.jgiven, a: 1, jump: 1), Instruction(.loadnil, a: 1, b: 1),
            Instruction(.setfield, a: 0, b: 1, c: 0), Instruction(.loadnil, a: 1, b: 1),
            Instruction(.setfield, a: 0, b: 1, c: 1), Instruction(.setfield, a: 0, b: 1, c: 2),
            Instruction(.return, a: 0),
        ]
        func function(
            _ kind: FunctionPrototype.Kind, arity: Int, _ code: [Instruction], symbols: [Int32]
        ) -> FunctionPrototype {
            FunctionPrototype(
                name: kind == .script ? nil : "init", kind: kind, arity: arity, requiredCount: 0, registerCount: arity + 1,
                code: code.map(\.word), live: code.map { _ in UInt16(arity + 1) }, siteSymbols: symbols,
                lines: code.map { _ in 1 }, spans: code.map { _ in CodeSpan(start: 0, end: 0) })
        }
        return Program(
            functions: [
                function(.script, arity: 0, [Instruction(.returnnil)], symbols: []),
                function(.initializer, arity: 1, code, symbols: [0, 1, 2]),
            ],
            classes: [], symbols: ["message", "line", "trace"], globalNames: [], sourceName: Prelude.sourceName)
    }()

    /// Makes the class, and the reserve. False: out of memory.
    func makeErrorClass() -> Bool {
        let instance = programs.add(Machine.errorProgram, symbolTable: &symbols)
        errorPrelude = instance
        var hints = SymbolIndex()
        for symbol in [errorSymbols.message, errorSymbols.line, errorSymbols.trace, errorSymbols.origin, errorSymbols.note] {
            _ = hints.insert(symbol)
        }
        guard let made = makeClass("Error", hints: hints) else { return false }
        errorClass = made.bits
        guard let initializer = makeClosure(instance.functions + 1) else { return false }
        temporaries[0] = initializer.bits
        defer { temporaries[0] = 0 }
        guard addMethod(initializer, initializerSymbol, to: made.words), let reserved = makeErrorInstance("Out of memory.")
        else { return false }
        reserve = reserved.bits
        return true
    }

    // MARK: Instances

    /// The words of an instance of `Error` or of a class that inherits from it.
    func errorInstance(_ value: Value) -> ObjectWords? {
        guard let instance = value.object(.instance) else { return nil }
        var current = Value(object: InstanceObject.classWords(instance))
        while current.isObject {
            if current.bits == errorClass { return instance }
            current = Value(bits: current.words[ClassObject.superclass])
        }
        return nil
    }

    /// The `Error` for the failure that is set, which is no `throw`.
    func makeErrorObject(_ trace: CallTrace) -> Value {
        let message: String
        switch failure {
        case .message(let text): message = text
        case .stackOverflow: message = "Stack overflow."
        case .host(let failure): message = failure.message
        default: message = "Out of memory."
        }
        let note = noteOnFailure(message)
        if let made = makeErrorInstance(message) {
            temporaries[2] = made.bits
            defer { temporaries[2] = 0 }
            if describe(made.words, trace, note: note) { return made }
        }
        // Not even memory for that. The reserve has no trace; another takes its place as soon as there is memory.
        let reserved = Value(bits: reserve)
        if let fresh = makeErrorInstance("Out of memory.") { reserve = fresh.bits }
        return reserved
    }

    /// An error of the language itself, without a place.
    private func makeErrorInstance(_ message: String) -> Value? {
        let record = ClassObject.record(Value(bits: errorClass).words)
        guard let words = allocate(record.pointee.instanceLayout) else { return nil }
        words[0] = ObjectKind.instance.header(upper: record.pointee.root.pointee.id)
        mutator.store(errorClass, to: words + 1)
        let instance = Value(object: words)
        temporaries[2] = instance.bits
        defer { temporaries[2] = 0 }
        guard let text = makeString(message) else { return nil }
        temporaries[3] = text.bits
        defer { temporaries[3] = 0 }
        guard assign(errorSymbols.message, text, to: words), assign(errorSymbols.line, .nil, to: words),
            assign(errorSymbols.trace, .nil, to: words), assign(errorSymbols.origin, .nil, to: words),
            assign(errorSymbols.note, Value(false), to: words)
        else { return nil }
        return instance
    }

    /// Notes where an error was thrown. It is in a root. False: out of memory.
    func describe(_ instance: ObjectWords, _ trace: CallTrace, note: String? = nil) -> Bool {
        let error = makeError("", note: nil, trace)
        // Functions of the host have no lines.
        if let first = error.trace.first(where: { $0.line > 0 }) {
            guard assign(errorSymbols.line, Value(unchecked: Double(first.line)), to: instance) else { return false }
        }
        guard let list = makeList(capacity: error.traceLines.count) else { return false }
        temporaries[4] = list.bits
        defer { temporaries[4] = 0 }
        for line in error.traceLines {
            guard let text = makeString(line), push(text.bits, to: list.words) else { return false }
        }
        guard assign(errorSymbols.trace, list, to: instance) else { return false }
        if let note {
            guard let text = makeString(note) else { return false }
            temporaries[4] = text.bits
            guard assign(errorSymbols.note, text, to: instance) else { return false }
        }
        guard let origin = trace.packed.withUnsafeBytes({ makeString($0) }) else { return false }
        temporaries[4] = origin.bits
        return assign(errorSymbols.origin, origin, to: instance)
    }

    // MARK: Uncaught

    /// The error of a program that has thrown and not caught: one of the language itself as if it had never been caught.
    func uncaughtError() -> RuntimeError {
        let value = Value(bits: thrown)
        guard let instance = errorInstance(value) else {
            return makeError("Uncaught: " + shortText(of: value), note: nil, lastThrown.trace)
        }
        var trace = CallTrace()
        if let origin = property(errorSymbols.origin, of: instance) {
            trace = CallTrace(packed: StringObject.bytes(origin.words))
        }
        let message = property(errorSymbols.message, of: instance)
        let text = message.map { shortText(of: $0) }
        if let note = property(errorSymbols.note, of: instance), let text {
            // An error of the language itself has its kind again.
            let kind = [RuntimeError.Kind.outOfMemory, .stackOverflow].first { $0.text == text } ?? .error
            return makeError(text, note: StringObject.isString(note) ? StringObject.text(note.words) : nil, trace, kind: kind)
        }
        let name = ClassObject.nameText(InstanceObject.classWords(instance))
        return makeError("Uncaught \(name)" + (text.map { ": " + $0 } ?? ""), note: nil, trace)
    }

    /// The text of a value, for a message: cut off where it is very long.
    func shortText(of value: Value) -> String {
        let limit = 1_000
        var bytes: [UInt8] = []
        write(value, while: { bytes.count < limit }) { bytes.append(contentsOf: $0.prefix(limit)) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
