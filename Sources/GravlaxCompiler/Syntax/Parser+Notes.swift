// Notes on errors: what a person who is new to the language, or tired, may have meant.
// Only errors pay for them.

extension Parser {
    /// Whether a newline stands between the token and the one before it.
    func startsLine(_ token: Token) -> Bool {
        bytes[Int(min(previous.end, token.start))..<Int(token.start)].contains(10)
    }

    /// A note on a token of this kind that was expected instead of `current`.
    func noteOnMissing(_ kind: TokenKind) -> String? {
        if let note = noteOnFollower(instead: kind) { return note }
        switch kind {
        case .identifier where previous.kind == .fun && current.kind == .leftParen:
            return "a function without a name is an expression: `var f = fun (…) { … };`"
        case .identifier where current.kind == .fun && openBraces.count > 0:
            return noteOnOddBraces() ?? "methods are declared without `fun`"
        case .identifier where current.kind == .var && [.leftBrace, .rightBrace, .semicolon].contains(previous.kind):
            return noteOnOddBraces() ?? Self.noteOnFields
        case .identifier:
            return Self.isKeyword(current.kind) ? "`\(text(current))` is a word of the language and cannot be a name" : nil
        case .rightBrace:
            return noteOnMissingBrace()
        case .semicolon:
            return noteOnMissingSemicolon()
        default:
            return nil
        }
    }

    func noteOnOpenBracket(in line: UInt32) -> String { "the bracket that was opened in line \(line) is not closed" }

    /// A note on `current` when that follows what it cannot follow, whatever was expected.
    private func noteOnFollower(instead kind: TokenKind) -> String? {
        switch current.kind {
        case .arrow where kind == .leftBrace:
            return "only functions without a name have `=>`; write `{ return …; }`"
        case .var where kind == .leftParen && isWord(previous, "static"):
            return "static fields have no `var`: `static name = …;`"
        case .fun where kind == .leftParen && isWord(previous, "static"):
            return "methods are declared without `fun`"
        case .identifier where kind == .leftParen && isWord(previous, "get"):
            return "a getter is a name and a body: `\(text(current)) { return …; }`"
        case .semicolon where kind == .leftParen && previous.kind == .identifier:
            return "a static field has a value: `static \(text(previous)) = nil;`"
        case .equal where kind == .leftParen && previous.kind == .identifier:
            return Self.noteOnFields
        case .arrow where kind == .leftParen:
            return "getters have a body: `{ return …; }`"
        case .arrow:
            return Self.noteOnArrow
        case .comma where kind == .rightParen && leadsToArrow:
            return Self.noteOnArrow
        case .ellipsis:
            return "ranges are written `a..b`, or `a..=b` with their end"
        case .identifier where previous.kind == .number && previous.end == current.start:
            return "`\(text(current))` cannot follow the digits of a number"
        case .identifier where isWord(current, "instanceof"):
            return "the operator is called `is`"
        case .identifier where isWord(current, "not"):
            return "write `!(a in b)`"
        default:
            return nil
        }
    }

    private static let noteOnFields = "fields are assigned in `init()`; those of the class itself are `static`"

    private static let noteOnArrow = "functions begin with `fun`: `fun (a) => …`"

    /// Whether names, commas and parentheses are all that stands between here and `=>`.
    private var leadsToArrow: Bool {
        var ahead = scanner
        while true {
            switch ahead.next().kind {
            case .identifier, .comma, .rightParen: continue
            case .arrow: return true
            default: return false
            }
        }
    }

    /// A note on `previous`, which begins no expression.
    func noteOnMissingExpression() -> String? {
        switch previous.kind {
        case .equal:
            return before == "?" ? "there is no `??=`; write `x = x ?? …`" : nil
        case .plus:
            return before == "+" || current.kind == .plus ? "there is no `++`; write `x += 1`" : "there is no unary `+`"
        case .fun:
            return current.kind == .identifier ? "a function in an expression has no name" : nil
        case .star:
            return before == "*" ? "there is no `**`" : nil
        case .dot:
            return before == "?" ? "there is no `?.`; write `x == nil ? nil : x.…`" : nil
        case .dotDot, .dotDotEqual:
            return "a range has both ends: `0..xs.count`"
        case .rightBracket where before == ".":
            return "a range has both ends: `0..xs.count`"
        case .ellipsis:
            return "`...` stands before the last parameter of a function; calls have nothing like it"
        case .stringTail, .stringMiddle:
            return "an expression stands between `${` and `}`"
        case .rightParen where current.kind == .arrow:
            return Self.noteOnArrow
        case .rightBrace:
            return openBraces.isEmpty && result.diagnostics.isEmpty ? "no brace is open that this could close" : nil
        case .semicolon, .rightParen:
            let start = Int(previous.start)
            guard start > 1, bytes[start - 1] == bytes[start - 2], before == "-" else { return nil }
            return "there is no `--`; write `x -= 1`"
        case .else:
            return "no `if` stands before this `else`"
        default:
            return nil
        }
    }

    /// The byte before `previous`, spaces apart.
    private var before: Unicode.Scalar {
        let byte = bytes[..<Int(previous.start)].last { $0 != 32 }
        return Unicode.Scalar(byte ?? 0)
    }

    /// A note on an interpolated expression that goes on where it should end.
    func noteOnInterpolation() -> String? {
        guard let open = openInterpolation, open.line != current.line || current.kind == .end else { return nil }
        return "the `${` stands in line \(open.line)"
    }

    /// A note on a lexical error.
    func noteOnCharacter(_ token: Token) -> String? {
        guard token.end > token.start else { return nil }
        switch bytes[Int(token.start)] {
        case UInt8(ascii: "'"): return "strings stand between double quotes"
        case UInt8(ascii: "&"): return "the operator is called `and`"
        case UInt8(ascii: "|"): return "the operator is called `or`"
        case UInt8(ascii: "#"): return "comments begin with `//`"
        case UInt8(ascii: "$"): return "`${…}` stands inside strings"
        case _ where scanner.meant != .error: return "write `\\\\` for a backslash"
        case UInt8(ascii: "\""):
            guard scanner.message == "Unterminated string." else { return nil }
            if let open = openInterpolation { return "the `${` in line \(open.line) may lack its `}`" }
            return "this string has no closing quote"
        case UInt8(ascii: "}"):
            return scanner.message == "Unterminated string." ? "the string that goes on here has no closing quote" : nil
        case 0x80...: return noteOnCharacter(text(token).unicodeScalars.first!)
        default: return nil
        }
    }

    private func noteOnCharacter(_ scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0x2018...0x201F, 0xAB, 0xBB: return "strings stand between straight double quotes"
        case 0xA0, 0x2000...0x200F, 0x3000, 0xFEFF: return "this is a space of an unusual kind, or invisible"
        case 0x2010...0x2015, 0x2212: return "the operator is the hyphen of ASCII"
        default: return "names are made of letters of ASCII, digits and `_`"
        }
    }

    /// A note on the path of a module that does not exist.
    func noteOnModule(_ path: String) -> String? {
        Spelling.closest(to: path, among: modules).map { "did you mean `\($0)`?" }
            ?? "there is \(modules.map { "`\($0)`" }.joined(separator: ", "))"
    }

    /// A note on an import that does not say what the module is called here.
    func noteOnMissingAlias(of path: String) -> String {
        let last = String(path.split(separator: "/").last?.prefix { $0 != "." } ?? "module")
        return "write `import \"\(path)\" as \(last);`"
    }

    private func noteOnMissingBrace() -> String? {
        // After another error the braces may have been miscounted.
        guard result.diagnostics.isEmpty else { return nil }
        return noteOnOddBraces() ?? openBraces.last.map { "the `{` in line \($0.line) is not closed" }
    }

    private func noteOnOddBraces() -> String? {
        oddBraces.map { "the `{` in line \($0.open.line) is closed in line \($0.close.line), at another indentation" }
    }

    /// A statement that begins with a word which is nearly one of the language's.
    private func noteOnMissingSemicolon() -> String? {
        guard let word = statementWord else { return nil }
        if current.kind == .rightParen, case .binary(.contained, _, _)? = result.tree.expressions.last {
            return "declare the variable: `for (var \(text(word)) in …)`"
        }
        if current.kind == .string, isWord(word, "import") { return "imports stand at the top level of a file" }
        let foreign = [
            "let": "var", "const": "var", "local": "var", "int": "var", "double": "var", "string": "var",
            "function": "fun", "func": "fun", "def": "fun", "fn": "fun", "elif": "else if", "elseif": "else if",
            "foreach": "for", "echo": "print", "println": "print", "struct": "class",
        ]
        let meant = foreign[text(word)] ?? Spelling.closest(
            to: text(word), among: ["print", "return", "while", "class", "fun", "var", "for", "if", "else"])
        // One that is followed by an operator is a variable.
        switch bytes[Int(word.end)..<bytes.endIndex].first(where: { $0 != 32 && $0 != 9 }) {
        case UInt8(ascii: "."), UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "["), nil: return nil
        default: return meant.map { "did you mean `\($0)`?" }
        }
    }

    private static func isKeyword(_ kind: TokenKind) -> Bool {
        kind.rawValue >= TokenKind.and.rawValue && kind.rawValue <= TokenKind.while.rawValue
    }

    // MARK: Braces

    /// Notes a brace that opens a block.
    mutating func openBrace() { openBraces.append(previous) }

    /// Consumes the brace that closes the innermost block, and notes whether the two are indented differently.
    mutating func closeBrace(_ message: String) {
        let isThere = current.kind == .rightBrace
        consume(.rightBrace, message)
        guard let open = openBraces.popLast(), isThere, oddBraces == nil, open.line != previous.line, let indentation = indentation(of: previous, first: true),
            let expected = self.indentation(of: open, first: false), indentation != expected
        else { return }
        oddBraces = (open, previous)
    }

    /// The bytes of space that the token's line begins with; nil when other tokens stand before one that has to be
    /// first, or when the line is too long to be worth a look.
    private func indentation(of token: Token, first: Bool) -> Int? {
        var start = Int(token.start)
        while start > 0, bytes[start - 1] != 10 {
            start -= 1
            if Int(token.start) - start > 200 || first && bytes[start] != 32 && bytes[start] != 9 { return nil }
        }
        var end = start
        while bytes[end] == 32 || bytes[end] == 9 { end += 1 }
        return end - start
    }
}
