// --trace: whatever ends the program, the file is a whole trace, and holds nothing else.

import Foundation
import Testing
import TraceFormat

@Suite("Ends of traced runs")
struct TraceEndSuite {
    /// Runs a line of the shell, with the program as `$0`, the file for the trace as `$1`, another file's path as `$2`.
    private func shell(_ line: String) throws -> (outcome: ChildOutcome, trace: TraceFile) {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("gravlax-\(UUID().uuidString)").path
        let (trace, other) = (path + ".json", path + ".out")
        defer { for file in [trace, other] { try? FileManager.default.removeItem(atPath: file) } }
        let outcome = try ChildProcess(
            executable: "/bin/sh", arguments: ["-c", line, Subject.binary, trace, other],
            environment: ["GRAVLAX_GC": "stress=0"]
        ).run()
        return (outcome, try TraceFile([UInt8](Data(contentsOf: URL(fileURLWithPath: trace)))))
    }

    @Test func aProgramThatDoesNotCompile() throws {
        let (outcome, trace) = try shell(#"exec "$0" --trace "$1" -e 'print (;'"#)
        #expect(outcome.exitCode == 65)
        #expect(trace.slices.isEmpty)
    }

    @Test func aReaderThatHasGone() throws {
        // What remains of the pipe is the exit code that the first command leaves in the file.
        let (outcome, trace) = try shell(
            #"{ "$0" --trace "$1" -e 'import "std/gc" as gc; gc.collect(); while (true) print "more";'; echo $? > "$2"; } | head -n 1; cat "$2""#)
        #expect(outcome.outputLines == ["more", "141"])
        #expect(outcome.errorText == "")
        #expect(trace.slices.contains { $0.name == "collection" })
    }

    @Test func outputThatCannotBeWritten() throws {
        let (outcome, trace) = try shell(#"exec "$0" --trace "$1" -e 'import "std/gc" as gc; gc.collect(); print 1;' > /dev/full"#)
        #expect(outcome.exitCode == 74)
        #expect(trace.slices.contains { $0.name == "collection" })
    }

    @Test func aProgramThatEndsTheProcess() throws {
        let (outcome, trace) = try shell(
            #"exec "$0" --trace "$1" -e 'import "std/gc" as gc; import "std/os" as os; gc.collect(); print 1; os.exit(3);'"#)
        #expect(outcome.exitCode == 3 && outcome.outputText == "1\n")
        #expect(trace.slices.contains { $0.name == "collection" })
    }

    /// The signal comes when the program has printed, and while it allocates.
    @Test func aSignal() throws {
        let (outcome, trace) = try shell(
            """
            "$0" --trace "$1" -e 'import "std/gc" as gc; gc.collect();
              for (var i = 0; i < 20000; i = i + 1) print i;
              while (true) { var list = [1]; }' > "$2" &
            while [ ! -s "$2" ]; do :; done
            kill -TERM $!
            wait $!
            """)
        #expect(outcome.exitCode == 128 + SIGTERM)
        #expect(trace.slices.contains { $0.name == "collection" })
    }

    /// Files that are opened later do not become the missing streams.
    @Test func streamsThatAreClosedFromTheStart() throws {
        let output = try shell(#"exec "$0" --trace "$1" -e 'print 1;' >&-"#)
        #expect(output.outcome.exitCode == 74)
        #expect(output.outcome.errorText == "gravlax: cannot write the output: Bad file descriptor\n")
        let error = try shell(#"exec "$0" --gctrace --trace "$1" -e 'import "std/gc" as gc; gc.collect(); print 1;' 2>&-"#)
        #expect(error.outcome.exitCode == 0 && error.outcome.outputText == "1\n")
        #expect(error.trace.slices.contains { $0.name == "collection" })
        let input = try shell(#"exec "$0" --trace "$1" <&-"#)
        #expect(input.outcome.exitCode == 0)
    }
}
