// The parser: recursive descent over statements, precedence climbing over expressions.
// It follows the book's clox step by step, its recovery and its errors about names
// included, so that the same errors come out in the same order. Rules: Grammar/gravlax.ebnf.
//
// Chains (`a + b + …`, `a.b.c`, `else if`) are loops here; what nests in brackets or
// blocks recurses, up to `nestingLimit`. Errors leave `nil` in the tree.

/// What parsing a text gives.
package struct ParseResult: Sendable {
    /// Partial where there are errors.
    package internal(set) var tree = SyntaxTree()
    package internal(set) var diagnostics: [Diagnostic] = []

    /// Whether more text could make this right: the first error is that it ends too early.
    package var isIncomplete: Bool { diagnostics.first?.location == .end }
}

package struct Parser {
    /// Brackets, blocks and operators inside one another; a statement and its block count separately.
    package static let nestingLimit = 30_000
    /// Levels of the tree, long chains included.
    package static let depthLimit = 150_000

    let bytes: UnsafeBufferPointer<UInt8>
    var scanner: Scanner
    var current = Token(kind: .end, start: 0, end: 0, line: 1)
    var previous = Token(kind: .end, start: 0, end: 0, line: 1)
    var result = ParseResult()
    var isPanicking = false
    private var isAbandoned = false
    /// Whether the end of the text serves as a semicolon.
    let isInteractive: Bool
    private let checksNames: Bool
    /// Paths of the modules that can be imported.
    let modules: [String]
    /// Names that are global before the text begins.
    let knownGlobals: [String]
    /// The names among the contextual words that are global, once that was asked.
    var globalWords: Set<String>?
    var nesting = 0
    var statementDepth = 0
    var maxStatementDepth = 0
    /// Depth of each expression of the tree.
    var depths: [Int32] = []
    /// The greatest of them in the function that is being parsed.
    var maxDepth: Int32 = 0
    var scopes = OpenScopes()
    /// The braces of the blocks around, for notes on errors.
    var openBraces: [Token] = []
    /// The first two braces that belong together and are indented differently.
    var oddBraces: (open: Token, close: Token)?
    /// What begins the innermost string whose interpolated expression is being parsed, or goes on with it.
    var openInterpolation: Token?
    /// The name that the current expression statement begins with.
    var statementWord: Token?

    /// Parses a text. Any thread may call it; it needs next to nothing of that thread's stack.
    ///
    /// - Parameters:
    ///   - isInteractive: the semicolon at the end of the text may be missing.
    ///   - checksNames: find the errors that are not the grammar's, too. What has any of them cannot be compiled.
    ///   - modules: paths of those that can be imported.
    ///   - globalNames: what is global before the text begins.
    package static func parse(
        _ bytes: [UInt8], isInteractive: Bool = false, checksNames: Bool = true, modules: [String] = BuiltinModules.paths,
        globalNames: [String] = []
    ) -> ParseResult {
        if bytes.count >= Int(Int32.max) {
            return rejecting("The source text is too long.", at: 0, in: [])
        }
        if let offset = UTF8Check.firstInvalidOffset(in: bytes) {
            return rejecting("The source text is not valid UTF-8 (byte \(offset)).", at: offset, in: bytes)
        }
        // Each level takes a byte of text at least.
        let result = DeepStack.run(depth: min(nestingLimit, bytes.count)) {
            bytes.withUnsafeBufferPointer { buffer in
                var parser = Parser(
                    buffer, isInteractive: isInteractive, checksNames: checksNames, modules: modules,
                    knownGlobals: globalNames)
                parser.program()
                return parser.result
            }
        }
        return result ?? rejecting(outOfMemory, at: 0, in: [])
    }

    static let outOfMemory = "Not enough memory to compile this."

    private static func rejecting(_ message: String, at offset: Int, in bytes: [UInt8]) -> ParseResult {
        var result = ParseResult()
        let line = bytes[..<min(offset, bytes.count)].reduce(into: UInt32(1)) { if $1 == 10 { $0 += 1 } }
        let start = UInt32(offset)
        result.diagnostics = [
            Diagnostic(message, at: .lexical, span: CodeSpan(start: start, end: start + 1), line: line)
        ]
        return result
    }

    private init(
        _ bytes: UnsafeBufferPointer<UInt8>, isInteractive: Bool, checksNames: Bool, modules: [String],
        knownGlobals: [String]
    ) {
        self.bytes = bytes
        self.isInteractive = isInteractive
        self.checksNames = checksNames
        self.modules = modules
        self.knownGlobals = knownGlobals
        scanner = Scanner(bytes)
    }

    private mutating func program() {
        advance()
        while current.kind != .end {
            if let statement = isAtImport ? importDeclaration() : declaration() { result.tree.body.append(statement) }
        }
        result.tree.end = Place(span: current.span, line: current.line)
        result.tree.depth = Int(maxDepth) + maxStatementDepth
    }

    // MARK: Tokens

    mutating func advance() {
        previous = current
        while true {
            current = scanner.next()
            if current.kind != .error { return }
            fail(scanner.message, at: current, shown: scanner.fault, note: noteOnCharacter(current))
            current.kind = scanner.meant
            if current.kind != .error { return }
        }
    }

    mutating func match(_ kind: TokenKind) -> Bool {
        if current.kind != kind { return false }
        advance()
        return true
    }

    /// - Parameter opening: line of the bracket that the token closes.
    mutating func consume(_ kind: TokenKind, _ message: String, opening: UInt32? = nil) {
        if current.kind == kind { return advance() }
        // A mark that is missing at the end of a line is missing there, not where the next line begins.
        let isElsewhere = kind != .identifier && (current.kind == .end || startsLine(current))
        let place = CodeSpan(start: previous.end, end: previous.end)
        let note = noteOnMissing(kind) ?? opening.flatMap { $0 == current.line ? nil : noteOnOpenBracket(in: $0) }
        fail(message, at: current, shown: isElsewhere ? place : nil, note: note)
    }

    /// The semicolon that ends a statement.
    mutating func endStatement(_ message: String) {
        if isInteractive, current.kind == .end { return }
        consume(.semicolon, message)
    }

    func text(_ token: Token) -> String {
        String(decoding: bytes[Int(token.start)..<Int(token.end)], as: UTF8.self)
    }

    /// `previous` as a name.
    func name() -> Name { Name(text(previous), span: previous.span, line: previous.line) }

    func isWord(_ token: Token, _ word: StaticString) -> Bool {
        token.kind == .identifier && Int(token.end - token.start) == word.utf8CodeUnitCount
            && (0..<word.utf8CodeUnitCount).allSatisfy { bytes[Int(token.start) + $0] == word.utf8Start[$0] }
    }

    func place(from start: UInt32) -> Place {
        Place(span: CodeSpan(start: start, end: max(start, previous.end)), line: previous.line)
    }

    // MARK: Errors

    mutating func fail(_ message: String, at token: Token, shown: CodeSpan? = nil, note: String? = nil) {
        if isPanicking || isAbandoned { return }
        isPanicking = true
        let location: Diagnostic.Location =
            switch token.kind {
            case .end: .end
            case .error: .lexical
            default: .token(text(token))
            }
        result.diagnostics.append(Diagnostic(message, at: location, span: token.span, line: token.line,
            shown: shown ?? (token.kind == .end ? endOfText : nil), note: note))
    }

    /// Where the text ends that is more than space.
    private var endOfText: CodeSpan {
        let last = bytes.lastIndex { $0 != 32 && $0 != 10 && $0 != 13 && $0 != 9 }
        let end = UInt32(last.map { $0 + 1 } ?? 0)
        return CodeSpan(start: end, end: end)
    }

    /// An error at `previous` that is not the grammar's.
    mutating func failName(_ message: String, note: String? = nil) {
        if checksNames { fail(message, at: previous, note: note) }
    }

    mutating func synchronize() {
        isPanicking = false
        while current.kind != .end, previous.kind != .semicolon {
            switch current.kind {
            case .class, .fun, .var, .for, .if, .while, .print, .return: return
            default: advance()
            }
        }
    }

    /// Gives up: whatever follows is not worth a message.
    mutating func abandon(_ message: String) {
        fail(message, at: previous)
        isAbandoned = true
        current = Token(kind: .end, start: UInt32(bytes.count), end: UInt32(bytes.count), line: previous.line)
        scanner = Scanner(UnsafeBufferPointer(rebasing: bytes[bytes.count...]))
    }
}
