// What documents say of the repository: links lead somewhere, numbers of invariants match, checks exist.

import Foundation
import Testing

@Suite("Documents")
struct DocumentTests {
    static let documents = Repository.files(ending: ".md")

    @Test("links lead somewhere", arguments: documents)
    func links(path: String) throws {
        let folder = (path as NSString).deletingLastPathComponent
        for link in Markdown(try Repository.text(path)).links where !link.contains("://") && !link.hasPrefix("mailto:") {
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let target = parts[0].isEmpty ? path : (folder as NSString).appendingPathComponent(parts[0])
            let file = (target as NSString).standardizingPath
            #expect(Repository.exists(file), "\(path) links to \(link)")
            if parts.count == 2, file.hasSuffix(".md"), Repository.exists(file) {
                let anchors = Markdown(try Repository.text(file)).anchors
                #expect(anchors.contains(parts[1]), "\(path) links to \(link), which is no heading")
            }
        }
    }

    /// From the README a reader comes to every document.
    @Test func documentsAreReachable() throws {
        var reached: Set<String> = ["README.md"]
        var waiting = ["README.md"]
        while let path = waiting.popLast() {
            let folder = (path as NSString).deletingLastPathComponent
            for link in Markdown(try Repository.text(path)).links where !link.contains("://") {
                let target = String(link.prefix { $0 != "#" })
                let file = ((folder as NSString).appendingPathComponent(target) as NSString).standardizingPath
                if file.hasSuffix(".md"), Repository.exists(file), reached.insert(file).inserted { waiting.append(file) }
            }
        }
        #expect(Self.documents.filter { !reached.contains($0) } == [])
    }

    /// Numbers that are cited exist, and what exists is relied on somewhere.
    @Test func invariantsAreCited() throws {
        let defined = try Repository.text("docs/internals/invariants.md").matches(of: /(?m)^\| INV-(\d+) \|/).compactMap { Int($0.1) }
        #expect(defined == Array(1...max(1, defined.count)), "numbers stand in order, each once")
        var cited: Set<Int> = []
        for path in Repository.files(in: "Sources", ending: ".swift") {
            for match in try Repository.text(path).matches(of: /INV-(\d+)/) {
                let number = Int(match.1) ?? 0
                cited.insert(number)
                #expect(defined.contains(number), "\(path) cites INV-\(number)")
            }
        }
        #expect(Set(defined).subtracting(cited).sorted() == [], "invariants that no source cites")
    }

    /// The order of the locks, wherever a document gives it, is that of the enumeration.
    @Test func lockOrder() throws {
        let source = try Repository.text("Sources/GravlaxHeap/Platform/Lock.swift")
        let order = try #require(source.firstMatch(of: /enum LockRank[^{]*\{([^}]*)\}/)?.1)
            .matches(of: /(?m)^ *case (\w+)$/).map { String($0.1) }
        var documentCount = 0
        for path in Self.documents {
            for match in try Repository.text(path).matches(of: /(?m)^ +(scheduler < .*)$/) {
                documentCount += 1
                #expect(String(match.1) == order.joined(separator: " < "), "\(path)")
            }
        }
        #expect(documentCount >= 2)
    }

    /// What is said to check an invariant is a function, a type or a suite that exists.
    @Test func checksExist() throws {
        var declared: Set<String> = ["verify", "stress"]
        for path in Repository.files(in: "Sources", ending: ".swift") + Repository.files(in: "Tests", ending: ".swift") {
            var keyword = false
            for word in try Repository.text(path).utf8.split(whereSeparator: { !isNameByte($0) }) {
                let text = String(Substring(word))
                if keyword { declared.insert(text) }
                keyword = ["func", "struct", "enum", "class"].contains(text)
            }
        }
        for row in try Repository.text("docs/internals/invariants.md").split(separator: "\n") where row.hasPrefix("| INV-") {
            let check = try #require(row.split(separator: "|").last)
            for match in check.matches(of: /`(\w+)`/) {
                #expect(declared.contains(String(match.1)), "\(match.1) checks \(row.prefix(10))")
            }
        }
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// Words in code style that look like paths of the repository are paths of the repository.
    @Test("paths exist", arguments: documents)
    func paths(path: String) throws {
        let folders = ["Sources/", "Tests/", "Examples/", "Grammar/", "docs/", ".ci/"]
        for match in try Repository.text(path).matches(of: /`([A-Za-z.][\w.\/+-]*)`/) {
            let word = String(match.1)
            guard folders.contains(where: { word.hasPrefix($0) }) else { continue }
            #expect(Repository.exists(word), "\(path) names \(word)")
        }
    }
}

/// As much of Markdown as the tests need.
struct Markdown {
    struct CodeBlock {
        var language: String
        var text: String
        /// The last line of text before the block.
        var introduction: String
    }

    private(set) var codeBlocks: [CodeBlock] = []
    /// The text without its code blocks.
    private(set) var prose = ""

    init(_ text: String) {
        var fenced: CodeBlock?
        var last = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                if let block = fenced {
                    codeBlocks.append(block)
                    fenced = nil
                } else {
                    fenced = CodeBlock(language: String(line.dropFirst(3)), text: "", introduction: last)
                }
            } else if fenced != nil {
                fenced?.text += line + "\n"
            } else if line.hasPrefix("    ") {
                if codeBlocks.last?.language == "indented", prose.hasSuffix("\u{0}\n") {
                    codeBlocks[codeBlocks.count - 1].text += line.dropFirst(4) + "\n"
                } else {
                    codeBlocks.append(CodeBlock(language: "indented", text: line.dropFirst(4) + "\n", introduction: last))
                    prose += "\u{0}\n"
                }
            } else {
                prose += line + "\n"
                if !line.isEmpty { last = line }
            }
        }
    }

    var links: [String] {
        prose.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }
    }

    /// What links to headings say, as hosts of repositories make it of the headings.
    var anchors: Set<String> {
        Set(
            prose.split(separator: "\n").filter { $0.hasPrefix("#") }.map { heading in
                let title = heading.drop { $0 == "#" }.lowercased().trimmingCharacters(in: .whitespaces)
                return String(title.filter { $0.isLetter || $0.isNumber || " -_".contains($0) }).replacing(" ", with: "-")
            })
    }
}
