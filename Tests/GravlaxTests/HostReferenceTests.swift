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

    /// An object that has an instance has no other, whether or not the collector has run.
    @Test func anInitialiserMayGiveWhatThereIs() throws {
        let interpreter = try Interpreter()
        nonisolated(unsafe) let same = Node(name: "shared", counter: HostReleaseTests.Counter())
        try interpreter.define("One", as: Node.self) { type in
            type.initializer { () in same }
            type.reference("next", \.next)
        }
        try interpreter.run("var one = One(); one.next = one; one.init();")
        #expect(try interpreter.evaluate("var two = One(); one == two and two.next == one", as: Bool.self))
        try interpreter.run("one = nil; two = nil;")
        interpreter.collect()
        #expect(try interpreter.evaluate("[One(), One()].contains(One())", as: Bool.self))
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("class Other < One { init() { super.init(); } } var kept = One(); Other();")
        }
        #expect(error?.message == "One() gives an object that has another instance: a class that inherits needs one of its own.")
        withExtendedLifetime(same) {}
    }

    /// Of two that die together, the finalizer of one gets at the other before its own has run.
    @Test(arguments: [false, true]) func whatWaitsForItsFinalizerIsThere(collects: Bool) throws {
        let interpreter = try makeInterpreter(HostReleaseTests.Counter())
        nonisolated(unsafe) var last: Node?
        interpreter.define("keep") { (node: Node) in last = node }
        interpreter.define("last") { [unowned interpreter] () -> Node? in
            if collects { interpreter.collect() }
            return last
        }
        try interpreter.run(
            """
            import "std/gc" as gc;
            var byFirst; var own;
            fun make() {
              var first = Node("one"); var second = Node("two");
              second.next = Node("what the second holds");
              keep(second);
              gc.onFinalize(first, fun (x) { byFirst = last(); });
              gc.onFinalize(second, fun (x) { own = x; });
            }
            make();
            gc.collect(); gc.runFinalizers(); gc.collect(); gc.runFinalizers();
            """)
        #expect(try interpreter.evaluate("byFirst == own and own.next.name == \"what the second holds\"", as: Bool.self))
        last = nil
    }

    // MARK: What fails

    /// What can't be given is not given the next time, either.
    @Test func aFailedBindingLeavesNothing() throws {
        let counter = HostReleaseTests.Counter()
        let (interpreter, other) = (try makeInterpreter(counter), try makeInterpreter(counter))
        let node = Node(name: "n", counter: counter)
        try node.action.set(try other.evaluate("[1]", as: Value.self))
        for _ in 0..<2 { #expect(throws: ScriptError.self) { try interpreter.set("n", node) } }
        #expect(interpreter["n"] == nil)
        #expect(try node.action.value?.description == "[1]")
        try node.action.set(nil)
        try interpreter.set("n", node)
        #expect(try interpreter.evaluate("n.name", as: String.self) == "n")
    }

    /// Of a chain that there is no memory for the Swift objects keep their links, wherever it ended.
    @Test(arguments: 0..<10) func aChainThatDoesNotFitStaysWhole(room: Int) throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(1)))
        try interpreter.define("Node", as: Node.self) { type in
            type.property("name", \.name)
            type.reference("next", \.next)
        }
        try interpreter.run(
            """
            var list = [];
            try { while (true) list.push("a text of some length, number ${list.count}"); } catch (e) {}
            for (var i in 0..\(500 * (room + 1))) list.pop();
            """)
        let nodes = (0..<8_000).map { Node(name: "\($0)", counter: counter) }
        for (node, next) in zip(nodes, nodes.dropFirst()) { try node.next.set(next) }
        #expect(throws: ScriptError.self) { try interpreter.set("head", nodes[0]) }
        try interpreter.set("list", Value.nil)
        for _ in 0..<2 { interpreter.collect() }
        var count = 1
        var last = nodes[0]
        while let next = try last.next.value { (count, last) = (count + 1, next) }
        #expect(count == nodes.count)
        try nodes[10].next.set(nil)
        try interpreter.set("head", nodes[0])
        let length: Int = try interpreter.evaluate("var n = 0; for (var x = head; x != nil; x = x.next) n += 1; n")
        #expect(length == 11)
        for node in nodes { try node.next.set(nil) }
    }

    /// An object that another has taken the place of has nothing of that one's.
    @Test func aReplacedObjectLetsGoOfTheFields() throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter(counter)
        try interpreter.run("var a = Node(\"a\"); a.next = Node(\"old\");")
        let old: Node = try interpreter.evaluate("a")
        try interpreter.run("a.init(\"b\"); a.next = Node(\"new\");")
        #expect(try old.next.value == nil)
        #expect(try interpreter.evaluate("a.next.name", as: String.self) == "new")
    }

    /// Nor does the object that takes the place begin with what was there.
    @Test func aNewObjectBeginsEmpty() throws {
        let interpreter = try makeInterpreter(HostReleaseTests.Counter())
        try interpreter.run("var a = Node(\"a\"); a.next = Node(\"old\"); a.init(\"b\");")
        #expect(try interpreter.evaluate("a.next == nil and a.name == \"b\"", as: Bool.self))
    }

    private class Base: HostObject {
        let link = HostReference<Value>()
    }

    private final class Derived: Base {}

    /// Described twice, a reference has one content.
    @Test func aReferenceMayBeDescribedAgain() throws {
        let interpreter = try Interpreter()
        try interpreter.define("Base", as: Base.self) { $0.reference("link", \.link) }
        try interpreter.define("Derived", as: Derived.self) { $0.reference("link", \.link) }
        let derived = Derived()
        try derived.link.set(try interpreter.evaluate("import \"std/gc\" as gc; var list = [1]; var weak = gc.WeakRef(list); list", as: Value.self))
        try interpreter.set("d", derived)
        #expect(try interpreter.evaluate("d.link == list", as: Bool.self))
        try interpreter.run("list = nil; d.link = nil;")
        for _ in 0..<3 { interpreter.collect() }
        #expect(try interpreter.evaluate("weak.get() == nil", as: Bool.self))
    }

    private final class Making: ScriptConvertible {
        let make: () throws -> Value
        init(_ make: @escaping () throws -> Value) { self.make = make }
        init(_ value: Value) throws { throw ScriptError("none") }
        func value(in interpreter: Interpreter) throws -> Value { try make() }
    }

    private final class Holder: HostObject {
        let first = HostReference<Making>()
        let second = HostReference<Making>()
    }

    /// What scripts make while a reference is bound is none of it.
    @Test func whatFailsTakesNothingElseAlong() throws {
        let counter = HostReleaseTests.Counter()
        let interpreter = try makeInterpreter(counter)
        try interpreter.define("Holder", as: Holder.self) { type in
            type.reference(\.first)
            type.reference(\.second)
        }
        let holder = Holder()
        let making = { [unowned interpreter] in try interpreter.evaluate("var held = Node(\"held\"); 1", as: Value.self) }
        // They are bound from the last to the first.
        try holder.second.set(Making(making))
        try holder.first.set(Making { throw ScriptError("not this one") })
        #expect(throws: ScriptError.self) { try interpreter.set("h", holder) }
        #expect(try interpreter.evaluate("held.name", as: String.self) == "held")
    }
}
