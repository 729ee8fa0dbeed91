// Errors as people see them: for each typical mistake in Tests/Diagnostics, the whole text beside it.

import Foundation
import Testing

@Suite("Errors for people")
struct RichDiagnosticsSuite {
    static let mistakes = Subject.scripts(in: "Tests/Diagnostics")

    @Test(arguments: mistakes)
    func text(path: String) throws {
        let file = Subject.root.appendingPathComponent(path)
        let outcome = try Subject.run(["run", "-"], input: Array(Data(contentsOf: file)))
        let expected = try Data(contentsOf: file.deletingPathExtension().appendingPathExtension("txt"))
        #expect(outcome.errorText == String(decoding: expected, as: UTF8.self))
    }

    /// A folder that has moved must not look like success.
    @Test func thereAreMistakes() { #expect(Self.mistakes.count > 25) }

    /// Of a line of any length only the neighbourhood of the error is shown.
    @Test func longLine() throws {
        let x = String(repeating: "x", count: 100_000)
        let text = "var s = \"\(x)\"; print s + 1; var t = \"\(x)\";"
        let outcome = try Subject.run(["run", "-"], input: Array(text.utf8))
        #expect(outcome.errorLines[1] == " --> standard input:1:100019")
        #expect(outcome.errorLines[3].utf8.count < 120)
        let caret = try #require(outcome.errorLines[4].firstIndex(of: "^"))
        let column = outcome.errorLines[4].distance(from: outcome.errorLines[4].startIndex, to: caret)
        #expect(outcome.errorLines[3].dropFirst(column).hasPrefix("s + 1;"))
    }

    @Test func ofManyErrorsTheFirstAreShown() throws {
        let text = String(repeating: "print ;\n", count: 20_000)
        let outcome = try Subject.run(["check", "-"], input: Array(text.utf8))
        #expect(outcome.exitCode == 65)
        #expect(outcome.errorLines.count { $0.hasPrefix("error: ") } == 50)
        #expect(outcome.errorLines.last == "… and 19950 more errors")
        let lox = try Subject.run(["check", "--diagnostics=lox", "-"], input: Array(text.utf8))
        #expect(lox.errorLines.count == 20_000)
    }

    @Test func coloursAreForTerminals() throws {
        #expect(try !Subject.run(["-e", "nil();"]).errorText.contains("\u{1B}"))
    }
}
