// The bytecode verifier. The interpreter trusts what passes here: it dispatches
// without a range check, indexes registers and constants without bounds, and tells
// the collector to scan exactly live[pc] registers.
//
// `live` is a certificate, so one linear pass proves what would otherwise need a
// fixpoint. INV: before instruction pc, R[0] ..< R[live[pc]] are initialised. The
// pass assumes it at pc, forgets everything above (a collection does not see those
// registers, so what they hold may be dangling), applies the instruction, and
// demands it of each successor. With the entry R[0] … R[arity] it follows by
// induction over every path.

/// What the verifier found wrong with one instruction or one function.
package struct VerificationFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// Index in `Program.functions`.
    package let function: Int
    /// nil when the function as a whole is at fault.
    package let pc: Int?
    package let message: String

    package var description: String {
        "function \(function)" + (pc.map { ", pc \($0)" } ?? "") + ": " + message
    }
}

/// Checks compiled programs.
package struct Verifier {
    private let program: Program
    private let functionIndex: Int
    private let function: FunctionPrototype
    private var failures: [VerificationFailure] = []

    /// All faults of a program; empty when it may be run.
    ///
    /// - Complexity: linear in the number of instructions.
    package static func verify(_ program: Program) -> [VerificationFailure] {
        var failures: [VerificationFailure] = []
        if program.functions.isEmpty {
            return [VerificationFailure(function: 0, pc: nil, message: "the program has no script")]
        }
        for index in program.functions.indices {
            var verifier = Verifier(program: program, index: index)
            verifier.run()
            failures += verifier.failures
        }
        for prototype in program.classes
        where prototype.fieldNames.contains(where: { !program.symbols.indices.contains(Int($0)) }) {
            failures.append(VerificationFailure(
                function: 0, pc: nil, message: "class \(prototype.name) names a symbol that does not exist"))
        }
        return failures
    }

    private init(program: Program, index: Int) {
        self.program = program
        functionIndex = index
        function = program.functions[index]
    }

    private mutating func fail(_ pc: Int?, _ message: String) {
        failures.append(VerificationFailure(function: functionIndex, pc: pc, message: message))
    }

    private mutating func run() {
        checkFunction()
        if function.code.isEmpty { return }
        for handler in function.handlers { check(handler) }
        for pc in function.code.indices {
            let instruction = Instruction(word: function.code[pc])
            guard instruction.checkedOpcode != nil else {
                fail(pc, "no operation has the code \(UInt8(truncatingIfNeeded: instruction.word))")
                continue
            }
            let before = failures.count
            checkOperands(of: instruction, at: pc)
            // Effects are computed from operands, so they mean nothing when those are wrong.
            if failures.count == before { checkRegisters(of: instruction, at: pc) }
        }
    }

    private mutating func checkFunction() {
        if (functionIndex == 0) != (function.kind == .script) {
            fail(nil, "function 0, and no other, is the script")
        }
        if function.kind == .script, function.arity != 0 || !function.captures.isEmpty {
            fail(nil, "the script has parameters or captures")
        }
        if function.kind == .getter, function.arity != 0 {
            fail(nil, "a getter has parameters")
        }
        if function.arity < 0 || function.registerCount < function.arity + 1 {
            fail(nil, "no room for the parameters")
        }
        if function.requiredCount < 0 || function.requiredCount > function.positionalCount || function.positionalCount < 0 {
            fail(nil, "more arguments are required than there are parameters")
        }
        if function.registerCount > Instruction.maxA {
            fail(nil, "more than \(Instruction.maxA) registers")
        }
        if function.code.isEmpty {
            fail(nil, "no code")
        } else if function.live[0] > function.arity + 1 {
            fail(0, "live registers on entry that are neither R0 nor parameters")
        }
        for symbol in function.siteSymbols where !program.symbols.indices.contains(Int(symbol)) {
            fail(nil, "a site names symbol \(symbol), which does not exist")
        }
        for case .number(let number) in function.constants where number.isNaN {
            fail(nil, "a constant is NaN, which could forge a reference")
        }
    }

    // MARK: Operands

    private mutating func checkOperands(of instruction: Instruction, at pc: Int) {
        let row = instruction.opcode.description
        check(row.a, value: instruction.a, signed: instruction.a, at: pc)
        switch row.format {
        case .abc:
            check(row.b, value: instruction.b, signed: instruction.b, at: pc)
            check(row.c, value: instruction.c, signed: instruction.jump, at: pc)
        case .abx:
            check(row.b, value: instruction.bx, signed: instruction.sbx, at: pc)
        }
        switch instruction.opcode {
        case .iterprep, .iternext:
            if instruction.b != 1 && instruction.b != 2 { fail(pc, "iterates over \(instruction.b) variables") }
        case .loadnil:
            if instruction.b == 0 { fail(pc, "writes no register") }
        case .concat:
            if instruction.b == 0 { fail(pc, "joins nothing") }
        case .modi:
            if instruction.c == 0 { fail(pc, "divides by zero") }
        case .complete:
            if function.kind != .getter { fail(pc, "completes an instruction, but is no getter") }
        case .return, .returnnil:
            if function.kind == .getter { fail(pc, "returns from a getter, whose result completes an instruction") }
        case .closure:
            checkCaptures(of: instruction, at: pc)
        default:
            break
        }
    }

    private mutating func check(_ operand: Operand, value: Int, signed: Int, at pc: Int) {
        func within(_ count: Int, _ what: String) {
            if value >= count { fail(pc, "\(what) \(value) of \(count)") }
        }
        switch operand {
        case .none:
            if value != 0 { fail(pc, "an operand that is not used is not zero") }
        case .read, .write, .update:
            within(function.registerCount, "register")
        case .constant:
            within(function.constants.count, "constant")
        case .number:
            within(function.constants.count, "constant")
            if value < function.constants.count, case .number = function.constants[value] {} else {
                fail(pc, "constant \(value) is not a number")
            }
        case .count, .integer:
            break
        case .global:
            within(program.globalNames.count, "global")
        case .site:
            within(function.siteCount, "site")
        case .symbol:
            within(program.symbols.count, "symbol")
        case .capture:
            within(function.captures.count, "capture")
        case .function:
            within(program.functions.count, "function")
            if value == 0 { fail(pc, "makes a closure of the script") }
        case .classTemplate:
            within(program.classes.count, "class")
        case .jump, .jumpBack:
            if operand == .jumpBack && signed >= 0 { fail(pc, "a back edge goes forward") }
            if !function.code.indices.contains(pc + 1 + signed) {
                fail(pc, "jumps out of the code, to \(pc + 1 + signed)")
            }
        }
    }

    private mutating func checkCaptures(of instruction: Instruction, at pc: Int) {
        guard program.functions.indices.contains(instruction.bx) else { return }
        for source in program.functions[instruction.bx].captures {
            switch source {
            case .register(let register):
                if register >= function.live[pc] { fail(pc, "captures R\(register), which is not live") }
            case .capture(let index):
                if !function.captures.indices.contains(index) { fail(pc, "captures capture \(index), which does not exist") }
            case .enclosingSelf:
                if function.kind == .script { fail(pc, "captures the script") }
            }
        }
    }

    private mutating func check(_ handler: ErrorHandler) {
        let range = Int(handler.start)..<max(Int(handler.start), Int(handler.end))
        let register = Int(handler.register)
        guard !range.isEmpty, range.lowerBound >= 0, range.upperBound <= function.code.count,
            function.code.indices.contains(Int(handler.target)), register >= 0, register < function.registerCount
        else { return fail(Int(handler.target), "a handler of errors is out of bounds") }
        for pc in range {
            let instruction = Instruction(word: function.code[pc])
            // A call gives the registers from its own on to the callee.
            let isCall = instruction.checkedOpcode != nil && instruction.callsFromA
            let kept = isCall ? min(Int(function.live[pc]), instruction.a) : Int(function.live[pc])
            if kept < register { fail(pc, "an error leaves \(kept) registers, but its handler has \(register) below it") }
        }
        demand(register + 1, at: Int(handler.target), from: range.lowerBound)
    }

    // MARK: Registers

    private mutating func checkRegisters(of instruction: Instruction, at pc: Int) {
        let live = Int(function.live[pc])
        if live > function.registerCount {
            fail(pc, "\(live) live registers of \(function.registerCount)")
            return
        }
        instruction.forEachRead { range in
            if !range.isEmpty && range.upperBound > live {
                fail(pc, "reads R\(range.upperBound - 1), but only \(live) registers are initialised")
            }
        }
        if instruction.opcode.fallsThrough {
            let base = instruction.callsFromA ? instruction.a : live
            let after = initialised(base, writing: instruction.writesFallingThrough, at: pc)
            if pc + 1 == function.code.count {
                fail(pc, "control falls off the end of the code")
            } else {
                demand(after, at: pc + 1, from: pc)
            }
        }
        if let distance = instruction.jumpDistance {
            demand(initialised(live, writing: instruction.writesJumping, at: pc), at: pc + 1 + distance, from: pc)
        }
    }

    /// How many registers are initialised once those of `range` are, too.
    private mutating func initialised(_ live: Int, writing range: Range<Int>, at pc: Int) -> Int {
        if range.isEmpty { return live }
        if range.upperBound > function.registerCount {
            fail(pc, "writes R\(range.upperBound - 1) of \(function.registerCount) registers")
        } else if range.lowerBound > live {
            fail(pc, "writes R\(range.lowerBound) and leaves a gap above \(live) initialised registers")
        }
        return max(live, range.upperBound)
    }

    private mutating func demand(_ initialised: Int, at successor: Int, from pc: Int) {
        if Int(function.live[successor]) > initialised {
            fail(pc, "pc \(successor) expects \(function.live[successor]) live registers, but only \(initialised) are initialised")
        }
    }
}
