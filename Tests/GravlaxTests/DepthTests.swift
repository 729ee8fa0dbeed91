import Gravlax
import Synchronization
import Testing

/// The host's limit on calls inside one another.
struct DepthTests {
    private static let reach = "fun reach(n) { if (n == 1) return 1; return 1 + reach(n - 1); }"

    @Test(arguments: [2, 3, 10, 254, 255, 256, 257, 300, 1000, 100_000]) func callsInsideOneAnotherAreCounted(depth: Int) throws {
        let interpreter = try Interpreter(.init(depth: depth))
        try interpreter.run(Self.reach)
        // The script itself is one of them.
        #expect(try interpreter.evaluate("reach(\(depth - 1))", as: Int.self) == depth - 1)
        let error = #expect(throws: ScriptError.self) { try interpreter.run("reach(\(depth));") }
        #expect(error?.kind == .stackOverflow)
        #expect(try interpreter.evaluate("reach(\(depth - 1))", as: Int.self) == depth - 1)
    }

    @Test func scriptsCanCatchIt() throws {
        let interpreter = try Interpreter(.init(depth: 20))
        let message: String = try interpreter.evaluate(
            "fun f() { f(); } var m; try { f(); } catch (e) { m = e.message; } m")
        #expect(message == "Stack overflow.")
    }

    @Test func aSmallDepthLeavesRoomForFinalizers() throws {
        let told = Mutex<[String]>([])
        let interpreter = try Interpreter(.init(depth: 20), warnings: { error in told.withLock { $0.append(error.message) } })
        interpreter.define("tell") { (text: String) in told.withLock { $0.append(text) } }
        try interpreter.run(
            """
            import "std/gc" as gc;
            class A {}
            fun make() { gc.onFinalize(A(), fun (a) { tell("final"); }); }
            make();
            gc.collect(); gc.collect();
            gc.runFinalizers();
            """)
        #expect(told.withLock { $0 } == ["final"])
    }

    @Test func depthHoldsInRunsThatTheHostAwaits() async throws {
        let interpreter = try Interpreter(.init(depth: 50))
        interpreter.define("same") { (n: Int) async -> Int in n }
        try await interpreter.run("fun reach(n) { if (n == 1) return same(1); return same(1) + reach(n - 1); }")
        #expect(try await interpreter.evaluate("reach(49)", as: Int.self) == 49)
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run("reach(50);") }
        #expect(error?.kind == .stackOverflow)
    }
}
