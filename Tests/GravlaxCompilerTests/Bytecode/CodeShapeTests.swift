import GravlaxCompiler
import Testing

/// What source text becomes, where the form of the code is what makes it fast.
@Suite struct CodeShapeTests {
    private func code(_ source: String, function: Int = 1) throws -> [String] {
        let program = try Compiler.compile(source: Array(source.utf8), name: "test", globalNames: [])
        let failures = Verifier.verify(program)
        if let first = failures.first { throw first }
        return listing(program, function)
    }

    /// Two ways to write the same.
    @Test(arguments: [
        ("fun f(a) { a += 2; }", "fun f(a) { a = a + 2; }"),
        ("fun f(a, b) { a *= b - 1; return a %= 3; }", "fun f(a, b) { a = a * (b - 1); return a = a % 3; }"),
        ("fun f() { g -= 1; }", "fun f() { g = g - 1; }"),
        (
            "fun f(n) { for (var i = 0; i < n; i += 1) print i; }",
            "fun f(n) { for (var i = 0; i < n; i = i + 1) print i; }"
        ),
        ("fun f(a) { if (a ? true : false) print 1; }", "fun f(a) { if (a) print 1; }"),
        ("var f = fun (a) => a + 1;", "var f = fun (a) { return a + 1; };"),
        ("fun f(a) { for (var i in (0..a)) print i; }", "fun f(a) { for (var i in 0..a) print i; }"),
        ("fun f(a) { while (a) { if (a) { break; } } }", "fun f(a) { while (a) { if (a) break; } }"),
    ] as [(String, String)])
    func sameCode(_ short: String, _ long: String) throws {
        if long.contains("if (a) print") {
            // A choice of constants jumps; it makes no boolean.
            #expect(try !code(short).contains { $0.contains("loadtrue") })
        } else {
            #expect(try code(short) == code(long))
        }
    }

    @Test func loopsOverRangesCountInRegisters() throws {
        #expect(try code("fun f(n) { for (var i in 0..n) print i; }") == [
            "loadint R2 0", "move R3 R1", "rangecheck R2 R3 0", "jnlt R2 R3 L1", "L0: print R2", "forlt R2 R3 L0", "L1: returnnil",
        ])
        // Known bounds need neither check nor test.
        #expect(try code("fun f() { for (var i in 0..=9) print i; }") == [
            "loadint R1 0", "L0: print R1", "forlek R1 K0 L0 ; 9", "returnnil",
        ])
        #expect(try code("fun f() { for (var i in 9..0) print i; }") == [
            "loadint R1 9", "jnltk R1 K0 L1 ; 0", "L0: print R1", "forltk R1 K0 L0 ; 0", "L1: returnnil",
        ])
        // The count is out of the reach of what assigns the variable, and each turn has a variable of its own.
        #expect(try code("fun f() { for (var i in 0..9) i += 1; }") == [
            "loadint R1 0", "L0: move R2 R1", "addk R2 R2 K1 ; 1", "forltk R1 K0 L0 ; 9", "returnnil",
        ])
        #expect(try code("fun f() { for (var i in 0..9) fun () { i = 1; }; }".replacing("fun () { i = 1; };", with: "{ var g = fun () { i = 1; }; }")) == [
            "loadint R1 0", "L0: move R2 R1", "newcell R2 R2", "closure R3 F2 ; fun", "forltk R1 K0 L0 ; 9", "returnnil",
        ])
        // Beyond 2^53 a loop could not get on: that is found out when it runs.
        #expect(try code("fun f() { for (var i in 0..1e300) print i; }").contains { $0.hasPrefix("rangecheck") })
    }

    @Test func updatesEvaluateTheirTargetOnce() throws {
        #expect(try code("fun f(a, b) { a.x += b; }") == [
            "getfield R3 R1 S0 ; x", "add R3 R3 R2", "setfield R1 R3 S1 ; x", "returnnil",
        ])
        #expect(try code("fun f(a, b) { a[b] -= 1; }") == [
            "getindex R3 R1 R2", "subk R3 R3 K0 ; 1", "setindex R1 R2 R3", "returnnil",
        ])
    }

    @Test func choicesJump() throws {
        #expect(try code("fun f(a, b) { return a < b ? a : b; }") == [
            "jnlt R1 R2 L0", "move R3 R1", "jmp L1", "L0: move R3 R2", "L1: return R3",
        ])
        #expect(try code("fun f(a, b) { return a ?? b; }") == [
            "move R3 R1", "jnek R3 K0 L0 ; nil", "move R3 R2", "L0: return R3",
        ])
        #expect(try code("fun f(a) { a = a ? 1 : 2; }") == [
            "jf R1 L0", "loadint R1 1", "jmp L1", "L0: loadint R1 2", "L1: returnnil",
        ])
    }

    @Test func interpolationJoinsRegisters() throws {
        #expect(try code("fun f(a) { return \"x${a}y${a - 1}\"; }") == [
            "loadk R2 K0 ; \"x\"", "move R3 R1", "tostring R3", "loadk R4 K1 ; \"y\"", "subk R5 R1 K2 ; 1", "concat R2 4",
            "return R2",
        ])
        let long = "fun f(a) { return \"" + String(repeating: "${a}", count: 40) + "\"; }"
        #expect(try code(long).filter { $0.hasPrefix("concat") } == ["concat R2 32", "concat R2 9"])
    }

    @Test func defaultsAreJumpedOver() throws {
        #expect(try code("fun f(a, b = a + 1, ...c) { return b; }") == [
            "jgiven R2 L0", "addk R2 R1 K0 ; 1", "L0: return R2",
        ])
    }

    @Test func loopExitsJumpFromTheirCondition() throws {
        #expect(try code("fun f(a) { while (true) { if (a > 3) break; a += 1; if (a == 2) continue; print a; } }") == [
            "L0: jgtk R1 K0 L2 ; 3", "addk R1 R1 K1 ; 1", "jeqk R1 K2 L1 ; 2", "print R1", "L1: loop L0", "L2: returnnil",
        ])
    }

    @Test func headingsTellWhatACallTakes() throws {
        let source = "fun f(a, b) {} fun g(a, b = 1) {} fun h(a, ...b) {} var i = fun () {};"
        let program = try Compiler.compile(source: Array(source.utf8), name: "test", globalNames: [])
        let text = Disassembler.listing(of: program)
        for heading in ["function f/2:", "function g/1-2:", "function h/1+:", "function /0:"] {
            #expect(text.contains(heading), "\(heading)")
        }
    }
}
