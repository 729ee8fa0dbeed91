import GravlaxCompiler
import GravlaxHeap

/// Functions of scripts that are called at safepoints: finalizers, cleanups and the tracer of `std/gc`.
///
/// The calls run in a loop of their own, above the live registers of the frame that stands at the safepoint. Two frames
/// separate them from it: one without a prototype, which ends the loop, and that of the trampoline, which makes the call,
/// so that everything a call needs, live registers included, is as in any program.
///
///     registers   … live │ function │ argument │ …          the trampoline's R[0] and R[1]
///     frames      … caller │ (no prototype) │ trampoline │ the function's …
///
/// One such call runs at a time; what becomes due meanwhile waits for a later safepoint.
extension Machine {
    /// Runs what is due, for the frame on top, which stands at a safepoint. The stack may move.
    func runDueCalls() {
        // What hosts' objects run when they end is none of what the program has thrown last.
        let outer = lastThrown
        runNativeCleanups(limit: 64)
        hostObjects.releaseDying()
        lastThrown = outer
        if isCallingBack { return }
        if mutator.hasDueCalls { _ = runFinalizers() }
        runTracer()
    }

    /// Runs all finalizers that were not run so far, also those of objects that are reachable, and the cleanups that are due
    /// by then. Between programs.
    func finalizeAll() {
        let stack = state.pointee.stack
        let trampoline = readyTrampoline(argumentCount: 1)
        // A frame to call from, as if the trampoline stood at its call.
        stack.frames.pointee = Frame(pc: nil, base: stack.registers, prototype: nil, closure: 0)
        let frame = stack.frames + 1
        frame.initialize(
            to: Frame(pc: trampoline.pointee.code + 1, base: stack.registers, prototype: trampoline, closure: 0))
        for index in 0..<2 { stack.registers[index] = Value.nilBits }
        top = frame
        defer { top = nil }
        mutator.collect()
        mutator.queueAllFinalizers()
        _ = runFinalizers()
    }

    /// Lets `body` make calls, each `call(function, argument)`, with the frame on top at a safepoint. While `body` runs, and
    /// afterwards, that frame is on top, but it may have moved. A failure of a call is reported, and is none of the running
    /// program's.
    func withCalls(_ body: (_ call: (_ function: UInt64, _ argument: UInt64) -> Void) -> Void) {
        guard let caller = top, let prototype = caller.pointee.prototype, let pc = caller.pointee.pc else {
            fatalError("no frame stands at a safepoint")
        }
        isCallingBack = true
        // The work of calls that the collector's doings bring about is none of the program's.
        let work = workSincePoll
        let outer = lastThrown
        let number = caller - state.pointee.stack.frames
        defer {
            isCallingBack = false
            workSincePoll = work
            lastThrown = outer
            top = state.pointee.stack.frames + number
        }
        let trampoline = readyTrampoline(argumentCount: 1)
        let base = caller.pointee.base + Int(prototype.pointee.live[pc - prototype.pointee.code - 1])
        guard state.pointee.stack.hasRoomForInterruption(top: caller, base: base),
            let end = pushFrame(caller, base: base, closure: 0, trampoline),
            pushFrame(end, base: end.pointee.base, closure: 0, trampoline) != nil
        else {
            // The stack is nearly full. What is due waits for a safepoint that leaves room.
            failure = nil
            return
        }
        state.pointee.stack.frames[number + 1].prototype = nil
        state.pointee.stack.frames[number + 1].pc = nil
        top = state.pointee.stack.frames + number
        body { function, argument in
            let first = state.pointee.stack.frames + (number + 2)
            first.pointee.pc = trampoline.pointee.code
            first.pointee.base[0] = function
            first.pointee.base[1] = argument
            limits.beginCallback()
            workSincePoll = 0
            if !execute(first) { report(above: number + 2) }
            limits.endCallback()
            top = state.pointee.stack.frames + number
        }
    }

    /// Hands the error of the failure that is set to the host.
    func report(above bottom: Int) {
        let error = makeError(above: bottom)
        failure = nil
        thrown = Value.nilBits
        // Both may run scripts.
        output.flush()
        reportError?(error)
    }

    /// The prototype of a trampoline: `return R[0](R[1], …)`.
    func readyTrampoline(argumentCount: Int) -> UnsafeMutablePointer<PrototypeRecord> {
        if let known = trampolines[argumentCount] { return known }
        func function(_ kind: FunctionPrototype.Kind, _ arity: Int, _ code: [Instruction], _ live: [UInt16]) -> FunctionPrototype {
            FunctionPrototype(
                name: nil, kind: kind, arity: arity, registerCount: arity + 1, code: code.map(\.word), live: live,
                lines: code.map { _ in 1 }, spans: code.map { _ in CodeSpan(start: 0, end: 0) })
        }
        let program = Program(
            functions: [
                function(.script, 0, [Instruction(.returnnil)], [1]),
                function(
                    .function, argumentCount,
                    [Instruction(.call, a: 0, b: argumentCount), Instruction(.return, a: 0)],
                    [UInt16(argumentCount + 1), 1]),
            ],
            classes: [], symbols: [], globalNames: [], sourceName: "the host")
        let instance = programs.add(program, symbolTable: &symbols, isHidden: true)
        trampolines[argumentCount] = instance.functions + 1
        return instance.functions + 1
    }
}
