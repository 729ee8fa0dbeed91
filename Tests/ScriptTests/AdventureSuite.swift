// Examples/adventure, played: what stands after "> " in its transcript is typed, and all the rest has to come out.

import Foundation
import Testing

@Suite("Adventure")
struct AdventureSuite {
    private static let folder = Subject.root.appendingPathComponent("Examples/adventure").path

    private func play(_ commands: [String], _ options: [String] = [], collector: String? = nil) throws -> ChildOutcome {
        try Subject.run(
            ["run", Self.folder + "/main.lox"] + options, input: Array(commands.map { $0 + "\n" }.joined().utf8),
            environment: collector.map { ["GRAVLAX_GC": $0] } ?? [:], seconds: 240)
    }

    /// A path for a saved game, which is gone afterwards.
    private func withSavedGame(_ body: (_ path: String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "gravlax-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test(arguments: [nil, "stress=1000,verify=1,clobberfree=1", "stress=20000,stw=1,verify=1,clobberfree=1"])
    func goesAsItsTranscriptSays(collector: String?) throws {
        let transcript = ChildOutcome.lines(
            String(decoding: try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/transcript.txt")), as: UTF8.self))
        let commands = transcript.filter { $0.hasPrefix("> ") }.map { String($0.dropFirst(2)) }
        #expect(commands.count > 50)
        try withSavedGame { path in
            let outcome = try play(
                commands.map { $0.replacingOccurrences(of: "FILE", with: path) }, ["--echo", Self.folder + "/world.json"],
                collector: collector)
            #expect(outcome.exitCode == 0)
            #expect(outcome.errorText == "")
            let lines = outcome.outputLines.map { $0.replacingOccurrences(of: path, with: "FILE") }
            let same = zip(lines, transcript).prefix { $0 == $1 }.count
            #expect(lines.dropFirst(same).first == transcript.dropFirst(same).first, "line \(same + 1)")
        }
    }

    @Test func endsWithItsInput() throws {
        let outcome = try play(["look"], [Self.folder + "/world.json"])
        #expect(outcome.exitCode == 0)
        #expect(outcome.outputLines.suffix(2) == ["Nobody says anything any more.", "You took 0 turns and less than a minute."])
    }

    @Test func aWorldThatIsNone() throws {
        let missing = try play([], ["/no/such/world.json"])
        #expect(missing.exitCode == 66)
        #expect(missing.errorText.hasPrefix("There is no world in /no/such/world.json: io.readFile can't read"))
        let wrong = try play([], [Self.folder + "/main.lox"])
        #expect(wrong.exitCode == 66)
        #expect(wrong.errorText.contains("json.parse: Expect a value (line 1, column 1)."))
    }

    @Test func aSavedGameThatIsNone() throws {
        try withSavedGame { path in
            try Data("{\"turns\": 1".utf8).write(to: URL(fileURLWithPath: path))
            let outcome = try play(["restore \(path)", "take lantern"], [Self.folder + "/world.json"])
            #expect(outcome.outputText.contains("That is no story of ours"))
            #expect(outcome.outputText.contains("\nTaken.\n"))
        }
    }
}
