// Scopes: which declaration each name means, and what becomes of each variable
// over its life. The generator decides from that where the variable lives:
//
//   never captured                                             → a register
//   captured, only its initialiser assigns it                  → a register, copied into closures
//   captured, and assigned later or captured by its initialiser → a cell
//
// A local function that is never assigned again is not captured by its own body:
// there it is the running closure.

/// Index in `Resolution.variables`.
package struct VariableID: Hashable, Sendable {
    package let index: Int32
}

/// A variable that is not global.
package struct Variable: Sendable {
    /// The function whose frame holds it; nil for the script.
    package let owner: FunctionID?
    /// The function that a `fun` declaration of this name declares.
    package let function: FunctionID?
    /// Whether some inner function uses it (its own body, when it is a function, apart).
    package internal(set) var isCaptured = false
    /// Whether anything but its initialiser assigns it.
    package internal(set) var isAssigned = false
    /// Whether its own body uses it, when it is a function.
    package internal(set) var isUsedInside = false
    /// Whether a function without a name in its initialiser uses it.
    package internal(set) var isCapturedEarly = false

    /// Whether a closure inside the initialiser needs it.
    package var initialiserContainsCapture: Bool { isUsedInside && isAssigned || isCapturedEarly }
    package var livesInCell: Bool { (isCaptured || isUsedInside) && isAssigned || isCapturedEarly }
    /// Whether its own body means the running closure by it.
    package var isOwnClosure: Bool { function != nil && !isAssigned }
}

/// What the resolver found out. Tokens are told apart by where they start.
package struct Resolution: Sendable {
    package internal(set) var variables: [Variable] = []
    /// What a declaring name token declares; absent for globals.
    package internal(set) var declarations: [UInt32: VariableID] = [:]
    /// What a name (or `this`, or `super`) token means; absent for globals.
    package internal(set) var uses: [UInt32: VariableID] = [:]
    /// `this` of each method.
    package internal(set) var receivers: [FunctionID: VariableID] = [:]
    /// The hidden variable with the superclass, by the start of the class's name.
    package internal(set) var superclasses: [UInt32: VariableID] = [:]
    /// `this` in the values of a class's fields, by the start of the class's name.
    package internal(set) var classReceivers: [UInt32: VariableID] = [:]
    /// `this` as `super.name` uses it, by the start of `super`.
    package internal(set) var superReceivers: [UInt32: VariableID] = [:]

    package subscript(_ id: VariableID) -> Variable { variables[Int(id.index)] }
}

/// Walks a tree once, in source order.
package struct Resolver {
    private let tree: SyntaxTree
    private var resolution = Resolution()
    /// Bindings of each name, the innermost last.
    private var bindings: [String: [VariableID]] = [:]
    /// The names that each open scope declares. Empty at the top level of the script.
    private var scopes: [[String]] = []
    /// The functions around, the innermost last.
    private var functions: [FunctionID] = []
    /// The variables whose initialisers are around.
    private var initialising: Set<VariableID> = []

    /// Resolves all names of a tree that the parser found no error in.
    ///
    /// - Complexity: linear in the tree, and its recursion as deep.
    package static func resolve(_ tree: SyntaxTree) -> Resolution {
        var resolver = Resolver(tree: tree)
        for statement in tree.body { resolver.resolve(statement) }
        return resolver.resolution
    }

    /// The names of the variables, globals apart, that are in scope where a name is used.
    ///
    /// - Parameter use: where the use starts. A local variable of that name hides all others: then there are none.
    package static func namesInScope(at use: UInt32, in tree: SyntaxTree) -> [String] {
        var resolver = Resolver(tree: tree)
        resolver.probe = use
        for statement in tree.body { resolver.resolve(statement) }
        return resolver.namesAtProbe
    }

    private var probe: UInt32?
    private var namesAtProbe: [String] = []

    private init(tree: SyntaxTree) { self.tree = tree }

    // MARK: Scopes

    private mutating func openScope() { scopes.append([]) }

    private mutating func closeScope() {
        for name in scopes.removeLast() {
            if bindings[name]!.count == 1 { bindings[name] = nil } else { bindings[name]!.removeLast() }
        }
    }

    private mutating func newVariable(function: FunctionID? = nil) -> VariableID {
        resolution.variables.append(Variable(owner: functions.last, function: function))
        return VariableID(index: Int32(resolution.variables.count - 1))
    }

    private mutating func bind(_ name: String, to variable: VariableID) {
        bindings[name, default: []].append(variable)
        scopes[scopes.count - 1].append(name)
    }

    /// Declares a name in the current scope; does nothing where that is global.
    private mutating func declare(_ name: Name, function: FunctionID? = nil) {
        if scopes.isEmpty { return }
        let variable = newVariable(function: function)
        resolution.declarations[name.span.start] = variable
        bind(name.text, to: variable)
    }

    /// The variable that a name means here, noting the use; nil when it is global.
    private mutating func use(_ name: Name, assigning: Bool) -> VariableID? {
        guard let id = bindings[name.text]?.last else {
            if name.span.start == probe { namesAtProbe = bindings.keys.sorted() }
            return nil
        }
        let index = Int(id.index)
        if assigning { resolution.variables[index].isAssigned = true }
        if resolution.variables[index].owner != functions.last {
            // Uses inside the function's own body go through its closure; see Variable.isOwnClosure.
            if let own = resolution.variables[index].function, functions.contains(own) {
                resolution.variables[index].isUsedInside = true
            } else {
                resolution.variables[index].isCaptured = true
                if initialising.contains(id) { resolution.variables[index].isCapturedEarly = true }
            }
        }
        return id
    }

    private mutating func resolveUse(_ name: Name, assigning: Bool = false) {
        if let variable = use(name, assigning: assigning) { resolution.uses[name.span.start] = variable }
    }

    // MARK: Statements

    private mutating func resolve(_ id: StatementID) {
        switch tree[id] {
        case .expression(let value), .print(let value), .throw(let value):
            resolve(value)
        case .try(let body, let handler, let final):
            resolve(block: body)
            if let handler { resolve(block: handler.body, declaring: handler.name) }
            if let final { resolve(block: final) }
        case .var(let name, let initialiser):
            // Only functions in its initialiser can mean it by its name: elsewhere that is an error of the parser's.
            declare(name)
            guard let initialiser else { break }
            let variable = resolution.declarations[name.span.start]
            if let variable { initialising.insert(variable) }
            resolve(initialiser)
            if let variable { initialising.remove(variable) }
        case .block(let statements):
            resolve(block: statements)
        case .if(let condition, let then, let otherwise):
            resolve(condition)
            resolve(then)
            if let otherwise { resolve(otherwise) }
        case .while(let condition, let body):
            resolve(condition)
            resolve(body)
        case .for(let initializer, let condition, let increment, let body):
            openScope()
            if let initializer { resolve(initializer) }
            if let condition { resolve(condition) }
            if let increment { resolve(increment) }
            resolve(body)
            closeScope()
        case .forIn(let names, let iterable, let body):
            openScope()
            resolve(iterable)
            for name in names { declare(name) }
            resolve(body)
            closeScope()
        case .return(_, let value):
            if let value { resolve(value) }
        case .function(let function):
            declare(tree[function].name, function: function)
            resolve(function, isMethod: false)
        case .break, .continue:
            break
        case .import(_, let name):
            declare(name)
        case .class(let name, let superclass, let members):
            resolveClass(name, superclass, members)
        }
    }

    private mutating func resolve(block statements: [StatementID], declaring name: Name? = nil) {
        openScope()
        if let name { declare(name) }
        for statement in statements { resolve(statement) }
        closeScope()
    }

    private mutating func resolveClass(_ name: Name, _ superclass: Name?, _ members: [ClassMember]) {
        declare(name)
        if let superclass {
            resolveUse(superclass)
            openScope()
            let hidden = newVariable()
            resolution.superclasses[name.span.start] = hidden
            bind("super", to: hidden)
        }
        for member in members {
            switch member {
            case .method(let function), .getter(let function), .staticMethod(let function), .staticGetter(let function):
                resolve(function, isMethod: true)
            case .staticField:
                break
            }
        }
        resolveFields(of: name, members)
        if superclass != nil { closeScope() }
    }

    /// `this` is the class in the values of its fields.
    private mutating func resolveFields(of name: Name, _ members: [ClassMember]) {
        openScope()
        let receiver = newVariable()
        resolution.classReceivers[name.span.start] = receiver
        bind("this", to: receiver)
        for case .staticField(_, let value) in members { resolve(value) }
        closeScope()
    }

    private mutating func resolve(_ id: FunctionID, isMethod: Bool) {
        let function = tree[id]
        functions.append(id)
        openScope()
        if isMethod {
            let receiver = newVariable()
            resolution.receivers[id] = receiver
            bind("this", to: receiver)
        }
        for (position, parameter) in function.parameters.enumerated() {
            if let value = function.defaultValue(at: position) { resolve(value) }
            declare(parameter)
        }
        for statement in function.body { resolve(statement) }
        closeScope()
        functions.removeLast()
    }

    // MARK: Expressions

    private mutating func resolve(_ id: ExpressionID) {
        switch tree[id] {
        case .nil, .boolean, .number, .string:
            break
        case .variable(let name):
            resolveUse(name)
        case .assign(let name, let value):
            resolveUse(name, assigning: true)
            resolve(value)
        case .unary(_, let operand), .grouping(let operand), .get(let operand, _):
            resolve(operand)
        case .binary(_, let left, let right), .logical(_, let left, let right), .set(let left, _, let right),
            .index(let left, let right), .updateField(let left, _, _, let right), .range(let left, let right, _):
            resolve(left)
            resolve(right)
        case .setIndex(let object, let index, let value), .updateIndex(let object, let index, _, let value),
            .conditional(let object, let index, let value):
            resolve(object)
            resolve(index)
            resolve(value)
        case .call(let callee, let arguments):
            resolve(callee)
            for argument in arguments { resolve(argument) }
        case .function(let function):
            resolve(function, isMethod: false)
        case .list(let elements), .map(let elements), .interpolation(let elements):
            for element in elements { resolve(element) }
        case .this:
            let place = tree.place(id)
            resolveUse(Name("this", span: place.span, line: place.line))
        case .super(let keyword, _):
            resolveUse(keyword)
            let receiver = Name("this", span: keyword.span, line: keyword.line)
            resolution.superReceivers[keyword.span.start] = use(receiver, assigning: false)
        }
    }
}
