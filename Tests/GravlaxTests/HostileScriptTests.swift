import Dispatch
import Gravlax
import Testing

/// Scripts that do their worst. The host survives, gets the right error, and the next script runs right.
struct HostileScriptTests {
    /// None of these ends by itself.
    static let endless = [
        "var xs = []; for (var i = 0; i < 2000; i += 1) xs.push(-i); while (true) xs.sort(fun (a, b) => a - b);",
        "while (true) { try { throw \"x\"; } catch (e) {} }",
        "fun f() { try { f(); } finally { f(); } } f();",
        "class A { again { return true; } } var a = A(); while (a.again) {}",
        "fun f(n) { return again(fun () => n); } while (true) f(1);",
        "fun f() { again(fun () { while (true) {} }); } f();",
        "while (true) [1, 2, 3].map(fun (x) => x).filter(fun (x) => true).reduce(fun (a, b) => a, 0);",
        "var text = \"ab\".repeat(20000); while (true) { text.split(\"b\"); text.replace(\"a\", \"bb\"); }",
        "var m = {}; var i = 0; while (true) { m[i % 1000] = \"text ${i}\"; i += 1; }",
        "import \"std/json\" as json; var xs = []; for (var i = 0; i < 1000; i += 1) xs.push([i]); while (true) json.parse(json.stringify(xs));",
        "import \"std/gc\" as gc; while (true) gc.collect();",
        "class A {} while (true) A();",
        "while (true) Thing(1).next;",
    ]

    private final class Thing {
        var next = 1
    }

    private func makeInterpreter(_ configuration: Configuration = Configuration()) throws -> Interpreter {
        let interpreter = try Interpreter(configuration)
        interpreter.define("again") { (f: Value) throws in try f() }
        try interpreter.define("Thing", as: Thing.self) { type in
            type.initializer { (_: Int) in Thing() }
            type.property("next", \.next)
        }
        return interpreter
    }

    @Test(arguments: endless) func fuelEndsIt(source: String) throws {
        try expect(.fuel, source, in: makeInterpreter(.init(fuel: 20_000)))
    }

    @Test(arguments: endless) func theDeadlineEndsIt(source: String) throws {
        try expect(.deadline, source, in: makeInterpreter(.init(timeLimit: .milliseconds(30))))
    }

    @Test(arguments: endless) func anInterruptEndsIt(source: String) throws {
        let interpreter = try makeInterpreter()
        interpreter.define("begun") { [unowned interpreter] () in
            DispatchQueue(label: "interrupt").async { [unowned interpreter] in interpreter.interrupt() }
        }
        try expect(.interrupted, "begun(); " + source, in: interpreter)
    }

    @Test(arguments: [
        "var s = \"x\"; while (true) s += s;", "var xs = [0]; while (true) for (var x in xs.copy()) xs.push(x);",
        "var s = \"ab\".repeat(1000000000);", "var xs = []; while (true) { xs = [xs, xs]; str(xs); }",
        "var m = {}; var i = 0; while (true) { m[str(i)] = [i]; i += 1; }",
        "class A {} var a = A(); while (true) { var b = A(); b.next = a; a = b; }",
        "var all = []; while (true) all.push(Thing(1));", "var f = fun () => 1; while (true) { var g = f; f = fun () => g; }",
        "var xs = []; while (true) { try { while (true) xs.push(\"text ${xs.count}\"); } catch (e) { xs.push(e); } throw \"over\"; }",
    ])
    func theBudgetEndsIt(source: String) throws {
        let interpreter = try makeInterpreter(.init(heapBudget: .mebibytes(6)))
        let error = #expect(throws: ScriptError.self) { try interpreter.run(source) }
        #expect(error?.kind == .outOfMemory || error?.message == "Uncaught: over")
        // A script would need memory, too.
        for name in ["s", "xs", "m", "a", "all", "f"] { try interpreter.set(name, Int?.none) }
        let sum: Int = try interpreter.evaluate("var n = 0; for (var i = 0; i < 1000; i += 1) n += [i].count; n")
        #expect(sum == 1000)
    }

    @Test(arguments: [
        "fun f() { return f() + 1; } f();", "class A { x { return this.x; } } A().x;", "class A { init() { A(); } } A();",
        "fun f() { return again(f); } f();", "fun f(x) { return [1].map(f); } f(1);",
        "class B < Thing { init() { super.init(1); this.next = again(fun () => B().next); } } B();",
    ])
    func depthEndsIt(source: String) throws {
        try expect(.stackOverflow, source, in: makeInterpreter())
    }

    /// Texts that nest deeply are errors of the compiler's, or run.
    @Test(arguments: ["(", "[", "{1: ", "-", "!", "fun () => ", "if (true) ", "while (false) ", "{ ", "f(", "a[", "true ? ", "class A { m() { "])
    func deepTextIsNoCrash(opening: String) throws {
        let interpreter = try Interpreter()
        #expect(throws: CompileError.self) { try interpreter.run("var x = " + String(repeating: opening, count: 20_000)) }
        #expect(throws: CompileError.self) { try interpreter.run(String(repeating: opening, count: 20_000)) }
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func deepDataIsNoCrash() throws {
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(64)))
        try interpreter.run("var xs = []; for (var i = 0; i < 100000; i += 1) xs = [xs]; var m = {}; for (var i = 0; i < 100000; i += 1) m = {\"m\": m};")
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate("xs", decoding: [[Int]].self) }
        #expect(error?.message == "Expected a whole number at [0][0], found a list.")
        #expect(try interpreter.evaluate("xs", as: Value.self).description.count > 1000)
        try? interpreter.run("import \"std/json\" as json; json.stringify(m);")
        interpreter.collect()
        #expect(try interpreter.evaluate("xs.count", as: Int.self) == 1)
    }

    /// What the collector calls has an account of its own, and ends with a warning.
    @Test(arguments: [
        "while (true) {}", "fun f() { f(); } f();", "again(fun () { while (true) {} });", "var s = \"x\"; while (true) s += s;",
        "gc.onFinalize(a, fun (b) { while (true) {} }); while (true) a;",
    ])
    func finalizersEnd(body: String) throws {
        let interpreter = try makeInterpreter(.init(heapBudget: .mebibytes(16), fuel: 50_000))
        try interpreter.run(
            """
            import "std/gc" as gc;
            class A {}
            var called = 0;
            fun make() { gc.onFinalize(A(), fun (a) { called += 1; \(body) }); }
            for (var i = 0; i < 3; i += 1) make();
            gc.collect();
            gc.runFinalizers();
            var over = true;
            """)
        #expect(try interpreter.evaluate("over and called == 3", as: Bool.self))
    }

    /// The fuel a script takes does not depend on what the collector does, host objects and their release included.
    @Test func fuelIsTheSameWithObjectsOfTheHost() throws {
        func used(stress: Int) throws -> Int? {
            var configuration = Configuration(fuel: 1_000_000)
            configuration.heap.debug.stress = stress
            let interpreter = try makeInterpreter(configuration)
            try interpreter.run("for (var i = 0; i < 100; i += 1) { var t = Thing(i); t.next = t.next + 1; again(fun () => t.next); }")
            return interpreter.fuelLeft
        }
        let first = try used(stress: 0)
        #expect((first ?? .max) < 1_000_000)
        for _ in 0..<20 { #expect(try used(stress: 0) == first) }
        #expect(try used(stress: 3) == first)
    }
}
