// Compile errors are values.

/// One compile error.
package struct Diagnostic: Error, Equatable, Sendable {
    /// What the error is found at, in the words of clox.
    package enum Location: Equatable, Sendable {
        /// A token, by its text.
        case token(String)
        /// The end of the text.
        case end
        /// No token: the scanner could not make one.
        case lexical
    }

    package let message: String
    package let location: Location
    /// The token's.
    package let span: CodeSpan
    /// What a person should look at: the token, or the place where something is missing.
    package let shown: CodeSpan
    /// What may help.
    package let note: String?
    /// Line of the token, from 1.
    package let line: UInt32

    package init(
        _ message: String, at location: Location, span: CodeSpan, line: UInt32,
        shown: CodeSpan? = nil, note: String? = nil
    ) {
        self.message = message
        self.location = location
        self.span = span
        self.line = line
        self.shown = shown ?? span
        self.note = note
    }

    /// The error as clox prints it.
    package var loxText: String { loxText(ofModule: nil) }

    /// The same with the name of the file, unless that is the program itself.
    package func loxText(ofModule name: String?) -> String {
        let place = switch location {
        case .token(let text): " at '\(text)'"
        case .end: " at end"
        case .lexical: ""
        }
        return "[line \(line)\(name.map { " of \($0)" } ?? "")] Error\(place): \(message)"
    }
}
