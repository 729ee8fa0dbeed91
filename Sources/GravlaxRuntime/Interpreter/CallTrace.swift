import GravlaxCompiler

/// The calls that ran at some moment, innermost first, as numbers that stay good as long as the interpreter. Of a very
/// deep stack only both ends are kept.
struct CallTrace {
    struct Place {
        /// The program's serial number.
        let program: Int
        let function: Int32
        let instruction: Int32
    }

    var places: [Place] = []
    /// How many calls between the ends were left out, those of the library among them.
    var omittedCount = 0

    /// Bytes of `places` and the count, as objects of scripts keep them.
    var packed: [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: Int64(omittedCount)) { bytes.append(contentsOf: $0) }
        places.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return bytes
    }

    init() {}

    init(packed: UnsafeRawBufferPointer) {
        omittedCount = Int(packed.loadUnaligned(as: Int64.self))
        for offset in stride(from: 8, to: packed.count, by: MemoryLayout<Place>.size) {
            places.append(packed.loadUnaligned(fromByteOffset: offset, as: Place.self))
        }
    }
}

extension Machine {
    /// The error of what runs above `bottom`, for the failure that is set.
    func makeError(above bottom: Int = 0) -> RuntimeError {
        let message: String
        var kind = RuntimeError.Kind.error
        switch failure {
        case .thrown:
            var error = uncaughtError()
            error.value = hold(Value(bits: thrown))
            error.end = end(error.kind)
            return error
        case .message(let text): message = text
        case .stackOverflow: (message, kind) = ("Stack overflow.", .stackOverflow)
        case .outOfMemory, .waiting, nil: (message, kind) = ("Out of memory.", .outOfMemory)
        case .limit(let limit): (message, kind) = (limit.text, limit)
        case .host(let failure):
            var error = makeError(failure.message, note: failure.note, failure.outer ?? trace(above: bottom), kind: failure.kind)
            error.value = failure.value
            error.end = failure.end ?? end(kind)
            return error
        }
        var error = makeError(message, note: noteOnFailure(message), trace(above: bottom), kind: kind)
        error.end = end(kind)
        return error
    }

    private func end(_ kind: RuntimeError.Kind) -> RunEnd? {
        kind == .error ? nil : RunEnd(kind: kind, run: RunIdentity(self))
    }

    func makeError(
        _ message: String, note: String?, _ trace: CallTrace, kind: RuntimeError.Kind = .error
    ) -> RuntimeError {
        var inner: [RuntimeError.TraceEntry] = []
        var cause: (any Error)?
        if case .host(let failure) = failure { (inner, cause) = (failure.trace, failure.cause) }
        return RuntimeError(
            message: message, note: note, trace: inner + trace.places.map(traceEntry), omittedCount: trace.omittedCount,
            omissionIndex: inner.count + RuntimeError.keptAtEachEnd, kind: kind, cause: cause)
    }

    /// A note on the failure that is set, which has this message.
    func noteOnFailure(_ message: String) -> String? {
        guard case .message = failure, let top, !isHidden(top) else { return nil }
        return note(on: message, at: top)
    }

    /// The calls above the frame with a number. Of many only the ends are looked at: errors are thrown in deep stacks, too.
    func trace(above bottom: Int) -> CallTrace {
        var trace = CallTrace()
        guard let top else { return trace }
        let first = state.pointee.stack.frames + bottom + 1
        let kept = RuntimeError.keptAtEachEnd
        // What the prelude calls is left out: it is no part of the program.
        var inner = top
        while inner >= first, trace.places.count < kept {
            if !isHidden(inner) { trace.places.append(place(inner)) }
            inner -= 1
        }
        var ends: [CallTrace.Place] = []
        var outer = first
        while outer <= inner, ends.count < kept {
            if !isHidden(outer) { ends.append(place(outer)) }
            outer += 1
        }
        trace.omittedCount = max(inner - outer + 1, 0)
        trace.places.append(contentsOf: ends.reversed())
        return trace
    }

    /// Whether a frame runs a function of the library.
    private func isHidden(_ frame: FramePointer) -> Bool {
        guard let record = frame.pointee.prototype else { return true }
        return record.pointee.functions == prelude?.functions || record.pointee.functions == errorPrelude?.functions
            || programs.isHidden(record.pointee.programNumber)
    }

    private func place(_ frame: FramePointer) -> CallTrace.Place {
        guard let record = frame.pointee.prototype, let pc = frame.pointee.pc else {
            return CallTrace.Place(program: -1, function: 0, instruction: 0)
        }
        return CallTrace.Place(
            program: programs[record.pointee.programNumber].serial, function: Int32(record.pointee.functionNumber),
            instruction: Int32(max(pc - record.pointee.code - 1, 0)))
    }

    func traceEntry(_ place: CallTrace.Place) -> RuntimeError.TraceEntry {
        // A text that has run is gone, with its lines.
        guard let program = programs.program(serial: place.program) else {
            return RuntimeError.TraceEntry(functionName: nil, sourceName: "", line: 0, startByte: 0, endByte: 0)
        }
        return traceEntry(place, in: program)
    }

    private func traceEntry(_ place: CallTrace.Place, in program: Program) -> RuntimeError.TraceEntry {
        let function = program.functions[Int(place.function)]
        let span = function.spans[Int(place.instruction)]
        return RuntimeError.TraceEntry(
            functionName: function.kind == .script ? nil : function.name ?? "anonymous function",
            sourceName: program.sourceName, isModule: program.scope != nil,
            line: Int(function.lines[Int(place.instruction)]),
            startByte: Int(span.start), endByte: Int(span.end))
    }
}
