import Gravlax
import Synchronization
import Testing

/// What scripts can reach outside: what the host gives, nothing else.
struct GrantTests {
    private func lines(_ lines: [String]) -> @Sendable () -> String? {
        let left = Mutex(lines)
        return { left.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    }

    private static let importing = "import \"std/io\" as io; import \"std/os\" as os; "

    @Test(arguments: ["std/io", "std/os"]) func nothingIsThereUnlessGranted(module: String) throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { try interpreter.run("import \"\(module)\" as m;") }
        #expect(error?.message == "Module '\(module)' can't be imported: the host does not grant it.")
    }

    @Test func inputComesFromTheHost() throws {
        let interpreter = try Interpreter(.init(input: lines(["first", "", "third", "and", "the rest"])))
        let text: String = try interpreter.evaluate(
            "import \"std/io\" as io; str([io.readLine(), io.readLine(), io.readLine(), io.stdin(), io.readLine()])")
        #expect(text == #"["first", "", "third", "and\nthe rest\n", nil]"#)
    }

    @Test(arguments: ["io.readFile(\"/etc/passwd\")", "io.writeFile(\"x\", \"y\")", "io.stderr(\"x\")", "io.list(\"/\")", "io.exists(\"/\")"])
    func inputGrantsNoFiles(call: String) throws {
        let interpreter = try Interpreter(.init(input: { nil }))
        let error = #expect(throws: ScriptError.self) { try interpreter.run("import \"std/io\" as io; \(call);") }
        #expect(error?.message == "The host does not grant more of std/io than standard input.")
    }

    @Test func endlessInputMeetsTheBudget() throws {
        let line = String(repeating: "x", count: 1 << 12)
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(8), input: { line }))
        let error = #expect(throws: ScriptError.self) { try interpreter.run("import \"std/io\" as io; io.stdin();") }
        #expect(error?.kind == .outOfMemory)
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func endlessInputMeetsTheFuel() throws {
        let interpreter = try Interpreter(.init(fuel: 10_000, input: { "some line" }))
        let error = #expect(throws: ScriptError.self) { try interpreter.run("import \"std/io\" as io; io.stdin();") }
        #expect(error?.kind == .fuel)
    }

    @Test func argumentsAndEnvironmentAreTheHosts() throws {
        let interpreter = try Interpreter(.init(system: .init(arguments: ["a", "b c"], environment: ["NAME": "a value"])))
        let text: String = try interpreter.evaluate(
            "import \"std/os\" as os; str([os.args, os.env(\"NAME\"), os.env(\"PATH\"), os.env(\"HOME\")])")
        #expect(text == #"[["a", "b c"], "a value", nil, nil]"#)
    }

    @Test func exitEndsTheRunOnly() throws {
        let interpreter = try Interpreter(.init(system: SystemGrant()))
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run(
                "import \"std/os\" as os; var after = false; try { os.exit(3); } catch (e) { after = true; } finally { after = true; }")
        }
        #expect(error?.kind == .exit(3))
        #expect(error?.message == "Exited with code 3.")
        #expect(try interpreter.evaluate("after", as: Bool.self) == false)
        let plain = #expect(throws: ScriptError.self) { try interpreter.run("os.exit();") }
        #expect(plain?.kind == .exit(0))
    }
}
