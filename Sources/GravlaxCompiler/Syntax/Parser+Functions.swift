// Functions: parameters, bodies, and those without a name.

extension Parser {
    /// What a call takes.
    struct Parameters {
        var names: [Name] = []
        /// Of the last names, the rest parameter apart.
        var defaults: [ExpressionID] = []
        var hasRest = false
    }

    /// Parameters and body, which share one scope, of a function whose name is `previous`.
    mutating func function(named name: Name, _ kind: OpenScopes.FunctionKind) -> FunctionID {
        scopes.openFunction(kind)
        consume(.leftParen, "Expect '(' after function name.")
        let parameters = parameters()
        let hasArrow = current.kind == .arrow
        consume(.leftBrace, "Expect '{' before function body.")
        let body = hasArrow ? wrongBody() : block()
        scopes.closeFunction()
        return add(name, parameters, body)
    }

    /// The body of a getter whose name is `previous`.
    mutating func getter(named name: Name) -> FunctionID {
        scopes.openFunction(.method)
        advance()
        let body = block()
        scopes.closeFunction()
        return add(name, Parameters(), body)
    }

    /// Passes over `=> expression;` where a block should stand: the error has been reported.
    private mutating func wrongBody() -> [StatementID] {
        advance()
        _ = expression()
        _ = match(.semicolon)
        return []
    }

    /// A function whose `fun` is `previous`, before its parenthesis: an expression.
    mutating func anonymousFunction() -> ExpressionID {
        let name = Name("", span: previous.span, line: previous.line)
        let outside = (maxDepth: maxDepth, maxStatementDepth: maxStatementDepth)
        (maxDepth, maxStatementDepth) = (0, statementDepth)
        scopes.openFunction(.function)
        advance()
        let parameters = parameters()
        let body: [StatementID]
        if match(.arrow) {
            let keyword = Name("=>", span: previous.span, line: previous.line)
            let value = expression()
            body = [add(.return(keyword, value), from: result.tree.place(value).span.start)]
        } else {
            consume(.leftBrace, "Expect '{' or '=>' before function body.")
            body = block()
        }
        scopes.closeFunction()
        let function = add(name, parameters, body)
        // Walks over the tree go through the function where it stands.
        let depth = maxDepth + Int32(maxStatementDepth - statementDepth) + 2
        maxDepth = max(maxDepth, outside.maxDepth)
        maxStatementDepth = max(maxStatementDepth, outside.maxStatementDepth)
        return node(.function(function), from: name.span.start, depth: depth)
    }

    private mutating func add(_ name: Name, _ parameters: Parameters, _ body: [StatementID]) -> FunctionID {
        let place = place(from: name.span.start)
        return result.tree.add(
            Function(
                name: name, parameters: parameters.names, defaults: parameters.defaults, hasRest: parameters.hasRest,
                body: body, span: place.span, line: place.line))
    }

    private mutating func parameters() -> Parameters {
        var parameters = Parameters()
        if current.kind != .rightParen {
            repeat {
                if parameters.names.count == 255 { fail("Can't have more than 255 parameters.", at: current) }
                if parameters.hasRest { fail("No parameter can follow a rest parameter.", at: current) }
                if match(.ellipsis) { restParameter(&parameters) } else { parameter(&parameters) }
            } while match(.comma)
        }
        consume(.rightParen, "Expect ')' after parameters.")
        return parameters
    }

    private mutating func parameter(_ parameters: inout Parameters) {
        consume(.identifier, "Expect parameter name.")
        let name = declaredName()
        parameters.names.append(name)
        if match(.equal) {
            scopes.beginInitialiser(of: name.text)
            parameters.defaults.append(expression())
            scopes.endInitialiser()
        } else if !parameters.defaults.isEmpty {
            fail(
                "A parameter without a default can't follow one with a default.", at: previous,
                note: "give `\(name.text)` a default, or let it stand before")
        }
    }

    private mutating func restParameter(_ parameters: inout Parameters) {
        consume(.identifier, "Expect parameter name.")
        parameters.names.append(declaredName())
        parameters.hasRest = true
        if match(.equal) {
            fail("A rest parameter can't have a default.", at: previous, note: "without arguments it is an empty list")
            _ = expression()
        }
    }
}
