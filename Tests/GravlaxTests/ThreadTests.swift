import Foundation
import Gravlax
import Testing

/// One thread uses an interpreter at a time, any thread.
struct ThreadTests {
    /// Runs `body` on a thread of its own, and waits for it.
    private func onNewThread(_ body: @escaping @Sendable () -> Void) {
        let done = DispatchSemaphore(value: 0)
        Thread {
            body()
            done.signal()
        }.start()
        done.wait()
    }

    @Test func interpretersMoveBetweenThreads() throws {
        var configuration = Configuration()
        configuration.heap.debug.stress = 11
        configuration.heap.debug.verify = true
        let interpreter = try Interpreter(configuration)
        try interpreter.run("var list = []; fun add(x) { list.push([x, \"number ${x}\"]); return list.count; }")
        let add = try interpreter.evaluate("add", as: Value.self)
        for number in 1...10 {
            onNewThread {
                #expect(throws: Never.self) {
                    let count = try Int(add(number))
                    #expect(count == number)
                }
            }
        }
        #expect(try interpreter.evaluate("list.map(fun (x) => x[1]).join(\" \")", as: String.self).hasSuffix("number 9 number 10"))
    }

    @Test func aScriptGoesOnOnAnotherThread() async throws {
        let interpreter = try Interpreter()
        interpreter.define("thread") { () in "\(pthread_self())" }
        interpreter.define("pause") { () async in
            await withCheckedContinuation { continuation in Thread { continuation.resume() }.start() }
        }
        // Whichever threads they are: what the script holds is the same on each.
        let kept: [String] = try await interpreter.evaluate(
            "var seen = [thread()]; for (var i in 0..20) { pause(); seen.push(thread()); } seen")
        #expect(kept.count == 21)
        #expect(kept.allSatisfy { !$0.isEmpty })
    }

    @Test func twoThreadsAtOnceEndTheProcess() async throws {
        let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let interpreter = try Interpreter()
            interpreter.define("meanwhile") { [unowned interpreter] () in
                let done = DispatchSemaphore(value: 0)
                Thread {
                    interpreter.collect()
                    done.signal()
                }.start()
                done.wait()
            }
            func misuse() throws { try interpreter.run("meanwhile();") }
            try misuse()
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("An interpreter is used by two threads at once."), "\(text)")
    }

    @Test func valuesStayWithTheirInterpreter() throws {
        let interpreter = try Interpreter()
        let other = try Interpreter()
        let list = try interpreter.evaluate("[1, 2]", as: Value.self)
        let echo = try other.evaluate("(fun (x) => x)", as: Value.self)
        #expect(throws: ScriptError.self) { try echo(list) }
        #expect(throws: ScriptError.self) { try other.set("list", list) }
        #expect(throws: ScriptError.self) { try other.set("list", [list]) }
        other.define("foreign") { () in list }
        let error = #expect(throws: ScriptError.self) { try other.run("foreign();") }
        #expect(error?.message == "A value of one interpreter can't be given to another.")
        // What is no object belongs to nobody.
        try other.set("number", try interpreter.evaluate("5", as: Value.self))
        #expect(try other.evaluate("number", as: Int.self) == 5)
    }
}
