/// An error that ended a program: what happened, and where, innermost call first.
public struct RuntimeError: Error, Sendable {
    /// A call that was running.
    public struct TraceEntry: Sendable, Equatable {
        /// The function's name; `nil` for the script itself.
        public let functionName: String?
        public let sourceName: String
        /// The line, from 1.
        public let line: Int
        /// The bytes of the source text that were running, as a half-open range.
        public let startByte: Int
        public let endByte: Int

        /// `script`, or the name with `()`.
        public var place: String { functionName.map { "\($0)()" } ?? "script" }
    }

    public let message: String
    /// What may help a person, where something may. clox has nothing like it.
    public let note: String?
    /// The calls, innermost first; of a very deep stack only both ends.
    public let trace: [TraceEntry]
    /// How many calls were left out, and after which entry of `trace` they stood.
    public let omittedCount: Int
    public let omissionIndex: Int

    /// How many entries are kept at each end of a deep trace.
    static let keptAtEachEnd = 64

    public init(
        message: String, note: String? = nil, trace: [TraceEntry] = [], omittedCount: Int = 0, omissionIndex: Int = 0
    ) {
        self.message = message
        self.note = note
        self.trace = trace
        self.omittedCount = omittedCount
        self.omissionIndex = omissionIndex
    }

    /// The text as clox prints it: the message, then a line for each call.
    public var loxDescription: String {
        traceLines.reduce(message + "\n") { $0 + $1 + "\n" }
    }

    /// A line for each call, as clox prints it.
    var traceLines: [String] {
        var lines = trace.map { "[line \($0.line)] in \($0.place)" }
        if omittedCount > 0 { lines.insert("[... \(omittedCount) more calls ...]", at: omissionIndex) }
        return lines
    }
}
