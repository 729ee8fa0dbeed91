// The 64-bit instruction word.
//
//      63          40 39          24 23           8 7      0
//     ┌──────────────┬──────────────┬──────────────┬────────┐
//     │      C       │      B       │      A       │   op   │   abc
//     ├──────────────┴──────────────┼──────────────┼────────┤
//     │             Bx              │      A       │   op   │   abx
//     └─────────────────────────────┴──────────────┴────────┘

/// One instruction: an operation and its operands, as a plain word.
///
/// Decoding is inlined into the interpreter's loop; the word comes from
/// verified code, so that the operation is reinterpreted without a check.
@frozen
package struct Instruction: Sendable, Equatable {
    package var word: UInt64

    @inlinable @inline(__always)
    package init(word: UInt64) { self.word = word }

    /// - Precondition: a, b < 2^16; 0 <= c < 2^24.
    @inlinable
    package init(_ opcode: Opcode, a: Int = 0, b: Int = 0, c: Int = 0) {
        precondition(UInt(bitPattern: a) <= UInt(Self.maxA) && UInt(bitPattern: b) <= UInt(Self.maxB))
        precondition(UInt(bitPattern: c) <= UInt(Self.maxC))
        word = UInt64(opcode.rawValue) | UInt64(a) << 8 | UInt64(b) << 24 | UInt64(c) << 40
    }

    /// - Precondition: a, b < 2^16; -2^23 <= jump < 2^23.
    @inlinable
    package init(_ opcode: Opcode, a: Int = 0, b: Int = 0, jump: Int) {
        precondition(jump >= Self.minJump && jump <= Self.maxJump)
        self.init(opcode, a: a, b: b, c: jump & Self.maxC)
    }

    /// - Precondition: a < 2^16; 0 <= bx < 2^40.
    @inlinable
    package init(_ opcode: Opcode, a: Int = 0, bx: Int) {
        precondition(UInt(bitPattern: a) <= UInt(Self.maxA) && UInt(bitPattern: bx) <= UInt(Self.maxBx))
        word = UInt64(opcode.rawValue) | UInt64(a) << 8 | UInt64(bx) << 24
    }

    /// - Precondition: a < 2^16; -2^39 <= sbx < 2^39.
    @inlinable
    package init(_ opcode: Opcode, a: Int = 0, sbx: Int) {
        precondition(sbx >= Self.minSBx && sbx <= Self.maxSBx)
        self.init(opcode, a: a, bx: sbx & Self.maxBx)
    }

    /// The operation. Only for verified code: any other byte is undefined behaviour.
    @inlinable @inline(__always)
    package var opcode: Opcode { unsafeBitCast(UInt8(truncatingIfNeeded: word), to: Opcode.self) }

    /// The operation, or nil when the byte is none.
    package var checkedOpcode: Opcode? { Opcode(rawValue: UInt8(truncatingIfNeeded: word)) }

    @inlinable @inline(__always)
    package var a: Int { Int(truncatingIfNeeded: (word &>> 8) & 0xFFFF) }
    @inlinable @inline(__always)
    package var b: Int { Int(truncatingIfNeeded: (word &>> 24) & 0xFFFF) }
    /// C without a sign: registers, constants, sites, symbols, counts.
    @inlinable @inline(__always)
    package var c: Int { Int(truncatingIfNeeded: word &>> 40) }
    /// C as a signed distance.
    @inlinable @inline(__always)
    package var jump: Int { Int(truncatingIfNeeded: Int64(bitPattern: word) &>> 40) }
    @inlinable @inline(__always)
    package var bx: Int { Int(truncatingIfNeeded: word &>> 24) }
    @inlinable @inline(__always)
    package var sbx: Int { Int(truncatingIfNeeded: Int64(bitPattern: word) &>> 24) }

    @inlinable package static var maxA: Int { 0xFFFF }
    @inlinable package static var maxB: Int { 0xFFFF }
    @inlinable package static var maxC: Int { 0xFF_FFFF }
    @inlinable package static var maxBx: Int { 0xFF_FFFF_FFFF }
    @inlinable package static var minJump: Int { -0x80_0000 }
    @inlinable package static var maxJump: Int { 0x7F_FFFF }
    @inlinable package static var minSBx: Int { -0x80_0000_0000 }
    @inlinable package static var maxSBx: Int { 0x7F_FFFF_FFFF }
}
