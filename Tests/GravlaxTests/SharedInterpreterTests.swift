import Gravlax
import Synchronization
import Testing

struct SharedInterpreterTests {
    /// Lets scripts wait, all at once or one by one, until the test lets them go on.
    private actor Gate {
        private var isOpen = false
        private var waiting: [CheckedContinuation<Void, Never>] = []

        func pass() async {
            if !isOpen { await withCheckedContinuation { waiting.append($0) } }
        }

        func open() {
            isOpen = true
            for one in waiting { one.resume() }
            waiting = []
        }
    }

    private func untilWaiting(_ shared: SharedInterpreter, _ count: Int) async {
        while await shared.waitingCount < count { await Task.yield() }
    }

    @Test func runsAreInOrderAndDoNotMix() async throws {
        let shared = try SharedInterpreter()
        let gate = Gate()
        let order = Mutex<[Int]>([])
        try await shared.use { interpreter in
            interpreter.define("pass") { () async in await gate.pass() }
            interpreter.define("note") { (number: Int) in order.withLock { $0.append(number) } }
        }
        let script = "note(ID); pass(); note(ID);"
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<8 {
            tasks.append(Task { try await shared.run(script.replacing("ID", with: "\(number)")) })
            // The first waits inside, the others for their turn, in this order.
            if number == 0 { while order.withLock({ $0.isEmpty }) { await Task.yield() } }
            await untilWaiting(shared, number)
        }
        #expect(order.withLock { $0 } == [0])
        await gate.open()
        for task in tasks { try await task.value }
        #expect(order.withLock { $0 } == (0..<8).flatMap { [$0, $0] })
    }

    @Test func whoeverWaitsCanBeCancelled() async throws {
        let shared = try SharedInterpreter()
        let gate = Gate()
        try await shared.use { $0.define("pass") { () async in await gate.pass() } }
        let first = Task { try await shared.evaluate("pass(); 1", as: Int.self) }
        await untilTaken(shared)
        let second = Task { try await shared.evaluate("2", as: Int.self) }
        await untilWaiting(shared, 1)
        let third = Task { try await shared.evaluate("3", as: Int.self) }
        await untilWaiting(shared, 2)
        second.cancel()
        let result = await second.result
        #expect(throws: CancellationError.self) { try result.get() }
        await gate.open()
        #expect(try await first.value == 1)
        #expect(try await third.value == 3)
        // A task that is cancelled before it comes does not wait at all.
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await shared.evaluate("4", as: Int.self)
        }
        let lateResult = await late.result
        #expect(throws: CancellationError.self) { try lateResult.get() }
        #expect(try await shared.evaluate("5", as: Int.self) == 5)
    }

    /// Until somebody has the turn: then another waits, and is taken back.
    private func untilTaken(_ shared: SharedInterpreter) async {
        while true {
            let probe = Task { try await shared.use { _ in } }
            for _ in 0..<100 {
                if await shared.waitingCount > 0 {
                    probe.cancel()
                    _ = await probe.result
                    return
                }
                await Task.yield()
            }
            _ = await probe.result
        }
    }

    @Test func aScriptThatRunsIsCancelledOrInterrupted() async throws {
        let shared = try SharedInterpreter()
        let (begun, continuation) = AsyncStream.makeStream(of: Void.self)
        try await shared.use { $0.define("begin") { () in continuation.yield() } }
        var starts = begun.makeAsyncIterator()
        let task = Task { try await shared.run("begin(); while (true) {}") }
        _ = await starts.next()
        task.cancel()
        let cancelled = await task.result
        #expect(#expect(throws: ScriptError.self) { try cancelled.get() }?.kind == .interrupted)
        let again = Task { try await shared.run("begin(); while (true) {}") }
        _ = await starts.next()
        shared.interrupt()
        let interrupted = await again.result
        #expect(#expect(throws: ScriptError.self) { try interrupted.get() }?.kind == .interrupted)
        #expect(try await shared.evaluate("1 + 1", as: Int.self) == 2)
    }

    @Test func aFunctionThatWaitsForItsOwnInterpreterIsAnError() async throws {
        let shared = try SharedInterpreter()
        let other = try SharedInterpreter()
        try await shared.use { interpreter in
            interpreter.define("again") { () async throws -> Int in try await shared.evaluate("1") }
            interpreter.define("other") { () async throws -> Int in try await other.evaluate("2") }
        }
        #expect(try await shared.evaluate("other()", as: Int.self) == 2)
        let error = await #expect(throws: ScriptError.self) { try await shared.run("again();") }
        #expect(error?.message == "A function of the host waits for the interpreter that calls it.")
        #expect(try await shared.evaluate("3", as: Int.self) == 3)
    }
}
