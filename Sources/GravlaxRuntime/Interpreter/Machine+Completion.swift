import GravlaxCompiler

/// Calls in the middle of an instruction.
///
/// What an instruction needs from a script is computed by a frame above the live registers of the one that executes, and
/// then handed to the instruction, which `complete` finishes: no call nests on the native stack, and what the instruction
/// reads is where it was. A getter ends with `complete` itself. Functions that return as usual are called by a completer:
///
///     registers   … live │ this │ the getter's …                … live │ R[0], R[1] of both │ the function's …
///     frames      … caller, its `pc` behind │ getter              … caller │ completer: `complete R[0]` │ function
///
/// Instructions that call go on with the new frame at once. Those that usually do not, and whose slow paths say true or
/// false, set `entered` and say false: the loop ends, and begins again there.
extension Machine {
    /// Whether the slow path is to say false: the safepoint has moved the frame, which begins the instruction again, or a
    /// limit was reached. To be asked before the instruction becomes a call, since each call is a safepoint.
    func isPolledAway(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>) -> Bool {
        guard mutator.pollRequested, poll(frame, pc) else { return false }
        entered = movedFrame()
        return true
    }

    /// What a slow path says when `next` is the frame to go on with, for the loop at `frame` and `base`.
    func goesOn(_ frame: FramePointer, _ base: UnsafeMutablePointer<UInt64>, in next: FramePointer?) -> Bool {
        if next == frame, frame.pointee.base == base { return true }
        entered = next
        return false
    }

    /// Pushes the frame of a closure above the live registers of `frame`, with `first` and perhaps `second` in its first
    /// registers.
    func enterAbove(
        _ frame: FramePointer, _ closure: UInt64, _ prototype: UnsafeMutablePointer<PrototypeRecord>, _ first: Value,
        _ second: Value? = nil
    ) -> FramePointer? {
        let caller = frame.pointee.prototype.unsafelyUnwrapped
        let live = caller.pointee.live[frame.pointee.pc.unsafelyUnwrapped - caller.pointee.code - 1]
        guard let callee = pushFrame(frame, base: frame.pointee.base + Int(live), closure: closure, prototype) else {
            return nil
        }
        callee.pointee.base[0] = first.bits
        if let second { callee.pointee.base[1] = second.bits }
        return callee
    }

    /// Lets the instruction go on with what a function gives. `receiver` is its `this`.
    func completing(_ frame: FramePointer, with function: Value, _ receiver: Value, _ argument: Value? = nil) -> FramePointer? {
        let completer = completer(argumentCount: argument == nil ? 0 : 1)
        guard let middle = enterAbove(frame, 0, completer, receiver, argument) else { return nil }
        // As if its call had been made.
        middle.pointee.pc = completer.pointee.code + 1
        top = middle
        return callClosure(middle, function.words, window: 0, argumentCount: argument == nil ? 0 : 1)
    }

    /// Lets the instruction go on with what a call of any value without arguments gives.
    func completing(_ frame: FramePointer, withCallOf callee: Value) -> FramePointer? {
        enterAbove(frame, 0, completer(argumentCount: 0), callee)
    }

    /// Lets the instruction go on with what a native function gives, whose one argument is `receiver`.
    func completing(_ frame: FramePointer, withHost native: ObjectWords, _ receiver: Value) -> FramePointer? {
        if let count = hostFunction(native).parameterCount, count != 0 {
            _ = fail("Expected \(count) arguments but got 0.")
            return nil
        }
        temporaries[1] = Value.nilBits
        defer { temporaries[1] = 0 }
        let next = callHost(frame, native, [receiver]) { temporaries[1] = $1.bits }
        return next.flatMap { goOn($0, Value(bits: temporaries[1])) }
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
    func goOn(_ frame: FramePointer, _ result: Value) -> FramePointer? {
        let instruction = Instruction(word: frame.pointee.pc.unsafelyUnwrapped[-1])
        let base = frame.pointee.base
        switch instruction.opcode {
        case .invoke, .superinvoke:
            guard accepts(result, instruction.b) else { return nil }
            base[instruction.a] = result.bits
            return call(frame, result, window: instruction.a, argumentCount: instruction.b)
        case .print:
            guard isText(result, of: Value(bits: base[instruction.a])) else { return nil }
            output.write(StringObject.bytes(result.words))
            output.endLine()
            return frame
        case .iterprep:
            return goOn(frame, iteratingBy: result, instruction)
        case .iternext:
            return goOn(frame, withElement: result, instruction)
        case .tostring:
            guard isText(result, of: Value(bits: base[instruction.a])) else { return nil }
            base[instruction.a] = result.bits
            return frame
        default:
            base[instruction.a] = result.bits
            return frame
        }
    }

    /// Code that calls R[0] with the arguments above, and completes the caller's instruction with the result.
    private func completer(argumentCount: Int) -> UnsafeMutablePointer<PrototypeRecord> {
        if let completers { return completers + argumentCount }
        func function(_ argumentCount: Int) -> FunctionPrototype {
            FunctionPrototype(
                name: nil, kind: .getter, arity: argumentCount, registerCount: argumentCount + 1,
                code: [Instruction(.call, a: 0, b: argumentCount), Instruction(.complete, a: 0)].map(\.word),
                live: [UInt16(argumentCount + 1), 1], lines: [1, 1],
                spans: [CodeSpan(start: 0, end: 0), CodeSpan(start: 0, end: 0)])
        }
        let script = FunctionPrototype(
            name: nil, kind: .script, arity: 0, registerCount: 1, code: [Instruction(.returnnil).word], live: [1], lines: [1],
            spans: [CodeSpan(start: 0, end: 0)])
        let program = Program(
            functions: [script, function(0), function(1)], classes: [], symbols: [], globalNames: [],
            sourceName: Prelude.sourceName)
        let instance = programs.add(program, symbolTable: &symbols, isHidden: true)
        completers = instance.functions + 1
        return instance.functions + 1 + argumentCount
    }
}
