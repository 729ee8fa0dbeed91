// What nobody writes but somebody feeds: each case ends with a clear error or just works, and never by a signal.

import Testing

@Suite("Hostile input")
struct HostileInputSuite {
    /// Compiles and runs a text from standard input.
    private func run(_ text: String, options: [String] = [], seconds: Double = 240) throws -> ChildOutcome {
        let outcome = try Subject.run(
            ["run", "--diagnostics=lox"] + options + ["-"], input: Array(text.utf8),
            environment: ["GRAVLAX_GC": ""], seconds: seconds)
        #expect(!outcome.timedOut)
        #expect(outcome.signal == nil)
        return outcome
    }

    private func repeated(_ text: String, _ count: Int = 200_000) -> String {
        String(repeating: text, count: count)
    }

    /// Well-formed, and deeper than any recursion can follow.
    @Test(arguments: ["(", "[", "-", "!", "!-", "f(", "{", "if (true) ", "while (false) ", "fun () ", "1 + (", "a = "])
    func deepNesting(opening: String) throws {
        let closing = ["(": ")", "[": "]", "f(": ")", "{": "}", "1 + (": ")"][opening] ?? ""
        let isStatement = ["{", "if (true) ", "while (false) "].contains(opening)
        let middle = isStatement && closing.isEmpty ? "print 1;" : isStatement ? "" : "1"
        let text = "fun f(x) { return x; } var a; \(isStatement ? "" : "a = ")"
            + repeated(opening) + middle + repeated(closing) + (isStatement ? "" : ";")
        let outcome = try run(text)
        #expect([0, 65, 70].contains(outcome.exitCode))
        if outcome.exitCode != 0 { #expect(!outcome.errorLines.isEmpty) }
    }

    /// What stands around a place, and what it begins and ends with.
    static let nestings: [(start: String, opening: String, middle: String, closing: String, end: String)] = [
        ("var x = ", "(", "1", ")", ";"), ("var x = ", "[", "1", "]", ";"), ("var x = ", "{1: ", "1", "}", ";"),
        ("var x = ", "-", "1", "", ";"), ("var x = ", "!", "1", "", ";"), ("var a; ", "a = ", "1", "", ";"),
        ("fun f(x) { return x; } var x = ", "f(", "1", ")", ";"), ("var a; fun g() { ", "a[", "1", "]", "; }"),
        ("var a; fun g() { ", "a.b = ", "1", "", "; }"), ("var a; fun g() { ", "a[0] = ", "1", "", "; }"),
        ("var y = 1; var x = ", "y + (", "1", ")", ";"), ("var y = 1; var x = ", "y and (", "1", ")", ";"),
        ("var y = 1; if (", "(y or ", "1", ")", ") print 1;"), ("var y = 1; if (", "!(", "y", ")", ") print 1;"),
        ("", "{", "", "}", ""), ("var y = 1; ", "if (y) ", "y;", "", ""), ("var y; ", "while (y) ", "y;", "", ""),
        ("", "for (var i = 0; i < 1; i = i + 1) ", "1;", "", ""), ("", "for (var i in [1]) ", "1;", "", ""),
        ("var y = 1; ", "if (y) {} else {", "y;", "}", ""), ("", "fun f() {", "", "}", ""),
        ("", "class A { m() {", "", "}}", ""), ("class A < B { m() { return ", "super.m(", "", ")", "; } }"),
    ]

    /// 9,990 levels of anything just work.
    @Test(arguments: nestings.indices)
    func nestingJustWorks(index: Int) throws {
        let nesting = Self.nestings[index]
        let text = nesting.start + repeated(nesting.opening, 9_990) + nesting.middle
            + repeated(nesting.closing, 9_990) + nesting.end
        let outcome = try Subject.run(["check", "-"], input: Array(text.utf8))
        #expect(outcome.exitCode == 0, "\(nesting.opening): \(outcome.errorText.prefix(200))")
    }

    /// 200,000 levels of anything are one clear error.
    @Test(arguments: nestings.indices)
    func endlessNestingIsAnError(index: Int) throws {
        let nesting = Self.nestings[index]
        let text = nesting.start + repeated(nesting.opening) + nesting.middle + repeated(nesting.closing) + nesting.end
        let outcome = try Subject.run(["check", "--diagnostics=lox", "-"], input: Array(text.utf8))
        #expect(outcome.exitCode == 65, "\(nesting.opening)")
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.errorText.hasSuffix("Too much nesting.\n"))
    }

    @Test(arguments: ["(", "[", "{", "f(", "\"", "class A { m() {", "fun f() {", "a.", "a[", ")", "}", "]", "="])
    func unfinishedText(piece: String) throws {
        let outcome = try run(repeated(piece))
        #expect(outcome.exitCode == 65)
        #expect(!outcome.errorLines.isEmpty)
    }

    @Test(arguments: [("f", "()"), ("1", " + 1"), ("1", " and 1"), ("f", ".x"), ("f", "[0]")])
    func longChains(start: String, link: String) throws {
        let outcome = try run("fun f() { return f; } var x = \(start)\(repeated(link));")
        #expect([0, 65, 70].contains(outcome.exitCode))
    }

    @Test func longElseIf() throws {
        let outcome = try run("var a = 1; " + repeated("if (a == 2) print 2; else ", 50_000) + "print 3;")
        #expect([0, 65].contains(outcome.exitCode))
    }

    @Test func longString() throws {
        let outcome = try run("var s = \"\(repeated("x", 10_000_000))\"; print s.count;")
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "10000000\n")
    }

    /// How many of anything a program may have without end.
    private let many = Subject.isReleaseBuild ? 1_000_000 : 100_000

    @Test func manyConstants() throws {
        let outcome = try run("var s = 0;\n" + (0..<many).map { "s = s + \($0).5;\n" }.joined() + "print s;")
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "\(many * many / 2)\n")
    }

    @Test func manyStrings() throws {
        let outcome = try run("var s;\n" + (0..<many).map { "s = \"k\($0)\";\n" }.joined() + "print s;")
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "k\(many - 1)\n")
    }

    @Test func manyGlobals() throws {
        let outcome = try run((0..<many).map { "var g\($0) = \($0);\n" }.joined() + "print g\(many - 1);")
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "\(many - 1)\n")
    }

    @Test func manyBlocksOneAfterTheOther() throws {
        let outcome = try run((0..<many).map { "{ var b = \($0); }\n" }.joined() + "print 1;")
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "1\n")
    }

    @Test func manyFunctionsAndClasses() throws {
        let count = many / 10
        let outcome = try run(
            (0..<count).map { "fun f\($0)() { return \($0); } class C\($0) { m() { return f\($0)(); } }\n" }.joined()
                + "print C\(count - 1)().m();")
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "\(count - 1)\n")
    }

    @Test func longNamesAndNumbers() throws {
        let name = repeated("n", 1_000_000)
        let outcome = try run(
            "var \(name) = 1; print \(name); print 0.\(repeated("1", 1_000_000)); print \(repeated("9", 1_000_000));")
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputLines == ["1", "0.1111111111111111", "inf"])
    }

    @Test(arguments: [1_000, 65_000, 1_000_000])
    func manyLocals(count: Int) throws {
        let declarations = (0..<count).map { "var l\($0) = \($0);\n" }.joined()
        let outcome = try run("fun f() { \(declarations) return l\(count - 1); }\nprint f();")
        if count > 65_500 {
            #expect(outcome.exitCode == 65)
            #expect(outcome.errorText.contains("Too many"))
        } else {
            #expect(outcome.exitCode == 0)
            #expect(outcome.outputText == "\(count - 1)\n")
        }
    }

    @Test func hugeFile() throws {
        let lines = Subject.isReleaseBuild ? 2_200_000 : 100_000
        let outcome = try run(repeated("// the quick brown fox jumps over the lazy dog\n", lines) + "print \"end\";")
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "end\n")
    }

    @Test func nullBytes() throws {
        #expect(try run("print 1;\0\0").exitCode == 65)
        #expect(try run("print \"a\0b\".count;").outputText == "3\n")
    }

    @Test(arguments: [
        "fun f() { return f() + 1; } f();",
        "fun f(n) { var a = 1; var b = 2; return f(n + 1) + a + b; } f(0);",
        "class A { m() { return this.m() + 1; } } A().m();",
        "class A { init() { A(); } } A();",
        "fun f() { g(); } fun g() { f(); } f();",
    ])
    func endlessRecursion(text: String) throws {
        let outcome = try run(text)
        #expect(outcome.exitCode == 70)
        #expect(outcome.errorLines.first == "Stack overflow.")
        #expect(outcome.errorLines.count < 1_000)
    }

    @Test(arguments: [
        "var s = \"x\"; while (true) s = s + s;",
        "var l = []; while (true) l.push([l]);",
        "var m = {}; var i = 0; while (true) { m[i] = i; i = i + 1; }",
        "class N {} var n = nil; while (true) { var m = N(); m.next = n; n = m; }",
        "fun f(n) { fun g() { return n; } return g; } var l = []; while (true) l.push(f(1));",
    ])
    func memoryWithoutEnd(text: String) throws {
        let outcome = try run(text, options: ["--memory-limit=24MiB"])
        #expect(outcome.exitCode == 70)
        #expect(outcome.errorLines.first == "Out of memory.")
    }

    /// The error of each can be caught, again and again, and leaves the interpreter sound.
    @Test(arguments: [
        "var s = \"x\"; while (true) s = s + s;",
        "var l = []; while (true) l.push([l]);",
        "var m = {}; var i = 0; while (true) { m[i] = i; i = i + 1; }",
        "class N {} var n = nil; while (true) { var m = N(); m.next = n; n = m; }",
        "var n = nil; while (true) n = [n];",
        "var n = nil; try { while (true) n = Error(n); } finally { n = nil; }",
    ])
    func outOfMemoryIsCaught(text: String) throws {
        let outcome = try run(
            "fun fill() { \(text) } for (var i = 0; i < 3; i = i + 1) { try { fill(); } catch (e) { print e.message; print e is Error; } }"
                + " var l = []; for (var i = 0; i < 10000; i = i + 1) l.push([i]); print l[-1];",
            options: ["--memory-limit=4MiB"])
        #expect(outcome.errorText == "")
        #expect(outcome.outputText == String(repeating: "Out of memory.\ntrue\n", count: 3) + "[9999]\n")
    }

    /// Garbage fills the budget to a different degree each time; recursion that fits without it fits with it.
    @Test(arguments: [1_000, 1_200, 1_300, 1_350, 1_400, 1_450, 1_500, 1_600, 2_000])
    func stackGrowsIntoGarbage(kibibytes: Int) throws {
        let outcome = try run(
            "var kept; for (var i = 0; i < 20000; i = i + 1) { kept = [i, [i], \"text\" + str(i)]; }"
                + " fun f(n) { if (n == 0) return 0; return 1 + f(n - 1); } print f(3000);",
            options: ["--memory-limit=\(kibibytes)KiB"])
        #expect(outcome.errorText == "")
        #expect(outcome.outputText == "3000\n")
    }

    /// Each list holds the one before twice: the text has more than 2^33 characters.
    @Test func textBeyondTheLimit() throws {
        let outcome = try run(
            "var l = [1]; for (var i = 0; i < 33; i = i + 1) l = [l, l]; print str(l);",
            options: ["--memory-limit=2MiB"])
        #expect(outcome.exitCode == 70)
        #expect(outcome.errorLines.first == "Out of memory.")
    }

    /// Out of memory before the first instruction: there is no place to show.
    @Test func constantBeyondTheLimit() throws {
        let outcome = try Subject.run(
            ["run", "--memory-limit=512KiB", "-"], input: Array("print \"\(repeated("x", 1_000_000))\";".utf8))
        #expect(outcome.exitCode == 70)
        #expect(outcome.errorText == "standard input: error: Out of memory.\n")
    }

    @Test func garbageWithoutEndFitsTheLimit() throws {
        let outcome = try run(
            "var s = 0; for (var i = 0; i < 300000; i = i + 1) { var l = [i, [i]]; s = s + l[1][0]; } print s;",
            options: ["--memory-limit=8MiB"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputText == "44999850000\n")
    }

    @Test(arguments: ["1e300", "-1e300", "0/0", "1/0", "-1/0", "0.5", "3", "-4", "nil", "\"0\""])
    func impossibleIndexes(index: String) throws {
        let index = index.replacing("1e300", with: "1" + String(repeating: "0", count: 300))
        for use in ["print l[\(index)];", "l[\(index)] = 1;"] {
            let outcome = try run("var l = [1, 2, 3]; \(use)")
            #expect(outcome.exitCode == 70)
            #expect(!outcome.errorLines.isEmpty)
        }
    }

    @Test(arguments: [
        "var l = [1]; l.push(l); print l;",
        "var m = {}; m[\"m\"] = m; print m;",
        "var l = []; var m = {\"l\": l}; l.push(m); print l; print str(m);",
        "var l = []; for (var i = 0; i < 200000; i = i + 1) l = [l]; print str(l).count > 0;",
    ])
    func collectionsThatContainThemselves(text: String) throws {
        let outcome = try run(text)
        #expect([0, 70].contains(outcome.exitCode))
        #expect(outcome.outputText.utf8.count < 2_000_000)
    }

    @Test func classThatInheritsFromItself() throws {
        #expect(
            try run("class A < A {}").errorLines == ["[line 1] Error at 'A': A class can't inherit from itself."])
    }
}
