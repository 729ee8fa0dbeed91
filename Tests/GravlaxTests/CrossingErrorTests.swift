import Gravlax
import Testing

/// Errors and limits on their way through functions of the host, and what hosts ask for often.
struct CrossingErrorTests {
    private struct Picky: ScriptConvertible {
        struct Refusal: Error, Equatable {}

        init(_ value: Value) throws {
            if value.isNil { throw Refusal() }
            _ = try Int(value["x"])
        }

        func value(in interpreter: Interpreter) throws -> Value { .nil }
    }

    private struct Profile: Codable, ScriptConvertible {
        let name: String
    }

    private func makeInterpreter(_ configuration: Configuration = Configuration()) throws -> Interpreter {
        let interpreter = try Interpreter(configuration)
        interpreter.define("again") { (f: Value) throws -> Value in try f() }
        interpreter.define("picky") { (_: Picky) in 1 }
        interpreter.define("profile") { (_: Profile) in 1 }
        return interpreter
    }

    // MARK: What is thrown

    @Test func whatAScriptThrowsIsWhatAScriptCatches() throws {
        let interpreter = try makeInterpreter()
        try interpreter.run(
            """
            class NotFound < Error { init(key) { super.init("no ${key}"); this.key = key; } }
            var key = nil;
            try { again(fun () { again(fun () { throw NotFound("a"); }); }); } catch (e) { if (e is NotFound) key = e.key; }
            var map = {"a": 1};
            var same = false;
            try { again(fun () { throw map; }); } catch (e) { same = e == map; }
            var number = 0;
            try { again(fun () { throw 7; }); } catch (e) { number = e; }
            """)
        #expect(try interpreter.evaluate("key", as: String.self) == "a")
        #expect(try interpreter.evaluate("same", as: Bool.self))
        #expect(try interpreter.evaluate("number", as: Int.self) == 7)
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("fun f() {\n  throw NotFound(\"b\");\n}\nagain(f);", name: "a.lox")
        }
        #expect(error?.message == "Uncaught NotFound: no b")
        #expect(try String(#require(error?.value)["key"]) == "b")
        #expect(error?.trace.map(\.description) == ["f() at a.lox:2", "again() of the host", "script at a.lox:4"])
    }

    /// A text that is gone when what it threw is thrown on has left nothing behind that could be looked up.
    @Test func thrownOnFromATextThatIsGone() throws {
        let interpreter = try makeInterpreter()
        interpreter.define("evaluate") { [unowned interpreter] (text: String) throws -> Value in try interpreter.evaluate(text) }
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("try { evaluate(\"throw 5;\"); } finally { evaluate(\"1\"); }", name: "a.lox")
        }
        #expect(error?.message == "Uncaught: 5")
        #expect(try Int(#require(error?.value)) == 5)
    }

    @Test func errorsOfTheHostHaveTheLineOfTheCall() throws {
        let interpreter = try makeInterpreter()
        try interpreter.run("var line; var first; try {\n\n  picky(1);\n} catch (e) { line = e.line; first = e.trace[0]; }")
        #expect(try interpreter.evaluate("line", as: Int.self) == 3)
        #expect(try interpreter.evaluate("first", as: String.self) == "[host] in picky()")
    }

    // MARK: Conversions of arguments

    @Test func aLimitInAConversionIsNoErrorThatCanBeCaught() throws {
        let interpreter = try makeInterpreter(.init(fuel: 2_000))
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("class Slow { x { while (true) {} } } try { picky(Slow()); } catch (e) {}")
        }
        #expect(error?.kind == .fuel)
    }

    @Test func conversionsKeepTheirCauses() throws {
        let interpreter = try makeInterpreter()
        let data = #expect(throws: ScriptError.self) { try interpreter.run("profile({\"name\": 1});") }
        #expect(data?.cause is DecodingError)
        #expect(data?.message.hasPrefix("Argument 1 of profile(): ") == true)
        let own = #expect(throws: ScriptError.self) { try interpreter.run("picky(nil);") }
        #expect(own?.cause as? Picky.Refusal == Picky.Refusal())
        #expect(own?.message.hasPrefix("Argument 1 of picky(): ") == true)
    }

    // MARK: Others' limits

    @Test func theLimitOfAnotherInterpreterIsAnError() throws {
        let inner = try Interpreter(.init(fuel: 100))
        let interpreter = try makeInterpreter()
        interpreter.define("inner") { () throws in try inner.run("while (true) {}") }
        try interpreter.run("var message; try { inner(); } catch (e) { message = e.message; }")
        #expect(try interpreter.evaluate("message", as: String.self) == "Out of fuel.")
        let error = #expect(throws: ScriptError.self) { try interpreter.run("inner();") }
        #expect(error?.kind == .error)
        #expect((error?.cause as? ScriptError)?.kind == .fuel)
    }

    @Test func theLimitOfAnotherRunIsAnError() throws {
        let interpreter = try makeInterpreter(.init(fuel: 1_000))
        let old = try #require(#expect(throws: ScriptError.self) { try interpreter.run("while (true) {}") })
        #expect(old.kind == .fuel)
        interpreter.define("old") { () throws in throw old }
        try interpreter.run("var caught = false; try { old(); } catch (e) { caught = true; }")
        #expect(try interpreter.evaluate("caught", as: Bool.self))
    }

    // MARK: Definitions inside runs

    @Test func tooManyDefinitionsAreAnErrorOfTheCall() throws {
        let interpreter = try makeInterpreter()
        interpreter.define("def") { [unowned interpreter] (name: String) in interpreter.define(name) { (x: Int) in x + 1 } }
        let error = #expect(throws: ScriptError.self) { try interpreter.run("for (var k in 0..3000) def(\"g\" + str(k));") }
        #expect(error?.message == "Too many new globals while a program runs.")
        #expect(error?.trace.first?.function == "def")
        #expect(try interpreter.evaluate("g7(1)", as: Int.self) == 2)
    }

    @Test func definitionsWithoutMemoryAreErrorsOfTheCall() throws {
        let interpreter = try makeInterpreter(.init(heapBudget: .mebibytes(2)))
        interpreter.define("def") { [unowned interpreter] () in interpreter.define("gg") { (x: Int) in x + 1 } }
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run(
                """
                var list = [];
                fun fill() { try { while (true) list.push("text ${list.count}"); } catch (e) {} }
                for (var i in 0..3) fill();
                for (var k in 0..1000000) def();
                """)
        }
        #expect(error?.kind == .outOfMemory)
        try interpreter.set("list", Value.nil)
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    /// Each host function has what went wrong in its own definitions, and nobody else's.
    @Test func failedDefinitionsAreTheCallsOwn() throws {
        let interpreter = try makeInterpreter()
        interpreter.define("bad") { [unowned interpreter] (f: Value) throws -> Value in
            for number in 0..<3_000 { interpreter.define("g\(number)") { () in number } }
            return try f()
        }
        interpreter.define("innocent") { () in 1 }
        try interpreter.run(
            """
            var seen = [];
            try { bad(fun () { throw "own"; }); } catch (e) { seen.push(str(e)); }
            try { seen.push(innocent()); } catch (e) { seen.push("innocent: ${e}"); }
            try { bad(fun () { try { innocent(); } catch (e) { seen.push("inner: ${e}"); } }); seen.push("fine"); } catch (e) { seen.push(e.message); }
            """)
        #expect(
            try interpreter.evaluate("seen", as: [Value].self).map(\.description)
                == ["own", "1", "Too many new globals while a program runs."])
        #expect(throws: ScriptError.self) { try interpreter.run("bad(fun () { throw 1; });") }
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    // MARK: What passes a handler

    @Test func whatPassesAFinallyIsWhatItWas() throws {
        let interpreter = try makeInterpreter()
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("fun f() {\n  picky(nil);\n}\ntry { f(); } finally { 1; }", name: "a.lox")
        }
        #expect(error?.cause as? Picky.Refusal == Picky.Refusal())
        #expect(error?.trace.map(\.description).prefix(2) == ["picky() of the host", "f() at a.lox:2"])
        let thrown = #expect(throws: ScriptError.self) {
            try interpreter.run("try {\n  again(fun () { throw Error(\"x\"); });\n} finally { 1; }", name: "a.lox")
        }
        #expect(thrown?.message == "Uncaught Error: x")
        #expect(thrown?.trace.count == 3)
        #expect(try String(#require(thrown?.value)["message"]) == "x")
    }

    /// What comes from an interpreter that is gone is nothing of one that stands where it stood.
    @Test func theEndOfADeadInterpreterEndsNoOther() throws {
        final class Store: @unchecked Sendable {
            var error: (any Error)?
        }
        let store = Store()
        for code in 0..<20 {
            let interpreter = try Interpreter(.init(system: .init(arguments: [])))
            interpreter.define("stored") { () throws in if let error = store.error { throw error } }
            let error = #expect(throws: ScriptError.self) {
                try interpreter.run("import \"std/os\" as os; try { stored(); } catch (e) {} os.exit(\(code));")
            }
            #expect(error?.kind == .exit(Int32(code)))
            store.error = error
        }
    }

    @Test func anotherInterpretersMemoryIsNotThisOnes() throws {
        let inner = try Interpreter(.init(heapBudget: .mebibytes(2)))
        let interpreter = try makeInterpreter()
        interpreter.define("inner") { () throws in try inner.run("var l = []; while (true) l.push([l]);") }
        let error = #expect(throws: ScriptError.self) { try interpreter.run("inner();") }
        #expect(error?.kind == .error && error?.message == "Out of memory.")
    }

    // MARK: What is done often

    /// Errors that were thrown in a text do not keep it, and are as good as any afterwards, but for its lines.
    @Test func errorsOutliveTheirText() throws {
        let interpreter = try makeInterpreter()
        try interpreter.run("fun lib(s) { try { throw Error(s); } catch (e) { return e; } }", name: "lib.lox")
        _ = try interpreter.evaluate("nil", as: Value.self)
        for number in 0..<100 {
            try interpreter.set("kept", interpreter.evaluate("lib(\"\(number)\")", as: Value.self))
            _ = try interpreter.evaluate("1 + \(number)", as: Int.self)
        }
        #expect(try interpreter.evaluate("kept.line", as: Int.self) == 1)
        let error = #expect(throws: ScriptError.self) { try interpreter.run("throw kept;", name: "main.lox") }
        #expect(error?.message == "Uncaught Error: 99")
        #expect(error?.trace.first?.description == "lib() at lib.lox:1")
    }

    /// The text itself is not kept either when its constants find no memory.
    @Test func aTextWithoutMemoryIsNotKept() throws {
        let interpreter = try makeInterpreter(.init(heapBudget: .mebibytes(4)))
        let text = "\"" + String(repeating: "x", count: 5_000_000) + "\".count"
        for _ in 0..<3 {
            let error = #expect(throws: ScriptError.self) { try interpreter.evaluate(text, as: Int.self) }
            #expect(error?.kind == .outOfMemory)
        }
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func aScriptTakesTheSameFuelOnAUsedInterpreter() throws {
        let interpreter = try makeInterpreter(.init(fuel: 1_000))
        let object = try interpreter.evaluate("class A {} var a = A(); a.x = 1; a", as: Value.self)
        var left: [Int?] = []
        for _ in 0..<3 {
            _ = try object["x"]
            left.append(interpreter.fuelLeft)
        }
        #expect(Set(left).count == 1)
    }

    @Test func textsThatHaveRunLeaveNothing() throws {
        let interpreter = try makeInterpreter()
        func live() -> Int {
            interpreter.collect()
            return Int(interpreter.statistics().liveBytes)
        }
        for _ in 0..<10 { #expect(try interpreter.evaluate("\"a text that is kept somewhere\"", as: String.self).count == 29) }
        let before = live()
        for number in 0..<1_000 {
            let text: String = try interpreter.evaluate("\"a text that is kept somewhere \(number)\"")
            #expect(text.hasSuffix("\(number)"))
        }
        #expect(live() < before + 10_000)
    }

    @Test func asManyAccessorsAsAreInUse() throws {
        let interpreter = try makeInterpreter()
        let object = try interpreter.evaluate(
            "class Any { get { return again(fun () => 3); } name(a) { return a; } } Any()", as: Value.self)
        try object.set("field", 1)
        let before = interpreter.statistics().heldValues
        for number in 0..<200 {
            try object.set("field\(number)", number)
            #expect(try Int(object["field\(number)"]) == number)
            #expect(throws: ScriptError.self) { try object["missing\(number)"] }
            #expect(try Int(object["get"]) == 3)
            #expect(try Int(object.call("name", number)) == number)
        }
        #expect(interpreter.statistics().heldValues < before + 10)
        let missing = #expect(throws: ScriptError.self) { try object["none"] }
        #expect(missing?.message == "Undefined property 'none'.")
    }

    /// One that is in use is left alone by those inside it.
    @Test func membersAreUsedInsideOneAnother() throws {
        let interpreter = try makeInterpreter()
        interpreter.define("read") { (object: Value, name: String) throws -> Value in try object[name] }
        let object = try interpreter.evaluate(
            """
            class Chain { a { return read(this, "b") + read(this, "e"); } b { return read(this, "c") + 1; }
              c { return read(this, "d") + 10; } d { return 100; } e { return 1000; } }
            Chain()
            """, as: Value.self)
        #expect(try Int(object["a"]) == 1111)
        #expect(try Int(object["d"]) == 100)
    }
}
