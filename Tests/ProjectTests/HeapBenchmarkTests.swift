// The benchmark of the heap alone: it builds, runs, and measures the rows that Go's program measures. What it measures
// is no matter of a test.

import Foundation
import Testing

@Suite("Heap benchmark")
struct HeapBenchmarkTests {
    @Test func rowsAreMeasured() throws {
        let program = try buildPackage("Tests/Benchmarks/heap").appendingPathComponent("heap-benchmark").path
        let outcome = try runCommand([program, "alloc.scan.32768.", "alloc.noscan.32768.", "create"])
        #expect(outcome.status == 0)
        let names = outcome.lines.compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(
            names == [
                "alloc.noscan.32768.1", "alloc.noscan.32768.2", "alloc.scan.32768.1", "alloc.scan.32768.2", "create.ms",
                "create.KiB",
            ])
        for line in outcome.lines {
            let value = try #require(line.split(separator: " ").last.flatMap { Double($0) }, "\(line)")
            #expect(value > 0, "\(line)")
        }
    }

    @Test func sizesAreThoseOfGosProgram() throws {
        let ours = try Repository.text("Tests/Benchmarks/heap/Sources/main.swift")
        let list = try #require(ours.firstMatch(of: /let sizes = \[([\d, ]+)\]/)?.1)
        let sizes = list.split(separator: ",").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        let theirs = try Repository.text("Tests/Benchmarks/go/main.go")
        for type in ["uint64", "\\*byte"] {
            let words = try theirs.matches(of: Regex<(Substring, Substring)>("measure\\[\\[(\\d+)\\]\(type)\\]"))
            #expect(words.compactMap { Int($0.1).map { $0 * 8 } } == sizes)
        }
    }
}
