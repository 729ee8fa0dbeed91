// Conditions: tests that jump instead of making a boolean.

extension Generator {
    /// A comparison as the operations of a machine without `>` see it.
    private struct Comparison {
        /// Jump if it holds, jump unless it holds, jump back if it holds (nil: there is none).
        let holds: Opcode
        let fails: Opcode
        let back: Opcode?
        let a: Int
        /// A register or a constant.
        let b: Int
    }

    /// Emits jumps that are taken when the condition has the given truth.
    mutating func condition(_ id: ExpressionID, jumpIf sense: Bool, _ jumps: inout [PendingJump]) {
        if let truth = folded[Int(id.index)].isTruthy {
            if truth == sense { jumps.append(jump(.jmp, at: tree.place(id))) }
            return
        }
        let base = top
        switch tree[id] {
        case .grouping(let inner):
            condition(inner, jumpIf: sense, &jumps)
        case .unary(.not, let inner):
            condition(inner, jumpIf: !sense, &jumps)
        case .conditional(let test, let first, let second):
            var toSecond: [PendingJump] = []
            condition(test, jumpIf: false, &toSecond)
            condition(first, jumpIf: sense, &jumps)
            let end = jump(.jmp, at: tree.place(first))
            builder.bind(toSecond)
            condition(second, jumpIf: sense, &jumps)
            builder.bind(end)
        case .logical(let operation, let left, let right) where operation != .otherwise:
            // `and` is settled by a false operand, `or` by a true one.
            let settling = operation == .or
            if settling == sense {
                condition(left, jumpIf: sense, &jumps)
                condition(right, jumpIf: sense, &jumps)
            } else {
                var past: [PendingJump] = []
                condition(left, jumpIf: settling, &past)
                condition(right, jumpIf: sense, &jumps)
                builder.bind(past)
            }
        case .binary(let operation, let left, let right) where operation.isComparison:
            let test = comparison(operation, left, right)
            jumps.append(jump(sense ? test.holds : test.fails, a: test.a, b: test.b, at: tree.place(id)))
            builder.release(to: base)
        default:
            let register = operand(id)
            jumps.append(jump(sense ? .jt : .jf, a: register, at: tree.place(id)))
            builder.release(to: base)
        }
    }

    /// Emits a back edge to `start` that is taken while the condition is true.
    mutating func loopBack(_ id: ExpressionID, to start: Int) {
        let place = tree.place(id)
        if let truth = folded[Int(id.index)].isTruthy {
            if truth { builder.loop(.loop, to: start, line: place.line, span: place.span) }
            return
        }
        let base = top
        switch tree[id] {
        case .grouping(let inner):
            loopBack(inner, to: start)
        case .logical(.and, let left, let right):
            var exits: [PendingJump] = []
            condition(left, jumpIf: false, &exits)
            loopBack(right, to: start)
            builder.bind(exits)
        case .logical(.or, let left, let right):
            loopBack(left, to: start)
            loopBack(right, to: start)
        case .binary(let operation, let left, let right) where operation.isOrdering:
            let test = comparison(operation, left, right)
            if let back = test.back {
                builder.loop(back, a: test.a, b: test.b, to: start, line: place.line, span: place.span)
            }
            builder.release(to: base)
        case .binary(.equal, _, _), .binary(.notEqual, _, _), .unary(.not, _):
            var exits: [PendingJump] = []
            condition(id, jumpIf: false, &exits)
            builder.loop(.loop, to: start, line: place.line, span: place.span)
            builder.bind(exits)
        default:
            let register = operand(id)
            builder.loop(.loopt, a: register, to: start, line: place.line, span: place.span)
            builder.release(to: base)
        }
    }

    /// Evaluates the operands of a comparison and picks the operations that test it.
    private mutating func comparison(
        _ operation: BinaryOperator, _ left: ExpressionID, _ right: ExpressionID
    ) -> Comparison {
        let isEquality = operation == .equal || operation == .notEqual
        if let index = operandConstant(right, anyKind: isEquality) {
            let register = operand(left)
            return Self.comparison(operation, register, constant: index)
        }
        if let index = operandConstant(left, anyKind: isEquality) {
            let register = operand(right)
            return Self.comparison(operation.mirrored, register, constant: index)
        }
        let first = operand(left, before: [right])
        let second = operand(right)
        return switch operation {
        case .less: Comparison(holds: .jlt, fails: .jnlt, back: .looplt, a: first, b: second)
        case .lessOrEqual: Comparison(holds: .jle, fails: .jnle, back: .loople, a: first, b: second)
        case .greater: Comparison(holds: .jlt, fails: .jnlt, back: .looplt, a: second, b: first)
        case .greaterOrEqual: Comparison(holds: .jle, fails: .jnle, back: .loople, a: second, b: first)
        case .equal: Comparison(holds: .jeq, fails: .jne, back: nil, a: first, b: second)
        default: Comparison(holds: .jne, fails: .jeq, back: nil, a: first, b: second)
        }
    }

    private static func comparison(_ operation: BinaryOperator, _ register: Int, constant: Int) -> Comparison {
        switch operation {
        case .less: Comparison(holds: .jltk, fails: .jnltk, back: .loopltk, a: register, b: constant)
        case .lessOrEqual: Comparison(holds: .jlek, fails: .jnlek, back: .looplek, a: register, b: constant)
        case .greater: Comparison(holds: .jgtk, fails: .jngtk, back: .loopgtk, a: register, b: constant)
        case .greaterOrEqual: Comparison(holds: .jgek, fails: .jngek, back: .loopgek, a: register, b: constant)
        case .equal: Comparison(holds: .jeqk, fails: .jnek, back: nil, a: register, b: constant)
        default: Comparison(holds: .jnek, fails: .jeqk, back: nil, a: register, b: constant)
        }
    }

    /// The index of a constant that fits the 16 bits of B, or nil.
    mutating func operandConstant(_ id: ExpressionID, anyKind: Bool) -> Int? {
        let value = folded[Int(id.index)]
        guard let constant = anyKind ? value.constant : value.number.map({ .number($0) }) else { return nil }
        // A new constant would get the next index; do not make one that is out of reach.
        if builder.constants.count > Instruction.maxB { return nil }
        let index = builder.constant(constant)
        return index <= Instruction.maxB ? index : nil
    }
}

extension BinaryOperator {
    var isOrdering: Bool {
        switch self {
        case .less, .lessOrEqual, .greater, .greaterOrEqual: true
        default: false
        }
    }

    var isComparison: Bool { isOrdering || self == .equal || self == .notEqual }

    /// The operator that says the same with the operands exchanged.
    var mirrored: BinaryOperator {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        default: self
        }
    }
}
