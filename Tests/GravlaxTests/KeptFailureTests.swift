import Gravlax
import Synchronization
import Testing

/// What functions of the host have thrown, after scripts have caught it.
struct KeptFailureTests {
    private struct Boom: Error, Equatable, CustomStringConvertible {
        let number: Int
        var description: String { "boom \(number)" }
    }

    private func makeInterpreter(_ configuration: Configuration = Configuration()) throws -> Interpreter {
        let interpreter = try Interpreter(configuration)
        interpreter.define("boom") { (number: Int) throws in throw Boom(number: number) }
        interpreter.define("again") { (f: Value) throws -> Value in try f() }
        return interpreter
    }

    private func error(of source: String, in interpreter: Interpreter) -> ScriptError? {
        #expect(throws: ScriptError.self) { try interpreter.run(source, name: "a.lox") }
    }

    @Test(arguments: [
        "try { boom(1); } finally { try { boom(2); } catch (e) {} }", "try { boom(1); } catch (e) { throw e; }",
        "var kept; try { boom(1); } catch (e) { kept = e; } try { boom(2); } catch (e) {} throw kept;",
        "try { boom(1); } finally { again(fun () { try { boom(2); } catch (e) {} }); }",
        "try { try { boom(1); } finally { [1]; } } finally { try { boom(3); } catch (e) {} }",
        """
        import "std/gc" as gc;
        class A {}
        fun make() { gc.onFinalize(A(), fun (a) { try { boom(2); } catch (e) {} }); }
        try { boom(1); } finally { make(); gc.collect(); gc.collect(); gc.runFinalizers(); }
        """,
    ], [false, true])
    func causeAndCallsStay(source: String, stress: Bool) throws {
        let error = error(of: source, in: try makeInterpreter(.stressed(stress)))
        #expect(error?.message == "boom 1")
        #expect(error?.cause as? Boom == Boom(number: 1))
        #expect(error?.trace.first?.description == "boom() of the host")
    }

    @Test func theLineIsThatOfTheCall() throws {
        let error = error(
            of: """
                fun f() {
                  try {
                    [1];
                    boom(1);
                  } finally {
                    [2];
                    [3];
                  }
                }
                try {
                  f();
                } finally {
                  [4];
                }
                """, in: try makeInterpreter())
        #expect(error?.line == 4)
        #expect(error?.trace.map(\.description) == ["boom() of the host", "f() at a.lox:4", "script at a.lox:11"])
    }

    /// A value that is no `Error` is known again by a `finally` right after.
    @Test func otherValuesKeepTheirCalls() throws {
        let error = error(
            of: """
                fun f() { throw 1; }
                try {
                  again(f);
                } finally {
                  [2];
                }
                """, in: try makeInterpreter())
        #expect(error?.message == "Uncaught: 1")
        #expect(error?.trace.map(\.description) == ["f() at a.lox:1", "again() of the host", "script at a.lox:3"])
    }

    final class Ending: HostObject {
        let end: () -> Void
        init(_ end: @escaping () -> Void) { self.end = end }
        deinit { end() }
    }

    /// What the host runs when an object of its own ends is none of what the script has thrown.
    @Test(arguments: ["throw 5;", "again(fun () { throw 1; });"])
    func whatObjectsRunWhenTheyEndIsNoneOfTheScripts(runs: String) throws {
        let interpreter = try makeInterpreter()
        try interpreter.define("Ending", as: Ending.self) { [unowned interpreter] type in
            type.initializer { Ending { try? interpreter.run("try { \(runs) } catch (e) {}", name: "elsewhere") } }
        }
        let source = """
            import "std/gc" as gc;
            fun f() { throw 1; }
            var thing = MADE;
            try { again(f); } finally { thing = nil; gc.collect(); for (var k in 0..100) {} }
            """
        let (plain, other) = (
            error(of: source.replacing("MADE", with: "1"), in: interpreter),
            error(of: source.replacing("MADE", with: "Ending()"), in: interpreter)
        )
        #expect(plain?.cause != nil)
        #expect(plain?.trace.map(\.description) == other?.trace.map(\.description))
        #expect(other?.cause != nil)
    }

    @Test func nothingIsMadeUp() throws {
        let error = error(
            of: "fun f() { throw 1; }\ntry { again(f); } catch (e) {}\ntry { throw 1; } finally {}", in: try makeInterpreter())
        #expect(error?.cause == nil)
        #expect(error?.trace.map(\.description) == ["script at a.lox:3"])
    }

    @Test(arguments: [
        ("try { again(r); } finally { try { boom(2); } catch (e) {} }", ScriptError.Kind.stackOverflow),
        ("try { again(r); } catch (e) { throw e; }", .stackOverflow), ("try { r(); } finally {}", .stackOverflow),
        ("try { fill(); } finally { xs = nil; }", .outOfMemory), ("try { again(fill); } finally { xs = nil; }", .outOfMemory),
        ("try { boom(1); } finally {}", .error),
    ])
    func theKindStays(source: String, kind: ScriptError.Kind) throws {
        let interpreter = try makeInterpreter(.init(heapBudget: .mebibytes(8)))
        try interpreter.run("var xs = []; fun r() { r(); } fun fill() { while (true) xs.push([1, 2, 3]); }")
        #expect(error(of: source, in: interpreter)?.kind == kind)
    }

    @Test func aScriptMayChangeTheMessage() throws {
        let error = error(
            of: "try { boom(1); } catch (e) { e.message = \"loading: \" + e.message; throw e; }", in: try makeInterpreter())
        #expect(error?.message == "loading: boom 1")
        #expect(error?.cause as? Boom == Boom(number: 1))
    }

    /// However deep: the calls are looked at once, and the ends of them kept.
    @Test func manyHandlersAreNoMoreWorkThanTheyAre() throws {
        let interpreter = try makeInterpreter(.init(fuel: 100_000_000))
        try interpreter.run("fun f(n) { if (n == 0) boom(1); try { f(n - 1); } finally {} }")
        func used(_ depth: Int) -> Int {
            let error = error(of: "f(\(depth));", in: interpreter)
            #expect(error?.cause as? Boom == Boom(number: 1))
            #expect((error?.trace.count ?? 0) <= 130)
            return 100_000_000 - (interpreter.fuelLeft ?? 0)
        }
        let (less, more) = (used(4_000), used(16_000))
        #expect(more < 5 * less)
    }

    private final class Tracked: Error {
        let gone: HostReleaseTests.Counter
        init(_ gone: HostReleaseTests.Counter) { self.gone = gone }
        deinit { gone.add() }
    }

    @Test func causesGoWithTheRun() throws {
        let gone = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter()
        interpreter.define("fail") { () throws in throw Tracked(gone) }
        interpreter.define("gone") { () in gone.value }
        let during: Int = try interpreter.evaluate("for (var i in 0..500) { try { fail(); } catch (e) {} } gone()")
        // Not all of them are kept.
        #expect((300..<500).contains(during))
        #expect(gone.value == 500)
        try interpreter.run("var kept; try { fail(); } catch (e) { kept = e; }")
        #expect(gone.value == 501)
        let later = error(of: "throw kept;", in: interpreter)
        #expect(later != nil && later?.cause == nil)
    }

    /// One that is thrown again and again is what it was first.
    @Test func errorsThatAreUsedAgainDoNotGrow() throws {
        let interpreter = try makeInterpreter()
        let error = error(
            of: """
                class Closed < Error {} var closed = Closed("closed"); fun read() { throw closed; }
                for (var k in 0..3000) { try { again(read); } catch (e) {} }
                again(read);
                """, in: interpreter)
        #expect((error?.trace.count ?? 100) < 8)
    }

    @Test(arguments: [
        ("try { again(fun () { throw Error(\"old\"); }); } catch (e) { e.message = \"new\"; throw e; }", "Uncaught Error: new"),
        (
            "class E < Error {} var e0 = E(\"a\"); try { again(fun () { throw e0; }); } catch (e) { e.message = \"b\"; throw e; }",
            "Uncaught E: b"
        ),
        ("try { again(fun () { try { boom(1); } finally { [1]; } }); } catch (z) { z.message = \"new\"; throw z; }", "new"),
        ("try { again(fun () { throw Error(\"old\"); }); } catch (e) { throw e; }", "Uncaught Error: old"),
    ])
    func messagesAreThoseOfTheErrors(source: String, message: String) throws {
        #expect(error(of: source, in: try makeInterpreter())?.message == message)
    }

    @Test(arguments: [
        "try { deny(); } catch (e) { try { again(fun () { throw e; }); } catch (z) { throw z; } }",
        "try { again(fun () { try { deny(); } finally { [1]; } }); } catch (z) { throw z; }", "try { deny(); } finally {}",
    ])
    func scriptErrorsAreCausesToo(source: String) throws {
        let interpreter = try makeInterpreter()
        interpreter.define("deny") { () throws in throw ScriptError("denied") }
        #expect((error(of: source, in: interpreter)?.cause as? ScriptError)?.message == "denied")
    }

    private struct Wrapped: Error { let underlying: any Error }
    private struct Context: Error { let interpreter: Interpreter }

    @Test func nothingStaysThroughCauses() throws {
        var interpreter: Interpreter? = try makeInterpreter()
        interpreter?.define("wrap") { (f: Value) throws -> Value in
            do { return try f() } catch { throw Wrapped(underlying: error) }
        }
        interpreter?.define("fail") { [unowned interpreter = interpreter!] () throws in throw Context(interpreter: interpreter) }
        try interpreter?.run("fun work() { for (var i in 0..300) { var e1 = Error(\"x\"); try { wrap(fun () { throw e1; }); } catch (e) { e1.other = e; } } }")
        let before = interpreter?.statistics().heldValues ?? 0
        try interpreter?.run("work();")
        for _ in 0..<3 { interpreter?.collect() }
        #expect((interpreter?.statistics().heldValues ?? 0) < before + 5)
        try interpreter?.run("try { fail(); } catch (e) {}")
        weak let gone = interpreter
        interpreter = nil
        #expect(gone == nil)
    }

    /// What ends with an error may use the interpreter, and ends no run.
    @Test(arguments: 1...60) func causesMayUseTheInterpreterWhenTheyEnd(fuel: Int) throws {
        final class Ending: Error, Sendable {
            let end: @Sendable () -> Void
            init(_ end: @escaping @Sendable () -> Void) { self.end = end }
            deinit { end() }
        }
        let interpreter = try makeInterpreter()
        let ended = HostReleaseTests.Counter()
        interpreter.define("fail") { [unowned interpreter] () throws in
            throw Ending {
                _ = try? interpreter.evaluate("fun f() { return 1; } f()", as: Int.self)
                ended.add()
            }
        }
        interpreter.define("stop") { [unowned interpreter] () throws in
            interpreter.interrupt()
            throw Ending { _ = try? interpreter.evaluate("[1, 2].map(fun (x) => x)", as: [Int].self) }
        }
        interpreter.fuel = fuel
        do {
            try interpreter.run("for (var i in 0..5) { try { fail(); } catch (e) { [e]; } }")
        } catch let error as ScriptError {
            #expect(error.kind == .fuel)
        }
        interpreter.fuel = nil
        #expect(ended.value <= 5)
        #expect(error(of: "try { stop(); } catch (e) {} [1];", in: interpreter)?.kind == .interrupted)
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func anErrorIsNoObjectOfTheHosts() throws {
        let interpreter = try makeInterpreter()
        let caught = try interpreter.evaluate("var c; try { boom(1); } catch (e) { c = e; } c", as: Value.self)
        #expect(throws: ScriptError.self) { try caught.hostObject(as: AnyObject.self) }
    }

    @Test func notesPassFunctionsOfTheHost() throws {
        let error = error(of: "class A { count() {} } again(fun () { A().cuont(); });", in: try makeInterpreter())
        #expect(error?.note == "did you mean `count`?")
    }

    @Test func errorsOfScriptsDoNotStayForPassingTheHost() throws {
        let interpreter = try makeInterpreter()
        try interpreter.run("fun f() { throw Error(\"x\"); } fun work() { for (var i in 0..500) { try { again(f); } catch (e) {} } }")
        let before = interpreter.statistics().heldValues
        try interpreter.run("work();")
        for _ in 0..<3 { interpreter.collect() }
        #expect(interpreter.statistics().heldValues < before + 5)
    }
}
