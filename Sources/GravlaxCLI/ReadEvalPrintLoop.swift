// `gravlax` alone: lines are read, run at once, and the values of bare expressions printed.

import Glibc

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
            if state.isOpen { continue }
            evaluate(chunk)
            chunk = []
            state = InputState()
        }
        if !chunk.isEmpty { evaluate(chunk) }
        if showsPrompt { StandardStream.output.write("\n") }
        session.finish()
    }

    private func evaluate(_ chunk: [UInt8]) {
        if chunk.allSatisfy({ " \t\r\n".utf8.contains($0) }) { return }
        session.evaluate(chunk)
    }
}
