import Foundation
import Gravlax
import Synchronization
import Testing

/// Limits where they meet something else.
struct LimitEdgeTests {
    /// What makes host functions use members for the first time must not let a script go on.
    @Test func fuelEndsAScriptWhereverItIsUsedUp() throws {
        for fuel in 0...80 {
            let interpreter = try Interpreter()
            interpreter.define("x") { (object: Value) throws -> Value in try object["x"] }
            interpreter.define("m") { (object: Value) throws -> Value in try object.call("m", 1, 2) }
            try interpreter.run("class P { init() { this.x = 1; } m(a, b) { return a + b; } } var p = P(); var caught; var isDone = false;")
            interpreter.fuel = fuel
            do {
                try interpreter.run("try { x(p); m(p); } catch (e) { caught = e.message; } isDone = true;")
            } catch let error as ScriptError {
                #expect(error.kind == .fuel)
            }
            interpreter.fuel = nil
            #expect(try interpreter.evaluate("caught == nil", as: Bool.self), "with fuel \(fuel)")
        }
    }

    @Test(arguments: [Duration.zero, .seconds(-5), .seconds(Int64.min)])
    func noTimeIsNone(limit: Duration) throws {
        let interpreter = try Interpreter(.init(timeLimit: limit))
        try expect(.deadline, "var n = 0; for (var i in 0..1000) n += i;", in: interpreter)
    }

    @Test func muchTimeIsNoLimit() throws {
        let interpreter = try Interpreter(.init(timeLimit: .seconds(Int64.max) * 10))
        #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    /// A function that waits for the collector when its run ends is in the middle of something that it may do.
    @Test func whatAFunctionMayDoItMayEnd() async throws {
        final class Slow: HostObject {
            deinit { Thread.sleep(forTimeInterval: 0.1) }
        }
        let interpreter = try Interpreter()
        try interpreter.define("Slow", as: Slow.self) { type in type.initializer { () in Slow() } }
        interpreter.define("collect") { [unowned interpreter] () async in
            interpreter.collect()
            while !Task.isCancelled { await Task.yield() }
        }
        interpreter.timeLimit = .milliseconds(20)
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run("Slow(); collect();") }
        #expect(error?.kind == .deadline)
        interpreter.timeLimit = nil
        #expect(try await interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    /// A handler of the host's that takes its time holds up no other run's limit.
    @Test func slowHandlersAreTheirOwnAffair() async throws {
        let interpreter = try Interpreter()
        let (isOver, handled) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let handlerSaw = Mutex<DispatchTimeoutResult?>(nil)
        interpreter.define("wait") { () async throws in
            try await withTaskCancellationHandler {
                try await Task.sleep(for: .seconds(3_600))
            } onCancel: {
                // Gives up in the end, so that the test fails and does not hang.
                let result = isOver.wait(timeout: .now() + 300)
                handlerSaw.withLock { $0 = result }
                handled.signal()
            }
        }
        interpreter.timeLimit = .milliseconds(30)
        let first = await #expect(throws: ScriptError.self) { try await interpreter.run("wait();") }
        #expect(first?.kind == .deadline)
        let second = await #expect(throws: ScriptError.self) { try await interpreter.run("while (true) {}") }
        #expect(second?.kind == .deadline)
        isOver.signal()
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                handled.wait()
                continuation.resume()
            }
        }
        #expect(handlerSaw.withLock { $0 } == .success)
    }

    /// The end of a run is its end, whatever interpreters the error has gone through.
    @Test(arguments: ["toB();", "try { toB(); } catch (e) {}"])
    func aRunEndsThroughOtherInterpreters(source: String) throws {
        let (a, b) = (try Interpreter(.init(fuel: 5_000)), try Interpreter())
        b.define("back") { [unowned a] () throws in try a.run("while (true) {}") }
        a.define("toB") { () throws in try b.run("back();") }
        let error = #expect(throws: ScriptError.self) { try a.run(source) }
        #expect(error?.kind == .fuel)
        a.fuel = nil
        #expect(try a.evaluate("1 + 1", as: Int.self) == 2)
    }

    /// The limits of other interpreters are errors like others.
    @Test func othersMemoryIsNotOnesOwn() throws {
        let interpreter = try Interpreter()
        interpreter.define("none") { () throws in _ = try Interpreter(.init(heapBudget: .bytes(0))) }
        let small = try Interpreter(.init(heapBudget: .mebibytes(1)))
        try small.define("Thing", as: Thing.self) { _ in }
        let things = Mutex<[Value]>([])
        interpreter.define("things") { () throws in while true { things.withLock { _ = $0 }; let v = try Thing().value(in: small); things.withLock { $0.append(v) } } }
        for source in ["none();", "things();"] {
            let error = #expect(throws: ScriptError.self) { try interpreter.run(source) }
            #expect(error?.message == "Out of memory.")
            #expect(error?.kind == .error)
        }
    }

    final class Thing: HostObject {}

    /// What runs before have used up of the heap's patience is no matter of the next.
    @Test(arguments: [1_255_424, 2 << 20, 3 << 20]) func garbageOfOtherRunsGivesWay(budget: UInt64) throws {
        let interpreter = try Interpreter(.init(heapBudget: .bytes(budget)))
        interpreter.define("boom") { () throws in throw ScriptError("boom") }
        for _ in 0..<10 {
            for round in 0..<4 {
                _ = try? interpreter.run(
                    "var l\(round) = []; try { while (true) l\(round).push([1, 2]); } catch (e) { while (true) l\(round).push([1]); }")
            }
            for round in 0..<4 { try interpreter.set("l\(round)", Value.nil) }
            let error = #expect(throws: ScriptError.self) { try interpreter.run("try { boom(); } catch (e) { throw e; }") }
            #expect(error?.message == "boom")
        }
    }

    // MARK: Definitions

    @Test func eachRunMayDefineItsShare() throws {
        let interpreter = try Interpreter()
        interpreter.define("def") { [unowned interpreter] (name: String) in interpreter.define(name) { (x: Int) in x + 1 } }
        for round in 0..<6 { try interpreter.run("for (var k in 0..2000) def(\"g\(round)_\" + str(k));") }
        #expect(try interpreter.evaluate("g5_1999(1)", as: Int.self) == 2)
    }

    @Test func whatWentWrongWhileOneWaitedIsItsOwn() async throws {
        let interpreter = try Interpreter()
        interpreter.define("bad") { [unowned interpreter] () async in
            for number in 0..<3_000 { interpreter.define("g\(number)") { () in number } }
            interpreter.interrupt()
            while !Task.isCancelled { await Task.yield() }
        }
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run("bad();") }
        #expect(error?.kind == .interrupted)
        #expect(try await interpreter.evaluate("1 + 1", as: Int.self) == 2)
    }

    // MARK: What is told meanwhile

    @Test(arguments: [("throw \"boom\";", "Uncaught: boom"), ("nothing();", "Undefined variable 'nothing'."), ("print \"x\"; throw 5;", "Uncaught: 5")])
    func warningsAndOutputMayRunScripts(body: String, message: String) throws {
        let told = Mutex<[String]>([])
        let own = Mutex<Interpreter?>(nil)
        @Sendable func work() -> String {
            (try? own.withLock { $0 }?.evaluate("[1, 2, str(3)].count", as: Int.self)).map { "\($0)" } ?? "failed"
        }
        let interpreter = try Interpreter(
            output: { _ in told.withLock { $0.append(work()) } },
            warnings: { error in
                let result = work()
                told.withLock { $0.append("\(error.message) \(error.kind) \(result)") }
            })
        own.withLock { $0 = interpreter }
        try interpreter.run(
            """
            import "std/gc" as gc;
            class A {}
            fun make() { gc.onFinalize(A(), fun (a) { \(body) }); }
            make();
            gc.collect(); gc.collect(); gc.runFinalizers();
            """)
        own.withLock { $0 = nil }
        #expect(told.withLock { $0 }.last == "\(message) error 3")
        #expect(told.withLock { $0 }.dropLast().allSatisfy { $0 == "3" })
    }

    @Test func aDescriptionThatEndsTheRunEndsIt() throws {
        let interpreter = try Interpreter(.init(system: .init()))
        interpreter.define("show") { (value: Value) in "\(value)" }
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("import \"std/os\" as os; class A { toString() { os.exit(5); } } show(A());")
        }
        #expect(error?.kind == .exit(5))
    }

    @Test func callsOfForgottenTextsAreNotTheHosts() throws {
        let interpreter = try Interpreter()
        interpreter.define("ev") { [unowned interpreter] (text: String) throws in try interpreter.run(text) }
        let error = #expect(throws: ScriptError.self) {
            try interpreter.run("var caught; try { ev(\"\\n\\nthrow Error(1);\"); } catch (q) { caught = q; }")
            try interpreter.run("throw caught;", name: "b.lox")
        }
        #expect(error?.trace.contains { $0.description == "script of the host" } == false)
    }
}
