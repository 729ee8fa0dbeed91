// `gravlax` alone: lines are read, run at once, and the values of bare expressions printed.

import Glibc
import GravlaxCompiler

struct ReadEvalPrintLoop {
    private let session: Session
    private let showsPrompt: Bool

    init(_ session: Session) {
        self.session = session
        showsPrompt = StandardStream.input.isTerminal && StandardStream.output.isTerminal
    }

    /// Runs until the end of the input. Errors are reported and end nothing.
    func run() throws {
        var reader = LineReader(descriptor: STDIN_FILENO)
        var chunk: [UInt8] = []
        var state = InputState()
        while true {
            if showsPrompt { StandardStream.output.write(chunk.isEmpty ? "> " : "... ") }
            guard let line = reader.next() else { break }
            chunk += line
            state.scan(line)
            if needsMore(chunk, state, after: line) { continue }
            evaluate(chunk)
            chunk = []
            state = InputState()
        }
        if !chunk.isEmpty { evaluate(chunk) }
        if showsPrompt { StandardStream.output.write("\n") }
        try session.finish()
    }

    /// Lines are read on while a bracket or a string is open; at a terminal only as long as nothing is wrong yet.
    /// Else the parser tells whether the text ends too early, and an empty line overrules it.
    private func needsMore(_ chunk: [UInt8], _ state: InputState, after line: [UInt8]) -> Bool {
        if state.isOpen, !showsPrompt || chunk.count > Self.parsedAtOnce { return true }
        if !state.isOpen, isBlank(line) { return false }
        let result = Parser.parse(chunk, isInteractive: true)
        return result.isIncomplete || state.isInString
    }

    /// Text with open brackets that is longer is not parsed again at each line.
    private static let parsedAtOnce = 16 << 10

    private func isBlank(_ text: [UInt8]) -> Bool { text.allSatisfy { " \t\r\n".utf8.contains($0) } }

    private func evaluate(_ chunk: [UInt8]) {
        if isBlank(chunk) { return }
        session.evaluate(chunk)
    }
}
