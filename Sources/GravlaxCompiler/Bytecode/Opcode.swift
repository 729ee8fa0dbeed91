// The one table of operations. Compiler, verifier, disassembler and interpreter
// all derive from it: an operation that is not described here does not exist.

/// An operation of the register machine, the low byte of an instruction.
///
/// Raw values run from 0 without a gap, so that verified code can be dispatched
/// through one jump table without a range check. `R[x]` is register x of the
/// frame, `K[x]` constant x of the function, `G[x]` a slot of the global table.
/// Relative jumps count from the instruction after the jump.
package enum Opcode: UInt8, CaseIterable, Sendable {
    // Loads and variables
    /// R[A] = R[B]
    case move
    /// R[A] = K[Bx]
    case loadk
    /// R[A] = the number sBx
    case loadint
    /// R[A], …, R[A+B-1] = nil
    case loadnil
    /// R[A] = true
    case loadtrue
    /// R[A] = false
    case loadfalse
    /// R[A] = G[Bx]; "Undefined variable" when it has none
    case getglobal
    /// G[Bx] = R[A]; "Undefined variable" when it was never defined
    case setglobal
    /// G[Bx] = R[A], defining it
    case defglobal
    /// R[A] = a new cell that contains R[B]
    case newcell
    /// R[A] = content of the cell R[B]
    case getcell
    /// content of the cell R[A] = R[B]
    case setcell
    /// R[A] = capture B of the running closure, as it is
    case getcap
    /// R[A] = content of the cell that is capture B
    case getcapcell
    /// content of the cell that is capture A = R[B]
    case setcapcell
    /// R[A] = the running closure
    case loadself
    /// R[A] = a new closure of function Bx of the program
    case closure

    // Arithmetic
    /// R[A] = R[B] + R[C]
    case add
    /// R[A] = R[B] - R[C]
    case sub
    /// R[A] = R[B] * R[C]
    case mul
    /// R[A] = R[B] / R[C]
    case div
    /// R[A] = R[B] % R[C]
    case mod
    /// R[A] = R[B] + K[C], a number
    case addk
    /// R[A] = R[B] - K[C], a number
    case subk
    /// R[A] = R[B] * K[C], a number
    case mulk
    /// R[A] = R[B] / K[C], a number
    case divk
    /// R[A] = R[B] % K[C], a number
    case modk
    /// R[A] = R[B] % C, a positive integer
    case modi
    /// R[A] = -R[B]
    case neg
    /// R[A] = !R[B]
    case not
    /// R[A] = R[B] == R[C]
    case eq
    /// R[A] = R[B] != R[C]
    case ne
    /// R[A] = R[B] < R[C]
    case lt
    /// R[A] = R[B] <= R[C]
    case le
    /// R[A] = R[B] == K[C]
    case eqk
    /// R[A] = R[B] != K[C]
    case nek
    /// R[A] = whether R[B] is in R[C], a list, map, string or range
    case contains
    /// R[A] = whether R[B] is an instance of the class R[C]
    case isa

    // Text
    /// R[A] = the text that `print` shows of R[A], unless that is a number, boolean, string or nil, which stays
    case tostring
    /// R[A] = the texts of R[A], …, R[A+B-1], which `tostring` has seen, as one string
    case concat

    // Jumps forward or backward, without a poll
    /// jump by sBx
    case jmp
    /// jump if R[A] is truthy
    case jt
    /// jump if R[A] is nil or false
    case jf
    /// jump if R[A] < R[B]
    case jlt
    /// jump if R[A] <= R[B]
    case jle
    /// jump unless R[A] < R[B] (true for NaN)
    case jnlt
    /// jump unless R[A] <= R[B] (true for NaN)
    case jnle
    /// jump if R[A] == R[B]
    case jeq
    /// jump if R[A] != R[B]
    case jne
    /// jump if R[A] < K[B], a number
    case jltk
    /// jump if R[A] <= K[B], a number
    case jlek
    /// jump if R[A] > K[B], a number
    case jgtk
    /// jump if R[A] >= K[B], a number
    case jgek
    /// jump unless R[A] < K[B], a number
    case jnltk
    /// jump unless R[A] <= K[B], a number
    case jnlek
    /// jump unless R[A] > K[B], a number
    case jngtk
    /// jump unless R[A] >= K[B], a number
    case jngek
    /// jump if R[A] == K[B]
    case jeqk
    /// jump if R[A] != K[B]
    case jnek
    /// jump if R[A], a parameter with a default, was given an argument
    case jgiven

    // Back edges: jump backward and poll for a safepoint
    /// jump back by sBx
    case loop
    /// jump back if R[A] < R[B]
    case looplt
    /// jump back if R[A] <= R[B]
    case loople
    /// jump back if R[A] < K[B], a number
    case loopltk
    /// jump back if R[A] <= K[B], a number
    case looplek
    /// jump back if R[A] > K[B], a number
    case loopgtk
    /// jump back if R[A] >= K[B], a number
    case loopgek
    /// jump back if R[A] is truthy
    case loopt
    /// R[A] += 1; jump back if R[A] < R[B]
    case forlt
    /// R[A] += 1; jump back if R[A] <= R[B]
    case forle
    /// R[A] += 1; jump back if R[A] < K[B], a number
    case forltk
    /// R[A] += 1; jump back if R[A] <= K[B], a number
    case forlek

    // Calls
    /// R[A] = R[A](R[A+1], …, R[A+B])
    case call
    /// R[A] = R[A].site C (R[A+1], …, R[A+B]); a getter of that name gives what is called
    case invoke
    /// R[A] = method site C of class R[A+B+1], on R[A], called with R[A+1], …, R[A+B]
    case superinvoke
    /// R[A] = method site C of class R[B], bound to R[A], or what its getter gives of R[A]
    case getsuper
    /// return R[A]
    case `return`
    /// return nil
    case returnnil
    /// end a call that the caller's instruction made in its middle: R[A] is what that instruction goes on with
    case complete

    // Classes and objects
    /// R[A] = a new class, class template Bx of the program
    case `class`
    /// class R[A] gets the superclass R[B] and its methods
    case inherit
    /// class R[A] gets the closure R[B] as its method or getter named symbol C
    case method
    /// class R[A] gets R[B] as its static member named symbol C: the closure of a method or getter, or the value of a field
    case staticmember
    /// R[A] = R[B].site C
    case getfield
    /// R[A].site C = R[B]
    case setfield

    // Collections
    /// R[A] = a new list with room for Bx elements
    case newlist
    /// list R[A] gets the elements R[B], …, R[B+C-1]
    case append
    /// R[A] = a new map with room for Bx entries
    case newmap
    /// R[A] = R[B][R[C]]
    case getindex
    /// R[A][R[B]] = R[C]
    case setindex
    /// R[A] = the range from R[B] to R[C], without its end
    case range
    /// R[A] = the range from R[B] to R[C], with its end
    case rangeclosed
    /// R[A] and R[B] are checked to be bounds that a loop can count between, with the end when C is 1
    case rangecheck
    /// R[A] is checked to be iterable by B variables; R[A+1], R[A+2] become the state
    case iterprep
    /// if there is a next element: R[A+3] (and R[A+4] when B is 2) = it, jump back
    case iternext

    /// throw R[A]; when B is 1, a pending error goes on, with the trace that it has
    case `throw`
    /// print R[A]
    case print

    /// Number of operations; raw values are below it.
    @inlinable package static var count: Int { 1 + Int(Opcode.print.rawValue) }
}

/// What the bits of an operand mean, and hence what the verifier checks.
package enum Operand: Sendable, Equatable {
    /// Not used; the bits are zero.
    case none
    /// A register that the operation reads.
    case read
    /// A register that the operation writes.
    case write
    /// A register that the operation reads first and then writes.
    case update
    /// Index of a constant of any kind.
    case constant
    /// Index of a constant that is a number.
    case number
    /// A count of registers, arguments, elements or loop variables, or another integer that is not negative.
    case count
    /// A signed integer, the value itself.
    case integer
    /// Slot in the global table.
    case global
    /// Index of an inline-cache site, which names a symbol.
    case site
    /// Index of a symbol of the program.
    case symbol
    /// Index of a capture of the running closure.
    case capture
    /// Index of a function of the program.
    case function
    /// Index of a class template of the program.
    case classTemplate
    /// Signed distance of a jump, from the next instruction.
    case jump
    /// The same, backward only.
    case jumpBack
}

/// How the 56 bits after the opcode are divided.
package enum InstructionFormat: Sendable {
    /// A (16 bits), B (16), C (24, unsigned; signed for jumps)
    case abc
    /// A (16 bits), Bx (40, unsigned; signed for jumps and integers)
    case abx
}

/// One row of the table.
package struct OpcodeDescription: Sendable {
    package let name: StaticString
    package let format: InstructionFormat
    package let a: Operand
    /// B, or Bx in the `abx` format.
    package let b: Operand
    /// C; `none` in the `abx` format.
    package let c: Operand

    init(_ name: StaticString, _ format: InstructionFormat, _ a: Operand = .none, _ b: Operand = .none, _ c: Operand = .none) {
        (self.name, self.format, self.a, self.b, self.c) = (name, format, a, b, c)
    }
}

extension Opcode {
    /// The row of the table for this operation.
    package var description: OpcodeDescription {
        switch self {
        case .move: .init("move", .abc, .write, .read)
        case .loadk: .init("loadk", .abx, .write, .constant)
        case .loadint: .init("loadint", .abx, .write, .integer)
        case .loadnil: .init("loadnil", .abc, .write, .count)
        case .loadtrue: .init("loadtrue", .abc, .write)
        case .loadfalse: .init("loadfalse", .abc, .write)
        case .getglobal: .init("getglobal", .abx, .write, .global)
        case .setglobal: .init("setglobal", .abx, .read, .global)
        case .defglobal: .init("defglobal", .abx, .read, .global)
        case .newcell: .init("newcell", .abc, .write, .read)
        case .getcell: .init("getcell", .abc, .write, .read)
        case .setcell: .init("setcell", .abc, .read, .read)
        case .getcap: .init("getcap", .abc, .write, .capture)
        case .getcapcell: .init("getcapcell", .abc, .write, .capture)
        case .setcapcell: .init("setcapcell", .abc, .capture, .read)
        case .loadself: .init("loadself", .abc, .write)
        case .closure: .init("closure", .abx, .write, .function)

        case .add: .init("add", .abc, .write, .read, .read)
        case .sub: .init("sub", .abc, .write, .read, .read)
        case .mul: .init("mul", .abc, .write, .read, .read)
        case .div: .init("div", .abc, .write, .read, .read)
        case .mod: .init("mod", .abc, .write, .read, .read)
        case .addk: .init("addk", .abc, .write, .read, .number)
        case .subk: .init("subk", .abc, .write, .read, .number)
        case .mulk: .init("mulk", .abc, .write, .read, .number)
        case .divk: .init("divk", .abc, .write, .read, .number)
        case .modk: .init("modk", .abc, .write, .read, .number)
        case .modi: .init("modi", .abc, .write, .read, .count)
        case .neg: .init("neg", .abc, .write, .read)
        case .not: .init("not", .abc, .write, .read)
        case .eq: .init("eq", .abc, .write, .read, .read)
        case .ne: .init("ne", .abc, .write, .read, .read)
        case .lt: .init("lt", .abc, .write, .read, .read)
        case .le: .init("le", .abc, .write, .read, .read)
        case .eqk: .init("eqk", .abc, .write, .read, .constant)
        case .nek: .init("nek", .abc, .write, .read, .constant)
        case .contains: .init("contains", .abc, .write, .read, .read)
        case .isa: .init("isa", .abc, .write, .read, .read)

        case .tostring: .init("tostring", .abc, .update)
        case .concat: .init("concat", .abc, .update, .count)

        case .jmp: .init("jmp", .abx, .none, .jump)
        case .jt: .init("jt", .abc, .read, .none, .jump)
        case .jf: .init("jf", .abc, .read, .none, .jump)
        case .jlt: .init("jlt", .abc, .read, .read, .jump)
        case .jle: .init("jle", .abc, .read, .read, .jump)
        case .jnlt: .init("jnlt", .abc, .read, .read, .jump)
        case .jnle: .init("jnle", .abc, .read, .read, .jump)
        case .jeq: .init("jeq", .abc, .read, .read, .jump)
        case .jne: .init("jne", .abc, .read, .read, .jump)
        case .jltk: .init("jltk", .abc, .read, .number, .jump)
        case .jlek: .init("jlek", .abc, .read, .number, .jump)
        case .jgtk: .init("jgtk", .abc, .read, .number, .jump)
        case .jgek: .init("jgek", .abc, .read, .number, .jump)
        case .jnltk: .init("jnltk", .abc, .read, .number, .jump)
        case .jnlek: .init("jnlek", .abc, .read, .number, .jump)
        case .jngtk: .init("jngtk", .abc, .read, .number, .jump)
        case .jngek: .init("jngek", .abc, .read, .number, .jump)
        case .jeqk: .init("jeqk", .abc, .read, .constant, .jump)
        case .jnek: .init("jnek", .abc, .read, .constant, .jump)
        case .jgiven: .init("jgiven", .abc, .read, .none, .jump)

        case .loop: .init("loop", .abx, .none, .jumpBack)
        case .looplt: .init("looplt", .abc, .read, .read, .jumpBack)
        case .loople: .init("loople", .abc, .read, .read, .jumpBack)
        case .loopltk: .init("loopltk", .abc, .read, .number, .jumpBack)
        case .looplek: .init("looplek", .abc, .read, .number, .jumpBack)
        case .loopgtk: .init("loopgtk", .abc, .read, .number, .jumpBack)
        case .loopgek: .init("loopgek", .abc, .read, .number, .jumpBack)
        case .loopt: .init("loopt", .abc, .read, .none, .jumpBack)
        case .forlt: .init("forlt", .abc, .update, .read, .jumpBack)
        case .forle: .init("forle", .abc, .update, .read, .jumpBack)
        case .forltk: .init("forltk", .abc, .update, .number, .jumpBack)
        case .forlek: .init("forlek", .abc, .update, .number, .jumpBack)

        case .call: .init("call", .abc, .update, .count)
        case .invoke: .init("invoke", .abc, .update, .count, .site)
        case .superinvoke: .init("superinvoke", .abc, .update, .count, .site)
        case .getsuper: .init("getsuper", .abc, .update, .read, .site)
        case .return: .init("return", .abc, .read)
        case .returnnil: .init("returnnil", .abc)
        case .complete: .init("complete", .abc, .read)

        case .class: .init("class", .abx, .write, .classTemplate)
        case .inherit: .init("inherit", .abc, .read, .read)
        case .method: .init("method", .abc, .read, .read, .symbol)
        case .staticmember: .init("staticmember", .abc, .read, .read, .symbol)
        case .getfield: .init("getfield", .abc, .write, .read, .site)
        case .setfield: .init("setfield", .abc, .read, .read, .site)

        case .newlist: .init("newlist", .abx, .write, .count)
        case .append: .init("append", .abc, .read, .read, .count)
        case .newmap: .init("newmap", .abx, .write, .count)
        case .getindex: .init("getindex", .abc, .write, .read, .read)
        case .setindex: .init("setindex", .abc, .read, .read, .read)
        case .range: .init("range", .abc, .write, .read, .read)
        case .rangeclosed: .init("rangeclosed", .abc, .write, .read, .read)
        case .rangecheck: .init("rangecheck", .abc, .read, .read, .count)
        case .iterprep: .init("iterprep", .abc, .update, .count)
        case .iternext: .init("iternext", .abc, .read, .count, .jumpBack)

        case .throw: .init("throw", .abc, .read, .count)
        case .print: .init("print", .abc, .read)
        }
    }

    /// Whether control may continue with the next instruction.
    package var fallsThrough: Bool {
        switch self {
        case .jmp, .loop, .return, .returnnil, .complete, .throw: false
        default: true
        }
    }
}
