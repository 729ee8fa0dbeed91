import Gravlax
import Synchronization
import Testing

struct InterpreterTests {
    @Test func readsLikeProse() throws {
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(64)))
        interpreter.define("hypot") { (x: Double, y: Double) in (x * x + y * y).squareRoot() }
        let n: Double = try interpreter.evaluate("hypot(3, 4)")
        #expect(n == 5)
    }

    @Test func laterScriptsSeeEarlierGlobals() throws {
        let interpreter = try Interpreter()
        try interpreter.run("fun double(x) { return 2 * x; }")
        #expect(try interpreter.evaluate("double(21)", as: Int.self) == 42)
        try interpreter.set("given", [1, 2, 3])
        #expect(try interpreter.evaluate("given[1]", as: Int.self) == 2)
        let given = try #require(interpreter["given"])
        let count = try Int(given["count"])
        #expect(count == 3)
        #expect(interpreter["missing"] == nil)
    }

    @Test func outputGoesToTheHost() throws {
        let printed = Mutex("")
        let interpreter = try Interpreter(output: { text in printed.withLock { $0 += text } })
        try interpreter.run("print 1; print \"two\";")
        #expect(printed.withLock { $0 } == "1\ntwo\n")
    }

    @Test func errorsOfFinalizersAreWarnings() throws {
        let messages = Mutex<[String]>([])
        let interpreter = try Interpreter(warnings: { error in messages.withLock { $0.append(error.message) } })
        try interpreter.run(
            """
            import "std/gc" as gc;
            class A {}
            fun make() { gc.onFinalize(A(), fun (a) { a.missing(); }); }
            make();
            gc.collect(); gc.collect();
            gc.runFinalizers();
            """)
        #expect(messages.withLock { $0 } == ["Undefined property 'missing'."])
    }

    @Test func compileErrorsHaveDiagnostics() throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: CompileError.self) { try interpreter.run("var a = 1;\nvar = 2;", name: "bad.lox") }
        #expect(error?.file == "bad.lox")
        #expect(error?.diagnostics.map(\.line) == [2])
        #expect(error?.diagnostics.first?.message == "Expect variable name.")
    }

    @Test func runtimeErrorsHaveATrace() throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("fun f() {\n  return nil + 1;\n}\nf();", name: "bad.lox")
        }
        #expect(error?.message == "Operands must be two numbers or two strings.")
        #expect(error?.kind == .error)
        #expect(error?.file == "bad.lox")
        #expect(error?.line == 2)
        #expect(error?.trace.map(\.description) == ["f() at bad.lox:2", "script at bad.lox:4"])
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func filesCannotBeImportedUnlessGranted() throws {
        let interpreter = try Interpreter()
        #expect(throws: CompileError.self) { try interpreter.run("import \"a.lox\" as a;") }
        let granted = try Interpreter(.init(moduleLoader: OneFile()))
        try granted.run("import \"a.lox\" as a; var found = a.answer;")
        #expect(try granted.evaluate("found", as: Int.self) == 42)
    }

    @Test func ioIsAbsentUnlessGranted() throws {
        let source = "import \"std/io\" as io; io.readLine;"
        #expect(throws: ScriptError.self) { try Interpreter().run(source) }
        try Interpreter(.init(grantsFiles: true)).run("import \"std/io\" as io; io;")
    }

    private struct OneFile: ModuleLoader {
        func resolve(_ path: String, from importer: String) -> String { path }
        func load(_ name: String) throws(ModuleUnavailable) -> [UInt8] { Array("var answer = 42;".utf8) }
    }
}
