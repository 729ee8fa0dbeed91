// What the README shows is what happens.

import Foundation
import Testing

@Suite("README")
struct ReadmeTests {
    private let readme: Markdown
    private let folder: URL

    /// A folder with the files that the README introduces with their names.
    init() throws {
        readme = Markdown(try Repository.text("README.md"))
        folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("gravlax-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for block in readme.codeBlocks where block.language == "lox" {
            let name = try #require(block.introduction.firstMatch(of: /`(\w+\.lox)`/)?.1)
            try block.text.write(to: folder.appendingPathComponent(String(name)), atomically: true, encoding: .utf8)
        }
    }

    @Test func isShort() throws {
        let lineCount = try Repository.text("README.md").split(separator: "\n", omittingEmptySubsequences: false).count - 1
        #expect(lineCount < 150)
    }

    @Test func transcripts() throws {
        let transcripts = readme.codeBlocks.filter { $0.language == "console" }
        #expect(transcripts.count >= 2)
        for transcript in transcripts {
            for (command, expected) in Transcript(transcript.text).commands {
                let path = Repository.products.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
                let outcome = try runCommand(["sh", "-c", command], in: folder, environment: ["PATH": path])
                #expect(Transcript.matches(outcome.lines, expected), "\(command) wrote\n\(outcome.text)")
            }
        }
        try FileManager.default.removeItem(at: folder)
    }

    /// The two commands that do all the set-up are steps of the check, which runs them as they stand.
    @Test func commandsAreChecked() throws {
        let block = try #require(readme.codeBlocks.first { $0.language == "indented" })
        let commands = block.text.split(separator: "\n").map { line in
            String(line.prefix { $0 != "#" }).trimmingCharacters(in: .whitespaces)
        }
        #expect(commands.count == 2)
        let check = try Repository.text(".ci/run")
        for command in commands {
            #expect(check.contains("\" \(command)\n"), "\(command) is no step of .ci/run")
        }
    }

    /// The example in Swift compiles against the library as it is, with warnings as errors.
    @Test func swiftExample() throws {
        let block = try #require(readme.codeBlocks.first { $0.language == "swift" })
        let file = folder.appendingPathComponent("main.swift")
        try block.text.write(to: file, atomically: true, encoding: .utf8)
        let modules = Repository.products.appendingPathComponent("Modules").path
        let shims = Repository.root.appendingPathComponent("Sources/CGravlaxShims/include").path
        let outcome = try runCommand(
            ["swiftc", "-typecheck", "-swift-version", "6", "-warnings-as-errors", "-I", modules, "-I", shims, file.path])
        #expect(outcome.status == 0, "\(outcome.text)")
    }
}

/// Lines of `$ command`, each with what it writes. `…` stands for any lines; digits of times and sizes in lines of the
/// collector may be others.
struct Transcript {
    private(set) var commands: [(command: String, output: [String])] = []

    init(_ text: String) {
        for line in text.split(separator: "\n").map(String.init) {
            if line.hasPrefix("$ ") {
                commands.append((String(line.dropFirst(2)), []))
            } else if !commands.isEmpty {
                commands[commands.count - 1].output.append(line)
            }
        }
    }

    static func matches(_ lines: [String], _ expected: [String]) -> Bool {
        guard let first = expected.first else { return lines.isEmpty }
        if first == "…" { return (0...lines.count).contains { matches(Array(lines[$0...]), Array(expected.dropFirst())) } }
        guard let line = lines.first, same(line, first) else { return false }
        return matches(Array(lines.dropFirst()), Array(expected.dropFirst()))
    }

    private static func same(_ line: String, _ expected: String) -> Bool {
        guard expected.hasPrefix("gc ") else { return line == expected }
        return line.replacing(/[0-9.]+/, with: "#") == expected.replacing(/[0-9.]+/, with: "#")
    }
}
