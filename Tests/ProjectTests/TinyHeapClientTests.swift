// The second language on the heap: built as whoever depends on the package would build it, and run.

import Foundation
import Testing

@Suite("Tiny heap client")
struct TinyHeapClientTests {
    static let package = "Examples/TinyHeapClient"
    private static let built = Result { try buildPackage(package).appendingPathComponent("TinyHeapClient").path }

    private func run(_ arguments: String...) throws -> CommandOutcome {
        try runCommand([Self.built.get()] + arguments)
    }

    /// The numbers in the line about the heap: collections, pairs made, pairs left, bytes in use.
    private func counts(_ line: String?) -> [Int] {
        (line ?? "").split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    }

    @Test func demonstration() throws {
        let outcome = try run()
        #expect(outcome.status == 0)
        #expect(outcome.lines.dropLast() == ["6765", "[ 1 4 9 16 25 36 49 64 81 100 ]", "[ 332833500 ]"])
        let counts = counts(outcome.lines.last)
        try #require(counts.count == 4, "\(outcome.text)")
        #expect(counts[0] > 10, "collections")
        #expect(counts[1] > 100_000, "pairs made")
        #expect(counts[2] > 0 && counts[2] < 1_000, "what lives at the end: \(counts[2]) pairs")
        #expect(counts[3] < 100 << 10, "bytes in use")
    }

    @Test(
        "programs",
        arguments: [
            ("2 3 + print", "5"), ("2 3 < print", "1"), ("3 2 < print", "0"), ("1 2 swap print print", "1\n2"),
            ("1 2 3 rot print", "1"), ("[ 1 [ 2 ] ] print", "[ 1 [ 2 ] ]"), ("[ 1 2 ] uncons print", "[ 2 ]"),
            ("1 [ 2 ] cons print", "[ 1 2 ]"), ("[ 1 2 ] 7 put print", "[ 7 2 ]"), ("0 [ 1 ] [ 2 ] if print", "2"),
            ("[ 1 + ] [ next ] define 5 next print", "6"), ("nonsense", "error: nonsense is not defined"),
            ("1 ] 2 [", "error: brackets do not match"), ("[ 1", "error: brackets do not match"),
            ("] [", "error: brackets do not match"), ("] ] ] ]", "error: brackets do not match"), ("cons print", "[ [] ]"),
        ])
    func program(text: String, output: String) throws {
        #expect(try run(text).lines.dropLast().joined(separator: "\n") == output)
    }

    /// A list is held by a word of the stack alone, across many collections.
    @Test func rootsAreKept() throws {
        let program = """
            [ dup 1 < [ drop ] [ dup rot cons swap -1 + count ] if ] [ count ] define
            [ dup 1 < [ drop ] [ [ ] 100 count drop -1 + churn ] if ] [ churn ] define
            [ dup empty [ drop ] [ uncons rot rot + swap sum ] if ] [ sum ] define
            [ ] 1000 count 2000 churn 0 swap sum print
            """
        let outcome = try run(program)
        #expect(outcome.lines.first == "500500")
        #expect(counts(outcome.lines.last).first ?? 0 > 10)
    }

    @Test func isSmall() throws {
        var lineCount = 0
        for path in Repository.files(in: Self.package, ending: ".swift") where !path.hasSuffix("Package.swift") {
            let text = try Repository.text(path)
            lineCount += text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
            let imports = text.split(separator: "\n").filter { $0.hasPrefix("import ") }
            #expect(imports.allSatisfy { $0 == "import GravlaxHeap" }, "\(path) needs more than the heap")
        }
        #expect(lineCount > 0 && lineCount < 150)
    }
}
