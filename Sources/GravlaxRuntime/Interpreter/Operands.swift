import GravlaxCompiler

/// An instruction word as the loop takes it apart: the layout of `Instruction`, decoded in this module so that it is
/// inlined for certain.
struct Operands {
    let word: UInt64

    @inline(__always) init(word: UInt64) { self.word = word }

    /// The operation; the word comes from verified code.
    @inline(__always) var opcode: Opcode { unsafeBitCast(UInt8(truncatingIfNeeded: word), to: Opcode.self) }
    @inline(__always) var a: Int { Int(truncatingIfNeeded: word &>> 8 & 0xFFFF) }
    @inline(__always) var b: Int { Int(truncatingIfNeeded: word &>> 24 & 0xFFFF) }
    @inline(__always) var c: Int { Int(truncatingIfNeeded: word &>> 40) }
    @inline(__always) var bx: Int { Int(truncatingIfNeeded: word &>> 24) }
    @inline(__always) var jump: Int { Int(truncatingIfNeeded: Int64(bitPattern: word) &>> 40) }
    @inline(__always) var sbx: Int { Int(truncatingIfNeeded: Int64(bitPattern: word) &>> 24) }
}
