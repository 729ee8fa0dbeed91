// Every script of Tests/Scripts and Examples is a test case: it runs and must do what its comments say.

import Foundation
import Testing

@Suite("Scripts")
struct ScriptSuite {
    static let scripts = Subject.scripts(in: "Tests/Scripts")
    /// The adventure is played in a suite of its own.
    static let examples = Subject.scripts(in: "Examples").filter { path in
        !["Examples/benchmarks/", "Examples/adventure/"].contains { path.hasPrefix($0) }
    }
    /// What is worth repeating with the collector at its most hostile.
    static let collectorScripts = (scripts + examples).filter { path in
        [
            "gc", "closure", "class", "string", "list", "map", "inheritance", "module", "finalizer", "weak", "interpolation",
            "range", "slice", "function_expression", "default_parameter", "rest_parameter", "compound_assignment", "error",
            "library", "file_module", "std_json", "std_random", "getter", "to_string", "static", "iterate", "class_members",
        ].contains {
            path.hasPrefix("Tests/Scripts/\($0)/")
        } || path.hasPrefix("Examples/")
    }

    @Test("does what its comments say", arguments: scripts)
    func script(path: String) throws {
        try check(path)
    }

    @Test("example does what its comments say", arguments: examples)
    func example(path: String) throws {
        try check(path)
    }

    @Test("does the same while the collector runs all the time", arguments: collectorScripts)
    func underStress(path: String) throws {
        // Examples allocate a lot: a cycle at each allocation would take minutes.
        let interval = path.hasPrefix("Examples/") || path.hasPrefix("Tests/Scripts/gc/") ? 5003 : 7
        try check(path, collector: "stress=\(interval),verify=1,clobberfree=1")
    }

    private func check(_ path: String, collector: String? = nil) throws {
        let file = Subject.root.appendingPathComponent(path)
        let expectation = Expectation(source: String(decoding: try Data(contentsOf: file), as: UTF8.self))
        let outcome = try Subject.run(
            ["run", "--diagnostics=lox", file.path],
            environment: collector.map { ["GRAVLAX_GC": $0] } ?? [:])
        for difference in expectation.differences(from: outcome) {
            Issue.record("\(path): \(difference)")
        }
    }
}
