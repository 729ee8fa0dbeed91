import Gravlax
import Testing

struct ValueTests {
    @Test func standardTypesGoBothWays() throws {
        let interpreter = try Interpreter()
        func back<T: ScriptConvertible & Equatable>(_ value: T) throws -> Bool {
            try interpreter.set("x", value)
            return try interpreter.evaluate("x", as: T.self) == value
        }
        #expect(try back(true))
        #expect(try back(-7))
        #expect(try back(UInt8(200)))
        #expect(try back(1.5))
        #expect(try back("käse"))
        #expect(try back(""))
        #expect(try back(Optional<Int>.none))
        #expect(try back(Optional(3)))
        #expect(try back([["a", "a longer string"], []]))
        #expect(try back(["one": [1.0], "two": []]))
    }

    @Test(arguments: [
        ("1.5", "Expected a whole number from -128 to 127, not 1.5."),
        ("300", "Expected a whole number from -128 to 127, not 300."), ("\"1\"", "Expected a whole number, not a string."),
    ])
    func wholeNumbersAreChecked(text: String, message: String) throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate(text, as: Int8.self) }
        #expect(error?.message == message)
    }

    @Test(arguments: [
        ("[1, \"a\"]", "Element [1]: Expected a whole number, not a string."),
        ("[[1], 2]", "Element [0]: Expected a whole number, not a list."), ("1", "Expected a list, not a number."),
    ])
    func elementsOfListsAreChecked(text: String, message: String) throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate(text, as: [Int].self) }
        #expect(error?.message == message)
        interpreter.define("take") { (numbers: [Int]) in numbers.count }
        let wrong = #expect(throws: ScriptError.self) { try interpreter.run("take(\(text));") }
        #expect(wrong?.message == "Argument 1 of take(): \(message)")
    }

    @Test(arguments: [
        ("({\"a\": 1, \"b\": nil})", "Value of b: Expected a whole number, not nil."),
        ("({\"a\": 1, 2: 3})", "Key 2: Expected a string, not a number."), ("[]", "Expected a map, not a list."),
        ("({\"\\u{e9}\": 1, \"e\\u{301}\": 2})", "Two keys of the map are the same to Swift: e\u{301}."),
    ])
    func entriesOfMapsAreChecked(text: String, message: String) throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate(text, as: [String: Int].self) }
        #expect(error.map { Array($0.message.utf8) } == Array(message.utf8))
    }

    @Test func elementsThatCannotBeGivenAreNamed() throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { try interpreter.set("x", [1, Int.max]) }
        #expect(error?.message == "Element [1]: \(Int.max) can't be held exactly by a script's number.")
    }

    @Test(arguments: ["class", "a b", "", "1a", "a\n", "gr\u{fc}n", "//"])
    func whatIsNoNameNamesNothing(name: String) throws {
        let interpreter = try Interpreter()
        let message = "'\(name)' is not a name."
        let set = #expect(throws: ScriptError.self) { try interpreter.set(name, 1) }
        #expect(set?.message == message)
        let map = try interpreter.evaluate("class A {} A()", as: Value.self)
        let read = #expect(throws: ScriptError.self) { _ = try map[name] }
        #expect(read?.message == message)
        interpreter.define(name) { () in 1 }
        let next = #expect(throws: ScriptError.self) { try interpreter.run("") }
        #expect(next?.message == message)
        try interpreter.run("")
        #expect(interpreter[name] == nil)
    }

    @Test func wordsThatCanBeNamesAre() throws {
        let interpreter = try Interpreter()
        for name in ["static", "in", "_", "is2", "catch", "Class"] {
            try interpreter.set(name, 3)
            #expect(try interpreter.evaluate("\(name) + 1", as: Int.self) == 4)
        }
    }

    @Test func numbersOfBytesEndAtTheLargest() {
        #expect(ByteCount.kibibytes(3) == .bytes(3_072))
        #expect(ByteCount.mebibytes(1 << 44) == .bytes(.max))
        #expect(ByteCount.gibibytes((1 << 34) - 1) < .gibibytes(1 << 34))
        #expect(ByteCount.gibibytes(.max) == .bytes(.max))
    }

    @Test func aValueKeepsItsObject() throws {
        let interpreter = try Interpreter()
        try interpreter.run(
            """
            import "std/gc" as gc;
            class Point { init(x) { this.x = x; } shifted(by) { return this.x + by; } }
            var weak = nil;
            fun watch(p) { weak = gc.WeakRef(p); }
            """)
        func use() throws {
            let point = try interpreter.evaluate("Point(\"a text\")", as: Value.self)
            interpreter.collect()
            interpreter.collect()
            let text = try String(point["x"])
            #expect(text == "a text")
            try point.set("x", 4)
            let shifted = try Int(point.call("shifted", 3))
            #expect(shifted == 7)
            let watch = try #require(interpreter["watch"])
            _ = try watch(point)
            interpreter.collect()
            let isGone: Bool = try interpreter.evaluate("weak.get() == nil")
            #expect(!isGone)
        }
        try use()
        interpreter.collect()
        let isGone: Bool = try interpreter.evaluate("weak.get() == nil")
        #expect(isGone)
    }

    @Test func handlesGoAwayOnAnyThread() async throws {
        let interpreter = try Interpreter()
        let values = try (0..<100).map { try interpreter.evaluate("[\($0)]", as: Value.self) }
        await withTaskGroup(of: Void.self) { group in
            for value in values { group.addTask { _ = value } }
        }
        let one: Int = try await interpreter.evaluate("1")
        #expect(one == 1)
    }

    @Test func functionsAndClassesAreCalled() throws {
        let interpreter = try Interpreter()
        try interpreter.run("fun add(a, b) { return a + b; } class Box { init(v) { this.v = v; } }")
        let add = try #require(interpreter["add"])
        let text = try String(add("a", "b"))
        #expect(text == "ab")
        let makeBox = try #require(interpreter["Box"])
        let content = try Int(makeBox(5)["v"])
        #expect(content == 5)
        let error = #expect(throws: ScriptError.self) { _ = try add(1) }
        #expect(error?.message == "Expected 2 arguments but got 1.")
        #expect(throws: ScriptError.self) { _ = try add["x; }"] }
    }

    @Test func aValueOutlivesItsInterpreterHarmlessly() throws {
        var interpreter: Interpreter? = try Interpreter()
        let list = try interpreter?.evaluate("[1]", as: Value.self) ?? .nil
        interpreter = nil
        #expect(throws: ScriptError.self) { _ = try list["count"] }
        #expect(throws: ScriptError.self) { _ = try [Int](list) }
    }
}
