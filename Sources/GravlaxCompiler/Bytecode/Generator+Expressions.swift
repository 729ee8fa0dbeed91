// Expressions. Everything is evaluated strictly from left to right; a local
// variable is an operand in place, unless something evaluated later assigns it.

extension Generator {
    // MARK: Operands

    /// The register that holds the value of an expression: a variable's own, or R[top].
    ///
    /// - Parameter later: what is evaluated before the operand is used.
    mutating func operand(_ id: ExpressionID, before later: [ExpressionID] = []) -> Int {
        if let register = registerInPlace(id, before: later) { return register }
        expression(id, into: .push)
        return top - 1
    }

    private mutating func registerInPlace(_ id: ExpressionID, before later: [ExpressionID]) -> Int? {
        switch tree[id] {
        case .grouping(let inner):
            return registerInPlace(inner, before: later)
        case .this:
            guard let variable = resolution.uses[tree.place(id).span.start],
                case .register(let register) = location(of: variable) else { return nil }
            return register
        case .variable(let name):
            guard let variable = resolution.uses[name.span.start],
                case .register(let register) = location(of: variable) else { return nil }
            if resolution[variable].isAssigned {
                var budget = 64
                if later.contains(where: { mayAssign($0, variable, &budget) }) { return nil }
            }
            return register
        default:
            return nil
        }
    }

    /// Whether an expression may assign the variable; yes when it is too big to tell cheaply.
    private func mayAssign(_ id: ExpressionID, _ variable: VariableID, _ budget: inout Int) -> Bool {
        budget -= 1
        if budget < 0 { return true }
        switch tree[id] {
        // A function that assigns a variable outside of itself has that in a cell, not in a register.
        case .nil, .boolean, .number, .string, .variable, .this, .super, .function:
            return false
        case .assign(let name, let value):
            return resolution.uses[name.span.start] == variable || mayAssign(value, variable, &budget)
        case .unary(_, let inner), .grouping(let inner), .get(let inner, _):
            return mayAssign(inner, variable, &budget)
        case .binary(_, let left, let right), .logical(_, let left, let right), .set(let left, _, let right),
            .index(let left, let right), .updateField(let left, _, _, let right), .range(let left, let right, _):
            return mayAssign(left, variable, &budget) || mayAssign(right, variable, &budget)
        case .setIndex(let object, let index, let value), .updateIndex(let object, let index, _, let value),
            .conditional(let object, let index, let value):
            return mayAssign(object, variable, &budget) || mayAssign(index, variable, &budget)
                || mayAssign(value, variable, &budget)
        case .call(let callee, let parts):
            if mayAssign(callee, variable, &budget) { return true }
            for part in parts where mayAssign(part, variable, &budget) { return true }
            return false
        case .list(let parts), .map(let parts), .interpolation(let parts):
            for part in parts where mayAssign(part, variable, &budget) { return true }
            return false
        }
    }

    /// The number that an expression is known to be, or nil.
    func numberConstant(_ id: ExpressionID) -> Double? { folded[Int(id.index)].number }

    // MARK: Expressions

    /// Evaluates for the effect alone.
    mutating func effect(_ id: ExpressionID) {
        let base = top
        switch tree[id] {
        case .grouping(let inner):
            effect(inner)
        case .assign(let name, let value):
            _ = assign(name, value, at: tree.place(id))
        case .set(let object, let name, let value):
            _ = set(object, name, value, at: tree.place(id))
        case .setIndex(let object, let index, let value):
            _ = setIndex(object, index, value, at: tree.place(id))
        case .updateField(let object, let name, let operation, let value):
            _ = updateField(object, name, operation, value, at: tree.place(id))
        case .updateIndex(let object, let index, let operation, let value):
            _ = updateIndex(object, index, operation, value, at: tree.place(id))
        default:
            if folded[Int(id.index)].isKnown { return }
            _ = operand(id)
        }
        builder.release(to: base)
    }

    mutating func expression(_ id: ExpressionID, into target: Target) {
        let base = top
        let place = tree.place(id)
        let known = folded[Int(id.index)]
        if known.isKnown {
            load(known, destination(target, base), at: place)
            return finish(target, base)
        }
        switch tree[id] {
        case .nil, .boolean, .number, .string:
            preconditionFailure("literals are known, and none is NaN")
        case .grouping(let inner):
            expression(inner, into: target)
        case .variable(let name):
            load(location(of: name), into: target, at: place)
        case .this:
            if let variable = resolution.uses[place.span.start] { load(location(of: variable), into: target, at: place) }
        case .assign(let name, let value):
            deliver(assign(name, value, at: place), target, base, at: place)
        case .unary(let operation, let inner):
            let register = operand(inner)
            emit(operation == .not ? .not : .neg, a: destination(target, base), b: register, at: place)
            finish(target, base)
        case .binary(let operation, let left, let right):
            binary(operation, left, right, into: target, at: place)
        case .logical(let operation, let left, let right):
            expression(left, into: .push)
            let end = operation == .otherwise ? jumpUnlessNil(at: tree.place(left))
                : jump(operation == .or ? .jt : .jf, a: base, at: tree.place(left))
            builder.release(to: base)
            expression(right, into: .push)
            builder.bind(end)
            deliver(base, target, base, at: place)
        case .call(let callee, let arguments):
            call(callee, arguments, at: place)
            deliver(base, target, base, at: place)
        case .get(let object, let name):
            let register = operand(object)
            emit(.getfield, a: destination(target, base), b: register, c: site(name), at: self.place(of: name, on: place.line))
            finish(target, base)
        case .set(let object, let name, let value):
            deliver(set(object, name, value, at: place), target, base, at: place)
        case .index(let object, let index):
            let objectRegister = operand(object, before: [index])
            let indexRegister = operand(index)
            emit(.getindex, a: destination(target, base), b: objectRegister, c: indexRegister, at: place)
            finish(target, base)
        case .setIndex(let object, let index, let value):
            deliver(setIndex(object, index, value, at: place), target, base, at: place)
        case .updateField(let object, let name, let operation, let value):
            deliver(updateField(object, name, operation, value, at: place), target, base, at: place)
        case .updateIndex(let object, let index, let operation, let value):
            deliver(updateIndex(object, index, operation, value, at: place), target, base, at: place)
        case .conditional(let test, let first, let second):
            choose(test, first, second, into: target)
        case .range(let start, let end, let isClosed):
            let startRegister = operand(start, before: [end])
            let endRegister = operand(end)
            emit(isClosed ? .rangeclosed : .range, a: destination(target, base), b: startRegister, c: endRegister, at: place)
            finish(target, base)
        case .interpolation(let parts):
            join(parts, at: place)
            deliver(base, target, base, at: place)
        case .function(let function):
            pushClosure(function, kind: .function)
            deliver(base, target, base, at: place)
        case .super(let keyword, let name):
            pushSuperReceiver(keyword)
            let superclass = superclassRegister(keyword)
            emit(.getsuper, a: base, b: superclass, c: site(name), at: place)
            deliver(base, target, base, at: place)
        case .list(let elements):
            list(elements, at: place)
            deliver(base, target, base, at: place)
        case .map(let entries):
            map(entries, at: place)
            deliver(base, target, base, at: place)
        }
    }

    // MARK: Loads

    private mutating func load(_ value: Folded, _ register: Int, at place: Place) {
        switch value {
        case .unknown: break
        case .nil: emit(.loadnil, a: register, b: 1, at: place)
        case .boolean(let value): emit(value ? .loadtrue : .loadfalse, a: register, at: place)
        case .number(let number):
            if number.magnitude < 0x1p39, number.rounded(.towardZero) == number, !(number == 0 && number.sign == .minus) {
                builder.emit(.loadint, a: register, sbx: Int(number), line: place.line, span: place.span)
            } else {
                emit(.loadk, a: register, bx: builder.constant(.number(number)), at: place)
            }
        case .string(let bytes):
            emit(.loadk, a: register, bx: builder.constant(.string(bytes)), at: place)
        }
    }

    private mutating func load(_ location: Location, into target: Target, at place: Place) {
        let base = top
        let register = destination(target, base)
        switch location {
        case .register(let source):
            if source != register { emit(.move, a: register, b: source, at: place) }
        case .cell(let cell): emit(.getcell, a: register, b: cell, at: place)
        case .capture(let index): emit(.getcap, a: register, b: index, at: place)
        case .captureCell(let index): emit(.getcapcell, a: register, b: index, at: place)
        case .ownClosure: emit(.loadself, a: register, at: place)
        case .global(let slot): emit(.getglobal, a: register, bx: slot, at: place)
        }
        finish(target, base)
    }

    /// A named variable, pushed.
    mutating func pushVariable(_ name: Name) {
        load(location(of: name), into: .push, at: place(of: name))
    }

    // MARK: Assignments; each returns the register that holds the value

    private mutating func assign(_ name: Name, _ value: ExpressionID, at place: Place) -> Int {
        switch location(of: name) {
        case .register(let register):
            expression(value, into: .variable(register))
            return register
        case .cell(let cell):
            let register = operand(value)
            emit(.setcell, a: cell, b: register, at: place)
            return register
        case .captureCell(let index):
            let register = operand(value)
            emit(.setcapcell, a: index, b: register, at: place)
            return register
        case .global(let slot):
            let register = operand(value)
            emit(.setglobal, a: register, bx: slot, at: place)
            return register
        case .capture, .ownClosure:
            preconditionFailure("an assigned variable lives in a cell once it is captured")
        }
    }

    mutating func set(_ object: ExpressionID, _ name: Name, _ value: ExpressionID, at place: Place) -> Int {
        let objectRegister = operand(object, before: [value])
        let register = operand(value)
        if case .this = tree[object], !classFields.isEmpty {
            let symbol = Int32(symbol(name.text))
            if !classFields[classFields.count - 1].contains(symbol), classFields[classFields.count - 1].count < 64 {
                classFields[classFields.count - 1].append(symbol)
            }
        }
        emit(.setfield, a: objectRegister, b: register, c: site(name), at: self.place(of: name, on: place.line))
        return register
    }

    private mutating func setIndex(
        _ object: ExpressionID, _ index: ExpressionID, _ value: ExpressionID, at place: Place
    ) -> Int {
        let objectRegister = operand(object, before: [index, value])
        let indexRegister = operand(index, before: [value])
        let register = operand(value)
        emit(.setindex, a: objectRegister, b: indexRegister, c: register, at: place)
        return register
    }

    // MARK: Operators

    private mutating func binary(
        _ operation: BinaryOperator, _ left: ExpressionID, _ right: ExpressionID, into target: Target, at place: Place
    ) {
        let base = top
        let (plain, withConstant) = operation.opcodes
        let swaps = operation == .greater || operation == .greaterOrEqual
        let isEquality = operation == .equal || operation == .notEqual
        let commutes = isEquality || operation == .add || operation == .multiply
        func constant(_ id: ExpressionID) -> Constant? {
            let value = folded[Int(id.index)]
            return isEquality ? value.constant : value.number.map { .number($0) }
        }
        if let (cheaper, operandC) = cheaperOperation(operation, folded[Int(right.index)].number) {
            let register = operand(left)
            emit(cheaper, a: destination(target, base), b: register, c: operandC, at: place)
        } else if let withConstant, let value = constant(right) {
            let register = operand(left)
            emit(withConstant, a: destination(target, base), b: register, c: builder.constant(value), at: place)
        } else if commutes, let withConstant, let value = constant(left) {
            let register = operand(right)
            emit(withConstant, a: destination(target, base), b: register, c: builder.constant(value), at: place)
        } else {
            let first = operand(left, before: [right])
            let second = operand(right)
            emit(plain, a: destination(target, base), b: swaps ? second : first, c: swaps ? first : second, at: place)
        }
        finish(target, base)
    }

    /// A division by a constant that another operation does with the same result: by a power of two the multiplication with
    /// its inverse, which is exact; a remainder by a small integer that stands in the instruction.
    private mutating func cheaperOperation(_ operation: BinaryOperator, _ right: Double?) -> (Opcode, c: Int)? {
        guard let right else { return nil }
        switch operation {
        case .divide:
            let inverse = 1 / right
            guard right.isNormal, inverse.isNormal, right.significand == 1 else { return nil }
            return (.mulk, builder.constant(.number(inverse)))
        case .modulo:
            guard right >= 1, right < 0x1p24, right == right.rounded(.towardZero) else { return nil }
            return (.modi, Int(right))
        default:
            return nil
        }
    }

    // MARK: Calls; the result is pushed

    private mutating func call(_ callee: ExpressionID, _ arguments: [ExpressionID], at place: Place) {
        let base = top
        switch tree[callee] {
        case .get(let object, let name):
            expression(object, into: .push)
            for argument in arguments { expression(argument, into: .push) }
            let span = CodeSpan(start: name.span.start, end: place.span.end)
            emit(.invoke, a: base, b: arguments.count, c: site(name), at: Place(span: span, line: place.line))
        case .super(let keyword, let name):
            pushSuperReceiver(keyword)
            for argument in arguments { expression(argument, into: .push) }
            load(superclassLocation(keyword), into: .push, at: self.place(of: keyword))
            emit(.superinvoke, a: base, b: arguments.count, c: site(name), at: place)
        default:
            expression(callee, into: .push)
            for argument in arguments { expression(argument, into: .push) }
            emit(.call, a: base, b: arguments.count, at: place)
        }
        // The callee's frame lay over the arguments; only the result is left.
        builder.release(to: base + 1)
    }

    private mutating func pushSuperReceiver(_ keyword: Name) {
        load(location(of: resolution.superReceivers[keyword.span.start]!), into: .push, at: place(of: keyword))
    }

    private mutating func superclassLocation(_ keyword: Name) -> Location {
        location(of: resolution.uses[keyword.span.start]!)
    }

    private mutating func superclassRegister(_ keyword: Name) -> Int {
        let location = superclassLocation(keyword)
        if case .register(let register) = location { return register }
        load(location, into: .push, at: place(of: keyword))
        return top - 1
    }

    mutating func site(_ name: Name) -> Int { builder.site(symbol(name.text)) }

    // MARK: Collections

    /// Elements go to registers and from there to the list, this many at a time.
    private static var elementsAtOnce: Int { 32 }

    private mutating func list(_ elements: [ExpressionID], at place: Place) {
        let base = top
        emit(.newlist, a: base, bx: elements.count, at: place)
        builder.push()
        var waiting = 0
        for (position, element) in elements.enumerated() {
            expression(element, into: .push)
            waiting += 1
            if waiting == Self.elementsAtOnce || position == elements.count - 1 {
                emit(.append, a: base, b: base + 1, c: waiting, at: place)
                builder.release(to: base + 1)
                waiting = 0
            }
        }
    }

    private mutating func map(_ entries: [ExpressionID], at place: Place) {
        let base = top
        emit(.newmap, a: base, bx: entries.count / 2, at: place)
        builder.push()
        for index in stride(from: 0, to: entries.count, by: 2) {
            let key = operand(entries[index], before: [entries[index + 1]])
            let value = operand(entries[index + 1])
            emit(.setindex, a: base, b: key, c: value, at: place)
            builder.release(to: base + 1)
        }
    }
}
