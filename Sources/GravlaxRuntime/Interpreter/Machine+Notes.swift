import GravlaxCompiler

/// What may help a person with a runtime error. Found when the error leaves the interpreter, from the instruction that
/// failed: it has written nothing yet, so its operands are what they were.
extension Machine {
    /// A note on `message`, which is the error of the instruction before the frame's `pc`; `nil` when there is nothing to add.
    func note(on message: String, at frame: FramePointer) -> String? {
        guard let prototype = frame.pointee.prototype, let pc = frame.pointee.pc, pc > prototype.pointee.code else {
            return nil
        }
        if message.hasSuffix(Machine.notAwaited + ".") {
            return "the host awaits it by `try await …` in an async function; at the top level of main.swift, "
                + "Swift takes the function that does not wait"
        }
        let instruction = Instruction(word: pc[-1])
        let base = frame.pointee.base
        let first = Value(bits: base[instruction.a])
        switch instruction.opcode {
        case .getglobal, .setglobal:
            return nil
        case .getfield:
            return noteOnProperty(message, of: Value(bits: base[instruction.b]), prototype.pointee.siteSymbols[instruction.c])
        case .setfield:
            if let note = noteOnStatic(first, prototype.pointee.siteSymbols[instruction.c]) { return note }
            return "the value before the dot is \(kindName(first))"
        case .invoke:
            return noteOnProperty(message, of: first, prototype.pointee.siteSymbols[instruction.c])
        case .call:
            if message.hasPrefix("Expected") { return noteOnArity(of: first) }
            return message.hasPrefix("Can only") ? "what is called here is \(kindName(first))" : nil
        case .neg:
            return "it is \(kindName(Value(bits: base[instruction.b])))"
        case .getindex:
            let container = Value(bits: base[instruction.b])
            return noteOnIndex(message, of: container, by: Value(bits: base[instruction.c]))
        case .setindex:
            return noteOnIndex(message, of: first, by: Value(bits: base[instruction.b]))
        case .iterprep:
            if message.hasPrefix("Only") { return "this is \(kindName(first))" }
            return message.hasPrefix("Instances") ? "a class needs iterate(), which returns a function, for that" : nil
        case .contains, .isa:
            let culprit = message.hasPrefix("Left") ? instruction.b : instruction.c
            return "it is \(kindName(Value(bits: base[culprit])))"
        case .range, .rangeclosed, .rangecheck:
            return message.hasSuffix("numbers.") ? noteOnOperands(of: instruction, base) : nil
        case .inherit:
            return "it is \(kindName(Value(bits: base[instruction.b])))"
        default:
            return message.hasPrefix("Operands") ? noteOnOperands(of: instruction, base) : nil
        }
    }

    private func noteOnOperands(of instruction: Instruction, _ base: UnsafeMutablePointer<UInt64>) -> String? {
        let row = instruction.opcode.description
        var kinds: [String] = []
        for (operand, index) in [(row.a, instruction.a), (row.b, instruction.b), (row.c, instruction.c)] {
            switch operand {
            case .read, .update: kinds.append(kindName(Value(bits: base[index])))
            case .number: kinds.append("a number")
            default: break
            }
        }
        guard kinds.count == 2 else { return nil }
        let note = kinds[0] == kinds[1] ? "both are \(kinds[0])" : "they are \(kinds[0]) and \(kinds[1])"
        let joins = instruction.opcode == .add || instruction.opcode == .addk
        return joins && kinds.contains("a string") ? note + "; str(…) makes a string of any value" : note
    }

    private func noteOnProperty(_ message: String, of receiver: Value, _ symbol: Int32) -> String? {
        let name = symbols.name(symbol)
        if let own = Machine.foreignNames[name], propertyNames(of: receiver).contains(own), !message.hasPrefix("Expected") {
            return "it is called `\(own)` here"
        }
        if message.hasPrefix("Only instances"), receiver.kind == .classObject,
            let closest = Spelling.closest(to: name, among: propertyNames(of: receiver))
        {
            return "did you mean `\(closest)`?"
        }
        if message.hasPrefix("Only instances") { return "the value before the dot is \(kindName(receiver))" }
        if message.hasPrefix("Undefined") || message.hasPrefix("Module") {
            return Spelling.closest(to: name, among: propertyNames(of: receiver)).map { "did you mean `\($0)`?" }
        }
        if let words = receiver.object(.classObject), let (member, _) = staticMember(symbol, of: words) {
            return message.hasPrefix("Expected") ? noteOnArity(of: member) : "`\(name)` is \(kindName(member))"
        }
        guard let instance = receiver.object(.instance) else { return nil }
        let cache = find(symbol, in: instance)
        let isField = cache.word != 0 && (cache.form == InlineCache.inlineField || cache.form == InlineCache.outsideField)
        let callee = isField ? field(cache, of: instance)
            : ClassObject.method(symbol, of: InstanceObject.classWords(instance)) ?? .nil
        if callee.isObject, !isField, !Machine.isMethod(callee) { return "`\(name)` is a getter" }
        return message.hasPrefix("Expected") ? noteOnArity(of: callee) : "`\(name)` is \(kindName(callee))"
    }

    /// Why a class's field cannot be assigned to; `nil` when the value before the dot is no class.
    private func noteOnStatic(_ receiver: Value, _ symbol: Int32) -> String? {
        guard let words = receiver.object(.classObject) else { return nil }
        let name = symbols.name(symbol)
        if let (_, owner) = staticMember(symbol, of: words) {
            return owner == words
                ? "`\(name)` is a static method" : "`\(name)` belongs to the superclass: `\(ClassObject.nameText(owner)).\(name) = …`"
        }
        return Spelling.closest(to: name, among: propertyNames(of: receiver)).map { "did you mean `\($0)`?" }
            ?? "the class \(ClassObject.nameText(words)) declares no `static \(name) = …;`"
    }

    /// What other languages call the properties of lists, maps and strings.
    private static let foreignNames = [
        "length": "count", "size": "count", "len": "count", "add": "push", "append": "push", "push_back": "push",
        "contains": "has", "containsKey": "has", "delete": "remove", "removeKey": "remove",
    ]

    /// Names that the value could be asked for.
    private func propertyNames(of value: Value) -> [String] {
        switch value.kind {
        case .instance:
            var names: [String] = []
            let shape = shapes.shape(InstanceObject.shapeID(value.words))
            var current = shape
            while !current.pointee.isDictionary, let parent = current.pointee.parent {
                names.append(symbols.name(current.pointee.symbol))
                current = parent
            }
            shape.pointee.owner.pointee.methods.forEach { symbol, _ in names.append(symbols.name(symbol)) }
            return names.filter { !Machine.isHidden($0) }
        case .classObject:
            var names: [String] = []
            var current = value
            while let words = current.object(.classObject) {
                ClassObject.record(words).pointee.statics.forEach { symbol, _ in names.append(symbols.name(symbol)) }
                current = Value(bits: words[ClassObject.superclass])
            }
            return names
        case .module:
            if let number = fileNumber(value.words) { return memberNames(ofFile: number) }
            return BuiltinTable.names(of: owner(of: value))
        case .list, .map, .weakMap, .longString, .shortString:
            return ["count"] + BuiltinTable.names(of: owner(of: value))
        case .weakReference:
            return BuiltinTable.names(of: .weakReference)
        case .range:
            return ["start", "end", "count"]
        default:
            return []
        }
    }

    private func noteOnArity(of callee: Value) -> String? {
        switch callee.kind {
        case .closure:
            let record = ClosureObject.prototype(callee.words)
            let program = programs[record.pointee.programNumber].program
            let function = program.functions[record.pointee.functionNumber]
            guard let name = function.name else { return nil }
            return "\(name)() is declared in line \(function.declarationLine) of \(program.sourceName)"
        case .boundMethod:
            return noteOnArity(of: Value(bits: callee.words[BoundMethodObject.method]))
        case .classObject:
            return noteOnArity(of: Value(bits: callee.words[ClassObject.initializer]))
        case .instance:
            // A call of a class has put the new instance in the class's place.
            let initializer = Value(bits: InstanceObject.classWords(callee.words)[ClassObject.initializer])
            return initializer.isObject ? noteOnArity(of: initializer) : "the class has no init()"
        default:
            return nil
        }
    }

    private func noteOnIndex(_ message: String, of container: Value, by key: Value) -> String? {
        if message.hasPrefix("Only") { return "this is \(kindName(container))" }
        return message.hasSuffix("must be a number.") ? "it is \(kindName(key))" : nil
    }

    /// What a value is, with its article.
    func kindName(_ value: Value) -> String {
        if value.isNumber { return "a number" }
        guard let kind = value.kind else { return value.isNil ? "nil" : "a boolean" }
        switch kind {
        case .longString, .shortString: return "a string"
        case .closure, .native: return "a function"
        case .boundMethod: return "a method"
        case .classObject: return "the class \(ClassObject.nameText(value.words))"
        case .instance: return "an instance of \(ClassObject.nameText(InstanceObject.classWords(value.words)))"
        case .list: return "a list"
        case .map: return "a map"
        case .module: return "a module"
        case .weakReference: return "a weak reference"
        case .weakMap: return "a weak map"
        case .range: return "a range"
        case .cell, .buffer, .accessor: return "a value"
        }
    }
}
