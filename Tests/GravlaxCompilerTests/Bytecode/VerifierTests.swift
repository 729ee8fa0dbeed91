import GravlaxCompiler
import Testing

/// Each check of the verifier with code that only it stops.
@Suite struct VerifierTests {
    struct Broken: Sendable, CustomTestStringConvertible {
        let message: String
        let code: [Instruction]
        var live: [UInt16]
        var registers = 4
        var constants: [Constant] = []
        var sites: [Int32] = []
        var testDescription: String { message }
    }

    static let end = Instruction(.returnnil)

    static let broken: [Broken] = [
        Broken(message: "no operation has the code", code: [Instruction(word: 255), end], live: [1, 1]),
        Broken(message: "register 9 of 4", code: [Instruction(.loadtrue, a: 9), end], live: [1, 1]),
        Broken(message: "constant 0 of 0", code: [Instruction(.loadk, a: 1, bx: 0), end], live: [1, 1]),
        Broken(message: "is not a number", code: [Instruction(.addk, a: 1, b: 0, c: 0), end], live: [1, 1], constants: [.nil]),
        Broken(message: "NaN", code: [end], live: [1], constants: [.number(.nan)]),
        Broken(message: "global 5 of 1", code: [Instruction(.getglobal, a: 1, bx: 5), end], live: [1, 1]),
        Broken(message: "site 0 of 0", code: [Instruction(.getfield, a: 1, b: 0, c: 0), end], live: [1, 1]),
        Broken(message: "a site names symbol 7", code: [end], live: [1], sites: [7]),
        Broken(message: "symbol 3 of 0", code: [Instruction(.method, a: 0, b: 0, c: 3), end], live: [1, 1]),
        Broken(message: "capture 0 of 0", code: [Instruction(.getcap, a: 1, b: 0), end], live: [1, 1]),
        Broken(message: "function 2 of 1", code: [Instruction(.closure, a: 1, bx: 2), end], live: [1, 1]),
        Broken(message: "closure of the script", code: [Instruction(.closure, a: 1, bx: 0), end], live: [1, 1]),
        Broken(message: "class 0 of 0", code: [Instruction(.class, a: 1, bx: 0), end], live: [1, 1]),
        Broken(message: "jumps out of the code", code: [Instruction(.jmp, sbx: 5), end], live: [1, 1]),
        Broken(message: "a back edge goes forward", code: [Instruction(.loop, sbx: 0), end], live: [1, 1]),
        Broken(message: "is not zero", code: [Instruction(.loadtrue, a: 1, b: 3), end], live: [1, 1]),
        Broken(message: "falls off the end", code: [Instruction(.loadtrue, a: 1)], live: [1]),
        Broken(message: "reads R2", code: [Instruction(.print, a: 2), end], live: [1, 1]),
        Broken(message: "reads R2", code: [Instruction(.call, a: 0, b: 2), end], live: [1, 1]),
        Broken(message: "leaves a gap", code: [Instruction(.loadtrue, a: 2), end], live: [1, 1]),
        Broken(message: "writes no register", code: [Instruction(.loadnil, a: 1, b: 0), end], live: [1, 1]),
        Broken(message: "joins nothing", code: [Instruction(.concat, a: 0, b: 0), end], live: [1, 1]),
        Broken(message: "reads R1", code: [Instruction(.concat, a: 0, b: 2), end], live: [1, 1]),
        Broken(message: "jumps out of the code", code: [Instruction(.jgiven, a: 0, jump: 9), end], live: [1, 1]),
        Broken(message: "reads R2", code: [Instruction(.contains, a: 1, b: 0, c: 2), end], live: [1, 1]),
        Broken(message: "live registers on entry", code: [end], live: [2]),
        Broken(message: "expects 3 live registers", code: [Instruction(.loadtrue, a: 1), end], live: [1, 3]),
        // After a call only its result is left of the callee's frame.
        Broken(
            message: "expects 3 live registers",
            code: [Instruction(.loadnil, a: 1, b: 2), Instruction(.call, a: 1, b: 1), end], live: [1, 3, 3]),
        // One path initialises R1, the other does not.
        Broken(
            message: "expects 2 live registers",
            code: [Instruction(.jt, a: 0, jump: 1), Instruction(.loadtrue, a: 1), end], live: [1, 1, 2]),
        Broken(
            message: "iterates over 3 variables",
            code: [Instruction(.iterprep, a: 0, b: 3), end], live: [1, 1]),
    ]

    @Test(arguments: broken) func finds(_ broken: Broken) {
        let lines = broken.code.map { _ in UInt32(1) }
        let function = FunctionPrototype(
            name: nil, kind: .script, arity: 0, registerCount: broken.registers, code: broken.code.map(\.word),
            live: broken.live, constants: broken.constants, siteSymbols: broken.sites, lines: lines,
            spans: broken.code.map { _ in CodeSpan(start: 0, end: 0) })
        let program = Program(
            functions: [function], classes: [], symbols: [], globalNames: ["clock"], sourceName: "test")
        let failures = Verifier.verify(program)
        #expect(failures.contains { $0.message.contains(broken.message) }, "\(failures)")
    }

    /// What is wrong with handlers of errors: out of bounds, registers that are not there, and calls that overwrite them.
    @Test(arguments: [
        (ErrorHandler(start: 1, end: 1, target: 0, register: 0), "out of bounds"),
        (ErrorHandler(start: 0, end: 4, target: 0, register: 0), "out of bounds"),
        (ErrorHandler(start: 0, end: 1, target: 3, register: 0), "out of bounds"),
        (ErrorHandler(start: 0, end: 1, target: 2, register: 4), "out of bounds"),
        (ErrorHandler(start: 0, end: 1, target: 2, register: 2), "an error leaves 1 registers"),
        (ErrorHandler(start: 1, end: 2, target: 2, register: 2), "an error leaves 1 registers"),
        (ErrorHandler(start: 0, end: 1, target: 1, register: 0), "expects 2 live registers"),
    ])
    func findsBrokenHandlers(handler: ErrorHandler, message: String) {
        let code = [Instruction(.loadtrue, a: 1), Instruction(.call, a: 1, b: 0), Self.end]
        let function = FunctionPrototype(
            name: nil, kind: .script, arity: 0, registerCount: 4, code: code.map(\.word), live: [1, 2, 1], lines: [1, 1, 1],
            spans: code.map { _ in CodeSpan(start: 0, end: 0) }, handlers: [handler])
        let program = Program(functions: [function], classes: [], symbols: [], globalNames: [], sourceName: "test")
        let failures = Verifier.verify(program)
        #expect(failures.contains { $0.message.contains(message) }, "\(failures)")
    }

    /// A getter's result completes an instruction of the caller; any other function returns.
    @Test(arguments: [
        (.getter, 0, Instruction(.returnnil), "returns from a getter"), (.getter, 0, Instruction(.return, a: 0), "returns from a getter"),
        (.method, 0, Instruction(.complete, a: 0), "but is no getter"), (.getter, 1, Instruction(.complete, a: 0), "has parameters"),
        (.getter, 0, Instruction(.complete, a: 0), nil),
    ] as [(FunctionPrototype.Kind, Int, Instruction, String?)])
    func gettersComplete(kind: FunctionPrototype.Kind, arity: Int, last: Instruction, message: String?) {
        func function(_ kind: FunctionPrototype.Kind, _ arity: Int, _ code: Instruction) -> FunctionPrototype {
            FunctionPrototype(
                name: nil, kind: kind, arity: arity, registerCount: 4, code: [code.word], live: [1], lines: [1],
                spans: [CodeSpan(start: 0, end: 0)])
        }
        let program = Program(
            functions: [function(.script, 0, Self.end), function(kind, arity, last)], classes: [], symbols: [],
            globalNames: [], sourceName: "test")
        let failures = Verifier.verify(program)
        #expect(message.map { message in failures.contains { $0.message.contains(message) } } ?? failures.isEmpty, "\(failures)")
    }

    @Test(arguments: [(1, 2, false), (1, 1, true), (2, -1, false), (0, 0, true)])
    func countsOfArgumentsAreThoseOfParameters(arity: Int, required: Int, hasRest: Bool) {
        func function(_ kind: FunctionPrototype.Kind, _ arity: Int, _ required: Int, _ hasRest: Bool) -> FunctionPrototype {
            FunctionPrototype(
                name: nil, kind: kind, arity: arity, requiredCount: required, hasRest: hasRest, registerCount: 4,
                code: [Self.end.word], live: [1], lines: [1], spans: [CodeSpan(start: 0, end: 0)])
        }
        let program = Program(
            functions: [function(.script, 0, 0, false), function(.function, arity, required, hasRest)], classes: [],
            symbols: [], globalNames: [], sourceName: "test")
        #expect(Verifier.verify(program).map(\.message) == ["more arguments are required than there are parameters"])
    }

    @Test func opcodesHaveNoGap() {
        #expect(Opcode.allCases.map { Int($0.rawValue) } == Array(0..<Opcode.count))
        #expect(Set(Opcode.allCases.map(\.name)).count == Opcode.count)
    }

    @Test func instructionsDecodeToWhatWasEncoded() {
        let abc = Instruction(.jlt, a: 0xFFFF, b: 0x1234, jump: -0x80_0000)
        #expect((abc.opcode, abc.a, abc.b, abc.jump) == (.jlt, 0xFFFF, 0x1234, -0x80_0000))
        let abx = Instruction(.loadint, a: 7, sbx: -0x80_0000_0000)
        #expect((abx.opcode, abx.a, abx.sbx) == (.loadint, 7, -0x80_0000_0000))
        #expect(Instruction(.loadk, a: 0, bx: 0xFF_FFFF_FFFF).bx == 0xFF_FFFF_FFFF)
        #expect(Instruction(.add, a: 1, b: 2, c: 0xFF_FFFF).c == 0xFF_FFFF)
    }
}
