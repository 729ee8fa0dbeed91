import GravlaxHeap

// Scripts wait for asynchronous host functions, threads do not. The script's frames and registers stand on the machine's own
// stack, so that nothing of it is on the native one between two instructions, and any thread can go on:
//
//      the machine, inside                              the driver (`Interpreter.driven`), on any thread each time
//      begin ─▶ loop … call of such a function
//               its arguments are converted,
//               failure = .waiting, the loop ends  ──▶  leaves: the mutator is outside, collections need nobody
//                                                       awaits the function, in a task of its own
//               R[window] = the result,            ◀──  enters again
//               the loop goes on behind the call
//            or the error is thrown at the call,
//               and the nearest handler has it
//      … finished or failed: the run is over       ──▶
//
// While a script waits, `top` is its frame, which stands behind its call: all its registers are roots as at any safepoint. The
// machine runs nothing else meanwhile; reading values, globals and statistics, and collecting, are no runs.
//
// Fuel goes on where it was, and the deadline stands. What another thread finds reached (a deadline, an interrupt, the
// cancellation of the run's task) is noted as always, and cancels the function's task. The run then ends with the limit,
// whatever the function makes of that, when the function returns, or after `RunLimits.patience` without it.
//
// A native frame between the run and the call can not be left and entered again. So a function that is called through a host
// function, by the collector, or in a run that nobody awaits, may not wait: the call is an error of the script's.

/// What an asynchronous host function is: from arguments, inside, to what is awaited outside, to the result, inside.
package typealias AsynchronousBody =
    @Sendable (_ arguments: [HostValue]) throws -> @Sendable () async throws -> @Sendable () throws -> HostValue

/// The answer of a function that makes nothing of the limit of its run.
private struct LeftToItself: Error {}

/// A run that may wait.
struct AsynchronousRun {
    /// Where the script waits, while it does.
    var waiting: (functionNumber: Int, frameNumber: Int, window: Int, call: AwaitedCall)?

    typealias Operation = @Sendable () async throws -> @Sendable () throws -> HostValue
    typealias Answer = Result<@Sendable () throws -> HostValue, any Error>
}

extension Machine {
    /// How far a run has come.
    enum Step {
        case finished(HostValue)
        /// Until the call is over.
        case waits(AwaitedCall)
    }

    /// Why nothing can be run, when a script waits.
    var waitingError: RuntimeError? {
        guard let waiting = asynchronousRun?.waiting else { return nil }
        return RuntimeError(
            message: "The interpreter is in the middle of a script, which waits for '\(hostFunctions[waiting.functionNumber].name)'.")
    }

    /// Calls `callee` from outside. Arguments are kept by handles.
    func begin(_ callee: Value, _ arguments: [Value]) throws(RuntimeError) -> Step {
        guard arguments.count < 250 else { throw overflow() }
        let trampoline = readyTrampoline(argumentCount: arguments.count)
        let stack = state.pointee.stack
        stack.frames.initialize(to: Frame(pc: nil, base: stack.registers, prototype: nil, closure: 0))
        guard let first = pushCall(stack.frames, base: stack.registers, trampoline, callee, arguments) else {
            failure = nil
            throw overflow()
        }
        asynchronousRun = AsynchronousRun()
        return try step { execute(first) }
    }

    /// Goes on with the script that waits.
    func resume(_ call: AwaitedCall) throws(RuntimeError) -> Step {
        guard let waiting = asynchronousRun?.waiting else { fatalError("no script waits") }
        asynchronousRun?.waiting = nil
        let answer = call.takeAnswer()
        if let answer { letGoLater(answer) }
        // What goes wrong while it is awaited is its own.
        defer { pendingError = nil }
        if let limit = limits.reached {
            failure = .limit(limit)
            return try step { executeFailing() }
        }
        let result: HostValue
        do {
            // What a conversion calls may not wait: it is on the native stack.
            nativeDepth += 1
            defer { nativeDepth -= 1 }
            guard let answer else { throw LeftToItself() }
            result = try answer.get()()
            try throwPendingError()
        } catch {
            failure = failure(of: error, in: hostFunctions[waiting.functionNumber])
            return try step { executeFailing() }
        }
        let frame = state.pointee.stack.frames + waiting.frameNumber
        withExtendedLifetime(result) { frame.pointee.base[waiting.window] = $0.bits }
        return try step { execute(frame) }
    }

    private func step(_ execute: () -> Bool) throws(RuntimeError) -> Step {
        nativeDepth += 1
        defer { nativeDepth -= 1 }
        let isFinished = execute()
        if let waiting = asynchronousRun?.waiting {
            failure = nil
            return .waits(waiting.call)
        }
        defer {
            asynchronousRun = nil
            forgetFailures()
            top = nil
            failure = nil
            thrown = Value.nilBits
        }
        guard isFinished else { throw makeError(above: 1) }
        return .finished(hold(Value(bits: state.pointee.stack.frames[1].base[0])))
    }

    /// Has the script wait for a function, for the run to see. Nil as ever when the loop is to end; or the call has failed.
    @inline(never) func wait(
        _ frame: FramePointer, _ number: Int, window: Int, argumentCount: Int, takesReceiver: Bool
    ) -> FramePointer? {
        let function = hostFunctions[number]
        guard case .asynchronous(let body) = function.body else { fatalError("the function does not wait") }
        if let reason = reasonNotToWait {
            _ = fail("'\(function.name)' is asynchronous, and cannot be called \(reason).")
            return nil
        }
        let position = frame - state.pointee.stack.frames
        let arguments = ((takesReceiver ? 0 : 1)..<argumentCount + 1).map { hold(Value(bits: frame.pointee.base[window + $0])) }
        do {
            nativeDepth += 1
            defer { nativeDepth -= 1 }
            let operation = try completed { try body(arguments) }
            asynchronousRun?.waiting = (number, position, window, AwaitedCall(operation, strays: strayAnswers))
            failure = .waiting
        } catch {
            failure = failure(of: error, in: function)
        }
        return nil
    }

    static var notAwaited: String { "in a run that the host does not await" }

    private var reasonNotToWait: String? {
        if isCallingBack { return "by what the collector calls" }
        if asynchronousRun == nil { return Machine.notAwaited }
        return nativeDepth > 1 ? "through a function of the host that is not" : nil
    }
}
