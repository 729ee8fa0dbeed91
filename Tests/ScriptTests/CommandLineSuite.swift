// The command line as its users meet it: exit codes, streams, options.

import Foundation
import Glibc
import Testing

@Suite("Command line")
struct CommandLineSuite {
    // MARK: Programs

    @Test func evaluatesText() throws {
        let outcome = try Subject.run(["-e", "print 1 + 2;"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "3\n")
        #expect(outcome.errorText == "")
    }

    @Test func emptyProgramDoesNothing() throws {
        let outcome = try Subject.run(["-e", ""])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "" && outcome.errorText == "")
    }

    @Test func textMayBeginWithADash() throws {
        #expect(try Subject.run(["-e", "-1; print 2;"]).outputText == "2\n")
    }

    @Test func runsStandardInput() throws {
        let outcome = try Subject.run(["run", "-"], input: Array("print \"in\";".utf8))
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "in\n")
    }

    @Test func acceptsArgumentsForTheProgram() throws {
        let outcome = try withScript("print \"ran\";") {
            try Subject.run(["run", $0, "one", "--stats", "--unknown", "-x"])
        }
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "ran\n")
        #expect(outcome.errorText == "")
    }

    @Test func outputStandsBeforeTheError() throws {
        let outcome = try Subject.run(["--diagnostics=lox", "-e", "print 1; print nil + 1; print 2;"])
        #expect(outcome.exitCode == 70)
        #expect(outcome.outputText == "1\n")
        #expect(outcome.errorLines == ["Operands must be two numbers or two strings.", "[line 1] in script"])
    }

    @Test func compileErrorsAreAllReported() throws {
        let outcome = try Subject.run(["--diagnostics=lox", "-e", "print ;\nvar 1 = 2;\nprint 3;"])
        #expect(outcome.exitCode == 65)
        #expect(outcome.outputText == "")
        #expect(
            outcome.errorLines == [
                "[line 1] Error at ';': Expect expression.",
                "[line 2] Error at '1': Expect variable name.",
            ])
    }

    @Test func richErrorsShowTheSource() throws {
        let (path, outcome) = try withScript("var x = 1;\nprint x + nil;\n") { ($0, try Subject.run(["run", $0])) }
        #expect(outcome.exitCode == 70)
        #expect(outcome.errorText.contains("\(path):2"))
        #expect(outcome.errorText.contains("print x + nil;"))
        #expect(outcome.errorText.contains("^"))
        #expect(!outcome.errorText.contains("\u{1B}"))
    }

    // MARK: check and disassemble

    @Test func checkRunsNothing() throws {
        let good = try withScript("print 1;") { try Subject.run(["check", $0]) }
        #expect(good.exitCode == 0)
        #expect(good.outputText == "" && good.errorText == "")
        #expect(try withScript("print (;") { try Subject.run(["check", $0]) }.exitCode == 65)
    }

    @Test func disassembleShowsInstructions() throws {
        let outcome = try withScript("fun f(a) { return a; } print f(1);") { try Subject.run(["disassemble", $0]) }
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText.lowercased().contains("call"))
        #expect(outcome.outputText.lowercased().contains("return"))
    }

    // MARK: Usage

    @Test(arguments: [
        ["--no-such-flag"], ["no-such-command"], ["run"], ["run", "--no-such-flag", "x.lox"], ["-e"],
        ["run", "--diagnostics=green", "x.lox"], ["run", "--memory-limit", "many", "x.lox"],
        ["run", "--gc-percent=-7", "x.lox"], ["run", "--stats=xml", "x.lox"], ["check"], ["disassemble"],
        ["check", "one", "two"],
    ])
    func badUsage(arguments: [String]) throws {
        let outcome = try Subject.run(arguments)
        #expect(outcome.exitCode == 64)
        #expect(outcome.outputText == "")
        #expect(!outcome.errorText.isEmpty)
    }

    @Test(arguments: ["verify", "verify=x", "unknown=1", "stress=-1"])
    func badDebugModes(value: String) throws {
        let outcome = try Subject.run(["-e", ""], environment: ["GRAVLAX_GC": value])
        #expect(outcome.exitCode == 64)
        #expect(outcome.errorText.contains("GRAVLAX_GC"))
    }

    @Test(arguments: [["--help"], ["run", "--help"], ["check", "--help"], ["disassemble", "--help"], ["help", "run"]])
    func help(arguments: [String]) throws {
        let outcome = try Subject.run(arguments)
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText.contains("USAGE: gravlax"))
    }

    @Test func version() throws {
        let outcome = try Subject.run(["--version"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputLines.count == 1)
    }

    // MARK: Files

    @Test func unreadableFiles() throws {
        let missing = try Subject.run(["run", "/no/such/file.lox"])
        #expect(missing.exitCode == 66)
        #expect(missing.errorText == "gravlax: cannot read /no/such/file.lox: No such file or directory\n")
        #expect(try Subject.run(["run", "/tmp"]).exitCode == 66)
        #expect(try Subject.run(["check", "/no/such/file.lox"]).exitCode == 66)
    }

    @Test func fileWithoutEnd() throws {
        let outcome = try Subject.run(["run", "/dev/zero"])
        #expect(outcome.exitCode == 66)
        #expect(outcome.errorText == "gravlax: cannot read /dev/zero: File too large\n")
    }

    @Test(arguments: ["0", "1", "64KiB"])
    func memoryThatIsNotEnoughToStart(limit: String) throws {
        let outcome = try Subject.run(["--memory-limit=\(limit)", "-e", "print 1;"])
        #expect(outcome.exitCode == 70)
        #expect(outcome.errorText == "gravlax: cannot start: not enough memory\n")
    }

    @Test(arguments: [
        [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80], [0xF5, 0x80, 0x80, 0x80],
    ] as [[UInt8]])
    func textThatIsNotUTF8(bytes: [UInt8]) throws {
        let outcome = try Subject.run(["run", "-"], input: Array("print 1;\n// ".utf8) + bytes)
        #expect(outcome.exitCode == 65)
        #expect(outcome.errorText.contains("UTF-8"))
    }

    // MARK: Streams

    @Test func closedPipeEndsItQuietly() throws {
        let outcome = try Subject.run(["-e", "while (true) print \"more\";"], closesOutput: true, seconds: 30)
        #expect(!outcome.timedOut)
        #expect(outcome.signal == SIGPIPE || outcome.exitCode == 128 + SIGPIPE)
        #expect(outcome.errorText == "")
    }

    @Test func fullDeviceIsReported() throws {
        let outcome = try Subject.run(["-e", "print 1;"], outputPath: "/dev/full")
        #expect(outcome.exitCode == 74)
        #expect(outcome.errorText.contains("No space left on device"))
    }

    @Test func muchOutputArrivesWhole() throws {
        let outcome = try Subject.run(["-e", "for (var i = 0; i < 100000; i = i + 1) print i;"])
        #expect(outcome.outputLines == (0..<100_000).map(String.init))
    }

    // MARK: Lines

    @Test func linesAreRunOneByOne() throws {
        let input = """
            var a = 1;
            a + 1
            print a;
            fun twice(x) {
              return x * 2;
            }
            twice(
              21
            );
            nil + 1;
            oops
            var 1;
            "after errors"
            """
        let outcome = try Subject.run(["--diagnostics=lox"], input: Array(input.utf8))
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputLines == ["2", "1", "42", "after errors"])
        #expect(outcome.errorText.contains("Undefined variable 'oops'."))
    }

    @Test(arguments: [
        ("fun f()\n{ return 3; }\nf()", "3\n", ""),
        ("1 +\n2", "3\n", ""),
        ("if (true)\nprint 1;", "1\n", ""),
        ("var s = \"a\nb\"\ns", "a\nb\n", ""),
        // An empty line ends an input that would go on.
        ("1 +\n\nprint 2", "2\n", "[line 3] Error at end: Expect expression.\n"),
        ("class A {\n\n  m() { return 1; }\n}\nA().m()", "1\n", ""),
        ("print (1\n;)\n2", "2\n", "[line 2] Error at ';': Expect ')' after expression.\n[line 2] Error at ')': Expect expression.\n"),
        ("var x = 5; // no end {\nx", "5\n", ""),
        ("class A { toString() { return \"text\"; } }\nA()\n[A()]", "text\n[text]\n", ""),
        (
            "class A { toString() { return nil.x; } }\nA()\n1", "1\n",
            "Only instances have properties.\n[line 1] in toString()\n"
        ),
        ("nil", "", ""),
        ("fun g() { return nil(); }\ng();\n4", "4\n", "Can only call functions and classes.\n[line 1] in g()\n[line 1] in script\n"),
    ]) func inputsMayHaveSeveralLines(input: String, output: String, errors: String) throws {
        let outcome = try Subject.run(["--diagnostics=lox"], input: Array(input.utf8))
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == output)
        #expect(outcome.errorText == errors)
    }

    @Test func emptyInputEndsTheLoop() throws {
        let outcome = try Subject.run([])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "" && outcome.errorText == "")
    }

    // MARK: Statistics

    @Test func statisticsAsJSON() throws {
        let outcome = try Subject.run(["--stats=json", "-e", "print 1;"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "1\n")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.standardError))
        let statistics = try #require(object as? [String: Any])
        let sys = try #require(statistics["heapSys"] as? Int)
        let inUse = try #require(statistics["heapInUse"] as? Int)
        let idle = try #require(statistics["heapIdle"] as? Int)
        #expect(sys == inUse + idle)
    }

    @Test func statisticsAsText() throws {
        let outcome = try Subject.run(["--stats", "-e", "print 1;"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "1\n")
        #expect(outcome.errorText.contains("heap"))
    }

    @Test func statisticsAfterARuntimeError() throws {
        let outcome = try Subject.run(["--stats", "-e", "nil();"])
        #expect(outcome.exitCode == 70)
        #expect(outcome.errorText.contains("heap"))
    }

    @Test(arguments: [(["--gctrace"], [:]), ([], ["GRAVLAX_GC": "gctrace=1"])] as [([String], [String: String])])
    func traceLinesHaveGosFormat(options: [String], environment: [String: String]) throws {
        let program = "var s = 0; for (var i = 0; i < 600000; i = i + 1) { var l = [i]; s = s + l[0]; } print s;"
        let outcome = try Subject.run(options + ["-e", program], environment: environment)
        #expect(outcome.exitCode == 0)
        let number = "[0-9.]+"
        let pattern = try Regex(
            "gc [0-9]+ @\(number)s [0-9]+%: \(number)\\+\(number)\\+\(number) ms clock, "
                + "\(number)\\+\(number)/\(number)/\(number)\\+\(number) ms cpu, "
                + "[0-9]+->[0-9]+->[0-9]+ MB, [0-9]+ MB goal, [0-9]+ P( \\(forced\\))?")
        #expect(!outcome.errorLines.isEmpty)
        for line in outcome.errorLines { #expect(try pattern.wholeMatch(in: line) != nil, "\(line)") }
    }
}
