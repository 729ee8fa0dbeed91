import GravlaxCompiler
import GravlaxRuntime

/// An error that ended a script, or a conversion that was not possible.
public struct ScriptError: Error, Sendable, CustomStringConvertible {
    /// What kind of end it was.
    public typealias Kind = RuntimeError.Kind

    /// A call that was running.
    public struct Call: Sendable, Equatable, CustomStringConvertible {
        /// The function's name; nil for the script itself, and for whatever was in a text that is not kept any more.
        public let function: String?
        /// The file; nil for a function of the host.
        public let file: String?
        /// From 1; nil for a function of the host.
        public let line: Int?

        /// `move() at main.lox:3`; `script at main.lox:7`; `hypot() of the host`.
        public var description: String {
            guard let place = function.map({ "\($0)()" }) else {
                guard let file, let line else { return "a script that is no more" }
                return "script at \(file):\(line)"
            }
            guard let file, let line else { return "\(place) of the host" }
            return "\(place) at \(file):\(line)"
        }
    }

    /// What went wrong, a sentence or more.
    public let message: String
    /// What kind of end it was.
    public let kind: Kind
    /// What may help a person, where something may.
    public let note: String?
    /// The calls that were running, innermost first, those of the host's functions among them; of a very deep stack only both
    /// ends.
    public let trace: [Call]
    /// What a function of the host threw, when that is what it was.
    public let cause: (any Error)?

    /// What the script threw, when it did and did not catch it: any value. An `Error` of the language itself has one when a
    /// script has caught it and thrown it on. Scripts that a function of the host returns the error to catch this very value.
    public var value: Value? { thrown.map { Value($0) } }
    private let thrown: HostValue?
    /// The end of a run that it tells of.
    private let end: RunEnd?

    /// Where it happened, as far as a script was running.
    public var file: String? { trace.first { $0.file != nil }?.file }
    /// The line there, from 1.
    public var line: Int? { trace.first { $0.line != nil }?.line }

    /// An error for a function of the host to throw.
    public init(_ message: String) { self.init(RuntimeError(message: message)) }

    init(_ message: String, cause: any Error) { self.init(RuntimeError(message: message, cause: cause)) }

    /// An error of a part, with a word on which part it is. Limits stay what they are.
    static func within(_ place: String, _ error: any Error) -> ScriptError {
        guard let error = error as? ScriptError else { return ScriptError("\(place)\(error)", cause: error) }
        return error.kind == .error ? ScriptError(error, message: place + error.message) : error
    }

    private init(_ error: ScriptError, message: String) {
        self.message = message
        kind = error.kind
        note = error.note
        trace = error.trace
        cause = error.cause
        thrown = nil
        end = error.end
    }

    init(_ error: RuntimeError) {
        message = error.message
        note = error.note
        cause = error.cause
        kind = error.kind
        thrown = error.value
        end = error.end
        trace = error.trace.map { entry in
            let isHost = entry.line == 0
            return Call(
                function: entry.functionName, file: isHost ? nil : entry.sourceName, line: isHost ? nil : entry.line)
        }
    }

    /// The message, the note, if there is one, and a line for each call.
    public var description: String {
        ([message] + (note.map { ["    note: \($0)"] } ?? []) + trace.map { "    in \($0)" }).joined(separator: "\n")
    }
}

extension ScriptError: ScriptFailure {
    package var runtimeError: RuntimeError {
        let entries = trace.map {
            RuntimeError.TraceEntry(
                functionName: $0.function, sourceName: $0.file ?? "", line: $0.line ?? 0, startByte: 0, endByte: 0)
        }
        var error = RuntimeError(message: message, note: note, trace: entries, kind: kind, cause: cause)
        error.value = thrown
        error.end = end
        return error
    }
}

/// A script that cannot be compiled, with all of its errors.
public struct CompileError: Error, Sendable, CustomStringConvertible {
    /// One error in a text.
    public struct Diagnostic: Sendable, Equatable {
        /// What is wrong, a sentence.
        public let message: String
        /// From 1.
        public let line: Int
        /// The bytes of the text that a person should look at.
        public let bytes: Range<Int>
        /// What may help.
        public let note: String?
    }

    /// The file that has the errors: the script's, or one that it imports.
    public let file: String
    /// The errors, in the order of the text.
    public let diagnostics: [Diagnostic]
    /// The errors with the lines where they are, and a mark below.
    public let description: String

    init(_ failure: Linker.Failure) {
        file = failure.name
        diagnostics = failure.diagnostics.map {
            Diagnostic(
                message: $0.message, line: Int($0.line), bytes: Int($0.shown.start)..<Int($0.shown.end), note: $0.note)
        }
        let renderer = DiagnosticRenderer(name: failure.name, bytes: failure.bytes, isColoured: false)
        description = failure.diagnostics.prefix(50).map { renderer.text($0) }.joined()
    }
}
