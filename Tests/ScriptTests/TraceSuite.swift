// --trace: the file is a valid trace, whatever ends the program, and says what happened.

import Foundation
import Testing
import TraceFormat

@Suite("Traces of runs")
struct TraceSuite {
    /// Allocates enough for a few collections.
    private static let churn = """
        var keep = [];
        for (var i = 0; i < 2000; i = i + 1) keep.push([i]);
        for (var i = 0; i < 120000; i = i + 1) { var list = [i, i + 1, i + 2]; }
        """

    /// No debug modes, whatever all tests are repeated under: what is traced here is how a program runs by itself.
    private static let quiet = ["GRAVLAX_GC": "stress=0"]

    private func trace(_ program: String, _ options: [String] = [], exitCode: Int32 = 0) throws -> TraceFile {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("gravlax-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: path) }
        let outcome = try Subject.run(
            ["run", "--trace", path.path] + options + ["-"], input: Array(program.utf8), environment: Self.quiet)
        #expect(outcome.exitCode == exitCode)
        return try TraceFile([UInt8](Data(contentsOf: path)))
    }

    @Test func aRunIsAValidTrace() throws {
        let file = try trace(Self.churn)
        #expect(file.otherData == ["eventsLost": "0", "slicesCut": "0"])
        #expect(Set(file.counters.keys) == ["heap live", "heap goal", "heap in use", "heap released"])
        #expect(file.tracks.contains("mutator 1"))
        let collections = file.slices.filter { $0.name == "collection" }
        #expect(!collections.isEmpty && collections.allSatisfy { $0.track == "collector" })
        #expect(file.instants.count { $0.name == "phase: mark" } >= collections.count)
        let stops = file.slices.filter { $0.name == "stop the world" }
        #expect(stops.count >= 2 * collections.count)
        #expect(stops.allSatisfy { $0.track == "stops of the world" && $0.depth == 0 })
        #expect(file.slices.count { $0.name == "world stopped" && $0.depth == 1 } == stops.count)
        #expect(file.slices.contains { $0.name.hasPrefix("mark") && $0.arguments["bytes"] != "0" })
        #expect(file.slices.contains { $0.name == "roots" && $0.arguments["job"] == "mutator" })
        #expect(file.slices.contains { $0.name == "sweep" && $0.track.hasPrefix("sweeper") })
        #expect(file.instants.contains { $0.name == "heap grows" && $0.track == "page heap" })
        #expect(file.instants.contains { $0.name == "spans allocated" && $0.track == "mutator 1" })
        let used = try #require(file.counters["heap in use"]?.map(\.value).max())
        #expect((1 << 20...64 << 20).contains(used))
    }

    /// Each collection prints its lines, in Go's order, and every line is one that Go could have printed.
    @Test(arguments: [
        (["--gctrace", "--gcpacertrace", "--scavtrace"], ""), ([], "gctrace=1,gcpacertrace=1,scavtrace=1"),
    ])
    func linesAreGos(options: [String], environment: String) throws {
        let outcome = try Subject.run(
            ["run"] + options + ["-"], input: Array((Self.churn + "import \"std/gc\" as gc; gc.releaseMemory();").utf8),
            environment: environment.isEmpty ? Self.quiet : ["GRAVLAX_GC": environment])
        #expect(outcome.exitCode == 0)
        var numbers: [Int] = []
        var forced = 0
        var kinds: [Character] = []
        for line in try outcome.errorLines.map(GoTraceLine.init) {
            switch line {
            case .sweepDone: kinds.append("s")
            case .pacerStart: kinds.append("p")
            case .pacerEnd(_, let values):
                #expect(abs(values[10] - (values[5] - values[1])) < 1e-5 && abs(values[11] - (values[3] - values[1])) < 1e-5)
                kinds.append("e")
            case .scavenge(_, _, _, true): forced += 1
            case .scavenge: kinds.append("v")
            case .collection(let number, _, let percent, _, _, let heap, _, let processors, let isForced):
                numbers.append(number)
                #expect(percent <= 100 && heap[2] <= heap[1] && processors > 0)
                if isForced { kinds.append("F") } else { kinds.append("g") }
            }
        }
        #expect(numbers.count > 1 && numbers == Array(1...numbers.count))
        #expect(forced == 1)
        let unforced = String(repeating: "spevg", count: numbers.count - 1).dropFirst()
        #expect(String(kinds) == unforced + "spevF", "a sweep comes before each but the first")
    }

    @Test func aRuntimeErrorLeavesATrace() throws {
        let file = try trace(Self.churn + "nil();", exitCode: 70)
        #expect(file.counters["heap live"]?.isEmpty == false)
    }

    @Test func linesLeaveATrace() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("gravlax-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: path) }
        let outcome = try Subject.run(["--trace", path.path], input: Array("var a = [1];\na\n".utf8))
        #expect(outcome.outputText == "[1]\n" && outcome.exitCode == 0)
        let file = try TraceFile([UInt8](Data(contentsOf: path)))
        #expect(file.tracks.contains("mutator 1"))
    }

    @Test func aFileThatCannotBeWrittenEndsTheRunAtOnce() throws {
        let outcome = try Subject.run(["run", "--trace", "/nowhere/trace.json", "-"], input: Array("print 1;".utf8))
        #expect(outcome.exitCode == 74 && outcome.outputText.isEmpty)
        #expect(outcome.errorText == "gravlax: cannot write /nowhere/trace.json: No such file or directory\n")
    }
}
