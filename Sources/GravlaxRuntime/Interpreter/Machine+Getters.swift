import GravlaxCompiler

/// Getters, and properties of the host.
extension Machine {
    /// Whether what a class has under a name is an ordinary method. Else it is a getter of a script's, an accessor or a
    /// native function.
    @inline(__always) static func isMethod(_ value: Value) -> Bool {
        value.kind == .closure && !ClosureObject.prototype(value.words).pointee.isGetter
    }

    /// R[A] = what the class has under the name that the instruction reads, of `receiver`.
    func getSpecial(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ method: Value, _ receiver: Value, _ i: Operands
    ) -> Bool {
        if method.kind == .native {
            guard let bound = makeBoundMethod(receiver, method) else { return false }
            frame.pointee.base[i.a] = bound.bits
            return true
        }
        if isPolledAway(frame, pc) { return false }
        let base = frame.pointee.base
        return goesOn(frame, base, in: read(method, of: receiver, frame, into: i.a))
    }

    /// Calls what the class has under a name, of the receiver in the register `window`, with the arguments above.
    func callSpecial(
        _ frame: FramePointer, _ method: Value, _ receiver: Value, window: Int, argumentCount: Int
    ) -> FramePointer? {
        if method.kind == .native {
            return callHost(
                frame, upperHalf(method.words[0]) - HostFunction.firstNumber, window: window, argumentCount: argumentCount,
                takesReceiver: true)
        }
        let next = read(method, of: receiver, frame, into: window)
        guard method.kind == .accessor, let next else { return next }
        return goOn(next, Value(bits: next.pointee.base[window]))
    }

    /// Lets a getter compute a property. Gives the getter's frame, or the caller's when that goes on; `nil`: failed.
    private func read(_ getter: Value, of receiver: Value, _ frame: FramePointer, into target: Int) -> FramePointer? {
        if getter.kind == .accessor {
            return callHost(frame, Value(bits: getter.words[AccessorObject.getter]).words, [receiver]) {
                $0.pointee.base[target] = $1.bits
            }
        }
        return enterAbove(frame, getter.bits, ClosureObject.prototype(getter.words), receiver)
    }

    // MARK: Properties of the host

    /// A property that native functions compute, to be added to a class like a method (`addMethod`). Both are in roots.
    /// Without a setter it is as with any getter: an assignment makes a field.
    func makeAccessor(getter: Value, setter: Value) -> Value? {
        guard let words = allocate(AccessorObject.layout) else { return nil }
        words[0] = ObjectKind.accessor.header()
        mutator.store(getter.bits, to: words + AccessorObject.getter)
        mutator.store(setter.bits, to: words + AccessorObject.setter)
        return Value(object: words)
    }

    /// The setter that the class has for a name, if it has one.
    func setter(_ symbol: Int32, of record: UnsafeMutablePointer<ClassRecord>) -> ObjectWords? {
        let number = record.pointee.methods.find(symbol)
        guard number >= 0 else { return nil }
        let accessor = ClassObject.method(number: number, of: record.pointee.classWords).object(.accessor)
        return accessor.flatMap { Value(bits: $0[AccessorObject.setter]).object(.native) }
    }

    /// Lets a setter take a value. Instance and value are in registers.
    func set(_ frame: FramePointer, _ setter: ObjectWords, _ instance: ObjectWords, _ value: Value) -> Bool {
        let base = frame.pointee.base
        return goesOn(frame, base, in: callHost(frame, setter, [Value(object: instance), value]) { _, _ in })
    }
}
