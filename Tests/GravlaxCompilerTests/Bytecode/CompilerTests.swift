import GravlaxCompiler
import Testing

/// From text to verified code. Debug builds verify every program that compiles; these verify in any build.
@Suite struct CompilerTests {
    private func compile(_ source: String) throws -> Program {
        let program = try Compiler.compile(source: Array(source.utf8), name: "test", globalNames: ["clock"])
        let failures = Verifier.verify(program)
        if let first = failures.first { throw first }
        return program
    }

    private func lines(_ source: String, function: Int = 0) throws -> [String] {
        let program = try compile(source)
        let prototype = program.functions[function]
        return zip(listing(program, function), prototype.lines).map { "\($1) \($0)" }
    }

    /// The line of an instruction is that of the last token that clox had consumed.
    @Test func linesAreThoseOfTheLastToken() throws {
        #expect(try lines("print a +\n b\n;") == [
            "1 getglobal R1 G1 ; a", "2 getglobal R2 G2 ; b", "2 add R1 R1 R2", "3 print R1", "3 returnnil",
        ])
        #expect(try lines("f(\n1\n);") == ["1 getglobal R1 G1 ; f", "2 loadint R2 1", "3 call R1 1", "3 returnnil"])
        #expect(try lines("a\n.b\n.c();") == [
            "1 getglobal R1 G1 ; a", "2 getfield R1 R1 S0 ; b", "3 invoke R1 0 S1 ; c", "3 returnnil",
        ])
    }

    @Test func errorsOfParserAndResolverComeInSourceOrder() {
        let source = "return 1;\nvar = 2;\n{ var a; var a; }\nprint this;"
        #expect { try compile(source) } throws: { error in
            (error as? CompileErrors)?.diagnostics.map(\.loxText) == [
                "[line 1] Error at 'return': Can't return from top-level code.",
                "[line 2] Error at '=': Expect variable name.",
                "[line 3] Error at 'a': Already a variable with this name in this scope.",
                "[line 4] Error at 'this': Can't use 'this' outside of a class.",
            ]
        }
    }

    @Test func longChainsCompileOnASmallStack() throws {
        let sum = "print a" + String(repeating: " + a", count: 20_000) + ";"
        #expect(try compile(sum).script.code.count == 2 * 20_000 + 3)
        let both = "print a" + String(repeating: " and a", count: 20_000) + ";"
        _ = try compile(both)
        let calls = "a" + String(repeating: ".b()", count: 20_000) + ";"
        _ = try compile(calls)
        let test = "if (a" + String(repeating: " or a", count: 20_000) + ") print 1;"
        _ = try compile(test)
    }

    @Test func aStackThatTheSystemDoesNotHaveIsRefused() {
        #expect(DeepStack.run(depth: 1) { 1 } == 1)
        #expect(DeepStack.run(depth: 1 << 40) { 1 } == nil)
    }

    /// The last semicolon of an interactive input may be missing, and only that one.
    @Test(arguments: [
        ("1 + 2", true), ("print 1", true), ("var a = 1", true), ("1 2", false), ("{ 1 }", false), ("print 1\nprint 2", false),
    ]) func interactiveInput(source: String, isRight: Bool) {
        #expect(Parser.parse(Array(source.utf8), isInteractive: true).diagnostics.isEmpty == isRight)
        #expect(!Parser.parse(Array(source.utf8)).diagnostics.isEmpty)
    }

    @Test(arguments: [
        ("fun f()", true), ("1 +", true), ("if (a)", true), ("class A {", true), ("print ;", false), ("1;", false), ("a b", false),
    ]) func incompleteInput(source: String, isIncomplete: Bool) {
        #expect(Parser.parse(Array(source.utf8), isInteractive: true).isIncomplete == isIncomplete)
    }

    @Test(arguments: [
        ("{ var total; fun f(item) { cuont; } var later; }", ["f", "item", "total"]),
        ("{ var cuont; cuont; }", []), ("cuont;", []),
        ("class A { m(p) { cuont = 1; } }", ["p", "this"]),
    ]) func namesInScope(source: String, names: [String]) {
        let tree = Parser.parse(Array(source.utf8)).tree
        let use = UInt32(source.utf8.count - source.split(separator: "cuont", omittingEmptySubsequences: false).last!.utf8.count - 5)
        #expect(Resolver.namesInScope(at: use, in: tree) == names)
    }

    /// Programs drawn from a seed; every one of them compiles to code that verifies.
    @Test(arguments: 0..<200) func generatedProgramsVerify(seed: Int) throws {
        var writer = ProgramWriter(seed: UInt64(seed))
        let source = writer.program()
        do {
            _ = try compile(source)
        } catch let error as CompileErrors {
            Issue.record("seed \(seed): \(error.diagnostics.map(\.loxText))\n\(source)")
        }
    }
}

/// Draws programs of every kind of statement and expression; local names are never declared twice.
struct ProgramWriter {
    private var state: UInt64
    private var names: [String] = ["a", "b"]
    private var count = 0
    private var insideMethod = false
    private var insideFunction = false

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    private mutating func draw(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }

    private mutating func fresh() -> String {
        count += 1
        return "v\(count)"
    }

    private mutating func name() -> String { names[draw(names.count)] }

    mutating func program() -> String { (0..<6).map { _ in statement(3) }.joined(separator: "\n") }

    private mutating func scoped(_ body: (inout Self) -> String) -> String {
        let outer = names
        defer { names = outer }
        return body(&self)
    }

    private mutating func block(_ depth: Int) -> String {
        scoped { writer in "{ " + (0..<3).map { _ in writer.statement(depth - 1) }.joined(separator: " ") + " }" }
    }

    private mutating func function(_ depth: Int, method: Bool) -> String {
        let wasMethod = insideMethod, wasFunction = insideFunction
        defer { (insideMethod, insideFunction) = (wasMethod, wasFunction) }
        (insideMethod, insideFunction) = (wasMethod || method, true)
        return scoped { writer in
            let parameter = writer.fresh()
            writer.names.append(parameter)
            return "(\(parameter)) " + writer.block(depth)
        }
    }

    private mutating func statement(_ depth: Int) -> String {
        switch depth <= 0 ? draw(3) : draw(12) {
        case 0: return "print \(expression(2));"
        case 1: return expression(3) + ";"
        case 2:
            let value = expression(2), name = fresh()
            names.append(name)
            return "var \(name) = \(value);"
        case 3: return block(depth)
        case 4: return "if (\(expression(3))) \(block(depth)) else \(block(depth))"
        case 5: return "while (\(expression(3))) \(block(depth))"
        case 6:
            return scoped { writer in
                let name = writer.fresh(), limit = writer.expression(1)
                writer.names.append(name)
                return "for (var \(name) = 0; \(name) < \(limit); \(name) = \(name) + 1) \(writer.block(depth))"
            }
        case 7:
            return scoped { writer in
                let key = writer.fresh(), value = writer.fresh(), iterable = writer.expression(1)
                writer.names += [key, value]
                return "for (var \(key), \(value) in \(iterable)) \(writer.block(depth))"
            }
        case 8, 9:
            let name = fresh()
            names.append(name)
            return "fun \(name)\(function(depth, method: false))"
        case 10:
            let superclass = name(), name = fresh()
            names.append(name)
            return "class \(name) < \(superclass) { init(x) { this.x = x; super.init(x); } m\(function(depth, method: true)) }"
        default: return insideFunction ? "return \(expression(2));" : "print 0;"
        }
    }

    private mutating func expression(_ depth: Int) -> String {
        if depth <= 0 { return ["1", "nil", "true", "\"s\"", name(), name(), "-0.5"][draw(7)] }
        let left = expression(depth - 1), right = expression(depth - 1)
        switch draw(12) {
        case 0, 1: return "(\(left) \(["+", "-", "*", "/", "%"][draw(5)]) \(right))"
        case 2: return "(\(left) \(["<", "<=", ">", ">=", "==", "!="][draw(6)]) \(right))"
        case 3: return "(\(left) and \(right))"
        case 4: return "(\(left) or \(right))"
        case 5: return "(\(name()) = \(left))"
        case 6: return "(\(left)).f(\(right), \(name()))"
        case 7: return "((\(left)).f = \(right))"
        case 8: return "[\(left), \(right)][\(name())]"
        case 9: return "({\"k\": \(left), 2: \(right)})"
        case 10: return insideMethod ? "(this.m(\(left)) + super.m(\(right)))" : "!\(left)"
        default: return "\(name())(\(left), \(right))"
        }
    }
}
