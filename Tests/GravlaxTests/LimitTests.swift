import Dispatch
import Foundation
import Gravlax
import Testing

struct LimitTests {
    private static let loops = [
        "while (true) {}", "for (;;) {}", "fun f() { f(); } while (true) { fun g() {} g(); }", "var i = 0; while (i >= 0) i = i + 1;",
        "for (var x in 0..1000000000000) {}",
        "class Ones { iterate() { return fun () => 1; } } for (var x in Ones()) {}",
        """
        class Node { toString() { return this.next == nil ? "" : "${this.next}${this.next}"; } }
        var node = Node(); node.next = nil;
        for (var i in 0..60) { var next = node; node = Node(); node.next = next; }
        print node;
        """,
        """
        class Node { ends { return this.next == nil ? 1 : this.next.ends + this.next.ends; } }
        var node = Node(); node.next = nil;
        for (var i in 0..60) { var next = node; node = Node(); node.next = next; }
        node.ends;
        """,
    ]

    @Test(arguments: loops) func endlessLoopsRunOutOfFuel(source: String) throws {
        try expect(.fuel, source, in: Interpreter(.init(fuel: 10_000)))
    }

    /// Throwing costs by the calls that it has to look at.
    @Test(arguments: [
        "fun deep(n) { if (n > 0) return deep(n - 1); while (true) { try { throw 1; } catch (e) {} } } deep(20000);",
        "fun deep(n) { if (n > 0) return deep(n - 1); while (true) { try { nil.x; } catch (e) {} } } deep(20000);",
        "fun f() { try { f(); } finally { f(); } } f();",
    ]) func errorsInDeepStacksTakeFuel(source: String) throws {
        let interpreter = try Interpreter(.init(fuel: 200_000))
        try interpreter.run("var throws = 0;")
        try expect(.fuel, source.replacingOccurrences(of: "catch (e) {", with: "catch (e) { throws += 1;"), in: interpreter)
        // 2,500 for each, after 20,000 for the calls.
        #expect(try interpreter.evaluate("throws", as: Int.self) < 100)
    }

    /// Less than nothing is nothing.
    @Test(arguments: [0, -1, .min]) func noFuelIsUsedUpAtOnce(fuel: Int) throws {
        try expect(.fuel, "while (true) {}", in: Interpreter(.init(fuel: fuel)))
    }

    @Test(arguments: loops) func endlessLoopsMeetTheDeadline(source: String) throws {
        try expect(.deadline, source, in: Interpreter(.init(timeLimit: .milliseconds(20))))
    }

    @Test(arguments: loops) func endlessLoopsAreInterrupted(source: String) throws {
        let interpreter = try Interpreter()
        interpreter.define("begun") { [unowned interpreter] () in
            // Only what runs can be interrupted, and this is known to run.
            DispatchQueue(label: "interrupt").async { [unowned interpreter] in interpreter.interrupt() }
        }
        try expect(.interrupted, "begun(); " + source, in: interpreter)
    }

    @Test func anInterruptBetweenRunsIsForgotten() throws {
        let interpreter = try Interpreter()
        interpreter.interrupt()
        #expect(try interpreter.evaluate("var n = 0; for (var i = 0; i < 1000; i += 1) n += 1; n", as: Int.self) == 1000)
    }

    @Test func memoryIsLimited() throws {
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(16)))
        try expect(.outOfMemory, "var s = \"0123456789\"; while (true) s = s + s;", in: interpreter)
        try expect(.outOfMemory, "var xs = nil; while (true) xs = [xs];", in: interpreter)
    }

    @Test func depthIsLimited() throws {
        try expect(.stackOverflow, "fun f() { f(); } f();", in: Interpreter())
    }

    @Test func workOfBuiltInsTakesFuel() throws {
        let interpreter = try Interpreter(.init(fuel: 20_000))
        try expect(.fuel, "var s = \"ab\".repeat(4000000); s.contains(\"abc\"); s.contains(\"abd\");", in: interpreter)
    }

    /// Nobody ever writes.
    @Test func waitingForInputMeetsTheDeadline() throws {
        let path = "\(NSTemporaryDirectory())gravlax-\(UUID().uuidString)"
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let writer = open(path, O_RDWR)
        defer { close(writer) }
        let interpreter = try Interpreter(.init(timeLimit: .milliseconds(20), grantsFiles: true))
        try expect(.deadline, "import \"std/io\" as io; io.readFile(\"\(path)\");", in: interpreter)
    }

    /// Each finalizer has as much fuel as a run, and all together that of sixteen: the others wait for the next run.
    @Test func manyLoopingFinalizersEnd() throws {
        let interpreter = try Interpreter(.init(fuel: 100_000))
        try interpreter.run(
            """
            import "std/gc" as gc;
            class A {}
            var called = 0;
            fun make() { gc.onFinalize(A(), fun (a) { called += 1; while (true) {} }); }
            for (var i in 0..100) make();
            gc.collect();
            gc.runFinalizers();
            """)
        let first = try Int(#require(interpreter["called"]))
        #expect((1...17).contains(first))
        try interpreter.run("gc.runFinalizers();")
        let second = try Int(#require(interpreter["called"]))
        #expect((18...34).contains(second))
    }

    @Test func loopingFinalizersEnd() throws {
        let interpreter = try Interpreter(.init(fuel: 100_000))
        try interpreter.run(
            """
            import "std/gc" as gc;
            class A {}
            fun make() { gc.onFinalize(A(), fun (a) { while (true) {} }); }
            make();
            gc.collect(); gc.collect();
            gc.runFinalizers();
            var over = true;
            """)
        #expect(try interpreter.evaluate("over", as: Bool.self))
    }

    @Test func fuelIsTheSameEachTime() throws {
        let source = """
            class Node { init(next) { this.next = next; } }
            var head = nil;
            for (var i = 0; i < 200; i += 1) { head = Node(head); [i, "text ${i}"].sort(fun (a, b) => 0); }
            """
        func used(stress: Int) throws -> Int? {
            var configuration = Configuration(fuel: 1_000_000)
            configuration.heap.debug.stress = stress
            let interpreter = try Interpreter(configuration)
            try interpreter.run(source)
            return interpreter.fuelLeft
        }
        let first = try used(stress: 0)
        #expect((first ?? .max) < 1_000_000)
        for _ in 0..<99 {
            let again = try used(stress: 0)
            #expect(again == first)
        }
        let stressed = try used(stress: 7)
        #expect(stressed == first)
    }
}
