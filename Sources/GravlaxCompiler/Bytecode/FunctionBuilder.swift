// The assembler under the generator: appends instructions, hands out registers as
// a stack, numbers constants and sites, patches jumps.
//
// One invariant makes the `live` counts right without any analysis:
// **every register below `top` is initialised.** An expression leaves its value in
// R[top] and only then moves top up; an operation is emitted while its temporaries
// still count, and gives them back afterwards.

/// A jump that waits for its target, with the pc of its instruction.
struct PendingJump {
    let pc: Int
}

/// What does not fit into an instruction.
enum CodeLimit: Error {
    case registers
    case constants
    case jump

    /// - Source: the wording of the book's clox where it has the limit, too.
    var message: String {
        switch self {
        case .registers: "Too many local variables in function."
        case .constants: "Too many constants in one function."
        case .jump: "Too much code to jump over."
        }
    }
}

/// The code of one function while it is being generated.
struct FunctionBuilder {
    private(set) var code: [UInt64] = []
    private(set) var live: [UInt16] = []
    private(set) var lines: [UInt32] = []
    private(set) var spans: [CodeSpan] = []
    private(set) var constants: [Constant] = []
    private(set) var siteSymbols: [Int32] = []
    private(set) var registerCount: Int
    private(set) var handlers: [ErrorHandler] = []
    /// The first free register.
    private(set) var top: Int
    /// The first limit that was exceeded; the code is useless from there on.
    private(set) var exceeded: (limit: CodeLimit, span: CodeSpan)?

    private var constantIndexes: [ConstantKey: Int] = [:]
    /// Target of a jump that was bound last: code before it may not be rewritten.
    private(set) var lastLabel = 0

    /// Numbers are equal here when their bits are, so that 0 and -0 stay apart.
    private enum ConstantKey: Hashable {
        case `nil`
        case boolean(Bool)
        case number(UInt64)
        case string([UInt8])
    }

    init(arity: Int) {
        top = arity + 1
        registerCount = arity + 1
    }

    /// The pc of the next instruction.
    var pc: Int { code.count }

    // MARK: Registers

    /// Makes R[top], which was just written, the new end of the stack.
    mutating func push(_ count: Int = 1) { top += count }

    /// Gives back all registers from `register` on.
    mutating func release(to register: Int) {
        assert(register <= top)
        top = register
    }

    // MARK: Instructions

    mutating func emit(_ opcode: Opcode, a: Int = 0, b: Int = 0, c: Int = 0, line: UInt32, span: CodeSpan) {
        guard fits(a, b, c, span) else { return }
        append(Instruction(opcode, a: a, b: b, c: c), line, span)
    }

    mutating func emit(_ opcode: Opcode, a: Int = 0, bx: Int, line: UInt32, span: CodeSpan) {
        guard fits(a, 0, 0, span) else { return }
        append(Instruction(opcode, a: a, bx: bx), line, span)
    }

    mutating func emit(_ opcode: Opcode, a: Int = 0, sbx: Int, line: UInt32, span: CodeSpan) {
        guard fits(a, 0, 0, span) else { return }
        append(Instruction(opcode, a: a, sbx: sbx), line, span)
    }

    private mutating func append(_ instruction: Instruction, _ line: UInt32, _ span: CodeSpan) {
        code.append(instruction.word)
        live.append(UInt16(truncatingIfNeeded: top))
        lines.append(line)
        spans.append(span)
        // The highest register that is used: what is live, what is written, and the arguments of a call are live.
        registerCount = max(registerCount, top, instruction.writesFallingThrough.upperBound, instruction.writesJumping.upperBound)
    }

    private mutating func fits(_ a: Int, _ b: Int, _ c: Int, _ span: CodeSpan) -> Bool {
        // One register is kept free, so that R[A+1] … of the widest operations exists as well.
        if a >= Instruction.maxA - 8 || b > Instruction.maxB || top >= Instruction.maxA - 8 {
            exceed(.registers, span)
            return false
        }
        if c > Instruction.maxC {
            exceed(.constants, span)
            return false
        }
        return exceeded == nil
    }

    mutating func exceed(_ limit: CodeLimit, _ span: CodeSpan) {
        if exceeded == nil { exceeded = (limit, span) }
    }

    /// Whether control can come to the next instruction from the one before it.
    var fallsThrough: Bool {
        guard let last = code.last else { return true }
        return lastLabel == pc || Instruction(word: last).opcode.fallsThrough
    }

    // MARK: Jumps

    /// Emits a jump forward; `bind` gives it its target.
    mutating func jump(_ opcode: Opcode, a: Int = 0, b: Int = 0, line: UInt32, span: CodeSpan) -> PendingJump {
        let jump = PendingJump(pc: pc)
        if opcode == .jmp {
            emit(.jmp, sbx: 0, line: line, span: span)
        } else {
            emit(opcode, a: a, b: b, line: line, span: span)
        }
        return jump
    }

    /// Lets a jump go to the next instruction.
    mutating func bind(_ jump: PendingJump) {
        lastLabel = pc
        patch(jump, to: pc)
    }

    mutating func bind(_ jumps: [PendingJump]) {
        for jump in jumps { bind(jump) }
    }

    /// Marks the next instruction as the target of a jump backward.
    mutating func label() -> Int {
        lastLabel = pc
        return pc
    }

    mutating func patch(_ jump: PendingJump, to target: Int) {
        guard exceeded == nil else { return }
        let old = Instruction(word: code[jump.pc])
        let distance = target - jump.pc - 1
        if old.opcode == .jmp {
            code[jump.pc] = Instruction(.jmp, sbx: distance).word
        } else if let instruction = Self.jumping(old.opcode, old.a, old.b, distance) {
            code[jump.pc] = instruction.word
        } else {
            exceed(.jump, spans[jump.pc])
        }
    }

    /// Emits a back edge.
    mutating func loop(_ opcode: Opcode, a: Int = 0, b: Int = 0, to target: Int, line: UInt32, span: CodeSpan) {
        let distance = target - pc - 1
        if opcode == .loop || opcode == .jmp {
            emit(opcode, sbx: distance, line: line, span: span)
        } else if distance < Instruction.minJump {
            exceed(.jump, span)
        } else {
            emit(opcode, a: a, b: b, c: distance & Instruction.maxC, line: line, span: span)
        }
    }

    private static func jumping(_ opcode: Opcode, _ a: Int, _ b: Int, _ distance: Int) -> Instruction? {
        guard distance >= Instruction.minJump && distance <= Instruction.maxJump else { return nil }
        return Instruction(opcode, a: a, b: b, jump: distance)
    }

    /// Lets errors in the instructions from `start` up to `end` go on at the next one to be emitted, with the error in
    /// R[top], which becomes part of the stack. Those for inner ranges come first.
    mutating func handle(from start: Int, to end: Int) {
        handlers.append(ErrorHandler(start: start, end: end, target: label(), register: top))
        registerCount = max(registerCount, top + 1)
        push()
    }

    // MARK: Tables

    mutating func constant(_ constant: Constant) -> Int {
        let key: ConstantKey = switch constant {
        case .nil: .nil
        case .boolean(let value): .boolean(value)
        case .number(let number): .number(number.bitPattern)
        case .string(let bytes): .string(bytes)
        }
        if let index = constantIndexes[key] { return index }
        constants.append(constant)
        constantIndexes[key] = constants.count - 1
        return constants.count - 1
    }

    /// A new inline-cache site for the symbol.
    mutating func site(_ symbol: Int) -> Int {
        siteSymbols.append(Int32(symbol))
        return siteSymbols.count - 1
    }

    // MARK: The finished function

    func finish(
        name: String?, kind: FunctionPrototype.Kind, arity: Int, requiredCount: Int, hasRest: Bool,
        captures: [CaptureSource], declarationLine: UInt32
    ) -> FunctionPrototype {
        FunctionPrototype(
            name: name, kind: kind, arity: arity, requiredCount: requiredCount, hasRest: hasRest, registerCount: registerCount, code: code, live: live,
            constants: constants, captures: captures, siteSymbols: siteSymbols, lines: lines, spans: spans,
            declarationLine: declarationLine, handlers: handlers)
    }
}
