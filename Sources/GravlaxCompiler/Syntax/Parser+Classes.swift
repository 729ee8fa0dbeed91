// Classes. `static` is a word only before the name of a member, and so a name everywhere else.

extension Parser {
    mutating func classDeclaration() -> StatementID {
        let start = previous.start
        consume(.identifier, "Expect class name.")
        let className = declaredName()
        scopes.openClass()
        var superclass: Name?
        if match(.less) {
            consume(.identifier, "Expect superclass name.")
            let name = name()
            superclass = name
            if name.text == className.text { failName("A class can't inherit from itself.") }
            scopes.setSuperclass()
        }
        consume(.leftBrace, "Expect '{' before class body.")
        openBrace()
        var members: [ClassMember] = []
        while current.kind != .rightBrace, current.kind != .end { members.append(member()) }
        closeBrace("Expect '}' after class body.")
        scopes.closeClass()
        return add(.class(className, superclass: superclass, members: members), from: start)
    }

    private mutating func member() -> ClassMember {
        // No name can follow that of a method.
        if isWord(current, "static"), next.kind == .identifier { return staticMember() }
        consume(.identifier, "Expect method name.")
        let name = name()
        if name.text == "init" { return .method(function(named: name, .initializer)) }
        return current.kind == .leftBrace ? .getter(getter(named: name)) : .method(function(named: name, .method))
    }

    private mutating func staticMember() -> ClassMember {
        advance()
        advance()
        let name = name()
        switch current.kind {
        case .leftBrace: return .staticGetter(getter(named: name))
        case .equal: return staticField(named: name)
        default: return .staticMethod(function(named: name, .method))
        }
    }

    private mutating func staticField(named name: Name) -> ClassMember {
        advance()
        let value = expression()
        consume(.semicolon, "Expect ';' after static field.")
        return .staticField(name, value)
    }
}
