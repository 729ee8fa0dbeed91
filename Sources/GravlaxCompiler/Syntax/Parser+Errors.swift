// Statements about errors. Their words are names wherever a Lox program can use them as such.

extension Parser {
    /// Whether `try` begins a statement here: no brace can follow a name.
    var isAtTry: Bool { isWord(current, "try") && next.kind == .leftBrace }

    /// Whether `throw` stands here as a word of the language. What begins an expression and cannot go on with one shows it
    /// by itself; before what could do both, and a semicolon, it is a word unless a declaration of that name is in reach.
    mutating func isAtThrow() -> Bool {
        guard isWord(current, "throw") else { return false }
        switch next.kind {
        case .dot, .equal, .plusEqual, .minusEqual, .starEqual, .slashEqual, .percentEqual: return false
        case .leftParen, .leftBracket, .minus, .semicolon: return !isName("throw")
        default: return precedence(of: next) == .none || !isName("throw")
        }
    }

    /// The token after `current`.
    var next: Token {
        var ahead = scanner
        return ahead.next()
    }

    mutating func throwStatement() -> StatementID {
        let start = current.start
        advance()
        let value = expression()
        endStatement("Expect ';' after thrown value.")
        return add(.throw(value), from: start)
    }

    mutating func tryStatement() -> StatementID {
        let start = current.start
        advance()
        advance()
        let body = scopedBlock()
        var handler: CatchClause?
        var final: [StatementID]?
        if isWord(current, "catch") {
            advance()
            handler = catchClause()
        }
        if isWord(current, "finally"), next.kind == .leftBrace {
            advance()
            advance()
            final = scopedBlock()
        }
        if handler == nil, final == nil { fail("Expect 'catch' or 'finally' after 'try' block.", at: current) }
        return add(.try(body, catch: handler, finally: final), from: start)
    }

    private mutating func catchClause() -> CatchClause {
        scopes.openBlock()
        defer { scopes.closeBlock() }
        consume(.leftParen, "Expect '(' after 'catch'.")
        consume(.identifier, "Expect variable name.")
        let name = declaredName()
        consume(.rightParen, "Expect ')' after the name of the error.")
        consume(.leftBrace, "Expect '{' before 'catch' block.")
        return CatchClause(name: name, body: block())
    }

    /// A block whose brace is `previous`.
    private mutating func scopedBlock() -> [StatementID] {
        scopes.openBlock()
        defer { scopes.closeBlock() }
        return block()
    }
}
