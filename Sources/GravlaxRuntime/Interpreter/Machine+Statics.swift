import GravlaxCompiler

/// Static members. A class has those that it declares, and reads those of its superclasses. A closure of a method or getter
/// is one; everything else is the value of a field.
extension Machine {
    @inline(never) func addStatic(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let symbol = frame.pointee.prototype.unsafelyUnwrapped.pointee.symbols[i.c]
        let base = frame.pointee.base
        return addStatic(Value(bits: base[i.b]), symbol, to: Value(bits: base[i.a]).words)
    }

    /// Gives a class a static member. Both are in roots. False: out of memory.
    func addStatic(_ member: Value, _ symbol: Int32, to classWords: ObjectWords) -> Bool {
        add(member, symbol, to: classWords, ClassObject.statics, \.statics)
    }

    /// Where the class itself has a static member.
    private func ownStatic(_ symbol: Int32, of classWords: ObjectWords) -> UnsafeMutablePointer<UInt64>? {
        let number = ClassObject.record(classWords).pointee.statics.find(symbol)
        return number < 0 ? nil : Value(bits: classWords[ClassObject.statics]).words + BufferObject.first + number
    }

    /// A static member, own or inherited, and the class that has it.
    func staticMember(_ symbol: Int32, of classWords: ObjectWords) -> (value: Value, owner: ObjectWords)? {
        var current = classWords
        while true {
            if let slot = ownStatic(symbol, of: current) { return (Value(bits: slot.pointee), current) }
            guard let above = Value(bits: current[ClassObject.superclass]).object(.classObject) else { return nil }
            current = above
        }
    }

    private static func isFunction(_ member: Value) -> Bool {
        guard let closure = member.object(.closure) else { return false }
        let kind = ClosureObject.prototype(closure).pointee.kind
        return kind == .method || kind == .getter
    }

    /// R[A] = the static member of `receiver`, a class, that the instruction names, found in `classWords`: that class, or
    /// the superclass of the running method's.
    func getStatic(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands, _ receiver: Value, in classWords: ObjectWords,
        _ symbol: Int32
    ) -> Bool {
        guard let (member, _) = staticMember(symbol, of: classWords) else {
            return fail(
                receiver.words == classWords
                    ? "Only instances have properties." : "Undefined property '\(symbols.name(symbol))'.")
        }
        guard Machine.isFunction(member) else {
            frame.pointee.base[i.a] = member.bits
            return true
        }
        if !Machine.isMethod(member) { return getSpecial(frame, pc, member, receiver, i) }
        guard let bound = makeBoundMethod(receiver, member) else { return false }
        frame.pointee.base[i.a] = bound.bits
        return true
    }

    /// Calls a static member, with the class in the register `window` and the arguments above.
    func callStatic(_ frame: FramePointer, _ member: Value, window: Int, argumentCount: Int) -> FramePointer? {
        if Machine.isFunction(member) {
            return Machine.isMethod(member)
                ? callClosure(frame, member.words, window: window, argumentCount: argumentCount)
                : callSpecial(
                    frame, member, Value(bits: frame.pointee.base[window]), window: window, argumentCount: argumentCount)
        }
        guard accepts(member, argumentCount) else { return nil }
        frame.pointee.base[window] = member.bits
        return call(frame, member, window: window, argumentCount: argumentCount)
    }

    /// Assigns to a static field, which the class itself must have declared.
    func setStatic(_ symbol: Int32, _ value: Value, of classWords: ObjectWords) -> Bool {
        guard let slot = ownStatic(symbol, of: classWords), !Machine.isFunction(Value(bits: slot.pointee)) else {
            return fail("Only instances have fields.")
        }
        mutator.store(value.bits, to: slot)
        return true
    }
}
