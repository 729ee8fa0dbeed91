import CGravlaxShims
import GravlaxCompiler
import GravlaxHeap

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
            found = index(of: value, in: container.words) != nil
        case .map:
            found = mapValue(container.words, value) != nil
        case .longString, .shortString:
            guard StringObject.isString(value) else {
                return fail("Left operand of 'in' must be a string when the right one is.")
            }
            found = offset(of: value.words, in: container.words) != nil
        case .range:
            found = value.isNumber && RangeObject.bounds(container.words).contains(value.number)
        default:
            return fail("Right operand of 'in' must be a list, map, string or range.")
        }
        base[i.a] = Value(found).bits
        return true
    }

    /// Where the first element of a list is that equals `value`. Registers hold both. Polls.
    func index(of value: Value, in list: ObjectWords) -> Int? {
        let count = ListObject.count(list)
        var index = 0
        while index < count {
            let end = min(index + Machine.wordsBetweenPolls, count)
            let elements = ListObject.elements(list)
            while index < end {
                if Arithmetic.areEqual(elements[index], value.bits) { return index }
                index += 1
            }
            if mutator.pollRequested { mutator.safepoint() }
        }
        return nil
    }

    /// Where a text begins in another from byte `start` on: a byte offset. Registers hold both. Polls.
    func offset(of text: ObjectWords, in string: ObjectWords, from start: Int = 0) -> Int? {
        let wanted = StringObject.bytes(text)
        let bytes = StringObject.bytes(string)
        guard let first = bytes.baseAddress, let wantedFirst = wanted.baseAddress else { return nil }
        // Pieces overlap by the length of what is looked for, and are at least as long, so that the work is linear.
        let step = max(wanted.count, 1 << 16)
        var offset = start
        while offset + wanted.count <= bytes.count {
            let end = min(offset + step + wanted.count, bytes.count)
            if let found = gravlax_find(first + offset, UInt(end - offset), wantedFirst, UInt(wanted.count)) {
                return found - first
            }
            offset += step
            if mutator.pollRequested { mutator.safepoint() }
        }
        return nil
    }
}
