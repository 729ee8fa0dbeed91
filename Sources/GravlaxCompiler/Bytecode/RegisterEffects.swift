// Which registers an instruction reads and writes, ranges included: derived from
// the operand kinds, plus the few operations that work on runs of registers.

extension Instruction {
    /// Calls `body` with each run of registers that the instruction reads.
    package func forEachRead(_ body: (Range<Int>) -> Void) {
        let opcode = opcode
        switch opcode {
        case .call, .invoke:
            body(a..<a + b + 1)
        case .superinvoke:
            body(a..<a + b + 2)
        case .concat:
            body(a..<a + b)
        case .append:
            body(a..<a + 1)
            body(b..<b + c)
        case .iternext:
            body(a..<a + 3)
        default:
            let row = opcode.description
            if row.a == .read || row.a == .update { body(a..<a + 1) }
            if row.b == .read { body(b..<b + 1) }
            if row.c == .read { body(c..<c + 1) }
        }
    }

    /// The registers that hold a new value when control goes on with the next instruction.
    package var writesFallingThrough: Range<Int> {
        let opcode = opcode
        switch opcode {
        case .loadnil:
            return a..<a + b
        case .iterprep:
            return a..<a + 3
        default:
            let first = opcode.description.a
            return first == .write || first == .update ? a..<a + 1 : a..<a
        }
    }

    /// The registers that hold a new value when the jump of the instruction is taken.
    package var writesJumping: Range<Int> {
        switch opcode {
        case .iternext: a + 3..<a + 3 + b
        case .forlt, .forle, .forltk, .forlek: a..<a + 1
        default: a..<a
        }
    }

    /// Whether the callee's frame overwrites the registers above R[A].
    package var callsFromA: Bool {
        switch opcode {
        case .call, .invoke, .superinvoke: true
        default: false
        }
    }

    /// The distance of the jump, or nil when the operation never jumps.
    package var jumpDistance: Int? {
        let row = opcode.description
        if row.c == .jump || row.c == .jumpBack { return jump }
        if row.b == .jump || row.b == .jumpBack { return sbx }
        return nil
    }
}
