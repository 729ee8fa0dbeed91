// Expressions: precedence climbing, with clox's levels and clox's rule for what may be assigned to.

import Glibc

extension Parser {
    enum Precedence: Int, Comparable {
        case none, assignment, or, and, equality, comparison, term, factor, unary, call

        static func < (left: Precedence, right: Precedence) -> Bool { left.rawValue < right.rawValue }
        var next: Precedence { Precedence(rawValue: rawValue + 1) ?? .call }
    }

    /// How tightly a token binds that follows an operand.
    static func precedence(_ kind: TokenKind) -> Precedence {
        switch kind {
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
        if depth > Self.depthLimit { abandon("Too much nesting.") }
        depths.append(depth)
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
        while precedence <= Self.precedence(current.kind), current.kind != .end {
            advance()
            left = extended(left, from: start, canAssign: canAssign)
        }
        if canAssign, match(.equal) {
            fail(
                "Invalid assignment target.", at: previous, shown: CodeSpan(start: start, end: previous.end),
                note: "variables, fields and elements can be assigned to; `==` compares")
        }
        return left
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
        case .this:
            if !scopes.isInClass { failName("Can't use 'this' outside of a class.") }
            return node(.this, from: start)
        case .identifier:
            let name = name()
            if name.text == scopes.initialising {
                failName("Can't read local variable in its own initializer.")
            }
            guard canAssign, match(.equal) else { return node(.variable(name), from: start) }
            let value = expression()
            return node(.assign(name, value), from: start, over: value)
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
            let inner = expression()
            consume(.rightParen, "Expect ')' after expression.")
            return node(.grouping(inner), from: start, over: inner)
        case .minus, .bang:
            let kind: UnaryOperator = previous.kind == .minus ? .negate : .not
            let operand = expression(above: .unary)
            return node(.unary(kind, operand), from: start, over: operand)
        case .leftBracket:
            let elements = elements(until: .rightBracket)
            consume(.rightBracket, "Expect ']' after list elements.")
            return node(.list(elements), from: start, over: elements[...])
        case .leftBrace: return map(from: start)
        default: return nil
        }
    }

    private mutating func elements(until end: TokenKind) -> [ExpressionID] {
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

    /// `left` with the operator `previous` and what follows it.
    private mutating func extended(_ left: ExpressionID, from start: UInt32, canAssign: Bool) -> ExpressionID {
        let kind = previous.kind
        switch kind {
        case .leftParen:
            let arguments = elements(until: .rightParen)
            consume(.rightParen, "Expect ')' after arguments.")
            return node(.call(left, arguments), from: start, over: ([left] + arguments)[...])
        case .dot:
            consume(.identifier, "Expect property name after '.'.")
            let property = name()
            guard canAssign, match(.equal) else { return node(.get(left, property), from: start, over: left) }
            let value = expression()
            return node(.set(left, property, value), from: start, over: left, value)
        case .leftBracket:
            let index = expression()
            consume(.rightBracket, "Expect ']' after index.")
            guard canAssign, match(.equal) else { return node(.index(left, index), from: start, over: left, index) }
            let value = expression()
            return node(.setIndex(left, index, value), from: start, over: left, index, value)
        case .and, .or:
            let right = expression(above: kind == .and ? .equality : .and)
            return node(.logical(kind == .and ? .and : .or, left, right), from: start, over: left, right)
        default:
            let right = expression(above: Self.precedence(kind).next)
            return node(.binary(Self.binaryOperator(kind), left, right), from: start, over: left, right)
        }
    }

    private static func binaryOperator(_ kind: TokenKind) -> BinaryOperator {
        switch kind {
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

    // MARK: Literals

    private func numberValue(_ token: Token) -> Double {
        let digits = bytes[Int(token.start)..<Int(token.end)]
        // Up to 15 digits a whole number is exact as it is read.
        if digits.count <= 15, !digits.contains(UInt8(ascii: ".")) {
            return Double(digits.reduce(0) { $0 * 10 + Int($1 - 48) })
        }
        return (digits.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { strtod($0.baseAddress!, nil) }
    }

    func stringValue(_ token: Token) -> [UInt8] {
        var index = Int(token.start) + 1
        let end = Int(token.end) - 1
        let raw = bytes[index..<end]
        guard raw.contains(UInt8(ascii: "\\")) else { return Array(raw) }
        var value: [UInt8] = []
        value.reserveCapacity(raw.count)
        while index < end {
            if bytes[index] == UInt8(ascii: "\\"), let escape = StringEscape(at: index, in: bytes) {
                value.append(contentsOf: UTF8.encode(escape.scalar)!)
                index += escape.length
            } else {
                value.append(bytes[index])
                index += 1
            }
        }
        return value
    }
}
