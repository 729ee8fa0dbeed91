import Foundation
import Gravlax
import Synchronization
import Testing

/// Scripts that wait for functions of the host.
struct AsynchronousTests {
    struct Refusal: Error, Equatable {}

    /// An interpreter with asynchronous functions, and with every collection that can be had.
    static func make(hostile: Bool = false, fuel: Int? = nil, timeLimit: Duration? = nil) throws -> Interpreter {
        var configuration = Configuration(fuel: fuel, timeLimit: timeLimit)
        if hostile {
            configuration.heap.debug.stress = 1
            configuration.heap.debug.verify = true
            configuration.heap.debug.clobberFree = true
        }
        let interpreter = try Interpreter(configuration)
        interpreter.define("fetch") { [unowned interpreter] (text: String) async throws -> String in
            await Task.yield()
            if hostile { interpreter.collect() }
            return "what \(text) holds"
        }
        interpreter.define("refuse") { (_: String) async throws -> String in
            await Task.yield()
            throw Refusal()
        }
        interpreter.define("call") { (f: Value) throws -> Value in try f() }
        return interpreter
    }

    /// What scripts print, or throw, at each place where they can wait.
    private static let places: [(source: String, result: String)] = [
        ("fetch(\"a page\")", "what a page holds"),
        ("fun deep(n) { if (n == 0) return fetch(\"the end\"); return \"<\" + deep(n - 1) + \">\"; } deep(5)", "<<<<<what the end holds>>>>>"),
        ("class A { init(x) { this.x = fetch(x); } m() { return this.x + \"; \" + fetch(\"m\"); } } A(\"init\").m()",
         "what init holds; what m holds"),
        ("class A { init() { this.get = fetch; } } A().get(\"a field\")", "what a field holds"),
        ("[\"x\", \"y\"].map(fetch).join(\", \")", "what x holds, what y holds"),
        ("[\"x\", \"y\"].map(fun (x) => fetch(fetch(x))).join(\", \")", "what what x holds holds, what what y holds holds"),
        ("var a = [3, 1, 2]; a.sort(fun (x, y) { fetch(\"order\"); return x - y; }); \"${a}\"", "[1, 2, 3]"),
        ("var s = \"\"; try { s = fetch(\"try\"); } finally { s = s + \"; \" + fetch(\"finally\"); } s",
         "what try holds; what finally holds"),
        ("var s; try { refuse(\"x\"); } catch (e) { s = e.message + \", \" + fetch(\"catch\"); } s", "Refusal(), what catch holds"),
        ("fun f() { try { return refuse(\"x\"); } finally { fetch(\"y\"); } } var s; try { f(); } catch (e) { s = e.message; } s",
         "Refusal()"),
        ("fun f(x = fetch(\"a default\")) { return x; } f()", "what a default holds"),
        ("var s = \"\"; for (var i in 0..3) { s = s + fetch(\"${i}\") + \";\"; } s", "what 0 holds;what 1 holds;what 2 holds;"),
        ("var make = fun (x) => fun () => fetch(x); \"${make(\"a capture\")()}!\"", "what a capture holds!"),
        ("class A { m() { return fetch(\"above\"); } } class B < A { m() { return super.m(); } } B().m()", "what above holds"),
    ]

    /// Where instructions call scripts in their middle.
    private static let callsInTheMiddle: [(source: String, result: String)] = [
        ("class A { text { return fetch(\"a getter\"); } } A().text", "what a getter holds"),
        ("class A { get { return fetch; } } A().get(\"what a getter gives\")", "what what a getter gives holds"),
        ("class A { toString() { return fetch(\"toString\"); } } \"${A()}\"", "what toString holds"),
        ("class A { toString() { return fetch(\"x\"); } } \"${[A(), A()]}\"", "[what x holds, what x holds]"),
        ("class A { iterate() { var n = 0; return fun () { n += 1; return n < 3 ? fetch(\"${n}\") : nil; }; } } "
            + "var s = \"\"; for (var x in A()) s = s + x + \";\"; s", "what 1 holds;what 2 holds;"),
        ("class A { static make(x) { return fetch(x); } } A.make(\"static\")", "what static holds"),
    ]

    @Test(arguments: callsInTheMiddle.indices, [false, true]) func instructionsWaitInTheirMiddle(
        _ index: Int, hostile: Bool
    ) async throws {
        let (source, result) = Self.callsInTheMiddle[index]
        let interpreter = try Self.make(hostile: hostile)
        for _ in 0..<2 {
            let got: String = try await interpreter.evaluate(source)
            #expect(got == result)
        }
    }

    @Test func whatIsPrintedIsThereWhileAScriptWaits() async throws {
        let printed = Mutex("")
        let interpreter = try Interpreter(output: { text in printed.withLock { $0 += text } })
        interpreter.define("look") { () async -> String in printed.withLock { $0 } }
        let before: String = try await interpreter.evaluate(
            "class A { toString() { return \"an A\"; } } print \"one\"; print A(); look()")
        #expect(before == "one\nan A\n")
    }

    @Test(arguments: places.indices, [false, true]) func scriptsWaitAnywhere(_ index: Int, hostile: Bool) async throws {
        let (source, result) = Self.places[index]
        let interpreter = try Self.make(hostile: hostile)
        for _ in 0..<2 {
            let got: String = try await interpreter.evaluate(source)
            #expect(got == result)
        }
    }

    @Test func noneToSixParametersAndNoResult() async throws {
        let interpreter = try Interpreter()
        let sum = Mutex(0)
        interpreter.define("none") { () async -> Int in
            await Task.yield()
            return 1
        }
        interpreter.define("six") { (a: Int, b: Int, c: Int, d: Int, e: Int, f: [Int]) async -> [Int] in
            await Task.yield()
            return [a, b, c, d, e] + f
        }
        interpreter.define("add") { (n: Int) async in
            await Task.yield()
            sum.withLock { $0 += n }
        }
        #expect(try await interpreter.evaluate("none()", as: Int.self) == 1)
        #expect(try await interpreter.evaluate("six(1, 2, 3, 4, 5, [6])", as: [Int].self) == [1, 2, 3, 4, 5, 6])
        #expect(try await interpreter.evaluate("add(1); add(2)", as: Value.self).isNil)
        #expect(sum.withLock { $0 } == 3)
        let count = await #expect(throws: ScriptError.self) { try await interpreter.run("none(1);") }
        #expect(count?.message == "Expected 0 arguments but got 1.")
        let kind = await #expect(throws: ScriptError.self) { try await interpreter.run("add(\"1\");") }
        #expect(kind?.message == "Argument 1 of add(): Expected a whole number, not a string.")
    }

    @Test func errorsHaveTheirCauseAndTrace() async throws {
        let interpreter = try Self.make()
        let error = await #expect(throws: ScriptError.self) {
            try await interpreter.run("fun f() {\n  refuse(\"x\");\n}\nf();", name: "a.lox")
        }
        #expect(error?.cause as? Refusal == Refusal())
        #expect(error?.trace.map(\.description) == ["refuse() of the host", "f() at a.lox:2", "script at a.lox:4"])
        #expect(try await interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func valuesAreCalled() async throws {
        let interpreter = try Self.make()
        try await interpreter.run("class A { m(x, y) { return fetch(x) + y; } } fun f(x) { return fetch(x); }")
        let function: Value = try await interpreter.evaluate("f")
        let called = try await String(function.call(with: "it"))
        #expect(called == "what it holds")
        let object: Value = try await interpreter.evaluate("A()")
        let text = try await String(object.call("m", "it", "!"))
        #expect(text == "what it holds!")
    }


    @Test func nativeFramesAreNotLeft() async throws {
        let warnings = Mutex<[String]>([])
        let interpreter = try Interpreter(warnings: { error in warnings.withLock { $0.append(error.message) } })
        interpreter.define("fetch") { (text: String) async -> String in text }
        interpreter.define("call") { (f: Value) throws -> Value in try f() }
        let through = await #expect(throws: ScriptError.self) { try await interpreter.run("call(fun () => fetch(\"x\"));") }
        #expect(
            through?.message == "'fetch' is asynchronous, and cannot be called through a function of the host that is not.")
        try await interpreter.run(
            """
            import "std/gc" as gc;
            class A {}
            fun make() { gc.onFinalize(A(), fun (a) { fetch("x"); }); }
            make();
            gc.collect(); gc.collect();
            gc.runFinalizers();
            """)
        #expect(
            warnings.withLock { $0 } == ["'fetch' is asynchronous, and cannot be called by what the collector calls."])
        func inVain() throws { try interpreter.run("fetch(\"x\");") }
        let unawaited = #expect(throws: ScriptError.self) { try inVain() }
        #expect(
            unawaited?.message == "'fetch' is asynchronous, and cannot be called in a run that the host does not await.")
        #expect(unawaited?.note?.contains("top level of main.swift") == true)
        #expect(unawaited?.description.split(separator: "\n").map { $0.prefix(9) } == ["'fetch' i", "    note:", "    in sc"])
        #expect(try await interpreter.evaluate("fetch(\"again\")", as: String.self) == "again")
    }

    @Test func whileAScriptWaitsNothingElseRuns() async throws {
        let interpreter = try Interpreter()
        let found = Mutex<[String]>([])
        @Sendable func inVain() -> String {
            do {
                try interpreter.run("1;")
                return "it ran"
            } catch {
                return "\((error as? ScriptError)?.message ?? "")"
            }
        }
        interpreter.define("look") { [unowned interpreter] () async -> String in
            var lines = [inVain()]
            do { try await interpreter.run("1;") } catch { lines.append((error as? ScriptError)?.message ?? "") }
            interpreter.collect()
            lines.append("\(interpreter.statistics().cycles > 0), \(interpreter["kept"]?.description ?? "")")
            found.withLock { [lines] found in found = lines }
            return "over"
        }
        let result: String = try await interpreter.evaluate("var kept = [1, \"two\"]; look() + \" ${kept}\"")
        #expect(result == "over [1, \"two\"]")
        let message = "The interpreter is in the middle of a script, which waits for 'look'."
        #expect(found.withLock { $0 } == [message, message, "true, [1, \"two\"]"])
        #expect(inVain() == "it ran")
    }

    @Test func fuelGoesOn() async throws {
        let source = "var n = 0; for (var i in 0..100) { n += 1; fetch(\"x\"); } n;"
        let interpreter = try Self.make(fuel: 100_000)
        #expect(try await interpreter.evaluate(source, as: Int.self) == 100)
        let used = 100_000 - (interpreter.fuelLeft ?? 0)
        #expect(used > 100)
        interpreter.fuel = used - 1
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run(source) }
        #expect(error?.kind == .fuel)
        interpreter.fuel = used
        #expect(try await interpreter.evaluate(source, as: Int.self) == 100)
    }

    // MARK: Limits and cancellation

    /// Waits until it is cancelled.
    private static func waitForEver(_ begun: @Sendable () -> Void = {}) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        begun()
        for await _ in stream {}
        withExtendedLifetime(continuation) {}
        try Task.checkCancellation()
    }

    private static let waits = "try { sleep(); } catch (e) { caught = true; } finally { caught = true; } caught = true;"

    private func expectUnharmed(_ interpreter: Interpreter) async throws {
        interpreter.timeLimit = nil
        #expect(try await interpreter.evaluate("\"${caught}\"", as: String.self) == "false")
        #expect(try await interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func theDeadlineEndsAScriptThatWaits() async throws {
        let interpreter = try Interpreter()
        interpreter.define("sleep") { () async throws in try await Self.waitForEver() }
        try await interpreter.run("var caught = false;")
        interpreter.timeLimit = .milliseconds(20)
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run(Self.waits) }
        #expect(error?.kind == .deadline)
        try await expectUnharmed(interpreter)
    }

    @Test func interruptEndsAScriptThatWaits() async throws {
        let interpreter = try Interpreter()
        interpreter.define("sleep") { [unowned interpreter] () async throws in
            try await Self.waitForEver { interpreter.interrupt() }
        }
        try await interpreter.run("var caught = false;")
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run(Self.waits) }
        #expect(error?.kind == .interrupted)
        #expect(error?.cause == nil)
        try await expectUnharmed(interpreter)
    }

    @Test func aFunctionThatIgnoresCancellationStillEndsTheRun() async throws {
        let interpreter = try Interpreter()
        interpreter.define("sleep") { [unowned interpreter] () async in interpreter.interrupt() }
        try await interpreter.run("var caught = false;")
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run(Self.waits) }
        #expect(error?.kind == .interrupted)
        try await expectUnharmed(interpreter)
    }

    /// Nor does one that never returns hold up the end.
    @Test func aFunctionThatNeverReturnsDoesNotHoldUpTheEnd() async throws {
        let interpreter = try Interpreter()
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        interpreter.define("sleep") { () async in await Task.detached { for await _ in stream {} }.value }
        try await interpreter.run("var caught = false;")
        interpreter.timeLimit = .milliseconds(20)
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run(Self.waits) }
        #expect(error?.kind == .deadline)
        try await expectUnharmed(interpreter)
        continuation.finish()
        try await expectUnharmed(interpreter)
    }

    @Test(arguments: ["sleep();", "begin(); while (true) {}"]) func cancellationEndsTheRun(source: String) async throws {
        let interpreter = try Interpreter()
        let (begun, continuation) = AsyncStream.makeStream(of: Void.self)
        interpreter.define("sleep") { () async throws in try await Self.waitForEver { continuation.finish() } }
        interpreter.define("begin") { () in continuation.finish() }
        try await interpreter.run("var caught = false;")
        let task = Task { try await interpreter.run(source) }
        for await _ in begun {}
        task.cancel()
        let result = await task.result
        let error = #expect(throws: ScriptError.self) { try result.get() }
        #expect(error?.kind == .interrupted)
        #expect(error?.cause is CancellationError)
        try await expectUnharmed(interpreter)
    }

    @Test func anInterpreterMayGoWhileNobodyWaits() async throws {
        weak var gone: Interpreter?
        do {
            let interpreter = try Self.make()
            gone = interpreter
            _ = try await interpreter.evaluate("fetch(\"x\")", as: String.self)
        }
        #expect(gone == nil)
    }
}
