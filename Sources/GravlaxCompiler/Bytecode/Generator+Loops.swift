// Loops, and the jumps out of them.

extension Generator {
    /// A loop with its test at the bottom, and a copy of it at the top unless that would be long.
    mutating func loop(
        _ test: ExpressionID?, _ body: StatementID, increment: ExpressionID?, at place: Place
    ) {
        var exits: [PendingJump] = []
        var toTest: PendingJump?
        if let test {
            var budget = 24
            if isShort(test, &budget) { condition(test, jumpIf: false, &exits) } else { toTest = jump(.jmp, at: place) }
        }
        let start = builder.label()
        let breaks = loopBody(body)
        if let increment { effect(increment) }
        if let toTest { builder.bind(toTest) }
        if let test {
            loopBack(test, to: start)
        } else {
            builder.loop(.loop, to: start, line: place.line, span: place.span)
        }
        builder.bind(exits + breaks)
    }

    /// Lets a jump go where a `break` or `continue` goes.
    mutating func exitLoop(_ id: StatementID, _ jump: PendingJump) {
        let function = states.count - 1
        let loop = states[function].loops.count - 1
        if case .break = tree[id] {
            states[function].loops[loop].breaks.append(jump)
        } else {
            states[function].loops[loop].continues.append(jump)
        }
    }

    /// The `break` or `continue` that is all there is in a statement.
    func loopExit(in id: StatementID) -> StatementID? {
        switch tree[id] {
        case .break, .continue: id
        case .block(let statements): statements.count == 1 ? loopExit(in: statements[0]) : nil
        default: nil
        }
    }

    /// Generates the body, to whose end its `continue`s jump; gives the jumps of its `break`s.
    private mutating func loopBody(_ body: StatementID) -> [PendingJump] {
        states[states.count - 1].loops.append(OpenLoop())
        let base = top
        generate(body)
        builder.release(to: base)
        let loop = states[states.count - 1].loops.removeLast()
        builder.bind(loop.continues)
        return loop.breaks
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
            .index(let left, let right), .range(let left, let right, _):
            return isShort(left, &budget) && isShort(right, &budget)
        case .setIndex(let object, let index, let value), .conditional(let object, let index, let value):
            return isShort(object, &budget) && isShort(index, &budget) && isShort(value, &budget)
        case .call(let callee, let parts):
            if !isShort(callee, &budget) { return false }
            for part in parts where !isShort(part, &budget) { return false }
            return true
        // A function would be generated twice.
        case .updateField, .updateIndex, .function:
            return false
        case .list(let parts), .map(let parts), .interpolation(let parts):
            for part in parts where !isShort(part, &budget) { return false }
            return true
        }
    }

    /// `for (…; i < limit; i = i + 1)` with `i` in a register and a limit that needs no evaluation:
    /// one instruction counts, tests and jumps. False when the loop is not of that form.
    mutating func countedLoop(
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
        let breaks = loopBody(body)
        let opcode: Opcode = switch (operation, isConstant) {
        case (.less, true): .forltk
        case (.less, false): .forlt
        case (_, true): .forlek
        case (_, false): .forle
        }
        builder.loop(opcode, a: register, b: bound, to: start, line: place.line, span: place.span)
        builder.bind(exits + breaks)
        return true
    }

    /// `for (var i in first..last)`: counts in registers, without a range. False when the loop is not of that form.
    mutating func countedIteration(_ names: [Name], _ iterable: ExpressionID, _ body: StatementID) -> Bool {
        var iterable = iterable
        while case .grouping(let inner) = tree[iterable] { iterable = inner }
        guard names.count == 1, case .range(let first, let last, let isClosed) = tree[iterable],
            let variable = resolution.declarations[names[0].span.start]
        else { return false }
        let base = top
        let place = tree.place(iterable)
        let known = numberConstant(first).flatMap { start in
            numberConstant(last).map { RangeBounds(start: start, end: $0, isClosed: isClosed) }
        }
        expression(first, into: .push)
        var limit = base + 1
        var constant: Int?
        if known?.isCountable == true { constant = operandConstant(last, anyKind: false) }
        if let constant {
            limit = constant
        } else {
            expression(last, into: .push)
            emit(.rangecheck, a: base, b: limit, c: isClosed ? 1 : 0, at: place)
        }
        var exits: [PendingJump] = []
        if constant == nil || known?.isEmpty == true {
            let opcode: Opcode = switch (isClosed, constant != nil) {
            case (false, true): .jnltk
            case (false, false): .jnlt
            case (true, true): .jnlek
            case (true, false): .jnle
            }
            exits.append(jump(opcode, a: base, b: limit, at: place))
        }
        let counters = top
        let start = builder.label()
        if resolution[variable].isAssigned || resolution[variable].livesInCell {
            // Assigning it leaves the count alone.
            emit(.move, a: counters, b: base, at: place)
            builder.push()
            own(variable, register: counters, at: self.place(of: names[0]))
        } else {
            registers[Int(variable.index)] = Int32(base)
        }
        let breaks = loopBody(body)
        builder.release(to: counters)
        let opcode: Opcode = switch (isClosed, constant != nil) {
        case (false, true): .forltk
        case (false, false): .forlt
        case (true, true): .forlek
        case (true, false): .forle
        }
        builder.loop(opcode, a: base, b: limit, to: start, line: place.line, span: place.span)
        builder.bind(exits + breaks)
        builder.release(to: base)
        return true
    }

    /// R[base] the iterable, two registers of state, then the variables: new ones each turn.
    mutating func iteration(_ names: [Name], _ iterable: ExpressionID, _ body: StatementID) {
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
        let breaks = loopBody(body)
        builder.release(to: base + 3)
        builder.bind(toTest)
        builder.loop(.iternext, a: base, b: names.count, to: start, line: place.line, span: place.span)
        builder.bind(breaks)
        builder.release(to: base)
    }
}
