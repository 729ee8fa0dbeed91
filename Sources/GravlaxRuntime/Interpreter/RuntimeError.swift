/// An error that ended a program: what happened, and where, innermost call first.
public struct RuntimeError: Error, Sendable {
    /// A call that was running.
    public struct TraceEntry: Sendable, Equatable {
        /// The function's name; `nil` for the script itself.
        public let functionName: String?
        public let sourceName: String
        /// Whether that is a file that the program imports.
        public let isModule: Bool
        /// The line, from 1; 0 for a function of the host.
        public let line: Int
        /// The bytes of the source text that were running, as a half-open range.
        public let startByte: Int
        public let endByte: Int

        package init(
            functionName: String?, sourceName: String, isModule: Bool = false, line: Int, startByte: Int, endByte: Int
        ) {
            self.functionName = functionName
            self.sourceName = sourceName
            self.isModule = isModule
            self.line = line
            self.startByte = startByte
            self.endByte = endByte
        }

        /// `script`, or the name with `()`.
        public var place: String { functionName.map { "\($0)()" } ?? "script" }
    }

    /// What kind of end it was.
    public enum Kind: Sendable, Equatable {
        /// An error of the script's, or one that a host function threw.
        case error
        /// The heap's budget, or the system's memory, was not enough.
        case outOfMemory
        /// More calls inside one another than `Configuration.depth` allows, or than there is memory for.
        case stackOverflow
        /// The fuel was used up.
        case fuel
        /// The deadline passed.
        case deadline
        /// Another thread interrupted the script.
        case interrupted
        /// The script ended itself by `os.exit`, with this code.
        case exit(Int32)

        /// Whether the script was to end, and may not catch it.
        var isLimit: Bool {
            switch self {
            case .fuel, .deadline, .interrupted, .exit: true
            case .error, .outOfMemory, .stackOverflow: false
            }
        }

        var text: String {
            switch self {
            case .error: "Error."
            case .outOfMemory: "Out of memory."
            case .stackOverflow: "Stack overflow."
            case .fuel: "Out of fuel."
            case .deadline: "Deadline passed."
            case .interrupted: "Interrupted."
            case .exit(let code): "Exited with code \(code)."
            }
        }
    }

    public let message: String
    public let kind: Kind
    /// What a host function threw.
    public let cause: (any Error)?
    /// What may help a person, where something may. clox has nothing like it.
    public let note: String?
    /// The calls, innermost first; of a very deep stack only both ends.
    public let trace: [TraceEntry]
    /// How many calls were left out, and after which entry of `trace` they stood.
    public let omittedCount: Int
    public let omissionIndex: Int

    /// What the script threw, when it did.
    package var value: HostValue?
    /// The end of a run that it tells of.
    package var end: RunEnd?

    /// How many entries are kept at each end of a deep trace.
    static let keptAtEachEnd = 64

    /// Of the calls of several runs inside one another only both ends, too.
    static func trimmed(_ trace: [TraceEntry]) -> [TraceEntry] {
        trace.count <= 2 * keptAtEachEnd ? trace : Array(trace.prefix(keptAtEachEnd) + trace.suffix(keptAtEachEnd))
    }

    public init(
        message: String, note: String? = nil, trace: [TraceEntry] = [], omittedCount: Int = 0, omissionIndex: Int = 0,
        kind: Kind = .error, cause: (any Error)? = nil
    ) {
        self.message = message
        self.note = note
        self.trace = trace
        self.omittedCount = omittedCount
        self.omissionIndex = omissionIndex
        self.kind = kind
        self.cause = cause
    }

    /// The text as clox prints it: the message, then a line for each call.
    public var loxDescription: String {
        traceLines.reduce(message + "\n") { $0 + $1 + "\n" }
    }

    /// A line for each call, as clox prints it; with the name of the file where that is a module.
    var traceLines: [String] {
        var lines = trace.map { entry in
            let place = entry.line == 0 ? entry.functionName == nil ? "gone" : "host" : "line \(entry.line)" + (entry.isModule ? " of \(entry.sourceName)" : "")
            return "[\(place)] in \(entry.place)"
        }
        if omittedCount > 0 { lines.insert("[... \(omittedCount) more calls ...]", at: omissionIndex) }
        return lines
    }
}
