import Dispatch
import Gravlax
import Synchronization

/// How long it takes until a script that would not end has ended.
enum NoticeBenchmark {
    enum Limit: String, CaseIterable {
        case interrupt, cancel, deadline
    }

    struct HostileScript: Sendable {
        let name: String
        let prelude: String
        let source: String
    }

    static let scripts = [
        HostileScript(name: "loop", prelude: "", source: "while (true) {}"),
        HostileScript(name: "garbage", prelude: "", source: "while (true) { var xs = [[1], [2]]; }"),
        HostileScript(
            name: "sort", prelude: "var xs = []; for (var i = 0; i < 300000; i += 1) xs.push(i * 7919 % 300007);",
            source: "while (true) xs.copy().sort();"),
        HostileScript(name: "text", prelude: "var s = \"ab\".repeat(2000000);", source: "while (true) s.contains(\"abc\");"),
        HostileScript(name: "wait", prelude: "", source: "sleep();"),
    ]

    /// When the limit was reached. Written before the run can end.
    private final class Moment: Sendable {
        let nanoseconds = Atomic<UInt64>(0)
    }

    /// Milliseconds of each of several runs, the shortest first.
    static func milliseconds(_ limit: Limit, _ script: HostileScript) async throws -> [Double] {
        var times: [Double] = []
        let interpreter = try Interpreter()
        interpreter.define("sleep") { () async throws in try await Task.sleep(for: .seconds(3600)) }
        try await interpreter.run(script.prelude)
        let compiled = try Script(script.source)
        for _ in 0..<15 {
            let reached = Moment()
            let delay = DispatchTimeInterval.milliseconds(20)
            interpreter.timeLimit = limit == .deadline ? .milliseconds(20) : nil
            let start = now()
            let task = Task { try await interpreter.run(compiled) }
            switch limit {
            case .deadline: reached.nanoseconds.store(start + 20_000_000, ordering: .relaxed)
            case .interrupt, .cancel:
                DispatchQueue(label: "limit").asyncAfter(deadline: .now() + delay) {
                    reached.nanoseconds.store(now(), ordering: .relaxed)
                    if limit == .cancel { task.cancel() } else { interpreter.interrupt() }
                }
            }
            let result = await task.result
            let end = now()
            guard case .failure(let error) = result, error is ScriptError else { fatalError("the script has ended by itself") }
            times.append(Double(end - reached.nanoseconds.load(ordering: .relaxed)) / 1e6)
        }
        return times.sorted()
    }
}
