// The guide, executed: its programs do what their comments say, its transcripts are what a shell shows.

import Foundation
import Testing

@Suite("The guide")
struct GuideSuite {
    struct Snippet: CustomTestStringConvertible {
        let place: String
        let text: String
        /// The program before it, for a transcript.
        var program = ""

        var testDescription: String { place }
    }

    static let programs = snippets("lox")
    static let transcripts = snippets("console")

    @Test func thereAreSnippets() {
        #expect(Self.programs.count > 15)
        #expect(Self.transcripts.count > 2)
    }

    @Test(arguments: programs)
    func programDoesWhatItsCommentsSay(_ snippet: Snippet) throws {
        let outcome = try Subject.run(["run", "--diagnostics=lox", "-"], input: Array(snippet.text.utf8))
        let expectation = Expectation(source: snippet.text)
        // What says nothing is the subject of a transcript.
        if expectation.isEmpty { return }
        for difference in expectation.differences(from: outcome) { Issue.record("\(difference)") }
    }

    /// Each command runs in a folder where the files that it names hold the program before it.
    @Test(arguments: transcripts)
    func transcriptIsTrue(_ snippet: Snippet) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gravlax-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in snippet.text.matches(of: /[a-z]+\.lox/) {
            try Data(snippet.program.utf8).write(to: folder.appendingPathComponent(String(name.output)))
        }
        var expected: [String] = []
        var shown: [String] = []
        for line in snippet.text.split(separator: "\n", omittingEmptySubsequences: false) {
            expected.append(String(line))
            guard line.hasPrefix("$ ") else { continue }
            let outcome = try ChildProcess(
                executable: "/bin/sh", arguments: ["-c", "cd '\(folder.path)'; { \(line.dropFirst(2)); } 2>&1"],
                environment: ["PATH": "\(URL(fileURLWithPath: Subject.binary).deletingLastPathComponent().path):/usr/bin:/bin"]
            ).run()
            shown += [String(line)] + outcome.outputLines
        }
        #expect(shown == expected)
    }

    /// The fenced blocks of a kind in the guide.
    private static func snippets(_ kind: String) -> [Snippet] {
        let folder = Subject.root.appendingPathComponent("docs/guide")
        var snippets: [Snippet] = []
        for name in ["language.md", "library.md", "running.md", "watching.md"] {
            guard let text = try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8) else { continue }
            var program = ""
            var open: (kind: String, line: Int, lines: [String])?
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                if let block = open, line == "```" {
                    let body = block.lines.joined(separator: "\n")
                    if block.kind == kind {
                        snippets.append(Snippet(place: "\(name):\(block.line)", text: body, program: program))
                    }
                    if block.kind == "lox" { program = body + "\n" }
                    open = nil
                } else if open != nil {
                    open?.lines.append(String(line))
                } else if line.hasPrefix("```") {
                    open = (String(line.dropFirst(3)), index + 1, [])
                }
            }
        }
        return snippets
    }
}
