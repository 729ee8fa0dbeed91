import GravlaxCompiler
import GravlaxHeap

/// A function as the loop needs it: native memory, so that running it chases raw pointers only. Lives as long as the
/// interpreter; all but `caches` is constant once the program is instantiated.
struct PrototypeRecord {
    var code: UnsafePointer<UInt64>
    var constants: UnsafeMutablePointer<UInt64>
    /// One `InlineCache` a site.
    var caches: UnsafeMutablePointer<UInt64>
    /// The count of arguments that is right as it is: that of the parameters; none when there is a rest parameter.
    var arity: Int
    /// The fewest arguments, and the most that have parameters of their own.
    var requiredCount: Int
    var positionalCount: Int
    var hasRest: Bool
    var kind: FunctionPrototype.Kind
    var registerCount: Int
    /// Live registers before each instruction.
    var live: UnsafePointer<UInt16>
    /// The interpreter's symbol of each site.
    var siteSymbols: UnsafePointer<Int32>
    /// The interpreter's symbol for each of the program's.
    var symbols: UnsafePointer<Int32>
    /// All functions of the program.
    var functions: UnsafeMutablePointer<PrototypeRecord>
    /// Where captures come from: a register n as n, a capture n as -1 - n, the enclosing closure as `Int64.max`.
    var captures: UnsafePointer<Int64>
    var captureCount: Int
    var constantCount: Int
    var closureLayout: ObjectLayout
    var programNumber: Int
    var functionNumber: Int

    /// Whether its result completes an instruction of the caller.
    var isGetter: Bool { kind == .getter }

    func accepts(argumentCount: Int) -> Bool {
        argumentCount >= requiredCount && (hasRest || argumentCount <= positionalCount)
    }
}

/// A program in an interpreter: constants, symbols and caches of its own around the shared, immutable code.
final class ProgramInstance {
    let program: Program
    let functions: UnsafeMutablePointer<PrototypeRecord>
    /// Grows with the number of the program, and is never given again.
    let serial: Int
    /// Whether something in the heap has the program's number: a registration, or a sample.
    var isReferred = false
    private let symbols: UnsafeMutablePointer<Int32>
    private var allocations: [UnsafeMutableRawPointer] = []

    /// - Parameters:
    ///   - isHidden: the program is the prelude, which sees the built-ins that no script does.
    ///   - slots: the interpreter's slot for each global slot of the program; nil: they are the same.
    init(
        _ program: Program, number: Int, serial: Int, symbolTable: inout SymbolTable, isHidden: Bool = false, slots: [Int]? = nil
    ) {
        self.program = program
        self.serial = serial
        symbols = .allocate(capacity: max(program.symbols.count, 1))
        functions = .allocate(capacity: program.functions.count)
        for (index, name) in program.symbols.enumerated() {
            let isNative = isHidden && name.hasPrefix(BuiltinTable.preludePrefix)
            symbols[index] = symbolTable.intern(
                isNative ? BuiltinTable.hiddenPrefix + name.dropFirst(BuiltinTable.preludePrefix.count) : name)
        }
        var constants = makeConstantBlock(count: program.functions.reduce(0) { $0 + $1.constants.count })
        for (index, function) in program.functions.enumerated() {
            defer { constants += function.constants.count }
            let siteSymbols = copy(function.siteSymbols.map { symbols[Int($0)] })
            let captures = copy(
                function.captures.map { source -> Int64 in
                    switch source {
                    case .register(let register): Int64(register)
                    case .capture(let capture): -1 - Int64(capture)
                    case .enclosingSelf: Int64.max
                    }
                })
            (functions + index).initialize(
                to: PrototypeRecord(
                    code: UnsafePointer(copy(slots.map { function.code(globalSlots: $0) } ?? function.code)), constants: constants,
                    caches: copy([UInt64](repeating: 0, count: function.siteCount)), arity: function.hasRest ? -1 : function.arity,
                    requiredCount: function.requiredCount, positionalCount: function.positionalCount,
                    hasRest: function.hasRest, kind: function.kind,
                    registerCount: function.registerCount, live: UnsafePointer(copy(function.live)),
                    siteSymbols: UnsafePointer(siteSymbols), symbols: UnsafePointer(symbols), functions: functions,
                    captures: UnsafePointer(captures), captureCount: function.captures.count,
                    constantCount: function.constants.count,
                    closureLayout: ClosureObject.layout(captureCount: function.captures.count),
                    programNumber: number, functionNumber: index))
        }
    }

    deinit {
        for allocation in allocations { allocation.deallocate() }
        functions.deallocate()
        symbols.deallocate()
    }

    /// Strings among the constants become objects; the others are filled in by the way. False: out of memory.
    func makeConstants(_ machine: Machine) -> Bool {
        for (index, function) in program.functions.enumerated() {
            let constants = functions[index].constants
            for (position, constant) in function.constants.enumerated() {
                switch constant {
                case .nil: constants[position] = Value.nilBits
                case .boolean(let flag): constants[position] = Value(flag).bits
                case .number(let number): constants[position] = Value(number: number).bits
                case .string(let bytes):
                    guard let string = bytes.withUnsafeBytes({ machine.makeString($0) }) else { return false }
                    constants[position] = string.bits
                }
            }
        }
        return true
    }

    func visitRoots(_ visit: (UnsafePointer<UInt64>, Int) -> Void) {
        for index in 0..<program.functions.count where functions[index].constantCount > 0 {
            visit(UnsafePointer(functions[index].constants), functions[index].constantCount)
        }
    }

    /// Memory for the constants of all functions, in the upper half of a page of 4 KiB at first. The registers of shallow calls
    /// lie in the lower half of one. Where a load and a store before it are a multiple of 4 KiB apart, processors take them
    /// for the same for a while: a function with its registers and its constants so took 2.5 times as long.
    private func makeConstantBlock(count: Int) -> UnsafeMutablePointer<UInt64> {
        let offset = 2_048
        let block = UnsafeMutableRawPointer.allocate(
            byteCount: offset + max(count, 1) * MemoryLayout<UInt64>.stride, alignment: 4_096)
        allocations.append(block)
        let words = (block + offset).bindMemory(to: UInt64.self, capacity: max(count, 1))
        words.initialize(repeating: Value.nilBits, count: max(count, 1))
        return words
    }

    private func copy<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
        let memory = UnsafeMutablePointer<Element>.allocate(capacity: max(elements.count, 1))
        memory.initialize(from: elements, count: elements.count)
        allocations.append(UnsafeMutableRawPointer(memory))
        return memory
    }
}
