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
            case .token("NUMBER"): output.append(["0", "1.5", "123456789012345678901", "1_0e-3", "0xF"][random(5)])
            case .token("STRING"): output.append(["\"\"", "\"std/gc\"", "\"\\n\\u{1F41F}\""][random(3)])
            case .token("STRINGHEAD"): output.append(["\"${", "\"a\\$${"][random(2)])
            case .token("STRINGMIDDLE"): output.append(["}${", "} $ {${"][random(2)])
            case .token("STRINGTAIL"): output.append(["}\"", "} }\""][random(2)])
            case .token: output.append(["a", "in", "import", "as", "is"][random(5)])
            case .rule(let name):
                // Out of fuel, the shortest text of the rule ends the derivation.
                let short = ["declaration": "a ;", "statement": "a ;", "expression": "a", "unary": "a", "or": "a", "conditional": "a", "range": "a"]
                if fuel <= 0, let text = short[name] { output.append(text) } else { deriveRule(name, fuel: fuel - 1) }
            case .sequence(let parts): for part in parts { derive(part, fuel: fuel) }
            case .choice(let options): derive(options[random(options.count)], fuel: fuel)
            case .many(let inner): for _ in 0..<(fuel > 0 ? [0, 0, 0, 1, 2][random(5)] : 0) { derive(inner, fuel: fuel) }
            case .optional(let inner): if fuel > 0, random(2) == 0 { derive(inner, fuel: fuel) }
            }
        }

        private func endOfParameters(from start: Int) -> Int {
            var depth = 0
            var index = start
            repeat {
                if output[index] == "(" { depth += 1 }
                if output[index] == ")" { depth -= 1 }
                index += 1
            } while depth > 0
            return index
        }

        /// Gives each parameter after one with a default a default, too.
        private mutating func sortParameters(from start: Int) {
            var depth = 0
            var index = start
            var hasDefault = false
            while index < output.count {
                switch output[index] {
                case "(", "[", "{", "\"${", "\"a\\$${": depth += 1
                case ")", "]", "}", "}\"", "} }\"": depth -= 1
                case "=" where depth == 0: hasDefault = true
                case "..." where depth == 0: return
                default:
                    let follows = index + 1 < output.count ? output[index + 1] : ""
                    let begins = index == start || output[index - 1] == ","
                    if depth == 0, hasDefault, begins, follows == "," || follows == ")" {
                        output.insert(contentsOf: ["=", "a"], at: index + 1)
                    }
                }
                if depth < 0 { return }
                index += 1
            }
        }

        /// Replaces what the grammar's remarks exclude: an expression statement that would begin with a map or a function,
        /// parameters out of order, and something after an arrow function.
        private mutating func deriveRule(_ name: String, fuel: Int) {
            let start = output.count
            uses[name, default: 0] += 1
            derive(rules[name]!, fuel: fuel)
            if name == "expressionStatement", output[start] == "{" || output[start] == "fun" {
                output.replaceSubrange(start..., with: ["a", ";"])
            }
            if name == "anonymousFunction", output[endOfParameters(from: start + 1)] == "=>" {
                output.insert("(", at: start)
                output.append(")")
            }
            if name == "parameters" { sortParameters(from: start + 1) }
        }
    }

    @Test func derivedProgramsParse() throws {
        let rules = try Self.read()
        var uses: [String: Int] = [:]
        var compiled = 0
        for seed in 0..<2000 {
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

    private static let contextualWords = ["in", "is", "import", "as", "break", "continue", "throw", "try", "catch", "finally", "static"]

    /// Each text in quotes is a token of its own, and there are no other kinds of tokens.
    @Test func textsOfTheGrammarAreTheTokens() throws {
        var kinds: Set<TokenKind> = [.identifier, .number, .string, .stringHead, .stringMiddle, .stringTail]
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
        ("1e9 1.5E-3 2e+7 1_0.0_1e1_0 0xfF_0", [.number, .number, .number, .number, .number]),
        ("1e", [.number, .identifier]), ("1e+", [.number, .identifier, .plus]), ("1__0", [.number, .identifier]),
        ("1_", [.number, .identifier]), ("0x", [.number, .identifier]), ("0xg", [.number, .identifier]),
        ("0x_1", [.number, .identifier]), ("0x1.5", [.number, .dot, .number]), ("1_.5", [.number, .identifier, .dot, .number]),
        ("1...=2", [.number, .ellipsis, .equal, .number]), ("1.0..=2", [.number, .dotDotEqual, .number]),
        ("+= -= *= /= %= => ? ?? ???", [
            .plusEqual, .minusEqual, .starEqual, .slashEqual, .percentEqual, .arrow, .question, .questionQuestion,
            .questionQuestion, .question,
        ]),
        ("\"${a}\"", [.stringHead, .identifier, .stringTail]), ("\"$a $\"", [.string]), ("\"\\${\"", [.string]),
        ("\"a${{}}b${\"${1}\"}c\" }", [
            .stringHead, .leftBrace, .rightBrace, .stringMiddle, .stringHead, .number, .stringTail, .stringTail, .rightBrace,
        ]),
        ("\"${", [.stringHead]), ("\"${1", [.stringHead, .number]), ("\"${1}", [.stringHead, .number, .error]),
        ("1.", [.number, .dot]), (".5", [.dot, .number]), ("1.5.2", [.number, .dot, .number]), ("1..2", [.number, .dotDot, .number]),
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
        let source = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("Parser") }.map {
            try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
        }.joined()
        // The levels of binary operators are one function and a table of precedences.
        let levels = ["conditional", "alternative", "range", "or", "and", "equality", "comparison", "term", "factor", "unary", "call"]
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
