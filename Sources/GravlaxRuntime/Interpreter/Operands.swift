import GravlaxCompiler

/// The instruction at `pc`, as the loop takes it apart: the layout of `Instruction`.
///
/// Each operand is a load of its own from the code, which is one short instruction and off the critical path; shifting
/// them out of one word takes two or three. Little-endian, as everything that runs Swift 6 is.
struct Operands {
    private let start: UnsafeRawPointer

    @inline(__always) init(at pc: UnsafePointer<UInt64>) { start = UnsafeRawPointer(pc) }

    /// The operation; the code is verified.
    @inline(__always) var opcode: Opcode { unsafeBitCast(start.load(as: UInt8.self), to: Opcode.self) }
    @inline(__always) var a: Int { Int((start + 1).loadUnaligned(as: UInt16.self)) }
    @inline(__always) var b: Int { Int((start + 3).loadUnaligned(as: UInt16.self)) }
    @inline(__always) var c: Int { Int((start + 4).load(as: UInt32.self) &>> 8) }
    @inline(__always) var bx: Int { Int(start.load(as: UInt64.self) &>> 24) }
    @inline(__always) var jump: Int { Int((start + 4).load(as: Int32.self) &>> 8) }
    @inline(__always) var sbx: Int { Int(start.load(as: Int64.self) &>> 24) }
}
