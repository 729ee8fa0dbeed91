// The code generator: functions, variables, captures. Expressions, conditions and
// statements are in the extensions beside this file.
//
// Registers are a stack (FunctionBuilder has the invariant). An expression is
// compiled *into a target*: pushed to the next free register, or stored in a
// variable, which then only its last instruction writes, because the rest of the
// expression may still read the old value.

/// Where the value of an expression goes.
enum Target {
    /// R[top], which becomes part of the stack.
    case push
    /// The register of a variable.
    case variable(Int)
}

/// How the running function gets at a variable.
enum Location {
    case register(Int)
    case cell(Int)
    case capture(Int)
    case captureCell(Int)
    case ownClosure
    case global(Int)
}

/// Makes a program from a resolved tree without errors.
struct Generator {
    /// A function that is being generated.
    struct FunctionState {
        let id: FunctionID?
        let index: Int
        let kind: FunctionPrototype.Kind
        var builder: FunctionBuilder
        var captures: [CaptureSource] = []
        var captureIndexes: [VariableID: Int] = [:]
        /// The loops around, the innermost last.
        var loops: [OpenLoop] = []
        /// The `finally` blocks that wait for what leaves their `try` statements, the innermost last.
        var finals: [OpenFinal] = []
    }

    /// Jumps out of a loop's body that wait for their targets.
    struct OpenLoop {
        var breaks: [PendingJump] = []
        var continues: [PendingJump] = []
    }

    let tree: SyntaxTree
    let resolution: Resolution
    let folded: [Folded]
    let options: CompilerOptions
    /// The functions around the current one, the script first, the current one last.
    var states: [FunctionState] = []
    var functions: [FunctionPrototype?] = []
    var classes: [ClassPrototype] = []
    /// Symbols of the fields that the open class bodies assign to `this`.
    var classFields: [[Int32]] = []
    /// Registers of the variables that are in scope, by variable.
    var registers: [Int32]
    var globalNames: [String]
    var globalSlots: [String: Int]
    var symbols: [String] = []
    var symbolIDs: [String: Int] = [:]
    var diagnostics: [Diagnostic] = []

    init(tree: SyntaxTree, resolution: Resolution, globalNames: [String], options: CompilerOptions) {
        self.tree = tree
        self.resolution = resolution
        self.options = options
        self.globalNames = globalNames
        folded = Folded.values(of: tree)
        registers = Array(repeating: -1, count: resolution.variables.count)
        globalSlots = Dictionary(globalNames.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The function that is being generated.
    var builder: FunctionBuilder {
        _read { yield states[states.count - 1].builder }
        _modify { yield &states[states.count - 1].builder }
    }

    var top: Int { builder.top }

    // MARK: Functions

    mutating func generateScript(name: String) -> Program {
        functions.append(nil)
        states.append(FunctionState(id: nil, index: 0, kind: .script, builder: FunctionBuilder(arity: 0)))
        for (position, statement) in tree.body.enumerated() {
            if options.isInteractive, position == tree.body.count - 1,
                case .expression(let value) = tree[statement] {
                let register = operand(value)
                emit(.return, a: register, at: tree.place(statement))
            } else {
                generate(statement)
            }
        }
        finishFunction(nil, end: tree.end)
        return Program(
            functions: functions.map { $0! }, classes: classes, symbols: symbols, globalNames: globalNames,
            sourceName: name, scope: options.scope, modules: options.linked)
    }

    /// Generates a function and the instruction that makes its closure, in R[top].
    mutating func pushClosure(_ id: FunctionID, kind: FunctionPrototype.Kind) {
        let function = tree[id]
        let index = functions.count
        functions.append(nil)
        let arity = function.parameters.count
        states.append(FunctionState(id: id, index: index, kind: kind, builder: FunctionBuilder(arity: arity)))
        let end = Place(span: function.span, line: function.line)
        if let receiver = resolution.receivers[id] { registers[Int(receiver.index)] = 0 }
        for (position, parameter) in function.parameters.enumerated() {
            guard let variable = resolution.declarations[parameter.span.start] else { continue }
            registers[Int(variable.index)] = Int32(position + 1)
            if let value = function.defaultValue(at: position) {
                let given = jump(.jgiven, a: position + 1, at: place(of: parameter))
                expression(value, into: .variable(position + 1))
                builder.bind(given)
            }
            if resolution[variable].livesInCell {
                emit(.newcell, a: position + 1, b: position + 1, at: place(of: parameter))
            }
        }
        for statement in function.body { generate(statement) }
        finishFunction(function, end: end)
        builder.emit(.closure, a: top, bx: index, line: end.line, span: end.span)
        builder.push()
    }

    private mutating func finishFunction(_ function: Function?, end: Place) {
        if builder.fallsThrough { emitReturn(nil, at: end) }
        let state = states.removeLast()
        if let (limit, span) = state.builder.exceeded {
            diagnostics.append(Diagnostic(limit.message, at: .lexical, span: span, line: state.builder.lines.last ?? end.line))
        }
        functions[state.index] = state.builder.finish(
            name: function.flatMap { $0.name.text.isEmpty ? nil : $0.name.text }, kind: state.kind,
            arity: function?.parameters.count ?? 0, requiredCount: function?.requiredCount ?? 0,
            hasRest: function?.hasRest ?? false, captures: state.captures, declarationLine: function?.name.line ?? 1)
    }

    /// Returns a register, or what the function returns when it says nothing.
    mutating func emitReturn(_ register: Int?, at place: Place) {
        if states.last?.kind == .getter {
            let base = top
            emit(.complete, a: register ?? pushNil(at: place), at: place)
            builder.release(to: base)
        } else if let register {
            emit(.return, a: register, at: place)
        } else if states.last?.kind == .initializer {
            emit(.return, a: 0, at: place)
        } else {
            emit(.returnnil, at: place)
        }
    }

    // MARK: Variables

    func place(of name: Name) -> Place { Place(span: name.span, line: name.line) }

    /// The span of a property's name, for an instruction that clox has on another line.
    func place(of name: Name, on line: UInt32) -> Place { Place(span: name.span, line: line) }

    mutating func location(of name: Name) -> Location {
        if let variable = resolution.uses[name.span.start] { return location(of: variable) }
        return .global(globalSlot(name.text))
    }

    mutating func location(of variable: VariableID) -> Location {
        let facts = resolution[variable]
        let level = states.count - 1
        if facts.owner == states[level].id {
            let register = Int(registers[Int(variable.index)])
            return facts.livesInCell ? .cell(register) : .register(register)
        }
        if facts.isOwnClosure, facts.function == states[level].id { return .ownClosure }
        let index = captureIndex(of: variable, level: level)
        return facts.livesInCell ? .captureCell(index) : .capture(index)
    }

    /// The number of the capture of a variable in the function at a level, made there and between if need be.
    private mutating func captureIndex(of variable: VariableID, level: Int) -> Int {
        if let index = states[level].captureIndexes[variable] { return index }
        let facts = resolution[variable]
        let outer = states[level - 1].id
        let source: CaptureSource
        if facts.owner == outer {
            source = .register(Int(registers[Int(variable.index)]))
        } else if facts.isOwnClosure && facts.function == outer {
            source = .enclosingSelf
        } else {
            source = .capture(captureIndex(of: variable, level: level - 1))
        }
        states[level].captures.append(source)
        let index = states[level].captures.count - 1
        states[level].captureIndexes[variable] = index
        return index
    }

    mutating func globalSlot(_ name: String) -> Int {
        slot(Program.globalName(name, in: options.scope))
    }

    /// The slot that is called so, whatever the scope.
    mutating func slot(_ name: String) -> Int {
        if let slot = globalSlots[name] { return slot }
        globalNames.append(name)
        globalSlots[name] = globalNames.count - 1
        return globalNames.count - 1
    }

    mutating func symbol(_ name: String) -> Int {
        if let id = symbolIDs[name] { return id }
        symbols.append(name)
        symbolIDs[name] = symbols.count - 1
        return symbols.count - 1
    }

    // MARK: Emitting

    mutating func emit(_ opcode: Opcode, a: Int = 0, b: Int = 0, c: Int = 0, at place: Place) {
        builder.emit(opcode, a: a, b: b, c: c, line: place.line, span: place.span)
    }

    mutating func emit(_ opcode: Opcode, a: Int, bx: Int, at place: Place) {
        builder.emit(opcode, a: a, bx: bx, line: place.line, span: place.span)
    }

    mutating func jump(_ opcode: Opcode, a: Int = 0, b: Int = 0, at place: Place) -> PendingJump {
        builder.jump(opcode, a: a, b: b, line: place.line, span: place.span)
    }

    /// The register that the last instruction of an expression writes; its temporaries start at `base`.
    func destination(_ target: Target, _ base: Int) -> Int {
        switch target {
        case .push: base
        case .variable(let register): register
        }
    }

    /// Gives the temporaries back, and counts the result if it was pushed.
    mutating func finish(_ target: Target, _ base: Int) {
        builder.release(to: base)
        if case .push = target { builder.push() }
    }

    /// Brings a value that is already in a register to its target.
    mutating func deliver(_ register: Int, _ target: Target, _ base: Int, at place: Place) {
        let destination = destination(target, base)
        if destination != register { emit(.move, a: destination, b: register, at: place) }
        finish(target, base)
    }
}
