import GravlaxCompiler
import GravlaxRuntime
import Testing

@Suite struct LoopTests {
    /// fun fib(n) { if (n < 2) return n; return fib(n - 1) + fib(n - 2); }  print fib(20);
    func fibonacci(_ argument: Int) -> Program {
        let fib = HandMadeFunction(
            name: "fib", arity: 1, registerCount: 6, constants: [.number(2), .number(1)],
            code: [
                (2, Instruction(.jnltk, a: 1, b: 0, jump: 1)),
                (2, Instruction(.return, a: 1)),
                (2, Instruction(.getglobal, a: 2, bx: Interpreter.libraryGlobalNames.count)),
                (3, Instruction(.subk, a: 3, b: 1, c: 1)),
                (4, Instruction(.call, a: 2, b: 1)),
                (3, Instruction(.getglobal, a: 3, bx: Interpreter.libraryGlobalNames.count)),
                (4, Instruction(.subk, a: 4, b: 1, c: 0)),
                (5, Instruction(.call, a: 3, b: 1)),
                (4, Instruction(.add, a: 2, b: 2, c: 3)),
                (3, Instruction(.return, a: 2)),
            ])
        let script = HandMadeFunction(
            registerCount: 4,
            code: [
                (1, Instruction(.closure, a: 1, bx: 1)),
                (2, Instruction(.defglobal, a: 1, bx: Interpreter.libraryGlobalNames.count)),
                (2, Instruction(.loadint, a: 2, sbx: argument)),
                (3, Instruction(.call, a: 1, b: 1)),
                (2, Instruction(.print, a: 1)),
                (1, Instruction(.returnnil)),
            ])
        return handMadeProgram([script, fib], globals: Interpreter.libraryGlobalNames + ["fib"])
    }

    @Test func callsAndArithmetic() throws {
        let outcome = try run(fibonacci(20))
        #expect(outcome.output == "6765\n")
        #expect(outcome.error == nil)
    }

    @Test func recursionWithoutEndIsAnError() throws {
        let outcome = try run(fibonacci(1_000_000))
        #expect(outcome.error?.message == "Stack overflow.")
        #expect((outcome.error?.omittedCount ?? 0) > 100_000)
        #expect(outcome.error?.trace.first?.functionName == "fib")
        #expect(outcome.error?.trace.last?.place == "script")
    }

    /// class Point { init(x) { this.x = x; } get() { return this.x; } }
    /// var p = Point(7); p.y = 5; print p.get() + p.y; print p; print p.get;
    @Test func classesMethodsAndFields() throws {
        let initializer = HandMadeFunction(
            name: "init", kind: .initializer, arity: 1, registerCount: 2, siteSymbols: [0],
            code: [(2, Instruction(.setfield, a: 0, b: 1, c: 0)), (2, Instruction(.return, a: 0))])
        let get = HandMadeFunction(
            name: "get", kind: .method, registerCount: 2, siteSymbols: [0],
            code: [(1, Instruction(.getfield, a: 1, b: 0, c: 0)), (2, Instruction(.return, a: 1))])
        let script = HandMadeFunction(
            registerCount: 8, siteSymbols: [3, 2, 3, 2],
            code: [
                (1, Instruction(.class, a: 1, bx: 0)),
                (2, Instruction(.closure, a: 2, bx: 1)),
                (3, Instruction(.method, a: 1, b: 2, c: 1)),
                (2, Instruction(.closure, a: 2, bx: 2)),
                (3, Instruction(.method, a: 1, b: 2, c: 2)),
                (2, Instruction(.loadint, a: 3, sbx: 0)),
                (4, Instruction(.move, a: 4, b: 1)),
                (5, Instruction(.loadint, a: 5, sbx: 7)),
                (6, Instruction(.call, a: 4, b: 1)),
                (5, Instruction(.loadint, a: 5, sbx: 5)),
                (6, Instruction(.setfield, a: 4, b: 5, c: 0)),
                (5, Instruction(.move, a: 5, b: 4)),
                (6, Instruction(.invoke, a: 5, b: 0, c: 1)),
                (6, Instruction(.getfield, a: 6, b: 4, c: 2)),
                (7, Instruction(.add, a: 5, b: 5, c: 6)),
                (6, Instruction(.print, a: 5)),
                (6, Instruction(.print, a: 4)),
                (6, Instruction(.getfield, a: 5, b: 4, c: 3)),
                (6, Instruction(.print, a: 5)),
                (6, Instruction(.loadint, a: 6, sbx: 1)),
                (7, Instruction(.addk, a: 3, b: 3, c: 0)),
                (7, Instruction(.jltk, a: 3, b: 1, jump: -16)),
                (5, Instruction(.returnnil)),
            ])
        var looped = script
        looped.constants = [.number(1), .number(3)]
        let outcome = try run(
            handMadeProgram(
                [looped, initializer, get], classes: [ClassPrototype(name: "Point", fieldNames: [0])],
                symbols: ["x", "init", "get", "y"]))
        #expect(outcome.output == String(repeating: "12\nPoint instance\n<fn get>\n", count: 3))
        #expect(outcome.error == nil)
    }

    @Test(arguments: [
        (Instruction(.add, a: 1, b: 1, c: 2), "Operands must be two numbers or two strings."),
        (Instruction(.sub, a: 1, b: 1, c: 2), "Operands must be numbers."),
        (Instruction(.neg, a: 1, b: 2), "Operand must be a number."),
        (Instruction(.getglobal, a: 1, bx: Interpreter.libraryGlobalNames.count), "Undefined variable 'x'."),
        (Instruction(.call, a: 1, b: 0), "Can only call functions and classes."),
        (Instruction(.getfield, a: 1, b: 2, c: 0), "Only instances have properties."),
        (Instruction(.setfield, a: 1, b: 2, c: 0), "Only instances have fields."),
        (Instruction(.invoke, a: 1, b: 0, c: 0), "Only instances have methods."),
        (Instruction(.iterprep, a: 1, b: 1), "Only lists, maps, strings and ranges can be iterated over."),
    ])
    func errors(instruction: Instruction, message: String) throws {
        let script = HandMadeFunction(
            registerCount: 8, siteSymbols: [0],
            code: [
                (1, Instruction(.loadint, a: 1, sbx: 1)), (2, Instruction(.loadnil, a: 2, b: 1)), (3, instruction),
                (2, Instruction(.returnnil)),
            ])
        let outcome = try run(handMadeProgram([script], symbols: ["field"], globals: Interpreter.libraryGlobalNames + ["x"]))
        #expect(outcome.error?.message == message)
        #expect(outcome.error?.trace.map(\.line) == [3])
        #expect(outcome.error?.loxDescription == "\(message)\n[line 3] in script\n")
    }
}
