import Testing

import GravlaxCompiler

/// Errors of grammar, in the words and the order of clox.
@Suite struct ParserErrorTests {
    private func errors(_ text: String) -> [String] { Parser.parse(Array(text.utf8)).diagnostics.map(\.loxText) }

    @Test(arguments: [
        ("print ;", ["[line 1] Error at ';': Expect expression."]),
        ("print 1", ["[line 1] Error at end: Expect ';' after value."]),
        ("f(1;", ["[line 1] Error at ';': Expect ')' after arguments."]),
        ("a + b = c;", ["[line 1] Error at '=': Invalid assignment target."]),
        ("\"abc", ["[line 1] Error: Unterminated string.", "[line 1] Error at end: Expect expression."]),
        ("var 1;", ["[line 1] Error at '1': Expect variable name."]),
        ("class 1 {}", ["[line 1] Error at '1': Expect class name."]),
        ("class A 1;", ["[line 1] Error at '1': Expect '{' before class body.", "[line 1] Error at end: Expect '}' after block."]),
        ("a.;", ["[line 1] Error at ';': Expect property name after '.'."]),
        ("(1;", ["[line 1] Error at ';': Expect ')' after expression."]),
        ("[1;", ["[line 1] Error at ';': Expect ']' after list elements."]),
        ("a[1;", ["[line 1] Error at ';': Expect ']' after index."]),
        ("print {1};", ["[line 1] Error at '}': Expect ':' after map key."]),
        ("{ print 1;", ["[line 1] Error at end: Expect '}' after block."]),
        ("print a ? b;", ["[line 1] Error at ';': Expect ':' after first choice of '?'."]),
        ("print 1 ..;", ["[line 1] Error at ';': Expect expression."]),
        ("f(fun (a));", ["[line 1] Error at ')': Expect '{' or '=>' before function body."]),
        ("print \"a${1 2}b${}\";", ["[line 1] Error at '2': Expect '}' after interpolated expression."]),

        ("while (a) break 1;", ["[line 1] Error at '1': Expect ';' after 'break'."]),
        ("fun f(...) {}", ["[line 1] Error at ')': Expect parameter name."]),
        ("fun f(a = ) {}", ["[line 1] Error at ')': Expect expression."]),
        ("a += ;", ["[line 1] Error at ';': Expect expression."]),
        ("for (var a, b c) 1;", ["[line 1] Error at 'c': Expect 'in' after loop variables."]),
        ("import \"std/gc\";", ["[line 1] Error at ';': Expect 'as' after module path."]),
        ("import \"std/gc\" as 1;", ["[line 1] Error at '1': Expect module name after 'as'."]),
        ("import \"std/gc\" as a", ["[line 1] Error at end: Expect ';' after import."]),
        ("{ import \"std/gc\" as a; }", ["[line 1] Error at '\"std/gc\"': Expect ';' after expression."]),
        ("import std as a;", ["[line 1] Error at 'std': Expect ';' after expression."]),
        ("print \"\\q\";", ["[line 1] Error: Invalid escape sequence in string."]),
        ("print ;\nprint ;", ["[line 1] Error at ';': Expect expression.", "[line 2] Error at ';': Expect expression."]),
    ]) func messages(text: String, expected: [String]) {
        // The first is what matters; recovery is compared in full where nothing else can go wrong.
        #expect(errors(text).first == expected.first)
        if text.hasPrefix("print") { #expect(errors(text) == expected) }
    }

    @Test(arguments: [
        "var in = 1; for (var in in in) print in;", "for (var k, v in {1: 2, \"a\": [1, 2]}) print k;",
        "a[1][2] = b.c = 3;", "class A < B { init(x) { super.init(x); this.y = x; } }",
        "{ var a; } if (a) b(); else if (c) d(); else e();", "for (;;) {}", "print \"é🐟\\u{1F41F}\";",
        "import \"std/gc\" as as; import \"std\\u{2f}gc\" as import; import; as = import;",
        "var import = 1; var as = import + as; import(as); import.as = 2; { var import; import = 1; }",
        "a = b ? c : d ? e : (f = 1 > 2) ? 3 : 4;", "a.b += c[d] -= e ??  f;", "x in y is z == 1..2;", "print -1..-a.b;",
        "var f = fun () => fun (a, b = a, ...c) { return {1: \"${a + \"${b}\"}\"}; };", "(fun () {})();", "a ? fun () {} : b;",
        "while (a) { break; continue; } var break = 1; break;", "continue; var continue;", "{ var break; break = 1; break; }",
        "fun break() {} fun f() { break; }", "class continue {} continue;", "import \"std/gc\" as break; break;",
        "for (var i in 0..1) if (i) break; else continue;", "print \"${\"${\"${1}\"}\"}${2}\";",
    ]) func accepts(text: String) { #expect(errors(text) == []) }

    @Test func notUTF8() {
        #expect(
            Parser.parse([10, 0x31, 0xFF]).diagnostics.map(\.loxText)
                == ["[line 2] Error: The source text is not valid UTF-8 (byte 2)."])
    }

    @Test(arguments: ["(", "[", "{", "-", "!", "f(", "a ? ", "a ? b : ", "\"${", "a = fun () {", "a = fun () => ", "f(fun (a = ", "if (a) ", "while (a) ", "a = ", "fun f() {", "class A { m() {"])
    func deepNestingIsAnError(piece: String) {
        #expect(errors(String(repeating: piece, count: 200_000)).first?.hasSuffix("Too much nesting.") == true)
    }

    @Test(arguments: [("1", " + 1"), ("a", ".b"), ("a", " and a"), ("a", "[0]"), ("a", "()"), ("a", " ?? a"), ("a", " in a"), ("a", "..a")])
    func longChains(start: String, link: String) {
        let result = Parser.parse(Array((start + String(repeating: link, count: 100_000) + ";").utf8))
        #expect(result.diagnostics == [])
        #expect(result.tree.depth > 100_000)
    }

    @Test func randomTokensNeverCrash() {
        var state: UInt64 = 42
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let words = [
            "(", ")", "{", "}", "[", "]", ",", ".", "-", "+", ";", ":", "/", "*", "%", "!", "!=", "=", "==", "<", "a", "in", "import", "as",
            "\"s\"", "\"", "\"${", "}\"", "}${", "+=", "?", "??", "..", "...", "=>", "is", "break", "1.5", "and", "class", "else", "for", "fun", "if", "nil", "or", "print", "return", "super",
            "this", "var", "while", "\n", "é", "\0", "\\",
        ]
        for _ in 0..<2000 {
            let text = (0..<random(60)).map { _ in words[random(words.count)] }.joined(separator: " ")
            _ = Parser.parse(Array(text.utf8))
            _ = Parser.parse((0..<random(60)).map { _ in UInt8(truncatingIfNeeded: random(256)) })
        }
    }
}
