import Foundation
import GravlaxCompiler
import Testing

/// Programs that nobody wrote: scripts with tokens lost, doubled, swapped and replaced, and heaps of random tokens.
/// What compiles verifies, what does not has errors with places inside the text, and nothing crashes.
///
/// `GRAVLAX_FUZZ_COUNT` sets how many programs are tried, `GRAVLAX_FUZZ_SEED` where they begin.
@Suite struct CompilerFuzzTests {
    private struct Random {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }

    private static let words: [String] = [
        "(", ")", "{", "}", "[", "]", ",", ".", "-", "+", ";", ":", "/", "*", "%", "!", "!=", "=", "==", "<", "<=", ">",
        ">=", "a", "b", "in", "init", "m", "\"s\"", "\"\\n\"", "\"", "\"\\q\"", "0", "1", "2.5", "and", "class", "else",
        "false", "for", "fun", "if", "nil", "or", "print", "return", "super", "this", "true", "var", "while", "\n", "é",
        "@", "\0", "// c", "class A < B {", "fun f(a) {", "for (var i = 0; i < 3; i = i + 1)", "for (var k, v in a)",
        "+=", "?", "??", "..", "..=", "...", "=>", "\"${", "}${", "}\"", "1e3", "0xf", "is", "break", "continue", "fun (a) =>",
        "fun () {", "fun f(a, b = 1, ...c) {", "for (var i in 0..3)", "\"${a}\"",
        "import", "as", "import \"std/gc\" as a;", "import \"std/gc\"",
    ]

    private static let scripts: [[String]] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Scripts")
        guard let walk = FileManager.default.enumerator(atPath: root.path) else { return [] }
        return walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".lox") }.sorted().compactMap { path in
            guard let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8),
                text.utf8.count < 3_000
            else { return nil }
            return tokens(text)
        }
    }()

    private static func tokens(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBufferPointer { buffer in
            var scanner = Scanner(buffer)
            var tokens: [String] = []
            while true {
                let token = scanner.next()
                if token.kind == .end { return tokens }
                tokens.append(String(decoding: bytes[Int(token.start)..<Int(token.end)], as: UTF8.self))
            }
        }
    }

    private static func program(_ random: inout Random) -> String {
        if random.next(8) == 0 {
            return (0..<random.next(80)).map { _ in words[random.next(words.count)] }.joined(separator: " ")
        }
        var tokens = scripts[random.next(scripts.count)]
        for _ in 0..<[1, 1, 1, 2, 4][random.next(5)] where !tokens.isEmpty {
            let place = random.next(tokens.count)
            switch random.next(5) {
            case 0: tokens.remove(at: place)
            case 1: tokens.insert(words[random.next(words.count)], at: place)
            case 2: tokens[place] = words[random.next(words.count)]
            case 3: tokens.swapAt(place, random.next(tokens.count))
            default: tokens.insert(contentsOf: tokens[place..<min(tokens.count, place + 12)], at: random.next(tokens.count))
            }
        }
        return tokens.joined(separator: random.next(4) == 0 ? "\n" : " ")
    }

    @Test func nothingCrashesAndWhatCompilesVerifies() throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["GRAVLAX_FUZZ_COUNT"].flatMap(Int.init) ?? 1_500
        var random = Random(state: environment["GRAVLAX_FUZZ_SEED"].flatMap(UInt64.init) ?? 1)
        try #require(Self.scripts.count > 300)
        var compiled = 0
        for _ in 0..<count {
            let source = Self.program(&random)
            let bytes = Array(source.utf8)
            do {
                let program = try Compiler.compile(
                    source: bytes, name: "fuzz", globalNames: ["clock", "str"],
                    options: CompilerOptions(isInteractive: random.next(4) == 0))
                let failures = Verifier.verify(program)
                #expect(failures.isEmpty, "\(failures[0])\n\(source)")
                _ = Disassembler.listing(of: program)
                compiled += 1
            } catch {
                #expect(!error.diagnostics.isEmpty, "\(source)")
                let renderer = DiagnosticRenderer(name: "fuzz", bytes: bytes, isColoured: false)
                for diagnostic in error.diagnostics {
                    #expect(diagnostic.span.end <= bytes.count && diagnostic.shown.start <= diagnostic.shown.end, "\(source)")
                    #expect(renderer.text(diagnostic).contains("^"), "\(source)")
                }
            }
        }
        // Both paths are taken.
        #expect(compiled > count / 20 && compiled < count, "\(compiled)")
    }
}
