import GravlaxCompiler

/// Calls of built-ins. They check their arguments by the table before anything is done, so that every misuse is told in
/// the same words.
extension Machine {
    /// Calls a built-in whose receiver is in the register `window` and whose arguments follow. Gives the frame to go on
    /// with; `nil`: failed.
    func callBuiltin(_ frame: FramePointer, _ builtin: Builtin, window: Int, argumentCount: Int) -> FramePointer? {
        let record = builtins[Int(builtin.rawValue)]
        let base = frame.pointee.base + window
        guard accepts(builtin, record, base, argumentCount) else { return nil }
        if let function = preludeFunction(builtin, base, argumentCount: argumentCount) {
            return callPrelude(frame, function, window: window, argumentCount: argumentCount)
        }
        if failure != nil { return nil }
        // What calls scripts may move the stack.
        let number = frame - state.pointee.stack.frames
        guard let result = run(builtin, record.owner, base, argumentCount: argumentCount) else { return nil }
        let frame = state.pointee.stack.frames + number
        frame.pointee.base[window] = result.bits
        return frame
    }

    private func accepts(
        _ builtin: Builtin, _ record: BuiltinTable.Record, _ window: UnsafeMutablePointer<UInt64>, _ argumentCount: Int
    ) -> Bool {
        guard argumentCount >= record.requiredCount, argumentCount <= record.count, !record.isProperty else {
            return wrongCount(BuiltinTable.shared.row(builtin), argumentCount)
        }
        var kinds = record.kinds
        for position in 0..<argumentCount {
            let kind = BuiltinSignature.Kind(rawValue: kinds & 15).unsafelyUnwrapped
            kinds >>= 4
            let value = Value(bits: window[position + 1])
            if matches(value, kind) || value.isNil && position >= record.requiredCount { continue }
            let row = BuiltinTable.shared.row(builtin)
            let signature = row.signature
            return fail(
                "\(row.qualifiedName) expects \(kind.text) as '\(signature.name(position))', not \(description(of: value, for: kind)).")
        }
        return true
    }

    private func wrongCount(_ row: BuiltinTable.Row, _ argumentCount: Int) -> Bool {
        let (fewest, most) = (row.signature.requiredCount, row.signature.count)
        if row.isProperty { return fail("Can only call functions and classes.") }
        return fail(
            fewest == most
                ? "Expected \(most) arguments but got \(argumentCount)."
                : "Expected \(fewest) to \(most) arguments but got \(argumentCount).")
    }

    private func matches(_ value: Value, _ kind: BuiltinSignature.Kind) -> Bool {
        switch kind {
        case .value: true
        case .number: value.isNumber
        case .integer: value.isNumber && value.number == value.number.rounded(.towardZero) && value.number.magnitude < 0x1p53
        case .string: StringObject.isString(value)
        case .function: isCallable(value)
        case .list: value.kind == .list
        case .map: value.kind == .map
        case .boolean: value.isBoolean
        }
    }

    func isCallable(_ value: Value) -> Bool {
        switch value.kind {
        case .closure, .boundMethod, .native, .classObject: true
        default: false
        }
    }

    private func description(of value: Value, for kind: BuiltinSignature.Kind) -> String {
        kind == .integer && value.isNumber ? NumberFormatting.text(value.number) : kindName(value)
    }

    private func run(
        _ builtin: Builtin, _ owner: BuiltinOwner, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int
    ) -> Value? {
        switch owner {
        case .global: runGlobal(builtin, window, argumentCount: argumentCount)
        case .string: runString(builtin, window, argumentCount: argumentCount)
        case .list: runList(builtin, window, argumentCount: argumentCount)
        case .map: runMap(builtin, window, argumentCount: argumentCount)
        case .weakReference: runWeak(builtin, window)
        case .weakMap: runWeakMap(builtin, window, argumentCount: argumentCount)
        case .gc: runCollectorMember(builtin, window, argumentCount: argumentCount)
        case .math: runMath(builtin, window, argumentCount: argumentCount)
        case .random: runRandom(builtin, window, argumentCount: argumentCount)
        case .time: runTime(builtin)
        case .json: runJSON(builtin, window, argumentCount: argumentCount)
        case .bits: runBits(builtin, window, argumentCount: argumentCount)
        case .io: runFiles(builtin, window, argumentCount: argumentCount)
        case .os: runSystem(builtin, window, argumentCount: argumentCount)
        }
    }

    /// The value of a built-in that is read, not called; `nil`: failed. The receiver is in a register.
    func property(_ builtin: Builtin, _ receiver: UnsafeMutablePointer<UInt64>) -> Value? {
        run(builtin, builtins[Int(builtin.rawValue)].owner, receiver, argumentCount: 0)
    }

    /// An argument that may be left out: nil then.
    func optional(_ position: Int, _ window: UnsafeMutablePointer<UInt64>, _ argumentCount: Int) -> Value {
        position <= argumentCount ? Value(bits: window[position]) : .nil
    }

    /// The built-in member of `receiver` that has a name.
    func member(_ symbol: Int32, of receiver: Value) -> Builtin? {
        owner(of: receiver).flatMap { BuiltinTable.shared.member(symbol, of: $0) }
    }

    /// Whose members `value` has.
    func owner(of value: Value) -> BuiltinOwner? {
        guard let module = value.object(.module) else { return BuiltinOwner.of(value.kind) }
        return fileNumber(module) == nil ? BuiltinOwner.module(upperHalf(module[0])) : nil
    }

    /// Sets the error and gives `nil`, for a built-in to return.
    func failed(_ message: String) -> Value? {
        _ = fail(message)
        return nil
    }

    /// To be called by built-ins while they work, with all references in registers or temporaries: each 64 KiB of work is
    /// a safepoint. False, with the failure set: stop.
    ///
    /// - Parameter byteCount: how much has been read or written since the last call.
    @inline(__always) func worked(_ byteCount: Int) -> Bool {
        workSincePoll &+= byteCount
        return workSincePoll < Machine.workBetweenPolls || pollBuiltin()
    }

    @inline(never) private func pollBuiltin() -> Bool {
        let work = workSincePoll
        workSincePoll = 0
        if mutator.pollRequested {
            if limits.isRunning, !chargeWork(work) { return false }
            mutator.safepoint()
            // They wait for the loop.
            if mutator.hasDueCalls { mutator.state.requestPoll(.dueCalls) }
        }
        return true
    }

    private static var workBetweenPolls: Int { 1 << 16 }
}
