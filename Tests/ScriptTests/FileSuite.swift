// std/io and std/os, with files, pipes and input of their own.

import Foundation
import Testing

@Suite("Files and streams")
struct FileSuite {
    private func withFolder(_ body: (_ path: String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "gravlax-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func evaluate(_ text: String, options: [String] = [], input: [UInt8] = []) throws -> ChildOutcome {
        try Subject.run(options + ["-e", "import \"std/io\" as io; \(text)"], input: input)
    }

    /// The most memory the process has had, in KiB, as its last line of output.
    private let printPeak = """
        for (var line in io.readFile("/proc/self/status").split("\\n"))
          if (line.startsWith("VmHWM:")) print num(line.slice(6).replace("kB", "").trim());
        """

    private func checkRefused(_ outcome: ChildOutcome) throws {
        #expect(outcome.exitCode == 0, "\(outcome.errorText)")
        #expect(outcome.outputLines.first == "Out of memory.")
        let peak = try #require(outcome.outputLines.last.flatMap { Int($0) })
        #expect(peak < 120_000)
    }

    @Test func aFileLargerThanTheBudgetIsRefused() throws {
        try withFolder { folder in
            let path = folder + "/large"
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            // Without blocks on the disk.
            #expect(truncate(path, 4_000_000_000) == 0)
            try checkRefused(
                evaluate(
                    "try { io.readFile(\"\(path)\"); } catch (e) { print e.message; } \(printPeak)",
                    options: ["--memory-limit=16MiB"]))
        }
    }

    @Test(arguments: ["stdin", "readLine"]) func inputLargerThanTheBudgetIsRefused(function: String) throws {
        let script = "import \"std/io\" as io; try { io.\(function)(); } catch (e) { print e.message; } \(printPeak)"
        let outcome = try ChildProcess(
            executable: "/bin/sh",
            arguments: ["-c", #"head -c 300000000 /dev/zero | "$0" --memory-limit=16MiB -e "$1""#, Subject.binary, script]
        ).run()
        try checkRefused(outcome)
    }

    /// Lines that end anywhere in a buffer, and some longer than one.
    @Test func linesOfAllLengths() throws {
        var lines = (0..<400).map { String(repeating: "é", count: $0 * 7 % 199) + "\($0)" }
        lines.insert(String(repeating: "0123456789", count: 20_000), at: 100)
        lines.insert("", at: 0)
        let text = lines.joined(separator: "\n")
        let each = "var line = io.readLine(); while (line != nil) { print line; line = io.readLine(); }"
        for end in ["", "\n"] {
            #expect(try evaluate(each, input: Array((text + end).utf8)).outputLines == lines)
        }
        let rest = try evaluate("io.readLine(); io.readLine(); print io.stdin(); print io.readLine();", input: Array(text.utf8))
        #expect(rest.outputLines == Array(lines.dropFirst(2)) + ["nil"])
    }

    @Test func filesOfAllSizes() throws {
        try withFolder { folder in
            let path = folder + "/file"
            let outcome = try evaluate(
                """
                for (var unit in ["a", "é"]) for (var size in [0, 1, 6, 7, 100, 65535, 65536, 65537, 3000000]) {
                  var text = unit.repeat(size);
                  io.writeFile("\(path)", text);
                  io.appendFile("\(path)", "\\n");
                  var found = io.readFile("\(path)");
                  if (found != text + "\\n" or found.count != size + 1) print "wrong: ${size}";
                }
                print io.list("\(folder)");
                io.remove("\(path)");
                print io.exists("\(path)");
                print io.list("\(folder)");
                """)
            #expect(outcome.outputText == "[\"file\"]\nfalse\n[]\n")
            #expect(outcome.errorText == "")
        }
    }

    @Test(arguments: [
        [0xFF], [0xC0, 0x80], [0xC1, 0xBF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80], [0xE0, 0x80, 0x80],
        [0xF0, 0x80, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x28, 0xA1],
    ] as [[UInt8]])
    func whatIsNoUTF8(bytes: [UInt8]) throws {
        for function in ["readLine", "stdin"] {
            let outcome = try evaluate("io.\(function)();", input: Array("0123456789".utf8) + bytes)
            #expect(outcome.exitCode == 70)
            #expect(outcome.errorText.contains("io.\(function) can't read standard input: it is not UTF-8."))
        }
    }

    @Test func scalarsAtTheEdges() throws {
        let text = "\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}"
        #expect(try evaluate("print io.stdin().codePoints();", input: Array(text.utf8)).outputText
            == "[127, 128, 2047, 2048, 55295, 57344, 65535, 65536, 1114111]\n")
    }

    /// A name that the system would cut off is not taken for another.
    @Test func pathsThatAreNone() throws {
        for (call, message) in [
            ("io.readFile(\"/etc/passwd\\0x\")", "io.readFile can't read: a path can't have a NUL character."),
            ("io.writeFile(\"/dev/null\\0x\", \"\")", "io.writeFile can't write: a path can't have a NUL character."),
            ("io.list(\"/\\0x\")", "io.list can't read: a path can't have a NUL character."),
            ("io.remove(\"x\".repeat(100000))", "io.remove can't remove: File name too long."),
            ("io.list(\"/etc/passwd\")", "io.list can't read '/etc/passwd': Not a directory."),
            ("io.readFile(\"/\")", "io.readFile can't read '/': Is a directory."),
            ("io.writeFile(\"/dev/full\", \"x\")", "io.writeFile can't write '/dev/full': No space left on device."),
        ] {
            let outcome = try evaluate("try { \(call); } catch (e) { print e.message; }")
            #expect(outcome.outputText == message + "\n")
        }
        #expect(try evaluate("print io.exists(\"/\\0\");").outputText == "false\n")
        let name = try evaluate("import \"std/os\" as os; print os.env(\"HOME\\0\"); print os.env(\"x\".repeat(1000000));")
        #expect(name.outputText == "nil\nnil\n")
    }

    // MARK: The end of the process

    @Test func exitPrintsTheReports() throws {
        for options in [["--stats"], ["--finalizers"]] {
            let outcome = try evaluate("import \"std/os\" as os; print 1; os.exit(3);", options: options)
            let plain = try evaluate("print 1;", options: options)
            #expect(outcome.exitCode == 3)
            #expect(outcome.errorLines.count == plain.errorLines.count && !outcome.errorText.isEmpty)
        }
    }

    /// The program has run, but what was asked for is not there.
    @Test(arguments: [
        ("print 1;", 74), ("import \"std/os\" as os; print 1; os.exit();", 74), ("import \"std/os\" as os; print 1; os.exit(3);", 3),
        ("print 1; nil();", 70),
    ] as [(String, Int32)])
    func aTraceThatCannotBeWritten(script: String, exitCode: Int32) throws {
        let outcome = try evaluate(script, options: ["--trace", "/dev/full"])
        #expect(outcome.exitCode == exitCode)
        #expect(outcome.outputText == "1\n")
        #expect(outcome.errorText.contains("gravlax: cannot write /dev/full: No space left on device"))
    }

    @Test func aTraceOfLinesThatCannotBeWritten() throws {
        let outcome = try Subject.run(["--trace", "/dev/full"], input: Array("print 1;\n".utf8))
        #expect(outcome.exitCode == 74)
        #expect(outcome.outputText == "1\n")
    }

    @Test(arguments: ["0x10MiB", "1e3", "inf", "nan", "-1", "+5MiB", "1.5.2MiB", "MiB", "", "16 MiB"])
    func sizesThatAreNone(size: String) throws {
        #expect(try evaluate("print 1;", options: ["--memory-limit=\(size)"]).exitCode == 64)
    }

    @Test(arguments: ["16MiB", "16mib", "0.5GiB", "33554432", "33554432B", ".5GiB"])
    func sizes(size: String) throws {
        #expect(try evaluate("print 1;", options: ["--memory-limit=\(size)"]).outputText == "1\n")
    }
}
