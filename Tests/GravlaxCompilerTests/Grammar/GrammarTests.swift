import Foundation
import GravlaxCompiler
import Testing

/// The grammar file, executed: what it derives parses, and its rules are the parser's functions.
@Suite struct GrammarTests {
    fileprivate indirect enum Rule {
        case text(String), rule(String), token(String)
        case sequence([Rule]), choice([Rule]), many(Rule), optional(Rule)
    }

    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    fileprivate static func read() throws -> [String: Rule] {
        var text = try String(contentsOf: root.appendingPathComponent("Grammar/gravlax.ebnf"), encoding: .utf8)
        while let open = text.range(of: "(*"), let close = text.range(of: "*)") { text.removeSubrange(open.lowerBound..<close.upperBound) }
        let pattern = /"[^"]*"|[A-Za-z]+|[=;|{}()\[\]]/
        let words = text.matches(of: pattern).map { String($0.output) }
        var position = 0
        func choice() -> Rule {
            var options: [Rule] = []
            repeat {
                if !options.isEmpty { position += 1 }
                options.append(sequence())
            } while words[position] == "|"
            return options.count == 1 ? options[0] : .choice(options)
        }
        func sequence() -> Rule {
            var parts: [Rule] = []
            while !["|", ";", ")", "]", "}"].contains(words[position]) {
                let word = words[position]
                position += 1
                switch word {
                case "{", "[", "(":
                    let inner = choice()
                    position += 1
                    parts.append(word == "{" ? .many(inner) : word == "[" ? .optional(inner) : inner)
                case _ where word.hasPrefix("\""): parts.append(.text(String(word.dropFirst().dropLast())))
                default: parts.append(word == word.uppercased() ? .token(word) : .rule(word))
                }
            }
            return .sequence(parts)
        }
        var rules: [String: Rule] = [:]
        while position < words.count {
            let name = words[position]
            position += 2
            rules[name] = choice()
            position += 1
        }
        return rules
    }

    fileprivate struct Deriver {
        let rules: [String: Rule]
        var state: UInt64
        var output: [String] = []
        /// How often each rule was derived.
        var uses: [String: Int] = [:]

        mutating func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }

        mutating func derive(_ rule: Rule, fuel: Int) {
            switch rule {
            case .text(let text): output.append(text)
            case .token("NUMBER"): output.append(["0", "1.5", "123456789012345678901"][random(3)])
            case .token("STRING"): output.append(["\"\"", "\"std/gc\"", "\"\\n\\u{1F41F}\""][random(3)])
            case .token: output.append(["a", "in", "import", "as"][random(4)])
            case .rule(let name):
                // Out of fuel, the shortest text of the rule ends the derivation.
                let short = ["declaration": "a ;", "statement": "a ;", "expression": "a", "unary": "a", "or": "a"]
                if fuel <= 0, let text = short[name] { output.append(text) } else { deriveRule(name, fuel: fuel - 1) }
            case .sequence(let parts): for part in parts { derive(part, fuel: fuel) }
            case .choice(let options): derive(options[random(options.count)], fuel: fuel)
            case .many(let inner): for _ in 0..<(fuel > 0 ? [0, 0, 0, 1, 2][random(5)] : 0) { derive(inner, fuel: fuel) }
            case .optional(let inner): if fuel > 0, random(2) == 0 { derive(inner, fuel: fuel) }
            }
        }

        /// Replaces an expression statement that would begin with a map, as the grammar's remark demands.
        private mutating func deriveRule(_ name: String, fuel: Int) {
            let start = output.count
            uses[name, default: 0] += 1
            derive(rules[name]!, fuel: fuel)
            if name == "expressionStatement", output[start] == "{" {
                output.replaceSubrange(start..., with: ["a", ";"])
            }
        }
    }

    @Test func derivedProgramsParse() throws {
        let rules = try Self.read()
        var uses: [String: Int] = [:]
        var compiled = 0
        for seed in 0..<500 {
            var deriver = Deriver(rules: rules, state: UInt64(seed))
            deriver.derive(.rule("program"), fuel: 24)
            let text = deriver.output.joined(separator: " ")
            let diagnostics = Parser.parse(Array(text.utf8), checksNames: false).diagnostics.filter { $0.message != "Too much nesting." }
            #expect(diagnostics.isEmpty, "\(diagnostics.first?.loxText ?? "") in: \(text.prefix(2000))")
            uses.merge(deriver.uses, uniquingKeysWith: +)
            // Most break a rule about names; what does not compiles to code that verifies.
            if let program = try? Compiler.compile(source: Array(text.utf8), name: "derived", globalNames: []) {
                compiled += 1
                #expect(Verifier.verify(program).isEmpty, "\(text.prefix(2000))")
            }
        }
        for rule in rules.keys where rule != "program" { #expect(uses[rule, default: 0] > 10, "\(rule)") }
        #expect(compiled > 50)
    }

    private static func scan(_ text: String) -> [TokenKind] {
        Array(text.utf8).withUnsafeBufferPointer { bytes in
            var scanner = Scanner(bytes)
            var kinds: [TokenKind] = []
            while true {
                let token = scanner.next()
                if token.kind == .end { return kinds }
                kinds.append(token.kind)
            }
        }
    }

    private static func texts(in rule: Rule) -> [String] {
        switch rule {
        case .text(let text): [text]
        case .rule, .token: []
        case .sequence(let parts), .choice(let parts): parts.flatMap(texts)
        case .many(let inner), .optional(let inner): texts(in: inner)
        }
    }

    private static let contextualWords = ["in", "import", "as"]

    /// Each text in quotes is a token of its own, and there are no other kinds of tokens.
    @Test func textsOfTheGrammarAreTheTokens() throws {
        var kinds: Set<TokenKind> = [.identifier, .number, .string]
        for text in Set(try Self.read().values.flatMap(Self.texts)) where !Self.contextualWords.contains(text) {
            let scanned = Self.scan(text)
            #expect(scanned.count == 1 && !kinds.contains(scanned[0]) && scanned[0] != .error, "\(text)")
            kinds.insert(scanned[0])
        }
        for word in Self.contextualWords { #expect(Self.scan(word) == [.identifier]) }
        #expect(kinds.count == Int(TokenKind.error.rawValue), "the kinds before `error` are those of the grammar")
    }

    /// What the remark on tokens says.
    @Test(arguments: [
        ("a _ _1 aZ9 for_ fory", [.identifier, .identifier, .identifier, .identifier, .identifier, .identifier]),
        ("é", [.error]), ("1a", [.number, .identifier]), ("12 1.5 0.0", [.number, .number, .number]),
        ("1.", [.number, .dot]), (".5", [.dot, .number]), ("1.5.2", [.number, .dot, .number]), ("1..2", [.number, .dot, .dot, .number]),
        ("-1", [.minus, .number]), ("// a\r\n\t1 // b", [.number]), ("1//", [.number]), ("/ /", [.slash, .slash]),
        ("\"\" \"a\nb\" \"é🐟\"", [.string, .string, .string]), ("\"a", [.error]), ("\"\\\"\"", [.string]),
        (#""\n\r\t\0\"\\\$" "\u{1F41F}" "\u{0}""#, [.string, .string, .string]),
        (#""\q""#, [.error]), (#""\u{}""#, [.error]), (#""\u{1234567}""#, [.error]), (#""\u{D800}""#, [.error]), (#""\u{110000}""#, [.error]),
        ("!= ! = == =!", [.bangEqual, .bang, .equal, .equalEqual, .equal, .bang]), ("===", [.equalEqual, .equal]),
        ("<=<>=>", [.lessEqual, .less, .greaterEqual, .greater]), ("#!x\n1", [.number]), (" #!", [.error, .bang]), ("\u{FEFF}1", [.error, .number]),
    ] as [(String, [TokenKind])]) func tokens(text: String, kinds: [TokenKind]) {
        #expect(Self.scan(text) == kinds)
    }

    @Test func rulesAreFunctionsOfTheParser() throws {
        let folder = Self.root.appendingPathComponent("Sources/GravlaxCompiler/Syntax")
        let source = try ["Parser.swift", "Parser+Statements.swift", "Parser+Expressions.swift"].map {
            try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
        }.joined()
        // The levels of binary operators are one function and a table of precedences.
        let levels = ["or", "and", "equality", "comparison", "term", "factor", "unary", "call"]
        let precedences = source.split(separator: "\n").first { $0.contains("case none, assignment") } ?? ""
        for name in try Self.read().keys where name != "target" {
            if levels.contains(name) {
                #expect(precedences.contains(name))
            } else {
                #expect(source.contains("func \(name)("), "\(name)")
            }
        }
    }
}
