// The examples as a collection; that each prints what its comments say is a matter of the script tests.

import Foundation
import Testing

@Suite("Examples")
struct ExamplesTests {
    static let scripts = Repository.files(in: "Examples", ending: ".lox").filter { !$0.hasPrefix("Examples/benchmarks/") }

    /// Whoever runs them with `--gctrace` sees something. The adventure waits for a player.
    @Test("make the collector work", arguments: scripts.filter { !$0.hasSuffix("/life.lox") && !$0.contains("/adventure/") })
    func collect(path: String) throws {
        let program = Repository.products.appendingPathComponent("gravlax").path
        let outcome = try runCommand([program, "run", "--gctrace", path])
        #expect(outcome.status == 0)
        #expect(outcome.lines.filter { $0.hasPrefix("gc ") }.count >= 3)
    }

    @Test func areListed() throws {
        let links = Set(Markdown(try Repository.text("Examples/README.md")).links.map { "Examples/" + $0 })
        // What the adventure consists of stands in its main file.
        let parts = Self.scripts.filter { $0.contains("/adventure/") && !$0.hasSuffix("/main.lox") }
        #expect(Self.scripts.filter { !links.contains($0) && !parts.contains($0) } == [])
    }
}
