import GravlaxCompiler

/// What `in` and `is` find out.
extension Machine {
    @inline(never) func isInstance(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        guard let wanted = Value(bits: base[i.c]).object(.classObject) else {
            return fail("Right operand of 'is' must be a class.")
        }
        var found = false
        if let instance = Value(bits: base[i.b]).object(.instance) {
            var current = InstanceObject.classWords(instance)
            while current != wanted, let above = Value(bits: current[ClassObject.superclass]).object(.classObject) {
                current = above
            }
            found = current == wanted
        }
        base[i.a] = Value(found).bits
        return true
    }

    @inline(never) func contains(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        let value = Value(bits: base[i.b])
        let container = Value(bits: base[i.c])
        let found: Bool
        switch container.kind {
        case .list:
            guard let position = position(of: value, in: container.words, from: 0) else { return false }
            found = position >= 0
        case .map:
            found = mapValue(container.words, value) != nil
        case .longString, .shortString:
            guard StringObject.isString(value) else {
                return fail("Left operand of 'in' must be a string when the right one is.")
            }
            let text = StringObject.bytes(container.words)
            guard let offset = offset(of: StringObject.bytes(value.words), in: text, from: 0) else { return false }
            found = offset >= 0
        case .range:
            found = value.isNumber && RangeObject.bounds(container.words).contains(value.number)
        default:
            return fail("Right operand of 'in' must be a list, map, string or range.")
        }
        base[i.a] = Value(found).bits
        return true
    }
}
