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
            iteration(names, iterable, body)
        case .return(_, let value):
            emitReturn(value.map { operand($0) }, at: place)
            builder.release(to: base)
        case .function(let function):
            declare(function)
        case .import(let path, let name):
            // A module stands in a global slot that is called after its path, which no variable can be.
            emit(.getglobal, a: base, bx: globalSlot(path), at: place)
            builder.push()
            emit(.defglobal, a: base, bx: globalSlot(name.text), at: place)
            builder.release(to: base)
        case .class(let name, let superclass, let methods):
            declareClass(name, superclass, methods, at: place)
        }
    }

    // MARK: Declarations

    private mutating func variable(_ name: Name, _ initialiser: ExpressionID?, at place: Place) {
        let base = top
        guard let variable = resolution.declarations[name.span.start] else {
            let register = initialiser.map { operand($0) } ?? pushNil(at: place)
            emit(.defglobal, a: register, bx: globalSlot(name.text), at: place)
            return builder.release(to: base)
        }
        if let initialiser { expression(initialiser, into: .push) } else { _ = pushNil(at: place) }
        own(variable, register: base, at: place)
    }

    /// Lets a variable live in a register that was pushed, or in a cell around its value.
    private mutating func own(_ variable: VariableID, register: Int, at place: Place) {
        registers[Int(variable.index)] = Int32(register)
        if resolution[variable].livesInCell { emit(.newcell, a: register, b: register, at: place) }
    }

    private mutating func pushNil(at place: Place) -> Int {
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

    /// In the order of clox: the class exists and has its name, then the superclass is evaluated, then the methods are added.
    private mutating func declareClass(_ name: Name, _ superclass: Name?, _ methods: [FunctionID], at place: Place) {
        let base = top
        let nameplate = self.place(of: name)
        let index = classes.count
        classes.append(ClassPrototype(name: name.text, fieldNames: []))
        classFields.append([])
        emit(.class, a: base, bx: index, at: nameplate)
        builder.push()
        var classRegister = base
        var keep = base
        if let variable = resolution.declarations[name.span.start] {
            keep = base + 1
            own(variable, register: base, at: nameplate)
            if resolution[variable].livesInCell {
                emit(.getcell, a: top, b: base, at: nameplate)
                classRegister = top
                builder.push()
            }
        } else {
            emit(.defglobal, a: base, bx: globalSlot(name.text), at: nameplate)
        }
        if let superclass {
            let register = top
            pushVariable(superclass)
            if let hidden = resolution.superclasses[name.span.start] { registers[Int(hidden.index)] = Int32(register) }
            emit(.inherit, a: classRegister, b: register, at: self.place(of: superclass))
        }
        for method in methods {
            let methodName = tree[method].name.text
            pushClosure(method, kind: methodName == "init" ? .initializer : .method)
            emit(.method, a: classRegister, b: top - 1, c: symbol(methodName),
                at: Place(span: tree[method].span, line: tree[method].line))
            builder.release(to: top - 1)
        }
        builder.release(to: keep)
        classes[index] = ClassPrototype(name: name.text, fieldNames: classFields.removeLast())
    }

    // MARK: Control flow

    private mutating func ifElse(
        _ test: ExpressionID, _ then: StatementID, _ otherwise: StatementID?, at place: Place
    ) {
        var exits: [PendingJump] = []
        condition(test, jumpIf: false, &exits)
        generate(then)
        guard let otherwise else { return builder.bind(exits) }
        let end = builder.fallsThrough ? jump(.jmp, at: place) : nil
        builder.bind(exits)
        generate(otherwise)
        if let end { builder.bind(end) }
    }

    /// A loop with its test at the bottom, and a copy of it at the top unless that would be long.
    private mutating func loop(
        _ test: ExpressionID?, _ body: StatementID, increment: ExpressionID?, at place: Place
    ) {
        var exits: [PendingJump] = []
        var toTest: PendingJump?
        if let test {
            var budget = 24
            if isShort(test, &budget) { condition(test, jumpIf: false, &exits) } else { toTest = jump(.jmp, at: place) }
        }
        let start = builder.label()
        generate(body)
        if let increment { effect(increment) }
        if let toTest { builder.bind(toTest) }
        if let test {
            loopBack(test, to: start)
        } else {
            builder.loop(.loop, to: start, line: place.line, span: place.span)
        }
        builder.bind(exits)
    }

    private func isShort(_ id: ExpressionID, _ budget: inout Int) -> Bool {
        budget -= 1
        if budget < 0 { return false }
        switch tree[id] {
        case .nil, .boolean, .number, .string, .variable, .this, .super:
            return true
        case .assign(_, let inner), .unary(_, let inner), .grouping(let inner), .get(let inner, _):
            return isShort(inner, &budget)
        case .binary(_, let left, let right), .logical(_, let left, let right), .set(let left, _, let right),
            .index(let left, let right):
            return isShort(left, &budget) && isShort(right, &budget)
        case .setIndex(let object, let index, let value):
            return isShort(object, &budget) && isShort(index, &budget) && isShort(value, &budget)
        case .call(let callee, let parts):
            if !isShort(callee, &budget) { return false }
            for part in parts where !isShort(part, &budget) { return false }
            return true
        case .list(let parts), .map(let parts):
            for part in parts where !isShort(part, &budget) { return false }
            return true
        }
    }

    /// `for (…; i < limit; i = i + 1)` with `i` in a register and a limit that needs no evaluation:
    /// one instruction counts, tests and jumps. False when the loop is not of that form.
    private mutating func countedLoop(
        _ initializer: StatementID?, _ test: ExpressionID?, _ increment: ExpressionID?, _ body: StatementID
    ) -> Bool {
        guard let initializer, let test, let increment,
            case .var(let name, let first) = tree[initializer],
            let counter = resolution.declarations[name.span.start], !resolution[counter].livesInCell,
            case .binary(let operation, let left, let limit) = tree[test],
            operation == .less || operation == .lessOrEqual,
            case .variable(let tested) = tree[left], resolution.uses[tested.span.start] == counter,
            case .assign(let assigned, let sum) = tree[increment], resolution.uses[assigned.span.start] == counter,
            case .binary(.add, let addend, let step) = tree[sum], numberConstant(step) == 1,
            case .variable(let added) = tree[addend], resolution.uses[added.span.start] == counter
        else { return false }
        let place = tree.place(test)
        // One instruction has one line, but its two halves can fail.
        guard tree.place(sum).line == place.line else { return false }

        let register = Int(registers[Int(counter.index)])
        let bound: Int
        let isConstant: Bool
        if let index = operandConstant(limit, anyKind: false) {
            (bound, isConstant) = (index, true)
        } else if case .variable(let name) = tree[limit], let variable = resolution.uses[name.span.start],
            case .register(let limitRegister) = location(of: variable) {
            (bound, isConstant) = (limitRegister, false)
        } else {
            return false
        }

        var exits: [PendingJump] = []
        var runsAtLeastOnce = false
        if let first, let from = numberConstant(first), let to = numberConstant(limit) {
            runsAtLeastOnce = operation == .less ? from < to : from <= to
        }
        if !runsAtLeastOnce { condition(test, jumpIf: false, &exits) }
        let start = builder.label()
        generate(body)
        let opcode: Opcode = switch (operation, isConstant) {
        case (.less, true): .forltk
        case (.less, false): .forlt
        case (_, true): .forlek
        case (_, false): .forle
        }
        builder.loop(opcode, a: register, b: bound, to: start, line: place.line, span: place.span)
        builder.bind(exits)
        return true
    }

    /// R[base] the iterable, two registers of state, then the variables: new ones each turn.
    private mutating func iteration(_ names: [Name], _ iterable: ExpressionID, _ body: StatementID) {
        let base = top
        let place = tree.place(iterable)
        expression(iterable, into: .push)
        emit(.iterprep, a: base, b: names.count, at: place)
        builder.push(2)
        let toTest = jump(.jmp, at: place)
        builder.push(names.count)
        let start = builder.label()
        for (position, name) in names.enumerated() {
            if let variable = resolution.declarations[name.span.start] {
                own(variable, register: base + 3 + position, at: self.place(of: name))
            }
        }
        generate(body)
        builder.release(to: base + 3)
        builder.bind(toTest)
        builder.loop(.iternext, a: base, b: names.count, to: start, line: place.line, span: place.span)
        builder.release(to: base)
    }
}
