import Dispatch
import Gravlax
import Synchronization
import Testing

/// Many interpreters at once, each with a heap that collects all the time, for the thread sanitizer.
@Suite(.serialized) struct InterpreterStress {
    private static let source = """
        class Node {
          init(value, next) { this.value = value; this.next = next; }
          sum() { var total = 0; for (var node = this; node != nil; node = node.next) total = total + node.value; return total; }
        }
        fun build(n) { var head; for (var i in 0..n) head = Node(i, head); return head; }
        var texts = {};
        var total = 0;
        for (var round in 0..rounds) {
          total = total + build(300).sum();
          texts["${round}"] = [round, "text ${round}"].map(fun (x) => "${x}!").join(" ");
          total = total + host(round);
          if (round % 4 == 0) total = total + later(round);
        }
        try { refuse(); } catch (e) { total = total + e.message.count; }
        print texts.count;
        total
        """

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    private struct Refusal: Error, CustomStringConvertible {
        var description: String { "seven b" }
    }

    private static func expected(rounds: Int) -> Int {
        (0..<rounds).reduce(7) { $0 + 299 * 150 + 2 * $1 + ($1 % 4 == 0 ? 3 * $1 : 0) }
    }

    private static func make(_ number: Int, printed: @escaping @Sendable (String) -> Void) throws -> Interpreter {
        var configuration = Configuration()
        configuration.heap.gcPercent = 20
        configuration.heap.debug.stress = 500 + number
        let interpreter = try Interpreter(configuration, output: printed)
        interpreter.define("host") { (n: Int) in 2 * n }
        interpreter.define("later") { (n: Int) async -> Int in
            await Task.yield()
            return 3 * n
        }
        interpreter.define("refuse") { () async throws in throw Refusal() }
        return interpreter
    }

    /// As many as there are tasks, all of them running one script.
    @Test(arguments: [64]) func interpretersAtOnce(count: Int) async throws {
        let script = try Script(Self.source, name: "stress")
        let rounds = 12
        let printed = Counter()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<count {
                group.addTask {
                    let interpreter = try Self.make(number) { _ in printed.value.wrappingAdd(1, ordering: .relaxed) }
                    try interpreter.set("own\(number)", number)
                    try interpreter.set("rounds", rounds)
                    var total = 0
                    for _ in 0..<2 { total = try await interpreter.evaluate(script) }
                    guard interpreter.statistics().cycles > 0 else { return -1 }
                    return total
                }
            }
            for try await total in group { #expect(total == Self.expected(rounds: rounds)) }
        }
        #expect(printed.value.load(ordering: .relaxed) >= 2 * count)
    }

    /// Interrupts, deadlines and cancellations come from other threads while scripts run and wait.
    @Test func limitsFromOtherThreads() async throws {
        let script = try Script("for (var i = 0; ; i = i + 1) { var xs = [i, [i]]; if (i % 500 == 0) later(i); }")
        try await withThrowingTaskGroup(of: ScriptError.Kind?.self) { group in
            for number in 0..<24 {
                group.addTask {
                    let interpreter = try Self.make(number) { _ in }
                    if number % 3 == 0 { interpreter.timeLimit = .milliseconds(30) }
                    let task = Task { try await interpreter.run(script) }
                    if number % 3 == 1 { task.cancel() }
                    if number % 3 == 2 {
                        let queue = DispatchQueue(label: "interrupt")
                        // Until it has come at the right time.
                        @Sendable func again() {
                            interpreter.interrupt()
                            queue.asyncAfter(deadline: .now() + .milliseconds(5)) { [weak interpreter] in
                                if interpreter != nil { again() }
                            }
                        }
                        queue.async { again() }
                    }
                    do {
                        try await task.value
                        return nil
                    } catch let error as ScriptError {
                        return error.kind
                    }
                }
            }
            for try await kind in group { #expect(kind == .deadline || kind == .interrupted) }
        }
    }

    /// One interpreter for many tasks, some of which give up.
    @Test func oneInterpreterForManyTasks() async throws {
        let shared = try SharedInterpreter()
        try await shared.use { interpreter in
            interpreter.define("later") { (n: Int) async -> Int in
                await Task.yield()
                return n
            }
            try await interpreter.run("var count = 0;")
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<64 {
                group.addTask {
                    let task = Task {
                        try await shared.evaluate(
                            "var before = count; var xs = []; for (var i in 0..50) xs.push([later(i)]); count = before + 1; 1",
                            as: Int.self)
                    }
                    if number % 4 == 0 { task.cancel() }
                    return (try? await task.value) ?? 0
                }
            }
            var finished = 0
            for try await one in group { finished += one }
            #expect(finished >= 48)
            #expect(try await shared.evaluate("count", as: Int.self) == finished)
        }
    }
}
