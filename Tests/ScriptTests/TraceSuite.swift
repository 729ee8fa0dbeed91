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

    private func trace(_ program: String, _ options: [String] = [], exitCode: Int32 = 0) throws -> TraceFile {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("gravlax-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: path) }
        let outcome = try Subject.run(["run", "--trace", path.path] + options + ["-"], input: Array(program.utf8))
        #expect(outcome.exitCode == exitCode)
        return try TraceFile([UInt8](Data(contentsOf: path)))
    }

    @Test func aRunIsAValidTrace() throws {
        let file = try trace(Self.churn)
        #expect(file.otherData == ["eventsLost": "0", "slicesCut": "0"])
        #expect(Set(file.counters.keys) == ["heap live", "heap goal", "heap in use", "heap released"])
        #expect(file.tracks.contains("mutator 1"))
        #expect(file.instants.contains { $0.name == "heap grows" && $0.track == "page heap" })
        #expect(file.instants.contains { $0.name == "spans allocated" && $0.track == "mutator 1" })
        let used = try #require(file.counters["heap in use"]?.map(\.value).max())
        #expect((1 << 20...64 << 20).contains(used))
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
