import Gravlax
import Testing

struct HostFunctionTests {
    private struct Refusal: Error, Equatable {}

    @Test func noneToSixParameters() throws {
        let interpreter = try Interpreter()
        interpreter.define("none") { () in 1 }
        interpreter.define("one") { (text: String) in text + "!" }
        interpreter.define("six") { (a: Int, b: Int, c: Int, d: Int, e: Int, f: Int) in [a, b, c, d, e, f] }
        #expect(try interpreter.evaluate("none()", as: Int.self) == 1)
        #expect(try interpreter.evaluate("one(\"a longer text\")", as: String.self) == "a longer text!")
        #expect(try interpreter.evaluate("six(1, 2, 3, 4, 5, 6)", as: [Int].self) == [1, 2, 3, 4, 5, 6])
    }

    @Test func argumentsAreChecked() throws {
        let interpreter = try Interpreter()
        interpreter.define("one") { (number: Int) in number }
        let kind = #expect(throws: ScriptError.self) { try interpreter.run("one(\"a\");") }
        #expect(kind?.message == "Argument 1 of one(): Expected a whole number, not a string.")
        let count = #expect(throws: ScriptError.self) { try interpreter.run("one();") }
        #expect(count?.message == "Expected 1 arguments but got 0.")
    }

    @Test func whatAFunctionThrowsReachesTheHost() throws {
        let interpreter = try Interpreter()
        interpreter.define("refuse") { () throws -> Int in throw Refusal() }
        interpreter.define("again") { (f: Value) throws -> Value in try f() }
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("fun inner() {\n  refuse();\n}\nfun outer() {\n  again(inner);\n}\nouter();", name: "a.lox")
        }
        #expect(error?.cause as? Refusal == Refusal())
        #expect(
            error?.trace.map(\.description) == [
                "refuse() of the host", "inner() at a.lox:2", "again() of the host", "outer() at a.lox:5", "script at a.lox:7",
            ])
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func callingBackForEverEndsInAnError() throws {
        let interpreter = try Interpreter()
        interpreter.define("again") { (f: Value) throws -> Value in try f() }
        let error = #expect(throws: ScriptError.self) { try interpreter.run("fun f() { return again(f); } f();") }
        #expect(error?.kind == .stackOverflow)
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func scriptsRunInsideScripts() throws {
        let interpreter = try Interpreter()
        interpreter.define("eval") { [unowned interpreter] (text: String) throws -> Value in
            try interpreter.evaluate(text, name: "inner")
        }
        #expect(try interpreter.evaluate("eval(\"var made = [1, 2]; made\").count + made[0]", as: Int.self) == 3)
    }

    @Test func argumentsSurviveCollections() throws {
        var configuration = Configuration()
        configuration.heap.debug.stress = 1
        configuration.heap.debug.verify = true
        configuration.heap.debug.clobberFree = true
        let interpreter = try Interpreter(configuration)
        interpreter.define("pairs") { (keys: [String], f: Value) throws -> [String: [String]] in
            var result: [String: [String]] = [:]
            for key in keys { result[key] = [try String(f(key)), key] }
            return result
        }
        let found: [String: [String]] = try interpreter.evaluate(
            "pairs([\"first of all\", \"then another\"], fun (k) => k + \" and more\")")
        #expect(found["first of all"] == ["first of all and more", "first of all"])
        #expect(found["then another"] == ["then another and more", "then another"])
    }
}
