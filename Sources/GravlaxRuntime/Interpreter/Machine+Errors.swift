import GravlaxCompiler

/// Errors on their way from where they happen to what catches them. The loop knows nothing of handlers: it ends at a
/// failure, and is entered again at the handler, so that a `try` costs nothing until something is thrown.
extension Machine {
    /// Runs from `first`, the frame above the bottom one, until it returns (true: its result is in the first
    /// register) or fails with nothing there to catch it (false: the frames are as they were at the failure, for the trace).
    func execute(_ first: FramePointer) -> Bool {
        var frame = first
        while !loop(frame) {
            if let entered {
                self.entered = nil
                frame = entered
            } else {
                guard let handler = catchFailure() else { return false }
                frame = handler
            }
        }
        return true
    }

    /// Goes on with the failure that is set, as `execute` does.
    func executeFailing() -> Bool { catchFailure().map { execute($0) } ?? false }

    /// Goes to the innermost handler above the bottom frame of this run; `nil`, and nothing has changed, when there is none.
    @inline(never) private func catchFailure() -> FramePointer? {
        guard isCatchable, let (number, handler) = findHandler() else { return nil }
        let depth = top.unsafelyUnwrapped - state.pointee.stack.frames
        guard chargeCalls(hasTrace ? depth - number : depth) else { return nil }
        let value: UInt64
        switch failure {
        case .thrown: value = thrown
        case .host(let failure): value = caught(failure).bits
        default: value = makeErrorObject(trace(above: bottomNumber)).bits
        }
        failure = nil
        thrown = Value.nilBits
        let frame = state.pointee.stack.frames + number
        let prototype = frame.pointee.prototype.unsafelyUnwrapped
        top = frame
        frame.pointee.base[Int(handler.register)] = value
        frame.pointee.pc = prototype.pointee.code + Int(handler.target)
        return frame
    }

    /// Looking at calls, for a trace and a handler, takes time in proportion to their number, and so fuel: as work of a built-in.
    private func chargeCalls(_ count: Int) -> Bool { !limits.isRunning || chargeWork(count * 8) }

    /// Whether the calls of the failure that is set have been looked at.
    private var hasTrace: Bool {
        switch failure {
        case .thrown: true
        case .host(let failure): failure.outer != nil
        default: false
        }
    }

    /// Whether scripts may catch what failed: what a host does to end them they may not.
    private var isCatchable: Bool {
        switch failure {
        case .outOfMemory, .stackOverflow, .message, .thrown, .host, nil: true
        case .limit, .waiting: false
        }
    }

    private func findHandler() -> (frameNumber: Int, handler: ErrorHandler)? {
        guard var frame = top else { return nil }
        while let record = frame.pointee.prototype, let pc = frame.pointee.pc {
            let handlers = programs[record.pointee.programNumber].program.functions[record.pointee.functionNumber].handlers
            let position = pc - record.pointee.code - 1
            if let handler = handlers.first(where: { position >= $0.start && position < $0.end }) {
                return (frame - state.pointee.stack.frames, handler)
            }
            frame -= 1
        }
        return nil
    }

    /// The number of the frame below those that this run shows in traces: one without a prototype, or the trampoline.
    var bottomNumber: Int {
        let frames = state.pointee.stack.frames
        guard var frame = top else { return 0 }
        while frame > frames, frame.pointee.prototype != nil { frame -= 1 }
        let first = frame + 1
        guard let record = first.pointee.prototype else { return frame - frames }
        return programs.isHidden(record.pointee.programNumber) ? first - frames : frame - frames
    }

    // MARK: Throwing

    /// Throws R[A], or throws it on when B is 1. An `Error` gets its line and trace when it is thrown first.
    @inline(never) func throwValue(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) {
        enter(frame, pc)
        let value = Value(bits: frame.pointee.base[i.a])
        if let instance = errorInstance(value) {
            if let kept = keptFailure(of: instance) {
                failure = .host(kept)
                return
            }
            if property(errorSymbols.origin, of: instance) == nil {
                // What goes wrong here is the error: a limit, or no memory for the trace.
                guard chargeCalls(frame - state.pointee.stack.frames), describe(instance, trace(above: bottomNumber)) else { return }
            }
        } else if i.b == 1, lastThrown.bits == value.bits {
            if var kept = lastThrown.failure {
                kept.value = hold(value)
                failure = .host(kept)
                return
            }
        } else {
            guard chargeCalls(frame - state.pointee.stack.frames) else { return }
            letGoLater(lastThrown.failure)
            lastThrown = (value.bits, trace(above: bottomNumber), nil)
        }
        thrown = value.bits
        failure = .thrown
    }
}
