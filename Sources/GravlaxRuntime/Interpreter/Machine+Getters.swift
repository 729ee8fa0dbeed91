import GravlaxCompiler

/// Calls in the middle of an instruction: getters.
///
/// What an instruction needs from a script is computed by a frame above the live registers of the one that executes, and
/// then handed to the instruction, which `complete` finishes: no call nests on the native stack, and what the instruction
/// reads is where it was.
///
///     registers   … live │ this │ the getter's …
///     frames      … caller, its `pc` behind the instruction │ getter
///
/// Instructions that call go on with the frame of the getter at once. Those that usually do not, and whose slow paths say
/// true or false, set `entered` and say false: the loop ends, and begins again there.
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
        // The instruction is a call now, and calls are safepoints.
        if mutator.pollRequested, poll(frame, pc) {
            entered = movedFrame()
            return false
        }
        let base = frame.pointee.base
        return goesOn(frame, base, in: read(method, of: receiver, frame, into: i.a))
    }

    /// What a slow path says when `next` is the frame to go on with, for the loop at `frame` and `base`.
    private func goesOn(
        _ frame: FramePointer, _ base: UnsafeMutablePointer<UInt64>, in next: FramePointer?
    ) -> Bool {
        if next == frame, frame.pointee.base == base { return true }
        entered = next
        return false
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
            return callHost(frame, Value(bits: getter.words[AccessorObject.getter]).words, [receiver], into: target)
        }
        return enterAbove(frame, getter, receiver)
    }

    /// Pushes the frame of a closure without parameters above the live registers of `frame`.
    private func enterAbove(_ frame: FramePointer, _ closure: Value, _ receiver: Value) -> FramePointer? {
        let prototype = frame.pointee.prototype.unsafelyUnwrapped
        let live = prototype.pointee.live[frame.pointee.pc.unsafelyUnwrapped - prototype.pointee.code - 1]
        guard
            let callee = pushFrame(
                frame, base: frame.pointee.base + Int(live), closure: closure.bits,
                ClosureObject.prototype(closure.words))
        else { return nil }
        callee.pointee.base[0] = receiver.bits
        return callee
    }

    /// The frame ends, and R[A] is what the caller's instruction goes on with: `movedFrame` goes on then.
    @inline(never) func complete(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        let result = Value(bits: frame.pointee.base[i.a])
        let caller = frame - 1
        top = caller
        guard let next = goOn(caller, result) else { return false }
        top = next
        return true
    }

    /// Finishes the instruction before the frame's `pc`, which has got `result`.
    private func goOn(_ frame: FramePointer, _ result: Value) -> FramePointer? {
        let instruction = Instruction(word: frame.pointee.pc.unsafelyUnwrapped[-1])
        switch instruction.opcode {
        case .invoke, .superinvoke:
            guard accepts(result, instruction.b) else { return nil }
            frame.pointee.base[instruction.a] = result.bits
            return call(frame, result, window: instruction.a, argumentCount: instruction.b)
        default:
            frame.pointee.base[instruction.a] = result.bits
            return frame
        }
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
        return goesOn(frame, base, in: callHost(frame, setter, [Value(object: instance), value], into: nil))
    }
}
