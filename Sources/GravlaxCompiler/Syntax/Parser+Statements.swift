// Declarations and statements.

extension Parser {
    mutating func declaration() -> StatementID? {
        let statement: StatementID?
        if match(.class) {
            statement = classDeclaration()
        } else if match(.fun) {
            statement = functionDeclaration()
        } else if match(.var) {
            statement = variableDeclaration()
        } else {
            statement = self.statement()
        }
        if isPanicking { synchronize() }
        return statement
    }

    /// Whether an import begins here. No string can follow a name, so that every program which uses the word as one keeps
    /// its meaning.
    var isAtImport: Bool {
        guard isWord(current, "import") else { return false }
        var ahead = scanner
        return ahead.next().kind == .string
    }

    mutating func importDeclaration() -> StatementID? {
        let start = current.start
        advance()
        advance()
        let path = String(decoding: stringValue(previous), as: UTF8.self)
        if path.hasPrefix("std/") {
            if !modules.contains(path) { failName("No module is called '\(path)'.", note: noteOnModule(path)) }
        } else {
            result.tree.imports.append(FileImport(path: path, span: previous.span, line: previous.line))
        }
        if isWord(current, "as") {
            advance()
        } else {
            fail("Expect 'as' after module path.", at: current, note: noteOnMissingAlias(of: path))
        }
        consume(.identifier, "Expect module name after 'as'.")
        let name = declaredName()
        endStatement("Expect ';' after import.")
        let statement = add(.import(path, name), from: start)
        if isPanicking { synchronize() }
        return statement
    }

    mutating func add(_ statement: Statement, from start: UInt32) -> StatementID {
        result.tree.add(statement, place(from: start))
    }

    private mutating func functionDeclaration() -> StatementID {
        let start = previous.start
        consume(.identifier, "Expect function name.")
        let function = function(named: declaredName(), .function)
        return add(.function(function), from: start)
    }

    /// `previous` as the name of what is declared here.
    mutating func declaredName() -> Name {
        let name = name()
        if !scopes.declare(name.text) { failName("Already a variable with this name in this scope.") }
        return name
    }

    private mutating func variableDeclaration() -> StatementID {
        let start = previous.start
        consume(.identifier, "Expect variable name.")
        return variableDeclaration(named: declaredName(), from: start)
    }

    private mutating func variableDeclaration(named name: Name, from start: UInt32) -> StatementID {
        var initializer: ExpressionID?
        if match(.equal) {
            scopes.beginInitialiser(of: name.text)
            initializer = expression()
            scopes.endInitialiser()
        }
        endStatement("Expect ';' after variable declaration.")
        return add(.var(name, initializer), from: start)
    }

    mutating func block() -> [StatementID] {
        var statements: [StatementID] = []
        guard enter() else { return statements }
        openBrace()
        statementDepth += 1
        maxStatementDepth = max(maxStatementDepth, statementDepth)
        while current.kind != .rightBrace, current.kind != .end {
            if let statement = declaration() { statements.append(statement) }
        }
        statementDepth -= 1
        nesting -= 1
        closeBrace("Expect '}' after block.")
        return statements
    }

    mutating func statement() -> StatementID? {
        guard enter() else { return nil }
        statementDepth += 1
        maxStatementDepth = max(maxStatementDepth, statementDepth)
        defer {
            nesting -= 1
            statementDepth -= 1
        }
        let start = current.start
        if match(.print) {
            let value = expression()
            endStatement("Expect ';' after value.")
            return add(.print(value), from: start)
        }
        if match(.for) { return forStatement(from: start) }
        if match(.if) { return ifStatement(from: start) }
        if match(.return) { return returnStatement() }
        if isAtLoopExit() { return loopExit() }
        if isAtTry { return tryStatement() }
        if isAtThrow() { return throwStatement() }
        if match(.while) {
            consume(.leftParen, "Expect '(' after 'while'.")
            let condition = expression()
            consume(.rightParen, "Expect ')' after condition.")
            let body = loopBody()
            return add(.while(condition, body), from: start)
        }
        if match(.leftBrace) {
            scopes.openBlock()
            let statements = block()
            scopes.closeBlock()
            return add(.block(statements), from: start)
        }
        return expressionStatement()
    }

    /// A statement that must be there for the tree's sake, even after an error.
    private mutating func bodyStatement() -> StatementID {
        let start = current.start
        return statement() ?? add(.block([]), from: start)
    }

    private mutating func loopBody() -> StatementID {
        scopes.openLoop()
        defer { scopes.closeLoop() }
        return bodyStatement()
    }

    /// Whether `break` or `continue` stands here as a word of the language: not as a name, and not before what could only
    /// go on with an expression.
    private mutating func isAtLoopExit() -> Bool {
        guard let word = (["break", "continue"] as [StaticString]).first(where: { isWord(current, $0) }) else { return false }
        var ahead = scanner
        let next = ahead.next()
        switch next.kind {
        case .leftParen, .leftBracket, .dot, .equal, .plusEqual, .minusEqual, .starEqual, .slashEqual, .percentEqual: return false
        default: return precedence(of: next) == .none && !isName(word.description)
        }
    }

    private mutating func loopExit() -> StatementID {
        advance()
        let start = previous.start
        let word = text(previous)
        if !scopes.isInLoop { failName("Can't use '\(word)' outside of a loop.") }
        endStatement("Expect ';' after '\(word)'.")
        return add(word == "break" ? .break : .continue, from: start)
    }

    private mutating func expressionStatement() -> StatementID {
        let start = current.start
        statementWord = nil
        let word = current.kind == .identifier ? current : nil
        let value = expression()
        statementWord = word
        endStatement("Expect ';' after expression.")
        return add(.expression(value), from: start)
    }

    private mutating func returnStatement() -> StatementID {
        let keyword = name()
        if scopes.function == .script { failName("Can't return from top-level code.") }
        if match(.semicolon) { return add(.return(keyword, nil), from: keyword.span.start) }
        if scopes.function == .initializer { failName("Can't return a value from an initializer.") }
        let value = expression()
        endStatement("Expect ';' after return value.")
        return add(.return(keyword, value), from: keyword.span.start)
    }

    /// `else if` chains are loops: their length is no nesting of the source.
    private mutating func ifStatement(from start: UInt32) -> StatementID {
        var links: [(start: UInt32, condition: ExpressionID, then: StatementID)] = []
        var otherwise: StatementID?
        var linkStart = start
        while true {
            consume(.leftParen, "Expect '(' after 'if'.")
            let condition = expression()
            consume(.rightParen, "Expect ')' after condition.")
            links.append((linkStart, condition, bodyStatement()))
            guard match(.else) else { break }
            linkStart = current.start
            guard match(.if) else {
                otherwise = bodyStatement()
                break
            }
            statementDepth += 1
            if statementDepth > Self.depthLimit {
                abandon("Too much nesting.")
                break
            }
        }
        statementDepth -= links.count - 1
        maxStatementDepth = max(maxStatementDepth, statementDepth + links.count)
        for link in links.reversed() {
            otherwise = add(.if(link.condition, then: link.then, else: otherwise), from: link.start)
        }
        return otherwise!
    }

    private mutating func forStatement(from start: UInt32) -> StatementID {
        scopes.openBlock()
        defer { scopes.closeBlock() }
        consume(.leftParen, "Expect '(' after 'for'.")
        var initializer: StatementID?
        if match(.semicolon) {
        } else if match(.var) {
            let variableStart = previous.start
            consume(.identifier, "Expect variable name.")
            let first = declaredName()
            if current.kind == .comma || isWord(current, "in"), !isPanicking {
                return forInStatement(first, from: start)
            }
            initializer = variableDeclaration(named: first, from: variableStart)
        } else {
            initializer = expressionStatement()
        }
        var condition: ExpressionID?
        if !match(.semicolon) {
            condition = expression()
            consume(.semicolon, "Expect ';' after loop condition.")
        }
        var increment: ExpressionID?
        if !match(.rightParen) {
            increment = expression()
            consume(.rightParen, "Expect ')' after for clauses.")
        }
        let body = loopBody()
        return add(
            .for(initializer: initializer, condition: condition, increment: increment, body: body), from: start)
    }

    private mutating func forInStatement(_ first: Name, from start: UInt32) -> StatementID {
        var names = [first]
        if match(.comma) {
            consume(.identifier, "Expect variable name.")
            names.append(declaredName())
        }
        if isWord(current, "in") { advance() } else { fail("Expect 'in' after loop variables.", at: current) }
        let iterable = expression()
        consume(.rightParen, "Expect ')' after for clauses.")
        let body = loopBody()
        return add(.forIn(names, iterable, body), from: start)
    }
}
