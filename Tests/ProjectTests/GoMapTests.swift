// docs/internals/go-map.md: what it names exists.

import Foundation
import Testing

@Suite struct GoMapTests {
    private struct Row {
        let go: String
        let names: [String]
        let tests: [String]
        let text: String
    }

    private static let document = "docs/internals/go-map.md"

    private static func words(_ cell: Substring) -> [String] {
        cell.matches(of: /`([^`]+)`/).map { String($0.1) }
    }

    /// The body rows of all tables.
    private static func rows() throws -> [Row] {
        try Repository.text(document).split(separator: "\n").compactMap { line in
            guard line.hasPrefix("|"), !line.hasPrefix("|---"), !line.hasSuffix("| observed by |") else { return nil }
            let cells = line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count == 3 else { return Row(go: String(line), names: [], tests: [], text: "") }
            return Row(
                go: String(cells[0]).trimmingCharacters(in: .whitespaces), names: words(cells[1]), tests: words(cells[2]),
                text: String(cells[2]).trimmingCharacters(in: .whitespaces))
        }
    }

    @Test func everyRowIsObservedOrExplained() throws {
        let rows = try Self.rows()
        #expect(rows.count > 100)
        for row in rows {
            let isExplained = row.text.hasPrefix("left out: ") || row.text.hasPrefix("later: ")
            #expect(isExplained || !row.tests.isEmpty, "\(row.go): neither test nor reason")
            #expect(isExplained || !row.names.isEmpty, "\(row.go): no counterpart")
        }
    }

    @Test func everyTestExists() throws {
        var tests: Set<String> = []
        for path in Repository.files(in: "Tests", ending: ".swift") {
            for part in try Repository.text(path).components(separatedBy: "@Test").dropFirst() {
                if let range = part.range(of: "func ") { tests.formUnion(Declarations.words(part[range.upperBound...]).prefix(1)) }
            }
        }
        for row in try Self.rows() {
            for name in row.tests { #expect(tests.contains(name), "\(row.go): there is no test \(name)") }
        }
    }

    /// `Type`, or `Type.member`: the member must stand in a file that declares or extends the type.
    @Test func everySwiftNameExists() throws {
        let files = try Repository.files(in: "Sources/GravlaxHeap", ending: ".swift").map {
            Declarations(try Repository.text($0))
        }
        for row in try Self.rows() {
            for name in row.names {
                let parts = name.split(separator: ".").map(String.init)
                guard let type = parts.first, type.first?.isUppercase == true else { continue }
                #expect(files.contains { $0.types.contains(type) }, "\(row.go): there is no \(type)")
                guard parts.count == 2 else { continue }
                let declares = files.contains {
                    ($0.types.contains(type) || $0.extended.contains(type)) && $0.members.contains(parts[1])
                }
                #expect(declares, "\(row.go): there is no \(name)")
            }
        }
    }
}

/// What a source declares, as far as its words tell.
private struct Declarations {
    private(set) var types: Set<String> = []
    private(set) var extended: Set<String> = []
    private(set) var members: Set<String> = []

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            let words = Self.words(line)
            for (keyword, name) in zip(words, words.dropFirst()) {
                switch keyword {
                case "struct", "class", "enum", "protocol", "typealias": types.insert(name)
                // Metadata is reached through pointers: `extension UnsafeMutablePointer where Pointee == Type`.
                case "extension", "Pointee": extended.insert(name)
                case "var", "let", "func": members.insert(name)
                default: break
                }
            }
            if words.first == "case" || words.dropFirst().first == "case" { members.formUnion(words) }
        }
    }

    static func words(_ text: some StringProtocol) -> [String] {
        text.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") }).map { String($0) }
    }
}
