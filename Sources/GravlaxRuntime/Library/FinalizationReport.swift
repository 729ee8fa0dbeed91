import GravlaxHeap

/// What became of all finalizers and cleanups, and what of them waits.
package struct FinalizationReport: Sendable {
    package struct Pending: Sendable {
        package let kind: DueCall.Kind
        /// What `print` shows of the object, shortened; `nil` for a cleanup whose object is free.
        package let object: String?
        package let sourceName: String
        package let line: Int
        package let isDue: Bool
        /// Whether it keeps its object itself, so that it never runs as things stand.
        package let isNever: Bool
    }

    package let ledger: FinalizationLedger
    package let pending: [Pending]
}

extension Machine {
    /// The call that runs, as a registration remembers it: the program's number above the line.
    var site: UInt64 {
        guard let top, let record = top.pointee.prototype, let pc = top.pointee.pc else { return 0 }
        let program = programs[record.pointee.programNumber]
        program.isReferred = true
        let function = program.program.functions[record.pointee.functionNumber]
        return UInt64(record.pointee.programNumber) << 32 | UInt64(function.lines[pc - record.pointee.code - 1])
    }

    /// Walks all that finalizers keep, with the world stopped. At a safepoint, or between programs.
    func finalizationReport() -> FinalizationReport {
        let pending = mutator.pendingFinalizations().map { one in
            FinalizationReport.Pending(
                kind: one.kind, object: UnsafeMutablePointer(bitPattern: one.object).map { shortText(Value(object: $0)) },
                sourceName: programs[Int(one.site >> 32)].program.sourceName, line: Int(one.site & 0xFFFF_FFFF),
                isDue: one.isQueued, isNever: one.isNever)
        }
        return FinalizationReport(ledger: heap.finalizationLedger, pending: pending)
    }

    /// The beginning of what `print` shows.
    private func shortText(_ value: Value) -> String {
        let limit = 40
        var text: [UInt8] = []
        write(value, while: { text.count <= limit }) { text.append(contentsOf: $0.prefix(limit + 1)) }
        if text.count <= limit { return String(decoding: text, as: UTF8.self) }
        // Not in the middle of a character.
        var end = limit
        while end > 0, UTF8.isContinuation(text[end]) { end -= 1 }
        return String(decoding: text[..<end], as: UTF8.self) + "…"
    }

    /// The pending ones as a list of maps, for `gc.stats`.
    func makePendingList() -> Value? {
        let pending = finalizationReport().pending
        guard let list = makeList(capacity: pending.count) else { return nil }
        temporaries[Machine.pendingPlace] = list.bits
        defer { temporaries[Machine.pendingPlace] = 0 }
        for one in pending {
            guard let kind = makeString(one.kind == .finalizer ? "finalizer" : "cleanup") else { return nil }
            temporaries[Machine.pendingTextPlace] = kind.bits
            guard let place = makeString("\(one.sourceName):\(one.line)") else { return nil }
            temporaries[Machine.pendingTextPlace + 1] = place.bits
            defer {
                temporaries[Machine.pendingTextPlace] = 0
                temporaries[Machine.pendingTextPlace + 1] = 0
            }
            guard
                let entry = makeRecord([
                    ("kind", kind), ("place", place), ("due", Value(one.isDue)), ("never", Value(one.isNever)),
                ]), push(entry.bits, to: list.words)
            else { return nil }
        }
        return list
    }

    private static var pendingPlace: Int { 2 }
    private static var pendingTextPlace: Int { 3 }
}
