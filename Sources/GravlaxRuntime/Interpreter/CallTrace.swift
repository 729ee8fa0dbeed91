import GravlaxCompiler

/// The calls that ran at some moment, innermost first, as numbers that stay good as long as the interpreter. Of a very
/// deep stack only both ends are kept.
struct CallTrace {
    struct Place {
        let program: Int32
        let function: Int32
        let instruction: Int32
    }

    var places: [Place] = []
    /// How many calls between the ends were left out.
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
        case .thrown: return uncaughtError()
        case .message(let text): message = text
        case .stackOverflow: (message, kind) = ("Stack overflow.", .stackOverflow)
        case .outOfMemory, .waiting, nil: (message, kind) = ("Out of memory.", .outOfMemory)
        case .limit(let limit): (message, kind) = (limit.text, limit)
        case .host(let failure): (message, kind) = (failure.message, failure.kind)
        }
        return makeError(message, note: noteOnFailure(message), trace(above: bottom), kind: kind)
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

    /// The calls above the frame with a number.
    func trace(above bottom: Int) -> CallTrace {
        var trace = CallTrace()
        guard let top else { return trace }
        let depth = top - state.pointee.stack.frames - bottom
        let kept = RuntimeError.keptAtEachEnd
        // What the prelude calls is left out: it is no part of the program.
        let shown = (0..<depth).reduce(0) { $0 + (isHidden(top - $1) ? 0 : 1) }
        trace.omittedCount = shown > 2 * kept ? shown - 2 * kept : 0
        var position = 0
        for index in 0..<depth where !isHidden(top - index) {
            if trace.omittedCount == 0 || position < kept || position >= kept + trace.omittedCount {
                trace.places.append(place(top - index))
            }
            position += 1
        }
        return trace
    }

    /// Whether a frame runs a function of the library.
    private func isHidden(_ frame: FramePointer) -> Bool {
        guard let record = frame.pointee.prototype else { return true }
        return record.pointee.functions == prelude?.functions || record.pointee.functions == errorPrelude?.functions
            || hiddenPrograms.contains(record.pointee.programNumber)
    }

    private func place(_ frame: FramePointer) -> CallTrace.Place {
        guard let record = frame.pointee.prototype, let pc = frame.pointee.pc else {
            return CallTrace.Place(program: -1, function: 0, instruction: 0)
        }
        return CallTrace.Place(
            program: Int32(record.pointee.programNumber), function: Int32(record.pointee.functionNumber),
            instruction: Int32(max(pc - record.pointee.code - 1, 0)))
    }

    private func traceEntry(_ place: CallTrace.Place) -> RuntimeError.TraceEntry {
        guard place.program >= 0 else {
            return RuntimeError.TraceEntry(functionName: nil, sourceName: "", line: 0, startByte: 0, endByte: 0)
        }
        let program = programs[Int(place.program)].program
        let function = program.functions[Int(place.function)]
        let span = function.spans[Int(place.instruction)]
        return RuntimeError.TraceEntry(
            functionName: function.kind == .script ? nil : function.name ?? "anonymous function",
            sourceName: program.sourceName, isModule: program.scope != nil,
            line: Int(function.lines[Int(place.instruction)]),
            startByte: Int(span.start), endByte: Int(span.end))
    }
}
