import GravlaxCompiler

/// What operators and variables do beyond the fast paths. Messages are clox's.
extension Machine {
    /// For an operation whose result is a NaN: stores one, unless an operand was no number.
    @inline(never) func numbersOrFail(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands, _ right: UInt64
    ) -> Bool {
        let base = frame.pointee.base
        guard areNumbers(frame, pc, base[i.b], right) else { return false }
        base[i.a] = Value(number: .nan).bits
        return true
    }

    @inline(never) func remainderSlow(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands, _ right: UInt64
    ) -> Bool {
        let base = frame.pointee.base
        guard areNumbers(frame, pc, base[i.b], right) else { return false }
        base[i.a] = Arithmetic.remainder(base[i.b], right)
        return true
    }

    /// True for numbers, if only NaN; else the failure of what wanted two of them.
    @inline(never) func areNumbers(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ left: UInt64, _ right: UInt64) -> Bool {
        if Arithmetic.isNumber(left), Arithmetic.isNumber(right) { return true }
        enter(frame, pc)
        return fail("Operands must be numbers.")
    }

    @inline(never) func numberExpected(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>) -> Bool {
        enter(frame, pc)
        return fail("Operand must be a number.")
    }

    /// The same for a counted loop, which is `i = i + 1` and a comparison: the message is that of the one that fails.
    @inline(never) func areCounters(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ counter: UInt64, _ limit: UInt64
    ) -> Bool {
        Arithmetic.isNumber(counter) ? areNumbers(frame, pc, counter, limit) : additionExpected(frame, pc)
    }

    @inline(never) func undefinedGlobal(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ slot: Int) -> Bool {
        enter(frame, pc)
        if !grants.allows(globalNames[slot]) {
            return fail("Module '\(globalNames[slot])' can't be imported: the host does not grant it.")
        }
        return fail("Undefined variable '\(Program.ownName(ofGlobal: globalNames[slot]))'.")
    }

    @inline(never) func additionExpected(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>) -> Bool {
        enter(frame, pc)
        return fail("Operands must be two numbers or two strings.")
    }

    /// For a sum with a constant, which is a number.
    @inline(never) func addConstantSlow(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        let base = frame.pointee.base
        guard Arithmetic.isNumber(base[i.b]) else { return additionExpected(frame, pc) }
        base[i.a] = Value(number: .nan).bits
        return true
    }

    @inline(never) func addSlow(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        let left = Value(bits: base[i.b])
        let right = Value(bits: base[i.c])
        if left.isNumber, right.isNumber {
            base[i.a] = Value(number: .nan).bits
            return true
        }
        guard StringObject.isString(left), StringObject.isString(right) else {
            return fail("Operands must be two numbers or two strings.")
        }
        guard let joined = concatenate(left.words, right.words) else { return false }
        base[i.a] = joined.bits
        return true
    }

    @inline(never) func makeCell(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        let base = frame.pointee.base
        if let words = allocateWhite(cellLayout) {
            words[0] = ObjectKind.cell.header()
            words[1] = base[i.b]
            base[i.a] = Value(object: words).bits
            return true
        }
        enter(frame, pc)
        guard let words = allocate(cellLayout) else { return false }
        words[0] = ObjectKind.cell.header()
        mutator.store(base[i.b], to: words + 1)
        base[i.a] = Value(object: words).bits
        return true
    }

    @inline(never) func makeClosure(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        let prototype = frame.pointee.prototype.unsafelyUnwrapped.pointee.functions + i.bx
        if let words = allocateWhite(prototype.pointee.closureLayout) {
            fill(words, prototype, frame, i) { word, slot in slot.pointee = word }
            return true
        }
        enter(frame, pc)
        guard let words = allocate(prototype.pointee.closureLayout) else { return false }
        fill(words, prototype, frame, i) { word, slot in mutator.store(word, to: slot) }
        return true
    }

    /// Makes the object a closure of the frame's, and puts it into its register.
    @inline(__always) private func fill(
        _ words: ObjectWords, _ prototype: UnsafeMutablePointer<PrototypeRecord>, _ frame: FramePointer, _ i: Operands,
        store: (UInt64, UnsafeMutablePointer<UInt64>) -> Void
    ) {
        ClosureObject.initialize(words, prototype)
        let base = frame.pointee.base
        let own = Value(bits: frame.pointee.closure).words
        for index in 0..<prototype.pointee.captureCount {
            let source = prototype.pointee.captures[index]
            let captured =
                source == Int64.max
                ? frame.pointee.closure
                : source >= 0 ? base[Int(source)] : own[ClosureObject.firstCapture + Int(-1 - source)]
            store(captured, words + ClosureObject.firstCapture + index)
        }
        base[i.a] = Value(object: words).bits
    }

    @inline(never) func printValue(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let value = Value(bits: frame.pointee.base[i.a])
        if let isDone = makeOwnText(frame, pc, of: value) { return isDone }
        var byteCount = 0
        write(value, while: { worked(16) }) {
            output.write($0)
            byteCount += $0.count
        }
        output.endLine()
        return failure == nil && worked(byteCount)
    }
}
