import Gravlax
import Synchronization
import Testing

/// Compiled scripts that interpreters share.
struct ScriptSharingTests {
    private struct Files: ModuleLoader {
        let texts: [String: String]
        func resolve(_ path: String, from importer: String) -> String { path }
        func load(_ name: String) throws(ModuleUnavailable) -> [UInt8] {
            guard let text = texts[name] else { throw ModuleUnavailable(reason: "No such script") }
            return Array(text.utf8)
        }
    }

    @Test func aScriptRunsInInterpretersWithOtherGlobals() throws {
        let script = try Script("var last = add(base, step); fun twice(x) { return add(x, x); } twice(last)", name: "shared")
        for extra in 0..<4 {
            let interpreter = try Interpreter()
            for number in 0..<extra { try interpreter.run("var own\(number) = \"mine\";") }
            interpreter.define("add") { (a: Int, b: Int) in a + b + extra }
            try interpreter.set("step", 10)
            try interpreter.set("base", 1)
            #expect(try interpreter.evaluate(script, as: Int.self) == 2 * (11 + extra) + extra)
            // What it has made is there for others, and theirs is unharmed.
            #expect(try interpreter.evaluate("last", as: Int.self) == 11 + extra)
            #expect(try interpreter.evaluate("twice(1)", as: Int.self) == 2 + extra)
            for number in 0..<extra { #expect(try interpreter.evaluate("own\(number)", as: String.self) == "mine") }
        }
    }

    @Test func aScriptRunsAgainAndAgain() throws {
        let script = try Script("class A { m() { return n; } } n = n + 1; A().m()")
        let interpreter = try Interpreter()
        try interpreter.run("var n = 0;")
        for turn in 1...50 {
            #expect(try interpreter.evaluate(script, as: Int.self) == turn)
            if turn % 10 == 0 { try interpreter.run("var more\(turn) = \(turn);") }
        }
        #expect(try interpreter.evaluate("more50", as: Int.self) == 50)
    }

    @Test func namesThatAreMissingAreErrorsOfTheScript() throws {
        let script = try Script("\nmissing()", name: "a.lox")
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { try interpreter.run(script) }
        #expect(error?.message == "Undefined variable 'missing'.")
        #expect(error?.file == "a.lox")
        #expect(error?.line == 2)
        interpreter.define("missing") { () in 5 }
        #expect(try interpreter.evaluate(script, as: Int.self) == 5)
    }

    @Test func globalsOfTheLibraryCanBeReplaced() throws {
        let script = try Script("var clock = 5; clock")
        let interpreter = try Interpreter()
        try interpreter.run("var other = 1;")
        #expect(try interpreter.evaluate(script, as: Int.self) == 5)
        #expect(try interpreter.evaluate("clock", as: Int.self) == 5)
    }

    @Test func importedFilesComeAlong() throws {
        let files = Files(texts: [
            "a.lox": "import \"b.lox\" as b; var count = 0; fun next() { count = count + b.step; return count; }",
            "b.lox": "var step = 3;",
        ])
        let script = try Script("import \"a.lox\" as a; import \"b.lox\" as b; a.next() + b.step", moduleLoader: files)
        for extra in 0..<3 {
            let interpreter = try Interpreter(.init(moduleLoader: files))
            for number in 0..<extra { try interpreter.run("var count\(number) = -1; var step = -1;") }
            if extra == 2 { try interpreter.run("import \"b.lox\" as mine; mine.step;") }
            // A file runs once in an interpreter, whoever imports it.
            #expect(try interpreter.evaluate(script, as: Int.self) == 6)
            #expect(try interpreter.evaluate(script, as: Int.self) == 9)
            #expect(try interpreter.evaluate("import \"a.lox\" as again; again.next()", as: Int.self) == 9)
        }
    }

    @Test func textsThatCannotBeCompiledAreToldSo() throws {
        let error = #expect(throws: CompileError.self) { try Script("var = 1;", name: "bad.lox") }
        #expect(error?.file == "bad.lox")
    }

    @Test func manyInterpretersRunOneScriptAtOnce() async throws {
        let script = try Script(
            """
            class Node { init(value, next) { this.value = value; this.next = next; } }
            fun build(n) { var head; for (var i in 0..n) head = Node(i + offset, head); return head; }
            var sum = 0;
            for (var round in 0..20) { for (var node = build(200); node != nil; node = node.next) sum += node.value; }
            sum
            """)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<16 {
                group.addTask {
                    let interpreter = try Interpreter()
                    try interpreter.set("own\(number)", number)
                    try interpreter.set("offset", number)
                    return try await interpreter.evaluate(script, as: Int.self) == 20 * (199 * 100 + 200 * number)
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }
}
