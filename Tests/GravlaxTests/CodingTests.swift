import Foundation
import Gravlax
import Testing

struct CodingTests {
    struct Profile: Codable, Equatable {
        var name: String
        var age: Int?
        var scores: [Double] = []
        var friends: [String: Place] = [:]
        var isAdmin = false
    }

    /// The names of what there is.
    struct Names: Decodable {
        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
        let names: [String]
        init(from decoder: any Decoder) throws { names = try decoder.container(keyedBy: Key.self).allKeys.map(\.stringValue) }
    }

    @Test func errorsShowTheirFieldsOnly() throws {
        let source = "var error; try { nil.x; } catch (e) { error = e; } error"
        let found = try Interpreter().evaluate(source, decoding: Names.self)
        #expect(found.names.sorted() == ["line", "message", "trace"])
    }

    struct Place: Codable, Equatable {
        var x: Int8
        var y: Float
    }

    enum Shape: Codable, Equatable {
        case point
        case circle(radius: Double)
        case pair(Int, Int)
    }

    enum Colour: String, Codable { case red, green }

    class Animal: Codable {
        var name: String
        init(name: String) { self.name = name }
    }

    final class Dog: Animal {
        var tricks: [String]

        init(name: String, tricks: [String]) {
            self.tricks = tricks
            super.init(name: name)
        }

        private enum Key: CodingKey { case tricks }

        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            tricks = try container.decode([String].self, forKey: .tricks)
            try super.init(from: container.superDecoder())
        }

        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(tricks, forKey: .tricks)
            try super.encode(to: container.superEncoder())
        }
    }

    final class Link: Codable {
        var next: Link?
        init(next: Link?) { self.next = next }
    }

    private func hostile() throws -> Interpreter {
        var configuration = Configuration()
        configuration.heap.debug.stress = 1
        configuration.heap.debug.verify = true
        configuration.heap.debug.clobberFree = true
        return try Interpreter(configuration)
    }

    @Test func everythingGoesBothWays() throws {
        for interpreter in [try Interpreter(), try hostile()] {
            func back<T: Codable & Equatable>(_ content: T) throws -> Bool {
                try interpreter.set("x", encoding: content)
                return try interpreter.evaluate("x", decoding: T.self) == content
            }
            let place = Place(x: -3, y: 1.5)
            #expect(try back(Profile(name: "a name of some length", age: 3, scores: [1, 2.5], friends: ["b": place])))
            #expect(try back(Profile(name: "")))
            #expect(try back([Shape.point, .circle(radius: 2), .pair(1, -1)]))
            #expect(try back([Colour.red: [Colour.green]]))
            #expect(try back([1: "one", -20: "minus twenty"]))
            #expect(try back([[Int?]]([[1, nil], []])))
            #expect(try back(Set(["a", "b"])))
            #expect(try back(UInt64(1) << 53))
            #expect(try back(Data([1, 2, 255])))
            #expect(try back(Date(timeIntervalSince1970: 12345.5)))
            #expect(try back(true))
        }
    }

    @Test func scriptsSeeListsMapsAndNil() throws {
        let interpreter = try Interpreter()
        try interpreter.set("p", encoding: Profile(name: "Ann", scores: [1, 2], friends: ["Bob": Place(x: 1, y: 2)]))
        let text: String = try interpreter.evaluate("str(p)")
        #expect(
            text == #"{"name": "Ann", "age": nil, "scores": [1, 2], "friends": {"Bob": {"x": 1, "y": 2}}, "isAdmin": false}"#)
        try interpreter.set("shape", encoding: Shape.circle(radius: 2))
        #expect(try interpreter.evaluate("str(shape)", as: String.self) == #"{"circle": {"radius": 2}}"#)
        let encoded = try interpreter.encode([1, 2])
        let count = try Int(encoded["count"])
        #expect(count == 2)
    }

    @Test func superclassesHaveAPlaceOfTheirOwn() throws {
        let interpreter = try Interpreter()
        try interpreter.set("dog", encoding: Dog(name: "Rex", tricks: ["sit"]))
        #expect(try interpreter.evaluate("dog[\"super\"][\"name\"]", as: String.self) == "Rex")
        let dog = try interpreter.evaluate("dog", decoding: Dog.self)
        #expect(dog.name == "Rex")
        #expect(dog.tricks == ["sit"])
    }

    @Test func instancesAreDecodedByTheirFields() throws {
        let interpreter = try Interpreter()
        try interpreter.run("class Place { init(x, y) { this.y = y; this.x = x; } }")
        #expect(try interpreter.evaluate("Place(1, 2.5)", decoding: Place.self) == Place(x: 1, y: 2.5))
    }

    @Test func numbersAsKeysAreKeys() throws {
        let interpreter = try Interpreter()
        #expect(try interpreter.evaluate("var m = {1: \"a\", \"2\": \"b\"}; m", decoding: [Int: String].self) == [1: "a", 2: "b"])
    }

    /// A type is convertible for the asking, and then used like any other.
    @Test func aCodableTypeBecomesConvertible() throws {
        let interpreter = try Interpreter()
        interpreter.define("older") { (person: Person, years: Int) in Person(name: person.name, age: person.age + years) }
        let person: Person = try interpreter.evaluate("older({\"name\": \"Ann\", \"age\": 30}, 5)")
        #expect(person == Person(name: "Ann", age: 35))
        let people: [Person] = try interpreter.evaluate("[{\"name\": \"Ann\", \"age\": 30}]")
        #expect(people == [Person(name: "Ann", age: 30)])
        let error = #expect(throws: ScriptError.self) { try interpreter.run("older({\"name\": 3, \"age\": 30}, 5);") }
        #expect(error?.message == "Argument 1 of older(): Expected a string at name, found a number.")
    }

    struct Person: Codable, Equatable, ScriptConvertible {
        var name: String
        var age: Int
    }

    @Test func valuesMayBeParts() throws {
        struct Task: Codable {
            var name: String
            var action: Value
        }
        let interpreter = try Interpreter()
        let task = try interpreter.evaluate("({\"name\": \"add\", \"action\": fun (a) => a + 1})", decoding: Task.self)
        let result = try Int(task.action(2))
        #expect(result == 3)
        try interpreter.set("again", encoding: task)
        #expect(try interpreter.evaluate("again[\"action\"](4)", as: Int.self) == 5)
    }

    private struct Game: Codable {
        struct Player: Codable { var score: Int8 }
        var players: [Player]
    }

    @Test(arguments: [
        ("({\"players\": [{\"score\": 1}, {\"score\": \"2\"}]})", "Expected a whole number at players[1].score, found a string."),
        ("({\"players\": [{\"score\": 1.5}]})", "Expected a whole number at players[0].score that fits Int8, found 1.5."),
        ("({\"players\": [{\"score\": 128}]})", "Expected a whole number at players[0].score that fits Int8, found 128."),
        ("({\"players\": [{\"score\": nil}]})", "Expected a whole number at players[0].score, found nil."),
        ("({\"players\": [{}]})", "Expected 'score' at players[0], found no such key."),
        ("({\"players\": {}})", "Expected a list at players, found a map."), ("({})", "Expected 'players', found no such key."),
        ("[1]", "Expected a map, found a list."), ("nil", "Expected a map, found nil."),
    ])
    func errorsSayWhere(source: String, message: String) throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate(source, decoding: Game.self) }
        #expect(error?.message == message)
        #expect(error?.cause is DecodingError)
    }

    @Test func errorsOfTypesGetTheirPlace() throws {
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate("[\"red\", \"blue\"]", decoding: [Colour].self) }
        #expect(error?.message.hasSuffix(" at [1].") == true)
    }

    @Test func whatANumberCannotHoldIsAnError() throws {
        struct Account: Codable { var ids: [Int64] }
        let interpreter = try Interpreter()
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.encode(Account(ids: [1, 1 << 53 + 1])) }
        #expect(error?.message == "9007199254740993 can't be held exactly by a script's number at ids[1].")
        #expect(error?.cause is EncodingError)
        let direct = #expect(throws: ScriptError.self) { try interpreter.set("x", UInt64.max) }
        #expect(direct?.message == "18446744073709551615 can't be held exactly by a script's number.")
    }

    @Test func whatContainsItselfIsAnError() throws {
        let interpreter = try Interpreter()
        let source = "var a = {\"next\": {}}; a[\"next\"][\"next\"] = a; a"
        let error = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate(source, decoding: Link.self) }
        #expect(error?.message == "A map at next.next contains itself.")
    }

    @Test func whatNestsTooDeeplyIsAnError() throws {
        let interpreter = try Interpreter()
        let source = "var a = {}; for (var i = 0; i < n; i += 1) a = {\"next\": a}; a"
        try interpreter.set("n", 200)
        _ = try interpreter.evaluate(source, decoding: Link.self)
        try interpreter.set("n", 100_000)
        let decoding = #expect(throws: ScriptError.self) { _ = try interpreter.evaluate(source, decoding: Link.self) }
        #expect(decoding?.message.hasPrefix("What is decoded nests deeper than 256 levels at next.next.") == true)
        var link: Link?
        for _ in 0..<300 { link = Link(next: link) }
        let encoding = #expect(throws: ScriptError.self) { _ = try interpreter.encode(link) }
        #expect(encoding?.message.hasPrefix("What is encoded nests deeper than 256 levels at next.next.") == true)
    }

    @Test func resultsOfAwaitedRunsAreDecoded() async throws {
        let interpreter = try Interpreter()
        interpreter.define("later") { (number: Int) async throws -> Int in
            await Task.yield()
            return number + 1
        }
        let numbers = try await interpreter.evaluate("[later(1), later(2)]", decoding: [Int].self)
        #expect(numbers == [2, 3])
    }

    @Test func memoryIsLimited() throws {
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(8)))
        let error = #expect(throws: ScriptError.self) {
            _ = try interpreter.encode((0..<200_000).map { ["a key for number \($0)": "and a text for number \($0)"] })
        }
        #expect(error?.kind == .outOfMemory)
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }
}
