// Contextual words: names, wherever a program has a declaration of them.

extension Parser {
    /// Whether a declaration of the word is in scope, or anywhere global in the text: then it is a name.
    mutating func isName(_ word: String) -> Bool {
        if scopes.isDeclared(word) { return true }
        if globalWords == nil { globalWords = globalNames() }
        return globalWords!.contains(word)
    }

    /// The names that the text declares at its top level.
    private func globalNames() -> Set<String> {
        var names = Set(knownGlobals)
        var scanner = Scanner(bytes)
        var depth = 0
        var declares = false
        while true {
            let token = scanner.next()
            if declares, token.kind == .identifier { names.insert(text(token)) }
            declares = false
            switch token.kind {
            case .end: return names
            case .leftBrace, .leftParen, .leftBracket, .stringHead: depth += 1
            case .rightBrace, .rightParen, .rightBracket, .stringTail: depth -= 1
            case .var, .fun, .class: declares = depth == 0
            case .identifier: declares = depth == 0 && isWord(token, "as")
            default: break
            }
        }
    }
}
