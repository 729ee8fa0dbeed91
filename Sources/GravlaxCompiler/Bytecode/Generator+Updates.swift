// Compound assignments, choices and interpolated strings.

extension Generator {
    // MARK: Compound assignments; each returns the register that holds the value

    mutating func updateField(
        _ object: ExpressionID, _ name: Name, _ operation: BinaryOperator, _ value: ExpressionID, at place: Place
    ) -> Int {
        let objectRegister = operand(object, before: [value])
        let register = top
        let property = self.place(of: name, on: place.line)
        emit(.getfield, a: register, b: objectRegister, c: site(name), at: property)
        builder.push()
        update(register, operation, value, at: place)
        emit(.setfield, a: objectRegister, b: register, c: site(name), at: property)
        return register
    }

    mutating func updateIndex(
        _ object: ExpressionID, _ index: ExpressionID, _ operation: BinaryOperator, _ value: ExpressionID, at place: Place
    ) -> Int {
        let objectRegister = operand(object, before: [index, value])
        let indexRegister = operand(index, before: [value])
        let register = top
        emit(.getindex, a: register, b: objectRegister, c: indexRegister, at: place)
        builder.push()
        update(register, operation, value, at: place)
        emit(.setindex, a: objectRegister, b: indexRegister, c: register, at: place)
        return register
    }

    /// Computes `R[register] operation value` in the register, which is the topmost one.
    private mutating func update(_ register: Int, _ operation: BinaryOperator, _ value: ExpressionID, at place: Place) {
        let (plain, withConstant) = operation.opcodes
        if let withConstant, let number = numberConstant(value) {
            return emit(withConstant, a: register, b: register, c: builder.constant(.number(number)), at: place)
        }
        emit(plain, a: register, b: register, c: operand(value), at: place)
        builder.release(to: register + 1)
    }

    // MARK: Choices

    mutating func choose(
        _ test: ExpressionID, _ first: ExpressionID, _ second: ExpressionID, into target: Target
    ) {
        let base = top
        var toSecond: [PendingJump] = []
        condition(test, jumpIf: false, &toSecond)
        expression(first, into: target)
        let end = jump(.jmp, at: tree.place(first))
        builder.release(to: base)
        builder.bind(toSecond)
        expression(second, into: target)
        builder.bind(end)
    }

    /// A jump that is taken when R[top - 1] is not nil.
    mutating func jumpUnlessNil(at place: Place) -> PendingJump {
        let register = top - 1
        let index = builder.constant(.nil)
        if index <= Instruction.maxB { return jump(.jnek, a: register, b: index, at: place) }
        emit(.loadnil, a: top, b: 1, at: place)
        builder.push()
        return jump(.jne, a: register, b: top - 1, at: place)
    }

    // MARK: Interpolation

    /// Parts go to registers and from there to the string, this many at a time.
    private static var partsAtOnce: Int { 32 }

    /// The result is pushed.
    mutating func join(_ parts: [ExpressionID], at place: Place) {
        let base = top
        var waiting = 0
        for (position, part) in parts.enumerated() {
            expression(part, into: .push)
            if mayNeedText(part) { emit(.tostring, a: top - 1, at: tree.place(part)) }
            waiting += 1
            if waiting == Self.partsAtOnce || position == parts.count - 1 {
                emit(.concat, a: base, b: waiting, at: place)
                builder.release(to: base + 1)
                waiting = 1
            }
        }
    }

    /// Whether the value can be anything but a number, boolean, string or nil.
    private func mayNeedText(_ id: ExpressionID) -> Bool {
        if folded[Int(id.index)].isKnown { return false }
        switch tree[id] {
        case .grouping(let inner): return mayNeedText(inner)
        // Strings or numbers, or an error.
        case .unary, .binary, .interpolation: return false
        default: return true
        }
    }
}

extension BinaryOperator {
    /// The operations on two registers, and on a register and a constant (nil: there is none).
    var opcodes: (plain: Opcode, withConstant: Opcode?) {
        switch self {
        case .add: (.add, .addk)
        case .subtract: (.sub, .subk)
        case .multiply: (.mul, .mulk)
        case .divide: (.div, .divk)
        case .modulo: (.mod, .modk)
        case .equal: (.eq, .eqk)
        case .notEqual: (.ne, .nek)
        case .less, .greater: (.lt, nil)
        case .lessOrEqual, .greaterOrEqual: (.le, nil)
        case .contained: (.contains, nil)
        case .instance: (.isa, nil)
        }
    }
}
