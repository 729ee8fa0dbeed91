// Expressions: precedence climbing, with clox's levels and clox's rule for what may be assigned to.

extension Parser {
    enum Precedence: Int, Comparable {
        case none, assignment, conditional, alternative, or, and, equality, comparison, range, term, factor, unary, call

        static func < (left: Precedence, right: Precedence) -> Bool { left.rawValue < right.rawValue }
        var next: Precedence { Precedence(rawValue: rawValue + 1) ?? .call }
    }

    /// How tightly a token binds that follows an operand.
    func precedence(of token: Token) -> Precedence {
        switch token.kind {
        case .question: .conditional
        case .questionQuestion: .alternative
        case .dotDot, .dotDotEqual: .range
        // No name can follow an operand.
        case .identifier: isWord(token, "in") || isWord(token, "is") ? .comparison : .none
        case .leftParen, .dot, .leftBracket: .call
        case .star, .slash, .percent: .factor
        case .plus, .minus: .term
        case .less, .lessEqual, .greater, .greaterEqual: .comparison
        case .equalEqual, .bangEqual: .equality
        case .and: .and
        case .or: .or
        default: .none
        }
    }

    /// Counts one level of nesting; the caller takes it off again. False, after an error, where there are too many.
    mutating func enter() -> Bool {
        if nesting == Self.nestingLimit {
            abandon("Too much nesting.")
            return false
        }
        nesting += 1
        return true
    }

    mutating func node(_ expression: Expression, from start: UInt32, over children: ExpressionID...) -> ExpressionID {
        node(expression, from: start, over: children[...])
    }

    mutating func node(_ expression: Expression, from start: UInt32, over children: ArraySlice<ExpressionID>) -> ExpressionID {
        var depth: Int32 = 1
        for child in children { depth = max(depth, 1 + depths[Int(child.index)]) }
        return node(expression, from: start, depth: depth)
    }

    mutating func node(_ expression: Expression, from start: UInt32, depth: Int32) -> ExpressionID {
        if depth > Self.depthLimit { abandon("Too much nesting.") }
        depths.append(depth)
        maxDepth = max(maxDepth, depth)
        return result.tree.add(expression, place(from: start))
    }

    mutating func expression() -> ExpressionID { expression(above: .assignment) }

    private mutating func expression(above precedence: Precedence) -> ExpressionID {
        guard enter() else { return node(.nil, from: previous.start) }
        defer { nesting -= 1 }
        advance()
        let start = previous.start
        let canAssign = precedence <= .assignment
        guard var left = operand(canAssign: canAssign) else {
            fail("Expect expression.", at: previous, note: noteOnMissingExpression())
            return node(.nil, from: start)
        }
        while true {
            let operation = self.precedence(of: current)
            guard operation != .none, precedence <= operation else { break }
            advance()
            left = extended(left, from: start, operation, canAssign: canAssign)
        }
        if canAssign, matchAssignment() {
            let compares = previous.kind == .equal ? "; `==` compares" : ""
            fail(
                "Invalid assignment target.", at: previous, shown: CodeSpan(start: start, end: previous.end),
                note: "variables, fields and elements can be assigned to\(compares)")
        }
        return left
    }

    private mutating func matchAssignment() -> Bool { match(.equal) || matchUpdate() != nil }

    /// The operation of a compound assignment, whose operator is consumed.
    private mutating func matchUpdate() -> BinaryOperator? {
        let operation: BinaryOperator
        switch current.kind {
        case .plusEqual: operation = .add
        case .minusEqual: operation = .subtract
        case .starEqual: operation = .multiply
        case .slashEqual: operation = .divide
        case .percentEqual: operation = .modulo
        default: return nil
        }
        advance()
        return operation
    }

    /// What `previous` begins; nil if that begins no expression.
    private mutating func operand(canAssign: Bool) -> ExpressionID? {
        let start = previous.start
        switch previous.kind {
        case .nil: return node(.nil, from: start)
        case .true: return node(.boolean(true), from: start)
        case .false: return node(.boolean(false), from: start)
        case .number: return node(.number(numberValue(previous)), from: start)
        case .string: return node(.string(stringValue(previous)), from: start)
        case .stringHead: return interpolation()
        case .fun where current.kind == .leftParen: return anonymousFunction()
        case .this:
            if !scopes.isInClass { failName("Can't use 'this' outside of a class.") }
            return node(.this, from: start)
        case .identifier:
            let name = name()
            if name.text == scopes.initialising {
                failName("Can't read local variable in its own initializer.")
            }
            if canAssign, match(.equal) {
                let value = expression()
                return node(.assign(name, value), from: start, over: value)
            }
            let variable = node(.variable(name), from: start)
            guard canAssign, let operation = matchUpdate() else { return variable }
            let value = expression()
            let result = node(.binary(operation, variable, value), from: start, over: variable, value)
            return node(.assign(name, result), from: start, over: result)
        case .super:
            let keyword = name()
            if !scopes.isInClass {
                failName("Can't use 'super' outside of a class.")
            } else if !scopes.classHasSuperclass {
                failName("Can't use 'super' in a class with no superclass.")
            }
            consume(.dot, "Expect '.' after 'super'.")
            consume(.identifier, "Expect superclass method name.")
            let method = name()
            return node(.super(keyword, method), from: start)
        case .leftParen:
            let line = previous.line
            let inner = expression()
            consume(.rightParen, "Expect ')' after expression.", opening: line)
            return node(.grouping(inner), from: start, over: inner)
        case .minus, .bang:
            let kind: UnaryOperator = previous.kind == .minus ? .negate : .not
            let operand = expression(above: .unary)
            return node(.unary(kind, operand), from: start, over: operand)
        case .leftBracket:
            let line = previous.line
            let elements = elements(until: .rightBracket)
            consume(.rightBracket, "Expect ']' after list elements.", opening: line)
            return node(.list(elements), from: start, over: elements[...])
        case .leftBrace: return map(from: start)
        default: return nil
        }
    }

    mutating func elements(until end: TokenKind) -> [ExpressionID] {
        var elements: [ExpressionID] = []
        if current.kind == end { return elements }
        repeat { elements.append(expression()) } while match(.comma)
        return elements
    }

    private mutating func map(from start: UInt32) -> ExpressionID {
        var entries: [ExpressionID] = []
        if current.kind != .rightBrace {
            repeat {
                entries.append(expression())
                consume(.colon, "Expect ':' after map key.")
                entries.append(expression())
            } while match(.comma)
        }
        consume(.rightBrace, "Expect '}' after map entries.")
        return node(.map(entries), from: start, over: entries[...])
    }

    /// `left` with the operator `previous`, which binds as given, and what follows it.
    private mutating func extended(
        _ left: ExpressionID, from start: UInt32, _ operation: Precedence, canAssign: Bool
    ) -> ExpressionID {
        let kind = previous.kind
        switch kind {
        case .leftParen:
            let line = previous.line
            let arguments = elements(until: .rightParen)
            consume(.rightParen, "Expect ')' after arguments.", opening: line)
            return node(.call(left, arguments), from: start, over: ([left] + arguments)[...])
        case .dot:
            consume(.identifier, "Expect property name after '.'.")
            let property = name()
            if canAssign, match(.equal) {
                let value = expression()
                return node(.set(left, property, value), from: start, over: left, value)
            }
            guard canAssign, let operation = matchUpdate() else {
                return node(.get(left, property), from: start, over: left)
            }
            let value = expression()
            return node(.updateField(left, property, operation, value), from: start, over: left, value)
        case .leftBracket:
            let index = expression()
            consume(.rightBracket, "Expect ']' after index.")
            if canAssign, match(.equal) {
                let value = expression()
                return node(.setIndex(left, index, value), from: start, over: left, index, value)
            }
            guard canAssign, let operation = matchUpdate() else {
                return node(.index(left, index), from: start, over: left, index)
            }
            let value = expression()
            return node(.updateIndex(left, index, operation, value), from: start, over: left, index, value)
        case .question:
            let first = expression()
            consume(.colon, "Expect ':' after first choice of '?'.")
            let second = expression(above: .conditional)
            return node(.conditional(left, first, second), from: start, over: left, first, second)
        case .dotDot, .dotDotEqual:
            let end = expression(above: operation.next)
            return node(.range(left, end, isClosed: kind == .dotDotEqual), from: start, over: left, end)
        case .and, .or, .questionQuestion:
            let right = expression(above: operation.next)
            let logical: LogicalOperator = kind == .and ? .and : kind == .or ? .or : .otherwise
            return node(.logical(logical, left, right), from: start, over: left, right)
        default:
            let binary = binaryOperator(previous)
            let right = expression(above: operation.next)
            return node(.binary(binary, left, right), from: start, over: left, right)
        }
    }

    private func binaryOperator(_ token: Token) -> BinaryOperator {
        switch token.kind {
        case .identifier: isWord(token, "in") ? .contained : .instance
        case .plus: .add
        case .minus: .subtract
        case .star: .multiply
        case .slash: .divide
        case .percent: .modulo
        case .equalEqual: .equal
        case .bangEqual: .notEqual
        case .less: .less
        case .lessEqual: .lessOrEqual
        case .greater: .greater
        default: .greaterOrEqual
        }
    }
}
