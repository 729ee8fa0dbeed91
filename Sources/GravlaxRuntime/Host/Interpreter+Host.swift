import GravlaxCompiler
import GravlaxHeap

/// What the embedding API needs of an interpreter: values by handles, globals, calls, limits.
extension Interpreter {
    func outOfMemory() -> RuntimeError { machine.outOfMemory() }

    // MARK: Making values

    package func makeString(_ text: String) throws(RuntimeError) -> HostValue {
        try inside { () throws(RuntimeError) in
            guard let string = machine.makeString(text) else { throw outOfMemory() }
            return machine.hold(string)
        }
    }

    package func makeList(_ elements: [HostValue]) throws(RuntimeError) -> HostValue {
        try inside { () throws(RuntimeError) in
            guard let list = machine.makeList(capacity: elements.count) else { throw outOfMemory() }
            for element in elements where !machine.push(element.bits, to: list.words) { throw outOfMemory() }
            return machine.hold(list)
        }
    }

    package func makeMap(_ entries: [(key: HostValue, value: HostValue)]) throws(RuntimeError) -> HostValue {
        try inside { () throws(RuntimeError) in
            guard let map = machine.makeMap() else { throw outOfMemory() }
            let held = machine.hold(map)
            for (key, value) in entries where !machine.setMapValue(map.words, key.value, value.value) {
                throw outOfMemory()
            }
            return held
        }
    }

    // MARK: Reading values

    /// The text, when the value is a string.
    package func text(_ value: HostValue) -> String? {
        StringObject.isString(value.value) ? inside { StringObject.text(value.value.words) } : nil
    }

    /// What `print` shows, and the error of a `toString()`.
    package func printedText(of value: HostValue) throws(RuntimeError) -> String {
        guard machine.hasOwnTexts else { return description(value) }
        let text = try running(takesPendingError: false) { () throws(RuntimeError) in
            if printer == nil { printer = try hiddenFunction("(fun (x) => \"${x}\")") }
            return try call(printer ?? .nil, [value])
        }
        return self.text(text) ?? description(value)
    }

    /// The same where nothing can be thrown: of an instance whose `toString()` fails, what it would be without. When that was to
    /// end the run that is in progress, the host's function that asks ends with it.
    package func shownText(of value: HostValue) -> String {
        do throws(RuntimeError) {
            return try printedText(of: value)
        } catch {
            inside { if error.kind.isLimit, machine.limits.isRunning { machine.leavePending(error) } }
            return description(value)
        }
    }

    /// What `print` shows, but for instances whose class has a `toString()`: no script runs.
    package func description(_ value: HostValue) -> String {
        inside {
            var text: [UInt8] = []
            machine.write(value.value) { text.append(contentsOf: $0) }
            return String(decoding: text, as: UTF8.self)
        }
    }

    /// The elements, when the value is a list.
    package func elements(_ value: HostValue) -> [HostValue]? {
        guard let words = value.value.object(.list) else { return nil }
        return inside {
            (0..<ListObject.count(words)).map { machine.hold(Value(bits: ListObject.elements(words)[$0])) }
        }
    }

    /// The entries in their order, when the value is a map.
    package func entries(_ value: HostValue) -> [(key: HostValue, value: HostValue)]? {
        guard let words = value.value.object(.map) else { return nil }
        return inside {
            (0..<MapObject.used(words)).compactMap { entry in
                let place = MapObject.entries(words) + 2 * entry
                guard place[0] != Value.undefinedBits else { return nil }
                return (machine.hold(Value(bits: place[0])), machine.hold(Value(bits: place[1])))
            }
        }
    }

    /// The entries of a map whose keys are strings or whole numbers, or the fields of an instance; nil for anything else.
    package func members(_ value: HostValue) -> [HostMember: HostValue]? {
        if let words = value.value.object(.instance) {
            return inside {
                var members: [HostMember: HostValue] = [:]
                machine.forEachField(of: words) { name, field in members[.name(name)] = machine.hold(field) }
                return members
            }
        }
        guard let words = value.value.object(.map) else { return nil }
        return inside {
            var members: [HostMember: HostValue] = [:]
            for entry in 0..<MapObject.used(words) {
                let place = MapObject.entries(words) + 2 * entry
                let key = Value(bits: place[0])
                if StringObject.isString(key) {
                    members[.name(StringObject.text(key.words))] = machine.hold(Value(bits: place[1]))
                } else if key.isNumber, let number = Int(exactly: key.number) {
                    members[.number(number)] = machine.hold(Value(bits: place[1]))
                }
            }
            return members
        }
    }

    /// The kind in words, as errors tell it.
    package func kindName(_ value: HostValue) -> String { inside { machine.kindName(value.value) } }

    /// Handles that exist.
    package var handleCount: Int { inside { machine.handles.count(machine.mutator) } }

    // MARK: Globals

    /// The value of a global; nil when it has none.
    package func global(_ name: String) -> HostValue? {
        guard let slot = machine.globalNames.firstIndex(of: name) else { return nil }
        return inside {
            let bits = machine.state.pointee.globals[slot]
            return bits == Value.undefinedBits ? nil : machine.hold(Value(bits: bits))
        }
    }

    /// - Throws: when a program runs, and too many have been made since it began.
    package func setGlobal(_ name: String, _ value: HostValue) throws(RuntimeError) {
        try Self.check(name: name)
        try inside { () throws(RuntimeError) in
            let known = machine.globalNames.firstIndex(of: name)
            if known == nil {
                guard machine.mayHaveGlobals(machine.globalNames.count + 1) else {
                    throw RuntimeError(message: "Too many new globals while a program runs.")
                }
                machine.extendGlobals(to: machine.globalNames + [name])
            }
            machine.mutator.store(value.bits, to: machine.state.pointee.globals + (known ?? machine.globalNames.count - 1))
        }
    }

    /// Scripts could not use anything else as the name of a variable or a member.
    package static func check(name: String) throws(RuntimeError) {
        guard Scanner.isName(name) else { throw RuntimeError(message: "'\(name)' is not a name.") }
    }

    /// Makes a global where nothing can be thrown. What goes wrong is the error of the host function that runs, else of the
    /// next run.
    package func defineGlobal(_ name: String, _ make: () throws(RuntimeError) -> HostValue) {
        do throws(RuntimeError) {
            try setGlobal(name, try make())
        } catch {
            inside { machine.leavePending(error) }
        }
    }

    /// A function of the host as a value. It lives as long as the interpreter.
    package func makeFunction(
        _ name: String, parameterCount: Int?, _ body: @escaping ([HostValue]) throws -> HostValue
    ) throws(RuntimeError) -> HostValue {
        try makeFunction(HostFunction(name: name, parameterCount: parameterCount, body: .synchronous(body)))
    }

    /// An asynchronous function of the host as a value. It lives as long as the interpreter.
    package func makeAsynchronousFunction(
        _ name: String, parameterCount: Int?, _ body: @escaping AsynchronousBody
    ) throws(RuntimeError) -> HostValue {
        try makeFunction(HostFunction(name: name, parameterCount: parameterCount, body: .asynchronous(body)))
    }

    private func makeFunction(_ function: HostFunction) throws(RuntimeError) -> HostValue {
        try inside { () throws(RuntimeError) in
            guard let value = machine.makeHostFunction(function) else { throw outOfMemory() }
            return machine.hold(value)
        }
    }

    // MARK: Running

    /// Runs a program and gives what its script returns.
    ///
    /// - Parameter isLast: it does not run again.
    package func start(_ program: Program, isLast: Bool) throws(RuntimeError) -> HostValue {
        try running { () throws(RuntimeError) in
            defer { if isLast { machine.programs.forget(program) } }
            return machine.hold(try machine.run(program))
        }
    }

    package func call(_ callee: HostValue, _ arguments: [HostValue]) throws(RuntimeError) -> HostValue {
        try running { () throws(RuntimeError) in
            let result = try machine.call(callee.value, arguments.map(\.value))
            return withExtendedLifetime((callee, arguments)) { machine.hold(result) }
        }
    }

    /// The function that `text` denotes, an expression of the language, which has no effect of its own. Inside a run.
    func hiddenFunction(_ text: String) throws(RuntimeError) -> HostValue {
        let program: Program
        do throws(CompileErrors) {
            program = try Compiler.compile(
                source: Array(text.utf8), name: "the host", globalNames: machine.globalNames,
                options: CompilerOptions(isInteractive: true))
        } catch {
            throw RuntimeError(message: error.diagnostics.first?.message ?? "")
        }
        let function = machine.hold(try machine.run(program, isHidden: true))
        // That there was none yet is no matter of the script's.
        machine.limits.refundTurn(isCallback: machine.isCallingBack)
        return function
    }

    // MARK: Limits

    /// Ends the run that is in progress, if there is one. Any thread.
    package func interrupt() { machine.limits.interrupt() }

    /// What is left of the fuel: of the last run's, between runs. Nil: there was no limit.
    package var fuelLeft: Int? { machine.limits.fuelLeft }

    /// How much more than the fuel the last run has used.
    package var fuelOverdraft: Int { machine.limits.fuelOverdraft }
}

/// What a member of a script's value is called.
package enum HostMember: Hashable {
    case name(String)
    case number(Int)
}
