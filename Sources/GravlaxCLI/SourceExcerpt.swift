// Errors with the source line that they are in.

import GravlaxCompiler

struct SourceExcerpt {
    let name: String
    let bytes: [UInt8]
    let isColored: Bool

    /// `file:line:column: error: message`, the line, and carets under the part of the span in it.
    func text(_ message: String, start: Int, end: Int) -> String {
        let newline = UInt8(ascii: "\n")
        let start = min(start, bytes.count)
        let lineStart = (bytes[..<start].lastIndex(of: newline) ?? -1) + 1
        let lineEnd = bytes[start...].firstIndex(of: newline) ?? bytes.count
        let line = bytes[..<lineStart].count { $0 == newline } + 1
        let before = String(decoding: bytes[lineStart..<start], as: UTF8.self)
        let marked = String(decoding: bytes[start..<max(start, min(end, lineEnd))], as: UTF8.self)
        // A line of megabytes is no help to anyone.
        let excerpt = lineEnd - lineStart > 400 ? "" : String(decoding: bytes[lineStart..<lineEnd], as: UTF8.self)
        let error = isColored ? "\u{1B}[1;31merror:\u{1B}[0m" : "error:"
        var text = "\(name):\(line):\(before.unicodeScalars.count + 1): \(error) \(message)\n"
        if !excerpt.isEmpty {
            // Tabs stay, so that the carets stand below what they mark.
            let indent = String(before.map { $0 == "\t" ? "\t" : " " })
            let carets = String(repeating: "^", count: max(marked.count, 1))
            text += "    \(excerpt)\n    \(indent)\(isColored ? "\u{1B}[1;31m\(carets)\u{1B}[0m" : carets)\n"
        }
        return text
    }
}
