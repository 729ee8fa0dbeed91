// Compiled code: immutable, free of heap references and of inline caches, so that
// interpreters on any threads may share it. Each of them instantiates constants,
// symbols and caches of its own.

/// A compiled source text.
package final class Program: Sendable {
    /// What was compiled; element 0 is the script itself.
    package let functions: [FunctionPrototype]
    /// What `class` instructions make classes from.
    package let classes: [ClassPrototype]
    /// Names of fields and methods, each once. Ids are indexes and belong to this program alone.
    package let symbols: [String]
    /// Names of the global slots: the names that the compiler was given, then those that this program adds.
    package let globalNames: [String]
    /// Name of the source text, as errors show it.
    package let sourceName: String
    /// What the names of the program's own globals begin with when it is a module: the name of the module's slot, and
    /// a zero byte between. nil for the program itself.
    package let scope: String?
    /// The modules that it imports, and those that they import, in the order in which they were compiled.
    package let modules: [Program]

    package init(
        functions: [FunctionPrototype], classes: [ClassPrototype], symbols: [String],
        globalNames: [String], sourceName: String, scope: String? = nil, modules: [Program] = []
    ) {
        self.scope = scope
        self.modules = modules
        self.functions = functions
        self.classes = classes
        self.symbols = symbols
        self.globalNames = globalNames
        self.sourceName = sourceName
    }

    package var script: FunctionPrototype { functions[0] }

    /// The scope, and the name of the slot, of the module that a file with this name is. No variable is called so.
    package static func scope(ofModule name: String) -> String { "file:" + name }

    /// The name of the slot of a module's global.
    package static func globalName(_ name: String, in scope: String?) -> String { scope.map { "\($0)\0\(name)" } ?? name }

    /// The name in the source text of the global in a slot.
    package static func ownName(ofGlobal name: String) -> String {
        String(name[(name.lastIndex(of: "\0").map { name.index(after: $0) } ?? name.startIndex)...])
    }

    /// Names of the methods by which imports run modules, and note that they have run. No script can write them.
    package static let runMethod = "\0run"
    package static let ranMethod = "\0ran"
}

/// One compiled function.
package final class FunctionPrototype: Sendable {
    package enum Kind: Sendable {
        case script, function, method, initializer
        /// A method that runs in the middle of an instruction of its caller, which its result completes.
        case getter
    }

    /// nil for the script.
    package let name: String?
    package let kind: Kind
    /// Number of parameters, the rest parameter included: R[1], …, R[arity]. R[0] is `this` in methods, initialisers and getters, else the closure.
    package let arity: Int
    /// The fewest arguments of a call. Parameters beyond them that get none are undefined on entry: the code gives
    /// them their defaults.
    package let requiredCount: Int
    /// Whether R[arity] takes a list of the arguments beyond the other parameters.
    package let hasRest: Bool
    /// Registers that the frame needs, those for the arguments of calls included; at least arity + 1.
    package let registerCount: Int
    /// The instructions; the last one does not fall through.
    package let code: [UInt64]
    /// For each instruction, how many registers, counted from R[0], are live before it executes.
    /// All of them are initialised, and every register that it reads is among them.
    package let live: [UInt16]
    package let constants: [Constant]
    package let captures: [CaptureSource]
    /// For each inline-cache site the symbol that it accesses.
    package let siteSymbols: [Int32]
    /// For each instruction the line (from 1) that an error in it is reported at.
    package let lines: [UInt32]
    /// For each instruction the source that it was compiled from.
    package let spans: [CodeSpan]
    /// Line of the name in the declaration, from 1.
    package let declarationLine: UInt32
    /// Where errors go on; the first that covers an instruction counts.
    package let handlers: [ErrorHandler]

    package init(
        name: String?, kind: Kind, arity: Int, requiredCount: Int? = nil, hasRest: Bool = false, registerCount: Int,
        code: [UInt64], live: [UInt16],
        constants: [Constant] = [], captures: [CaptureSource] = [], siteSymbols: [Int32] = [],
        lines: [UInt32], spans: [CodeSpan], declarationLine: UInt32 = 1,
        handlers: [ErrorHandler] = []
    ) {
        precondition(code.count == live.count && code.count == lines.count && code.count == spans.count)
        self.name = name
        self.kind = kind
        self.arity = arity
        self.requiredCount = requiredCount ?? arity - (hasRest ? 1 : 0)
        self.hasRest = hasRest
        self.registerCount = registerCount
        self.code = code
        self.live = live
        self.constants = constants
        self.captures = captures
        self.siteSymbols = siteSymbols
        self.lines = lines
        self.spans = spans
        self.declarationLine = declarationLine
        self.handlers = handlers
    }

    /// The most arguments that have parameters of their own.
    package var positionalCount: Int { arity - (hasRest ? 1 : 0) }

    package var siteCount: Int { siteSymbols.count }

    /// The code for an interpreter whose globals are elsewhere.
    ///
    /// - Parameter slots: where, for each global slot of the program.
    package func code(globalSlots slots: [Int]) -> [UInt64] {
        code.map { word in
            let instruction = Instruction(word: word)
            switch instruction.opcode {
            case .getglobal, .setglobal, .defglobal:
                return Instruction(instruction.opcode, a: instruction.a, bx: slots[instruction.bx]).word
            default:
                return word
            }
        }
    }
}

/// Where an error in a range of instructions, or in what they call, goes on.
package struct ErrorHandler: Sendable, Equatable {
    /// First instruction that is covered, and the one after the last.
    package let start: Int32
    package let end: Int32
    package let target: Int32
    /// Gets the error. Those below it are live throughout the range, and so are they at the target.
    package let register: Int32

    package init(start: Int, end: Int, target: Int, register: Int) {
        (self.start, self.end, self.target, self.register) = (Int32(start), Int32(end), Int32(target), Int32(register))
    }
}

/// A half-open range of byte offsets in the source text.
package struct CodeSpan: Sendable, Equatable {
    package let start: UInt32
    package let end: UInt32

    package init(start: UInt32, end: UInt32) {
        self.start = start
        self.end = end
    }
}

/// A literal that an instruction refers to by index.
package enum Constant: Sendable, Equatable {
    /// Only operand of equality comparisons.
    case `nil`
    /// Only operand of equality comparisons.
    case boolean(Bool)
    /// Never a NaN.
    case number(Double)
    /// Any bytes; UTF-8 when the source text is.
    case string([UInt8])
}

/// Where a new closure takes the value of a capture from.
package enum CaptureSource: Sendable, Equatable {
    /// A register of the frame that makes the closure: its value, or the cell it holds.
    case register(Int)
    /// A capture of the closure that makes the closure.
    case capture(Int)
    /// The closure itself that makes the closure.
    case enclosingSelf
}

/// What a class declaration needs at run time.
package struct ClassPrototype: Sendable, Equatable {
    package let name: String
    /// Symbols of the fields that the body assigns to `this`, each once, in source order:
    /// a hint for the capacity of instances.
    package let fieldNames: [Int32]

    package init(name: String, fieldNames: [Int32]) {
        self.name = name
        self.fieldNames = fieldNames
    }
}
