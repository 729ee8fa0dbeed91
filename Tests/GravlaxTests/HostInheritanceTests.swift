import Gravlax
import Testing

/// Swift classes that inherit from one another, as scripts see them.
struct HostInheritanceTests {
    class Animal: HostObject {
        let name: String
        init(name: String) { self.name = name }
    }

    final class Dog: Animal {}

    /// A subclass that has no class of its own is seen as what it inherits from.
    @Test func subclassesAreFoundByWhatTheyInheritFrom() throws {
        let interpreter = try Interpreter()
        try interpreter.define("Animal", as: Animal.self) { type in type.property("name", \.name) }
        let dog = Dog(name: "Rex")
        try interpreter.set("dog", dog)
        #expect(try interpreter.evaluate("dog is Animal and dog.name == \"Rex\"", as: Bool.self))
        let back: Dog = try interpreter.evaluate("dog")
        #expect(back === dog)
        let animal: Animal = try interpreter.evaluate("dog")
        #expect(animal === dog)
    }

    class Mammal: Animal {
        let parent = HostReference<Mammal>()
        var weight = 1.0
    }

    final class Whale: Mammal {
        let friend = HostReference<Whale>()
        func sing() -> String { "\(name) sings" }
    }

    private func defineZoo(_ interpreter: Interpreter) throws {
        try interpreter.define("Animal", as: Animal.self) { type in
            type.initializer { (name: String) in Animal(name: name) }
            type.property("name", \.name)
            type.method("describe") { (animal: Animal) in "animal \(animal.name)" }
            type.function("kingdom") { () in "fauna" }
        }
        try interpreter.define("Mammal", as: Mammal.self) { type in
            type.initializer { (name: String) in Mammal(name: name) }
            type.property("weight", \.weight)
            type.reference("parent", \.parent)
            type.method("describe") { (mammal: Mammal) in "mammal \(mammal.name)" }
        }
        try interpreter.define("Whale", as: Whale.self) { type in
            type.initializer { (name: String) in Whale(name: name) }
            type.reference("friend", \.friend)
            type.method("sing") { (whale: Whale) in whale.sing() }
        }
    }

    @Test(arguments: [
        ("Whale(\"Moby\").describe()", "mammal Moby"), ("Whale(\"Moby\").name", "Moby"), ("Whale(\"Moby\").sing()", "Moby sings"),
        ("Animal(\"Cat\").describe()", "animal Cat"), ("Whale.kingdom()", "fauna"), ("str(Whale(\"Moby\") is Animal)", "true"),
        ("str(Whale(\"Moby\") is Mammal)", "true"), ("str(Mammal(\"Cat\") is Whale)", "false"),
        ("fun f(w) { w.weight = 2.5; return w.weight; } str(f(Whale(\"Moby\")))", "2.5"),
        (
            "fun f(w) { w.parent = Mammal(\"P\"); w.friend = Whale(\"F\"); return w.parent.name + w.friend.name; } f(Whale(\"Moby\"))",
            "PF"
        ),
        ("class Orca < Whale { init() { super.init(\"Orca\"); } describe() { return super.describe() + \"!\"; } } Orca().describe()", "mammal Orca!"),
    ])
    func classesInheritAsInSwift(source: String, result: String) throws {
        let interpreter = try Interpreter()
        try defineZoo(interpreter)
        #expect(try interpreter.evaluate(source, as: String.self) == result)
        try interpreter.set("given", Whale(name: "Given"))
        #expect(try interpreter.evaluate("given is Mammal and given.describe() == \"mammal Given\"", as: Bool.self))
    }

    @Test func whatInheritsHasItsOwnRules() throws {
        let interpreter = try Interpreter()
        try defineZoo(interpreter)
        final class Calf: Mammal {}
        try interpreter.define("Calf", as: Calf.self) { _ in }
        let error = #expect(throws: ScriptError.self) { try interpreter.run("Calf(\"c\");") }
        #expect(error?.message == "Scripts can't make instances of Calf.")
        let sings = #expect(throws: ScriptError.self) { try interpreter.run("Mammal(\"m\").sing();") }
        #expect(sings?.message == "Undefined property 'sing'.")
    }

    /// What a reference holds is the collector's, those of the superclass among them.
    @Test func referencesAreInherited() throws {
        let interpreter = try Interpreter()
        try defineZoo(interpreter)
        let gone = HostReleaseTests.Counter()
        final class Calf: Mammal {
            let gone: HostReleaseTests.Counter
            init(_ gone: HostReleaseTests.Counter) {
                self.gone = gone
                super.init(name: "calf")
            }
            deinit { gone.add() }
        }
        try interpreter.define("Calf", as: Calf.self) { type in type.initializer { () in Calf(gone) } }
        try interpreter.run(
            "fun work() { for (var i in 0..50) { var a = Calf(); var b = Calf(); a.parent = b; b.parent = a; } } work(); Calf();")
        for _ in 0..<3 { interpreter.collect() }
        #expect(gone.value == 101)
    }
}
