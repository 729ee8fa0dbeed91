import GravlaxRuntime

extension FinalizationReport {
    /// The ledger, then a line for each that is pending.
    var text: String {
        var text = "finalizers and cleanups: \(ledger.registered) registered, \(ledger.run) run, "
            + "\(ledger.dropped) removed, \(ledger.queued) due, \(ledger.waiting) waiting\n"
        for one in pending.prefix(Self.shownCount) {
            text += one.kind == .finalizer ? "    finalizer" : "    cleanup"
            if let object = one.object { text += " of \(object)" }
            text += ", set at \(one.sourceName):\(one.line)"
            if one.isDue { text += ": due" }
            if one.isNever { text += ": never runs, since it keeps its object itself" }
            text += "\n"
        }
        if pending.count > Self.shownCount { text += "    … and \(pending.count - Self.shownCount) more\n" }
        return text
    }

    /// More are no help to anyone.
    private static var shownCount: Int { 50 }
}
