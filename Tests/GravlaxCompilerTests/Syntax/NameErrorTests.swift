import GravlaxCompiler
import Testing

/// The errors of clox that are not the grammar's, among those that are: same words, same tokens, same order.
@Suite struct NameErrorTests {
    private func errors(_ text: String) -> [String] { Parser.parse(Array(text.utf8)).diagnostics.map(\.loxText) }

    private static let twice = "Already a variable with this name in this scope."

    @Test(arguments: [
        ("{ var a; var a; }", "'a': \(twice)"),
        ("{ var a; fun a() {} }", "'a': \(twice)"),
        ("{ var a; class a {} }", "'a': \(twice)"),
        ("fun f(a) { var a; }", "'a': \(twice)"),
        ("fun f(a, a) {}", "'a': \(twice)"),
        ("{ for (var a, a in []) a; }", "'a': \(twice)"),
        ("{ var a = a; }", "'a': Can't read local variable in its own initializer."),
        ("{ var a = 1; { var a = a + 1; } }", "'a': Can't read local variable in its own initializer."),
        ("for (var i = i; ; ) {}", "'i': Can't read local variable in its own initializer."),
        ("{ var a = (a = 1); }", "'a': Can't read local variable in its own initializer."),
        ("return;", "'return': Can't return from top-level code."),
        ("{ return 1; }", "'return': Can't return from top-level code."),
        ("class A { init() { return 1; } }", "'return': Can't return a value from an initializer."),
        ("print this;", "'this': Can't use 'this' outside of a class."),
        ("fun f() { this; }", "'this': Can't use 'this' outside of a class."),
        ("super.m();", "'super': Can't use 'super' outside of a class."),
        ("class A { m() { super.m(); } }", "'super': Can't use 'super' in a class with no superclass."),
        ("class A {} class B < A { m() {} } class C { m() { super.m; } }",
            "'super': Can't use 'super' in a class with no superclass."),
        ("import \"std/none\" as a;", "'\"std/none\"': No module is called 'std/none'."),
        ("class A < A {}", "'A': A class can't inherit from itself."),
        ("{ class A < A {} }", "'A': A class can't inherit from itself."),
    ]) func found(text: String, error: String) {
        // Recovery may find more: a brace too many, say.
        #expect(errors(text).first == "[line 1] Error at \(error)")
    }

    @Test(arguments: [
        "var a; var a; fun a() {} class a {}", "var a = a;", "{ var a; { var a; } }", "fun f(a) { { var a; } }",
        "{ var a = 1; var b = a; }", "{ fun f() { return f; } }", "class A { init() { return; } }",
        "class A { init() { fun f() { return 1; } } }", "class A { m() { fun f() { return this; } } }",
        "class A {} class B < A { m() { class C { n() { this; } } super.m; } }", "fun f() { return; }",
        "fun f() { class A { m() { return 1; } } return 2; }", "for (var i = 0; ; ) { var i = 1; }",
    ]) func allowed(text: String) {
        #expect(errors(text) == [])
    }

    @Test func manyNamesInOneScope() {
        let names = (0..<100).map { "var n\($0);" }.joined()
        #expect(errors("{ \(names) }") == [])
        for twice in [0, 7, 8, 99] {
            #expect(errors("{ \(names) var n\(twice); }") == ["[line 1] Error at 'n\(twice)': \(Self.twice)"])
        }
    }

    /// One error silences the rest of its statement, whichever kind either is.
    @Test(arguments: [
        ("this @", ["[line 1] Error: Unexpected character."]),
        ("nil return;", ["[line 1] Error at 'return': Expect ';' after expression.",
            "[line 1] Error at 'return': Can't return from top-level code."]),
        ("var return;", ["[line 1] Error at 'return': Expect variable name.",
            "[line 1] Error at 'return': Can't return from top-level code."]),
        ("this; super;\nprint (;", ["[line 1] Error at 'this': Can't use 'this' outside of a class.",
            "[line 1] Error at 'super': Can't use 'super' outside of a class.",
            "[line 2] Error at ';': Expect expression."]),
        ("this + ;", ["[line 1] Error at 'this': Can't use 'this' outside of a class."]),
        ("{ var a; var a = ; }\nprint this;", ["[line 1] Error at 'a': \(twice)",
            "[line 2] Error at 'this': Can't use 'this' outside of a class."]),
    ]) func order(text: String, expected: [String]) {
        #expect(errors(text) == expected)
    }
}
