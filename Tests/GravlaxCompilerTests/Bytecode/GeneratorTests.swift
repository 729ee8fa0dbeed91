import GravlaxCompiler
import Testing

/// Key shapes of code: what the tree says, and the instructions that it must become.
@Suite struct GeneratorTests {
    let w = TreeWriter()

    @Test func fib() throws {
        let fib = w.function("fib", ["n"]) {
            [
                w.add(.if(w.op(.less, w.v("n"), w.n(2)), then: w.giveBack(w.v("n")), else: nil)),
                w.giveBack(
                    w.op(
                        .add, w.call(w.v("fib"), w.op(.subtract, w.v("n"), w.n(1))),
                        w.call(w.v("fib"), w.op(.subtract, w.v("n"), w.n(2))))),
            ]
        }
        let program = try w.compile(fib)
        #expect(listing(program, 1) == [
            "jnltk R1 K0 L0 ; 2", "return R1",
            "L0: getglobal R2 G1 ; fib", "subk R3 R1 K1 ; 1", "call R2 1",
            "getglobal R3 G1 ; fib", "subk R4 R1 K0 ; 2", "call R3 1",
            "add R2 R2 R3", "return R2",
        ])
        #expect(listing(program) == ["closure R1 F1 ; fib", "defglobal R1 G1 ; fib", "returnnil"])
    }

    @Test func countedLoop() throws {
        let loop = w.add(.for(
            initializer: w.variable("i", w.n(0)), condition: w.op(.less, w.v("i"), w.n(10)),
            increment: w.set("i") { w.op(.add, w.v("i"), w.n(1)) }, body: w.print(w.v("i"))))
        // The loop certainly runs, so that it needs no test at the top.
        #expect(listing(try w.compile(loop)) == [
            "loadint R1 0", "L0: print R1", "forltk R1 K0 L0 ; 10", "returnnil",
        ])
    }

    @Test func loopWhoseCounterIsCapturedSharesOneCell() throws {
        let loop = w.add(.for(
            initializer: w.variable("i", w.n(0)), condition: w.op(.less, w.v("i"), w.n(3)),
            increment: w.set("i") { w.op(.add, w.v("i"), w.n(1)) },
            body: w.block(w.function("f", []) { [w.giveBack(w.v("i"))] })))
        let program = try w.compile(loop)
        #expect(listing(program) == [
            "loadint R1 0", "newcell R1 R1", "getcell R2 R1", "jnltk R2 K0 L1 ; 3",
            "L0: closure R2 F1 ; f", "getcell R2 R1", "addk R2 R2 K1 ; 1", "setcell R1 R2",
            "getcell R2 R1", "loopltk R2 K0 L0 ; 3", "L1: returnnil",
        ])
        #expect(listing(program, 1) == ["getcapcell R1 C0", "return R1", "returnnil"].dropLast())
        #expect(program.functions[1].captures == [.register(1)])
    }

    @Test func whileTestsOnceAtTheTopThenAtTheBottom() throws {
        let program = try w.compile(w.block(
            w.variable("a", w.n(9)),
            w.add(.while(w.op(.greater, w.v("a"), w.n(0)),
                w.effect(w.set("a") { w.op(.subtract, w.v("a"), w.n(1)) })))))
        #expect(listing(program) == [
            "loadint R1 9", "jngtk R1 K0 L1 ; 0", "L0: subk R1 R1 K1 ; 1", "loopgtk R1 K0 L0 ; 0", "L1: returnnil",
        ])
    }

    @Test func operandIsReadBeforeALaterOperandAssignsIt() throws {
        let program = try w.compile(w.block(
            w.variable("a", w.n(1)), w.print(w.op(.add, w.v("a"), w.set("a") { w.n(2) }))))
        #expect(listing(program) == [
            "loadint R1 1", "move R2 R1", "loadint R1 2", "move R3 R1", "add R2 R2 R3", "print R2", "returnnil",
        ])
    }

    @Test func variableThatOnlyItsInitialiserAssignsIsCopied() throws {
        let program = try w.compile(w.block(
            w.variable("a", w.n(1)), w.function("f", []) { [w.print(w.v("a"))] }))
        #expect(listing(program, 1) == ["getcap R1 C0", "print R1", "returnnil"])
        #expect(program.functions[1].captures == [.register(1)])
    }

    @Test func localFunctionReachesItselfThroughItsClosure() throws {
        let program = try w.compile(w.block(w.function("f", []) { [w.giveBack(w.call(w.v("f")))] }))
        #expect(listing(program, 1) == ["loadself R1", "call R1 0", "return R1"])
        #expect(program.functions[1].captures.isEmpty)
    }

    @Test func innerFunctionReachesTheOuterThroughItsClosure() throws {
        let program = try w.compile(w.block(
            w.function("f", []) { [w.function("g", []) { [w.giveBack(w.v("f"))] }] }))
        #expect(program.functions[2].captures == [.enclosingSelf])
    }

    @Test func localFunctionThatIsAssignedLivesInACell() throws {
        let program = try w.compile(w.block(
            w.function("f", []) { [w.giveBack(w.v("f"))] }, w.effect(w.set("f") { w.n(1) })))
        #expect(listing(program) == [
            "loadnil R1 1", "newcell R1 R1", "closure R2 F1 ; f", "setcell R1 R2",
            "loadint R2 1", "setcell R1 R2", "returnnil",
        ])
    }

    @Test func classWithSuperclassAndMethods() throws {
        let method = w.functionID("m", ["x"]) {
            [
                w.effect(w.add(.set(w.add(.this), w.name("f"), w.v("x")))),
                w.giveBack(w.add(.call(w.add(.super(w.name("super"), w.name("m"))), [w.v("x")]))),
            ]
        }
        let initializer = w.functionID("init", []) { [] }
        let declaration = w.add(.class(w.name("B"), superclass: w.name("A"), members: [.method(method), .method(initializer)]))
        let program = try w.compile(declaration)
        #expect(listing(program) == [
            "class R1 T0 ; B", "defglobal R1 G1 ; B", "getglobal R2 G2 ; A", "inherit R1 R2",
            "closure R3 F1 ; m", "method R1 R3 Y1 ; m", "closure R3 F2 ; init", "method R1 R3 Y2 ; init", "returnnil",
        ])
        #expect(listing(program, 1) == [
            "setfield R0 R1 S0 ; f", "move R2 R0", "move R3 R1", "getcap R4 C0", "superinvoke R2 1 S1 ; m", "return R2",
        ])
        #expect(listing(program, 2) == ["return R0"])
        #expect(program.classes[0].fieldNames.map { program.symbols[Int($0)] } == ["f"])
    }

    @Test func gettersCompleteAndStaticFieldsComeLast() throws {
        let getter = w.functionID("g", []) { [w.giveBack(w.add(.this))] }
        let method = w.functionID("m", []) { [] }
        let declaration = w.add(
            .class(
                w.name("A"), superclass: nil,
                members: [.staticField(w.name("f"), w.add(.this)), .getter(getter), .staticMethod(method)]))
        let program = try w.compile(declaration)
        #expect(listing(program) == [
            "class R1 T0 ; A", "defglobal R1 G1 ; A", "closure R2 F1 ; g", "method R1 R2 Y0 ; g",
            "closure R2 F2 ; m", "staticmember R1 R2 Y1 ; m", "move R2 R1", "staticmember R2 R2 Y2 ; f", "returnnil",
        ])
        #expect(listing(program, 1) == ["complete R0"])
        #expect(Disassembler(program).listing(of: program.functions[1]).hasPrefix("getter g/0: "))
    }

    @Test func methodCallIsInvoked() throws {
        let program = try w.compile(w.effect(w.add(.call(w.add(.get(w.v("o"), w.name("m"))), [w.n(1)]))))
        #expect(listing(program) == ["getglobal R1 G1 ; o", "loadint R2 1", "invoke R1 1 S0 ; m", "returnnil"])
    }

    @Test func orJumpsPastItsRightOperand() throws {
        let program = try w.compile(w.print(w.add(.logical(.or, w.v("a"), w.v("b")))))
        #expect(listing(program) == [
            "getglobal R1 G1 ; a", "jt R1 L0", "getglobal R1 G2 ; b", "L0: print R1", "returnnil",
        ])
    }

    @Test func iterationMakesVariablesOfItsOwnEachTurn() throws {
        let iterable = w.v("xs")
        let loop = w.add(.forIn([w.name("x")], iterable, w.block(
            w.function("f", []) { [w.print(w.v("x"))] }, w.effect(w.set("x") { w.n(1) }))))
        #expect(listing(try w.compile(loop)) == [
            "getglobal R1 G1 ; xs", "iterprep R1 1", "jmp L1",
            "L0: newcell R4 R4", "closure R5 F1 ; f", "loadint R6 1", "setcell R4 R6", "L1: iternext R1 1 L0", "returnnil",
        ])
    }

    @Test func constantsAreFoldedUnlessTheyAreNaN() throws {
        let program = try w.compile(
            w.print(w.op(.add, w.n(1), w.op(.multiply, w.n(2), w.n(3)))),
            w.print(w.op(.divide, w.n(0), w.n(0))))
        #expect(listing(program) == [
            "loadint R1 7", "print R1", "loadint R1 0", "divk R1 R1 K0 ; 0", "print R1", "returnnil",
        ])
    }

    @Test func scriptReturnsItsLastExpressionWhenAsked() throws {
        let program = try w.compile(
            w.effect(w.v("clock")), options: CompilerOptions(isInteractive: true))
        #expect(listing(program) == ["getglobal R1 G0 ; clock", "return R1"])
    }

    @Test func tooManyRegistersAreAnError() {
        let variables = (0..<70_000).map { w.variable("v\($0)") }
        let block = w.add(.block(variables))
        #expect { try w.compile(block) } throws: { error in
            (error as? CompileErrors)?.diagnostics.first?.message == "Too many local variables in function."
        }
    }
}
