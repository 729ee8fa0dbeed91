import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime

/// Programs written instruction by instruction, so that the interpreter is tested without a compiler.
struct HandMadeFunction {
    var name: String?
    var kind = FunctionPrototype.Kind.function
    var arity = 0
    var registerCount = 16
    var constants: [Constant] = []
    var captures: [CaptureSource] = []
    var siteSymbols: [Int32] = []
    /// Each instruction with the number of registers that are live before it.
    var code: [(live: Int, instruction: Instruction)]

    var prototype: FunctionPrototype {
        FunctionPrototype(
            name: name, kind: kind, arity: arity, registerCount: registerCount, code: code.map(\.instruction.word),
            live: code.map { UInt16($0.live) }, constants: constants, captures: captures, siteSymbols: siteSymbols,
            lines: code.indices.map { UInt32($0 + 1) }, spans: code.map { _ in CodeSpan(start: 0, end: 0) })
    }
}

func handMadeProgram(
    _ functions: [HandMadeFunction], classes: [ClassPrototype] = [], symbols: [String] = [],
    globals: [String] = Interpreter.libraryGlobalNames
) -> Program {
    var functions = functions
    functions[0].kind = .script
    return Program(
        functions: functions.map(\.prototype), classes: classes, symbols: symbols, globalNames: globals,
        sourceName: "test")
}

/// What a program printed, and the error it ended with.
struct Outcome {
    var output = ""
    var error: RuntimeError?
}

/// Runs a program in an interpreter of its own.
func run(_ program: Program, _ configuration: HeapConfiguration = HeapConfiguration(encoding: Value.encoding)) throws -> Outcome {
    let collected = Collected()
    let interpreter = try Interpreter(configuration: configuration) { collected.bytes.append(contentsOf: $0) }
    var outcome = Outcome()
    do throws(RuntimeError) {
        try interpreter.run(program)
    } catch {
        outcome.error = error
    }
    outcome.output = String(decoding: collected.bytes, as: UTF8.self)
    return outcome
}

private final class Collected {
    var bytes: [UInt8] = []
}
