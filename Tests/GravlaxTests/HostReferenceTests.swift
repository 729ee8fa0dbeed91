import Gravlax
import Testing

/// Cycles between Swift and scripts' objects.
struct HostReferenceTests {
    final class Node: HostObject {
        let name: String
        let next = HostReference<Node>()
        let action = HostReference<Value>()
        /// Keeps what it holds alive for good.
        var root: Value?
        private let counter: HostReleaseTests.Counter

        init(name: String, counter: HostReleaseTests.Counter) { (self.name, self.counter) = (name, counter) }
        deinit { counter.add() }
    }

    private func makeInterpreter(_ counter: HostReleaseTests.Counter, stress: Bool = false) throws -> Interpreter {
        let interpreter = try Interpreter(.stressed(stress))
        try interpreter.define("Node", as: Node.self) { type in
            type.initializer { (name: String) in Node(name: name, counter: counter) }
            type.property("name", \.name)
            type.property("root", \.root)
            type.reference("next", \.next)
            type.reference(\.action)
            type.method("onAct") { (node: Node, action: Value) in try node.action.set(action) }
            type.method("act") { (node: Node) in try node.action.value?(node.name) ?? .nil }
        }
        return interpreter
    }

    @Test(arguments: [false, true])
    func referencesHoldWhatTheyAreGiven(stress: Bool) throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter(counter, stress: stress)
        try interpreter.run(
            """
            var a = Node("first of all");
            fun fill() {
              a.next = Node("and then another");
              a.next.next = a;
              var told = "told: ";
              a.onAct(fun (name) => told + name);
            }
            fill();
            """)
        interpreter.collect()
        #expect(try interpreter.evaluate("a.next.name + a.act()", as: String.self) == "and then anothertold: first of all")
        #expect(try interpreter.evaluate("a.next.next == a and a.next.act() == nil", as: Bool.self))
        let node: Node = try interpreter.evaluate("a")
        let next = try #require(try node.next.value)
        #expect(next.name == "and then another")
        let back = try next.next.value
        #expect(back === node)
        let error = #expect(throws: ScriptError.self) { try interpreter.run("a.next = 3;") }
        #expect(error?.message == "Node.next: Expected an instance of Node, not a number.")
        try interpreter.run("a.next = nil;")
        let none = try node.next.value
        #expect(none == nil)
    }

    @Test func cyclesOfReferencesGoAsAWhole() throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter(counter)
        try interpreter.run(
            """
            fun ring() {
              var a = Node("a"); var b = Node("b");
              a.next = b; b.next = a;
              a.onAct(fun (name) => a.name);
              var list = [b];
              list.push(list);
              b.onAct(fun (name) => list);
            }
            for (var i = 0; i < 10; i += 1) ring();
            """)
        interpreter.collect()
        #expect(counter.value == 20)
    }

    /// What the document says of handles: they are roots.
    @Test func cyclesOfValuesStayUntilTheInterpreterGoes() throws {
        let counter = HostReleaseTests.Counter()
        var interpreter: Interpreter? = try makeInterpreter(counter)
        try interpreter?.run("fun ring() { var a = Node(\"a\"); a.root = [a]; } ring();")
        interpreter?.collect()
        #expect(counter.value == 0)
        interpreter = nil
        #expect(counter.value == 1)
    }

    /// Content from before the object met a script moves to where the collector sees it.
    @Test(arguments: [false, true])
    func contentFromBeforeIsTakenAlong(stress: Bool) throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter(counter, stress: stress)
        func fill() throws {
            let first = Node(name: "a", counter: counter)
            let second = Node(name: "b", counter: counter)
            try first.next.set(second)
            try second.next.set(first)
            try first.action.set(interpreter.evaluate("(fun (name) => name + name)", as: Value.self))
            try interpreter.set("a", first)
        }
        try fill()
        interpreter.collect()
        #expect(try interpreter.evaluate("a.next.name + a.next.next.act()", as: String.self) == "baa")
        #expect(counter.value == 0)
        try interpreter.set("a", 0)
        interpreter.collect()
        #expect(counter.value == 2)
    }

    /// Objects that hold one another in a long row are bound one after another.
    @Test func longChainsNeedNoDeepStack() throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter(counter)
        var first: Node? = Node(name: "last", counter: counter)
        for _ in 0..<20_000 {
            let node = Node(name: "node", counter: counter)
            try node.next.set(first)
            first = node
        }
        try interpreter.set("first", first)
        first = nil
        let count: Int = try interpreter.evaluate("var n = 0; while (first != nil) { n += 1; first = first.next; } n")
        #expect(count == 20_001)
        interpreter.collect()
        #expect(counter.value == 20_001)
    }

    @Test func aWeakReferenceKeepsNothingAlive() throws {
        let interpreter = try Interpreter()
        func make() throws -> WeakReference {
            let list = try interpreter.evaluate("var xs = [1]; xs", as: Value.self)
            return try WeakReference(list)
        }
        let weak = try make()
        interpreter.collect()
        let count = try Int(weak.value?["count"] ?? .nil)
        #expect(count == 1)
        try interpreter.run("xs = nil;")
        interpreter.collect()
        #expect(weak.value == nil)
        #expect(throws: ScriptError.self) { _ = try WeakReference(interpreter.evaluate("1", as: Value.self)) }
    }

    /// A finalizer that keeps its object keeps all of it: what references hold, who it is, and that its cycles go.
    @Test(arguments: [false, true]) func finalizersKeepWhatReferencesHold(stress: Bool) throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter(counter, stress: stress)
        try interpreter.run(
            """
            import "std/gc" as gc;
            var saved = nil;
            fun make() {
              var node = Node("a node that is saved");
              node.next = Node("what it holds");
              node.onAct(fun (name) => "acts: " + name);
              gc.onFinalize(node, fun (node) { saved = node; });
            }
            make();
            gc.collect();
            gc.runFinalizers();
            """)
        #expect(try interpreter.evaluate("saved.next.name + saved.act()", as: String.self) == "what it holdsacts: a node that is saved")
        let node: Node = try interpreter.evaluate("saved")
        try interpreter.set("again", node)
        #expect(try interpreter.evaluate("again == saved", as: Bool.self))
        try interpreter.run("again = nil; saved.next = saved; saved.onAct(fun (name) => saved); saved = nil;")
        withExtendedLifetime(node) {}
        for _ in 0..<3 { interpreter.collect() }
        try interpreter.run("gc.runFinalizers();")
        #expect(counter.value >= 1)
    }

    @Test func aFailedMoveToAnotherInterpreterChangesNothing() throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter(counter)
        let other = try makeInterpreter(counter)
        let node: Node = try interpreter.evaluate("var node = Node(\"one\"); node.onAct(fun (name) => name + \"!\"); node")
        #expect(throws: ScriptError.self) { try other.set("node", node) }
        #expect(try interpreter.evaluate("node.act()", as: String.self) == "one!")
    }

    /// Two instances could not both be the object's.
    @Test func anInitialiserMakesNewObjects() throws {
        let interpreter = try Interpreter()
        let shared = Node(name: "shared", counter: HostReleaseTests.Counter())
        nonisolated(unsafe) let same = shared
        try interpreter.define("One", as: Node.self) { type in type.initializer { () in same } }
        let error = #expect(throws: ScriptError.self) { try interpreter.run("var one = One(); var two = One();") }
        #expect(error?.message == "One() has to make a new object: the one it made is another instance's.")
    }
}
