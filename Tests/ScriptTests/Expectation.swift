// What a script says about itself in comments, and the comparison with what it did.
//
//     // expect: TEXT                      one line of standard output; they stand in order
//     // expect runtime error: MESSAGE     exit code 70; the error is in the line of the comment
//     // expect compile error: TEXT        exit code 65; one whole line of standard error each

struct Expectation {
    var output: [String] = []
    var compileErrors: [String] = []
    var runtimeError: (message: String, line: Int)?

    /// Whether the source says nothing about what it does.
    var isEmpty: Bool { output.isEmpty && compileErrors.isEmpty && runtimeError == nil }

    var exitCode: Int32 { !compileErrors.isEmpty ? 65 : runtimeError != nil ? 70 : 0 }

    init(source: String) {
        for (index, line) in source.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if let text = Self.text(after: "// expect:", in: line) {
                output.append(text)
            } else if let text = Self.text(after: "// expect compile error:", in: line) {
                compileErrors.append(text)
            } else if let text = Self.text(after: "// expect runtime error:", in: line) {
                runtimeError = (text, index + 1)
            }
        }
    }

    /// What follows the marker and one space.
    private static func text(after marker: String, in line: Substring) -> String? {
        let line = Array(line.utf8), marker = Array(marker.utf8)
        guard line.count >= marker.count else { return nil }
        for start in 0...(line.count - marker.count)
        where line[start] == marker[0] && line[start..<(start + marker.count)].elementsEqual(marker) {
            var rest = line[(start + marker.count)...]
            if rest.first == UInt8(ascii: " ") { rest.removeFirst() }
            return String(decoding: rest, as: UTF8.self)
        }
        return nil
    }

    /// The differences between the expectation and what a run with `--diagnostics=lox` did;
    /// empty when there are none.
    func differences(from outcome: ChildOutcome) -> [String] {
        if outcome.timedOut { return ["no end within the time limit"] }
        var differences: [String] = []
        if let signal = outcome.signal {
            differences.append("ended by signal \(signal)")
        } else if outcome.exitCode != exitCode {
            differences.append("exit code \(outcome.exitCode ?? -1) instead of \(exitCode)")
        }
        differences += Self.difference("output", expected: output, found: outcome.outputLines)
        if let runtimeError {
            let lines = outcome.errorLines
            if lines.first != runtimeError.message {
                differences.append("error \(lines.first ?? "missing") instead of \(runtimeError.message)")
            }
            if lines.count < 2 || !lines[1].hasPrefix("[line \(runtimeError.line)] in ") {
                differences.append("trace \(lines.dropFirst().first ?? "missing") instead of line \(runtimeError.line)")
            }
        } else {
            differences += Self.difference("errors", expected: compileErrors, found: outcome.errorLines)
        }
        if !differences.isEmpty, !outcome.standardError.isEmpty {
            differences.append("standard error was: \(outcome.errorText.prefix(500))")
        }
        return differences
    }

    private static func difference(_ name: String, expected: [String], found: [String]) -> [String] {
        guard expected != found else { return [] }
        let same = zip(expected, found).prefix { $0 == $1 }.count
        let wanted = same < expected.count ? expected[same] : "the end"
        let was = same < found.count ? found[same] : "the end"
        return ["\(name) line \(same + 1): \(was.prefix(300)) instead of \(wanted.prefix(300))"]
    }
}
