import GravlaxCompiler

/// Loops over instances: `iterate()` gives a function, and each call of that the next element, or nil at the end.
extension Machine {
    func beginIteration(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, over instance: Value) -> Bool {
        let classWords = InstanceObject.classWords(instance.words)
        guard let method = ClassObject.method(iterateSymbol, of: classWords) else {
            return fail("Instances of \(ClassObject.nameText(classWords)) can't be iterated over.")
        }
        if isPolledAway(frame, pc) { return false }
        let base = frame.pointee.base
        if Machine.isMethod(method) { return goesOn(frame, base, in: completing(frame, with: method, instance)) }
        guard method.kind == .native else {
            return fail("Instances of \(ClassObject.nameText(classWords)) can't be iterated over.")
        }
        return goesOn(frame, base, in: completing(frame, withHost: method.words, instance))
    }

    /// What `iterate()` of the instance in R[A] gave.
    func goOn(_ frame: FramePointer, iteratingBy function: Value, _ instruction: Instruction) -> FramePointer? {
        let state = frame.pointee.base + instruction.a
        guard isCallable(function) else {
            let name = ClassObject.nameText(InstanceObject.classWords(Value(bits: state[0]).words))
            _ = fail("iterate() of \(name) has to return a function.")
            return nil
        }
        state[0] = function.bits
        state[1] = 0
        state[2] = 0
        return frame
    }

    /// What the function in R[A] gave for the next turn.
    func goOn(_ frame: FramePointer, withElement element: Value, _ instruction: Instruction) -> FramePointer {
        // Behind the instruction is the end of the loop.
        if element.isNil { return frame }
        let state = frame.pointee.base + instruction.a
        let position = state[1]
        state[1] = position + 1
        if instruction.b == 2 { state[3] = Value(unchecked: Double(position)).bits }
        state[2 + instruction.b] = element.bits
        frame.pointee.pc = frame.pointee.pc.unsafelyUnwrapped + instruction.jump
        return frame
    }
}
