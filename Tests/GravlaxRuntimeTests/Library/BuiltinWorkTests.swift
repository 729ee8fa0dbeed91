import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime
import Testing

/// What built-ins do takes fuel in proportion, and all along: a limit, and with it a stop of the world, never waits for
/// more than 64 KiB of work.
@Suite struct BuiltinWorkTests {
    struct Work: CustomTestStringConvertible {
        let setup: String
        let operation: String
        /// The least that must be paid for, in bytes.
        let byteCount: Int
        var testDescription: String { operation }

        init(_ setup: String, _ operation: String, _ byteCount: Int) {
            (self.setup, self.operation, self.byteCount) = (setup, operation, byteCount)
        }
    }

    private static let text = "var s = \"ab\".repeat(1000000);"
    private static let accents = "var s = \"aé\".repeat(700000);"
    private static let list = "var xs = \"ab\".repeat(150000).bytes();"
    private static let map = "var m = {}; for (var i = 0; i < 20000; i += 1) m[i] = i;"
    private static let json = "import \"std/json\" as json;"
    private static let million = 1_000_000

    static let works: [Work] = [
        Work(text, "s + s", 4 * million), Work(text, "\"${s}${1}${s}\"", 4 * million), Work(text, "s.repeat(2)", 4 * million),
        Work("var s = \"a\";", "s.repeat(4000000)", 4 * million),
        Work(text, "s.replace(\"b\", \"cd\")", 5 * million), Work(text, "s.replace(\"c\", \"\")", 2 * million),
        Work(text, "[s, s].join(\"-\")", 4 * million), Work(list, "xs.join()", 600_000),
        Work(text, "s.upper()", 2 * million), Work(accents, "s.upper()", 4 * million), Work(accents, "s.lower()", 4 * million),
        Work("var s = \" \".repeat(200000) + \"a\";", "s.trim()", 200_000),
        Work("var s = \"a\" + \" \".repeat(200000);", "s.trim()", 200_000),
        Work(text, "s[1..-1]", 2 * million), Work(text, "s.slice(1)", 2 * million),
        Work(accents, "s.count", 2 * million), Work(accents, "s[-2]", 4 * million), Work(accents, "s[5..-1]", 6 * million),
        Work(accents, "s.slice(5, 1000)", 2 * million), Work(accents, "s.find(\"b\", 600000)", 3 * million),
        Work(accents, "(s + \"b\").find(\"b\")", 6 * million),
        Work(text + "var t = \"ab\".repeat(1000000);", "s.startsWith(t)", 2 * million),
        Work(text + "var t = \"ab\".repeat(1000000);", "s.endsWith(t)", 2 * million),
        Work(text, "s.contains(\"c\")", 2 * million), Work(text, "s.split(\"c\")", 4 * million),
        Work(text, "s.slice(0, 100000).split(\"\")", 1_600_000), Work(text, "s.codePoints()", 8 * million),
        Work(text, "s.bytes()", 8 * million),
        Work("var s = \"ab\".repeat(1000000); var t = \"ab\".repeat(600000) + \"c\";", "s.find(t)", 12 * million),
        Work("var s = \"b\" + \"a\".repeat(1500000); var t = \"a\".repeat(1500000);", "s.find(t)", 12 * million),
        Work(list, "xs.copy()", 2_400_000), Work(list, "xs.slice(1)", 2_400_000), Work(list, "xs[1..-1]", 2_400_000),
        Work(list, "xs.insert(0, 1)", 2_400_000), Work(list, "xs.removeAt(0)", 2_400_000), Work(list, "xs.reverse()", 2_400_000),
        Work(list, "xs.contains(nil)", 2_400_000), Work(list, "xs.indexOf(\"long text\")", 2_400_000),
        Work("var s = \"ab\".repeat(300000); var t = s + \"a\"; s = s + \"b\"; var xs = [s, s, s, s];", "xs.contains(t)", 2_400_000),
        Work(list, "(fun () { for (var i = 0; i < 70000; i += 1) xs.push(1); })()", 64 * 70_000 + 2_400_000),
        Work(list, "xs.sort()", 2_400_000),
        Work(list, "str(xs)", 7 * million), Work(list, "\"${[xs]}\"", 7 * million),
        Work("var s = \"a\".repeat(60000); var xs = []; for (var i = 0; i < 40; i += 1) xs.push(s + \"${i}\");", "xs.sort()", 5 * million),
        Work("var m = {}; for (var i = 0; i < 20000; i += 1) m[i] = i;", "m.copy()", 1_600_000),
        Work(map, "m.copy()", 640_000), Work(map, "m.keys()", 320_000), Work(map, "m.values()", 320_000),
        Work("var s = \"1\".repeat(200000);", "num(s)", 200_000), Work("var s = \" \".repeat(200000) + \"1\";", "num(s)", 200_000),
        Work("var s = \"1.\" + \"0\".repeat(200000) + \"e1\";", "num(s)", 200_000),
        Work("var s = \"0x\" + \"1\".repeat(200000);", "num(s)", 200_000),
        Work(json + text, "json.stringify(s)", 4 * million), Work(json + list, "json.stringify([xs])", 1_700_000),
        Work(json + "var s = \"\\\"\" + \"ab\".repeat(200000) + \"\\\"\";", "json.parse(s)", 800_000),
        Work(json + "var s = \"[\" + \"1, \".repeat(30000) + \"2]\";", "json.parse(s)", 480_000),
        Work(json + "var s = \" \".repeat(200000) + \"1\";", "json.parse(s)", 200_000),
        Work(json + "var s = \"1\" + \"0\".repeat(200000) + \"e-200000\";", "json.parse(s)", 200_000),
        Work("import \"std/random\" as random; random.seed(1);" + list, "random.shuffle(xs)", 4 * million),
    ]

    private func compiled(_ text: String, _ interpreter: Interpreter) throws -> Program {
        try Compiler.compile(source: Array(text.utf8), name: "test", globalNames: interpreter.globalNames)
    }

    private func makeInterpreter(after setup: String, stress: Int = 0) throws -> Interpreter {
        var configuration = HeapConfiguration(encoding: Value.encoding)
        configuration.debug.stress = stress
        let interpreter = try Interpreter(configuration: configuration) { _ in }
        try interpreter.run(try compiled(setup, interpreter))
        return interpreter
    }

    private func fuel(for work: Work, stress: Int = 0) throws -> Int {
        try fuel(for: "var result = \(work.operation);", after: work.setup, stress: stress)
    }

    /// Turns that a program takes.
    private func fuel(for text: String, after setup: String = "", stress: Int = 0) throws -> Int {
        let interpreter = try makeInterpreter(after: setup, stress: stress)
        interpreter.fuel = 1 << 40
        try interpreter.run(try compiled(text, interpreter))
        return try (1 << 40) - #require(interpreter.fuelLeft)
    }

    /// Bytes that a turn pays for, and turns that a poll may pay for: twice what should be done between two.
    private let bytesPerTurn = 64
    private let turnsPerPoll = 2 * (1 << 16) / 64

    @Test(arguments: works) func takesFuelAllAlong(work: Work) throws {
        let all = try fuel(for: work)
        // What was done since the last poll is not paid for yet.
        #expect(all >= (work.byteCount - 1 << 16) / bytesPerTurn)
        for fuel in [all / 3, all - turnsPerPoll] where fuel > 0 {
            let interpreter = try makeInterpreter(after: work.setup)
            interpreter.fuel = fuel
            let error = #expect(throws: RuntimeError.self) {
                try interpreter.run(try compiled("var result = \(work.operation);", interpreter))
            }
            #expect(error?.kind == .fuel)
            #expect(interpreter.fuelOverdraft <= turnsPerPoll)
        }
    }

    @Test(arguments: works.enumerated().filter { $0.offset % 4 == 0 }.map(\.element)) func takesTheSameUnderStress(work: Work) throws {
        #expect(try fuel(for: work) == fuel(for: work, stress: 3))
    }

    /// Many small texts, none of which reaches a poll by itself.
    @Test func concatenationTakesFuel() throws {
        let loop = "var s = \"\"; for (var i = 0; i < 20000; i += 1)"
        let plain = try fuel(for: "\(loop) {}")
        let joined = try fuel(for: "\(loop) s = s + \"a\";")
        let interpolated = try fuel(for: "\(loop) s = \"${s}a\";")
        for one in [joined, interpolated] { #expect(one - plain > 20_000 * 10_000 / bytesPerTurn * 9 / 10) }
        #expect(try joined == fuel(for: "\(loop) s = s + \"a\";", stress: 7))
    }
}
