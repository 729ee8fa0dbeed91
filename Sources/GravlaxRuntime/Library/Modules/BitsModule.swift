import CGravlaxShims

/// The module `std/bits`: whole numbers from 0 to 2^53 - 1, which doubles hold exactly, as 53 bits. What negative numbers
/// would be is left to nobody's guess: they are errors. `not` and the shifts take a width; bits beyond it are dropped.
extension Machine {
    func runBits(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        var operands: (UInt64, UInt64, UInt64) = (0, 0, 0)
        for position in 1..<argumentCount + 1 {
            let number = Value(bits: window[position]).number
            guard number >= 0 else {
                let row = BuiltinTable.shared.row(builtin)
                return failed(
                    "\(row.qualifiedName) expects a whole number from 0 to 2^53 - 1 as '\(row.signature.name(position - 1))', not \(NumberFormatting.text(number)).")
            }
            let bits = UInt64(gravlax_truncate(number))
            if position == 1 { operands.0 = bits } else if position == 2 { operands.1 = bits } else { operands.2 = bits }
        }
        let (a, b, c) = operands
        let width = builtin == .bitNot ? (argumentCount == 2 ? b : 32) : argumentCount == 3 ? c : 53
        guard width >= 1, width <= 53 else { return failed("bits.\(BuiltinTable.shared.row(builtin).name) expects a 'width' from 1 to 53.") }
        let mask: UInt64 = (UInt64(1) << width) &- 1
        let result: UInt64 =
            switch builtin {
            case .bitAnd: a & b
            case .bitOr: a | b
            case .bitXor: a ^ b
            case .bitNot: ~a & mask
            case .shiftLeft: b >= width ? 0 : (a << b) & mask
            case .shiftRight: b >= 64 ? 0 : a >> b
            case .bitTest: b >= 64 ? 0 : a >> b & 1
            case .bitCount: UInt64(a.nonzeroBitCount)
            case .bitLength: UInt64(64 - a.leadingZeroBitCount)
            default: fatalError("not a member of std/bits")
            }
        return builtin == .bitTest ? Value(result == 1) : Value(unchecked: Double(result))
    }
}
