import GravlaxCompiler
import GravlaxHeap

/// A function of the host, as scripts call it.
struct HostFunction {
    let name: String
    /// Nil: any number.
    let parameterCount: Int?
    let body: Body

    enum Body {
        case synchronous(([HostValue]) throws -> HostValue)
        case asynchronous(AsynchronousBody)
    }

    /// Numbers of native functions below are those of built-ins.
    static let firstNumber = 256
}

/// What a host function threw.
struct HostFailure {
    var message: String
    let kind: RuntimeError.Kind
    /// Calls that the error had left before: those of scripts that the host function called, and its own.
    let trace: [RuntimeError.TraceEntry]
    var cause: (any Error)?
    /// What a script threw that the function had called, or the error that a script has caught it as.
    var value: HostValue?
    /// Calls of this machine that it came through; nil: it has not been caught yet, they are those on the stack.
    var outer: CallTrace?
    let note: String?
    /// The end of a run that the error tells of, here or elsewhere.
    var end: RunEnd?
}

/// The end of a run by a limit, which stays known however many interpreters the error goes through.
package struct RunEnd: Sendable {
    let kind: RuntimeError.Kind
    let run: RunIdentity
}

extension RuntimeError {
    /// Of an interpreter that could not be made.
    package static var outOfMemoryToBeginWith: RuntimeError {
        var error = RuntimeError(message: Kind.outOfMemory.text, kind: .outOfMemory)
        error.end = RunEnd(kind: .outOfMemory, run: RunIdentity(MachineIdentity(), 0))
        return error
    }
}

/// Lives as long as anything refers to it, so that no other is taken for it.
package final class MachineIdentity: Sendable {}

/// One run of one interpreter.
package struct RunIdentity: Sendable, Equatable {
    let machine: MachineIdentity
    private let number: Int

    init(_ machine: Machine) { self.init(machine.identity, machine.limits.runNumber) }

    fileprivate init(_ machine: MachineIdentity, _ number: Int) { (self.machine, self.number) = (machine, number) }

    package static func == (left: RunIdentity, right: RunIdentity) -> Bool {
        left.machine === right.machine && left.number == right.number
    }
}

/// Calls between hosts and scripts. Only these nest on the native stack.
///
///     registers   … live │ callee │ arguments …             the trampoline's R[0] and above
///     frames      … caller │ (no prototype) │ trampoline │ the callee's …
extension Machine {
    /// Calls of scripts by host functions inside one another, at most.
    static var maximumNativeDepth: Int { 100 }

    /// Calls `callee`, between programs or from a host function that the program on top has called. Arguments are kept by
    /// handles.
    func call(_ callee: Value, _ arguments: [Value]) throws(RuntimeError) -> Value {
        guard nativeDepth < Machine.maximumNativeDepth, arguments.count < 250 else {
            throw overflow()
        }
        let trampoline = readyTrampoline(argumentCount: arguments.count)
        let stack = state.pointee.stack
        var caller = stack.frames
        var base = stack.registers
        let isOutermost = top == nil
        if let top, let prototype = top.pointee.prototype, let pc = top.pointee.pc {
            caller = top + 1
            base = top.pointee.base + Int(prototype.pointee.live[pc - prototype.pointee.code - 1])
            guard pushFrame(top, base: base, closure: 0, trampoline) != nil else { throw overflow() }
            let moved = state.pointee.stack
            caller = moved.frames + (caller - stack.frames)
            base = caller.pointee.base
        } else {
            caller.initialize(to: Frame(pc: nil, base: base, prototype: nil, closure: 0))
        }
        caller.pointee.prototype = nil
        caller.pointee.pc = nil
        let number = caller - state.pointee.stack.frames
        defer {
            top = isOutermost ? nil : state.pointee.stack.frames + (number - 1)
            failure = nil
            thrown = Value.nilBits
            if isOutermost { forgetFailures() }
        }
        guard let first = pushCall(caller, base: base, trampoline, callee, arguments) else { throw overflow() }
        nativeDepth += 1
        defer { nativeDepth -= 1 }
        guard execute(first) else { throw makeError(above: number + 1) }
        return Value(bits: state.pointee.stack.frames[number + 1].base[0])
    }

    /// Has the trampoline on top, about to call. Nil: a stack overflow.
    func pushCall(
        _ caller: FramePointer, base: UnsafeMutablePointer<UInt64>, _ trampoline: UnsafeMutablePointer<PrototypeRecord>,
        _ callee: Value, _ arguments: [Value]
    ) -> FramePointer? {
        guard let first = pushFrame(caller, base: base, closure: 0, trampoline) else { return nil }
        first.pointee.base[0] = callee.bits
        for (index, argument) in arguments.enumerated() { first.pointee.base[index + 1] = argument.bits }
        top = first
        return first
    }

    func overflow() -> RuntimeError { error(.stackOverflow) }

    /// The error that a limit is.
    func error(_ kind: RuntimeError.Kind) -> RuntimeError {
        var error = RuntimeError(message: kind.text, kind: kind)
        error.end = RunEnd(kind: kind, run: RunIdentity(self))
        return error
    }

    /// Calls a host function for the script.
    ///
    /// - Parameter takesReceiver: what is in the register `window` is an argument, too, the first, which no count counts.
    @inline(never) func callHost(
        _ frame: FramePointer, _ number: Int, window: Int, argumentCount: Int, takesReceiver: Bool = false
    ) -> FramePointer? {
        let function = hostFunctions[number]
        if let count = function.parameterCount, count != argumentCount {
            _ = fail("Expected \(count) arguments but got \(argumentCount).")
            return nil
        }
        guard case .synchronous(let body) = function.body else {
            return wait(frame, number, window: window, argumentCount: argumentCount, takesReceiver: takesReceiver)
        }
        let position = frame - state.pointee.stack.frames
        let arguments = ((takesReceiver ? 0 : 1)..<argumentCount + 1).map { hold(Value(bits: frame.pointee.base[window + $0])) }
        do {
            let result = try completed { try body(arguments) }
            let frame = state.pointee.stack.frames + position
            withExtendedLifetime(result) { frame.pointee.base[window] = $0.bits }
            return frame
        } catch {
            failure = failure(of: error, in: function)
            return nil
        }
    }

    /// Calls a native function with these arguments, none of which is a receiver. `take` gets the frame and the result, and
    /// puts that into a register or root. Gives where the frame is now; `nil`: it failed.
    func callHost(
        _ frame: FramePointer, _ native: ObjectWords, _ arguments: [Value], _ take: (FramePointer, Value) -> Void
    ) -> FramePointer? {
        let function = hostFunction(native)
        guard case .synchronous(let body) = function.body else {
            _ = fail("'\(function.name)' is asynchronous, and cannot be a property.")
            return nil
        }
        let position = frame - state.pointee.stack.frames
        do {
            let result = try completed { try body(arguments.map { hold($0) }) }
            let frame = state.pointee.stack.frames + position
            withExtendedLifetime(result) { take(frame, $0.value) }
            return frame
        } catch {
            failure = failure(of: error, in: function)
            return nil
        }
    }

    /// What a host function does, and what went wrong in it that it was not told of: in itself, not in one that it led to.
    func completed<Result>(_ body: () throws -> Result) throws -> Result {
        let outer = pendingError
        pendingError = nil
        defer { pendingError = outer }
        let result = try body()
        try throwPendingError()
        return result
    }

    /// The failure that an error of a host function is.
    func failure(of error: any Error, in function: HostFunction) -> Failure {
        let own = RuntimeError.TraceEntry(
            functionName: function.name, sourceName: "host", line: 0, startByte: 0, endByte: 0)
        guard let script = error as? RuntimeError ?? (error as? any ScriptFailure)?.runtimeError else {
            return .host(HostFailure(message: "\(error)", kind: .error, trace: [own], cause: error, note: nil))
        }
        var kind = script.kind
        if let end = script.end {
            if end.kind.isLimit, end.run == RunIdentity(self), limits.isReached(end.kind, isCallback: isCallingBack) {
                return .limit(end.kind)
            }
            // Another run's end, or another interpreter's: here it is an error like others.
            if kind.isLimit || end.run.machine !== identity { kind = .error }
        } else if kind.isLimit {
            kind = .error
        }
        let value = script.value.flatMap { $0.handle == nil || $0.handle?.interpreter === owner ? $0 : nil }
        return .host(
            HostFailure(
                message: script.message, kind: kind, trace: RuntimeError.trimmed(script.trace) + [own],
                cause: script.cause ?? (error is RuntimeError ? nil : error), value: value, note: script.note, end: script.end))
    }

    /// A value as hosts hold it. At once after it was made: what a handle does not hold yet, nothing may.
    func hold(_ value: Value) -> HostValue {
        guard value.isObject else { return HostValue(value, handle: nil) }
        let slot = handles.take(value.bits, mutator)
        return HostValue(value, handle: Handle(value.bits, slot: slot, in: handles, of: owner))
    }

    /// What a native function of the host's stands for.
    func hostFunction(_ native: ObjectWords) -> HostFunction { hostFunctions[upperHalf(native[0]) - HostFunction.firstNumber] }

    /// A function object for `function`.
    func makeHostFunction(_ function: HostFunction) -> Value? {
        guard let words = allocateNoScan(byteCount: 8) else { return nil }
        words[0] = ObjectKind.native.header(upper: UInt32(HostFunction.firstNumber + hostFunctions.count))
        hostFunctions.append(function)
        return Value(object: words)
    }
}

/// An error of the embedding API that stands for one of a script.
package protocol ScriptFailure: Error {
    var runtimeError: RuntimeError { get }
}
