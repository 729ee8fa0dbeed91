// Statements and declarations.

extension Generator {
    mutating func generate(_ id: StatementID) {
        let place = tree.place(id)
        let base = top
        switch tree[id] {
        case .expression(let value):
            effect(value)
        case .print(let value):
            let register = operand(value)
            emit(.print, a: register, at: place)
            builder.release(to: base)
        case .var(let name, let initialiser):
            variable(name, initialiser, at: place)
        case .block(let statements):
            for statement in statements { generate(statement) }
            builder.release(to: base)
        case .if(let test, let then, let otherwise):
            ifElse(test, then, otherwise, at: place)
        case .while(let test, let body):
            loop(test, body, increment: nil, at: place)
        case .for(let initializer, let test, let increment, let body):
            if let initializer { generate(initializer) }
            if !countedLoop(initializer, test, increment, body) {
                loop(test, body, increment: increment, at: place)
            }
            builder.release(to: base)
        case .forIn(let names, let iterable, let body):
            if !countedIteration(names, iterable, body) { iteration(names, iterable, body) }
        case .break, .continue:
            emitLoopExit(id, at: place)
        case .return(_, let value):
            leaveFunction(value.map { operand($0) }, at: place)
            builder.release(to: base)
        case .throw(let value):
            emit(.throw, a: operand(value), at: place)
            builder.release(to: base)
        case .try(let body, let handler, let final):
            tryStatement(body, handler, final, at: place)
        case .function(let function):
            declare(function)
        case .import(let path, let name):
            importModule(path, at: place)
            emit(.defglobal, a: base, bx: globalSlot(name.text), at: place)
            builder.release(to: base)
        case .class(let name, let superclass, let members):
            declareClass(name, superclass, members, at: place)
        }
    }

    // MARK: Declarations

    /// Pushes a module. It stands in a global slot that no variable can be called like. That of a file is run first: it
    /// knows whether it has been.
    private mutating func importModule(_ path: String, at place: Place) {
        let base = top
        guard let scope = options.imports[path] else {
            if !options.modules.contains(path) {
                diagnostics.append(
                    Diagnostic(
                        "No module is called '\(path)'.", at: .token("\"\(path)\""), span: place.span, line: place.line))
            }
            emit(.getglobal, a: base, bx: slot(path), at: place)
            return builder.push()
        }
        for method in [Program.runMethod, Program.ranMethod] {
            emit(.getglobal, a: base, bx: slot(scope), at: place)
            builder.push()
            builder.emit(
                .invoke, a: base, b: 0, c: builder.site(symbol(method)), line: place.line, span: place.span)
            builder.release(to: base)
        }
        builder.push()
    }

    private mutating func variable(_ name: Name, _ initialiser: ExpressionID?, at place: Place) {
        let base = top
        guard let variable = resolution.declarations[name.span.start] else {
            let register = initialiser.map { operand($0) } ?? pushNil(at: place)
            emit(.defglobal, a: register, bx: globalSlot(name.text), at: place)
            return builder.release(to: base)
        }
        if let initialiser, resolution[variable].isCapturedEarly {
            // A closure in the initialiser captures the cell that will contain the value.
            own(variable, register: pushNil(at: place), at: place)
            expression(initialiser, into: .push)
            emit(.setcell, a: base, b: base + 1, at: place)
            return builder.release(to: base + 1)
        }
        if let initialiser { expression(initialiser, into: .push) } else { _ = pushNil(at: place) }
        own(variable, register: base, at: place)
    }

    /// Lets a variable live in a register that was pushed, or in a cell around its value.
    mutating func own(_ variable: VariableID, register: Int, at place: Place) {
        registers[Int(variable.index)] = Int32(register)
        if resolution[variable].livesInCell { emit(.newcell, a: register, b: register, at: place) }
    }

    mutating func pushNil(at place: Place) -> Int {
        emit(.loadnil, a: top, b: 1, at: place)
        builder.push()
        return top - 1
    }

    private mutating func declare(_ function: FunctionID) {
        let name = tree[function].name
        let place = Place(span: tree[function].span, line: tree[function].line)
        guard let variable = resolution.declarations[name.span.start] else {
            let base = top
            pushClosure(function, kind: .function)
            emit(.defglobal, a: base, bx: globalSlot(name.text), at: place)
            return builder.release(to: base)
        }
        if resolution[variable].initialiserContainsCapture {
            // The closure captures the cell that will contain it.
            let cell = pushNil(at: place)
            own(variable, register: cell, at: place)
            pushClosure(function, kind: .function)
            emit(.setcell, a: cell, b: top - 1, at: place)
            builder.release(to: cell + 1)
        } else {
            pushClosure(function, kind: .function)
            own(variable, register: top - 1, at: place)
        }
    }

    // MARK: Control flow

    private mutating func ifElse(
        _ test: ExpressionID, _ then: StatementID, _ otherwise: StatementID?, at place: Place
    ) {
        var exits: [PendingJump] = []
        if otherwise == nil, !leavesFinal, let exit = loopExit(in: then) {
            condition(test, jumpIf: true, &exits)
            for jump in exits { exitLoop(exit, jump) }
            return
        }
        condition(test, jumpIf: false, &exits)
        generate(then)
        guard let otherwise else { return builder.bind(exits) }
        let end = builder.fallsThrough ? jump(.jmp, at: place) : nil
        builder.bind(exits)
        generate(otherwise)
        if let end { builder.bind(end) }
    }
}
