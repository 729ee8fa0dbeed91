// Errors for people: where, the source line, and a caret under the exact span.

/// Shows places in one source text.
package struct DiagnosticRenderer: Sendable {
    private let name: String
    private let bytes: [UInt8]
    private let isColoured: Bool
    /// Columns of source that are shown of a longer line.
    private static let window = 100
    private static let tabWidth = 4

    package init(name: String, bytes: [UInt8], isColoured: Bool) {
        (self.name, self.bytes, self.isColoured) = (name, bytes, isColoured)
    }

    package func text(_ diagnostic: Diagnostic) -> String {
        text(message: diagnostic.message, span: diagnostic.shown, note: diagnostic.note)
    }

    /// Several lines, each with its newline. Linear in the distance of the span from the start of the text.
    package func text(message: String, span: CodeSpan, note: String? = nil) -> String {
        let start = min(Int(span.start), bytes.count)
        var lineStart = start
        while lineStart > 0, bytes[lineStart - 1] != 10 { lineStart -= 1 }
        var lineEnd = start
        while lineEnd < bytes.count, bytes[lineEnd] != 10 { lineEnd += 1 }
        if lineEnd > start, bytes[lineEnd - 1] == 13 { lineEnd -= 1 }
        let end = max(start, min(Int(span.end), lineEnd))
        let lineNumber = line(of: span)

        // Only the neighbourhood is decoded: a line may have megabytes.
        var from = max(lineStart, start - Self.window / 2)
        while from > lineStart, bytes[from] & 0xC0 == 0x80 { from -= 1 }
        var to = min(lineEnd, from + Self.window)
        while to < lineEnd, bytes[to] & 0xC0 == 0x80 { to += 1 }
        let before = Self.shown(bytes[from..<start])
        let marked = Self.shown(bytes[start..<max(start, min(end, to))])
        let after = Self.shown(bytes[min(max(end, start), to)..<to])

        let column = 1 + bytes[lineStart..<start].reduce(into: 0) { if $1 & 0xC0 != 0x80 { $0 += 1 } }
        let head = from > lineStart ? "…" : ""
        let tail = to < lineEnd ? "…" : ""
        let number = String(lineNumber)
        let margin = String(repeating: " ", count: number.count)
        let indent = String(repeating: " ", count: head.unicodeScalars.count + before.width)
        let caret = String(repeating: "^", count: max(1, marked.width))
        var result = paint("error: ", "1;31") + paint(message, "1") + "\n"
        result += paint("\(margin)--> ", "34") + "\(name):\(lineNumber):\(column)\n"
        result += paint("\(margin) |", "34") + "\n"
        result += paint("\(number) | ", "34") + head + before.text + marked.text + after.text + tail + "\n"
        result += paint("\(margin) | ", "34") + indent + paint(caret, "1;31") + "\n"
        if let note { result += paint("\(margin) = ", "34") + "note: \(note)\n" }
        return result
    }

    /// The line that a span begins in, from 1. Linear in the text before it.
    package func line(of span: CodeSpan) -> Int { 1 + newlines(in: CodeSpan(start: 0, end: span.start)) }

    package func newlines(in span: CodeSpan) -> Int {
        let end = min(Int(span.end), bytes.count)
        return bytes[min(Int(span.start), end)..<end].reduce(into: 0) { if $1 == 10 { $0 += 1 } }
    }

    private func paint(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }

    /// Text as a terminal may show it, and the columns it takes there.
    private static func shown(_ bytes: ArraySlice<UInt8>) -> (text: String, width: Int) {
        var text = ""
        var width = 0
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 9:
                text += String(repeating: " ", count: tabWidth)
                width += tabWidth
            case 0..<32, 127:
                text += "\u{FFFD}"
                width += 1
            default:
                text.unicodeScalars.append(scalar)
                width += columns(scalar)
            }
        }
        return (text, width)
    }

    private static func columns(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0x300...0x36F, 0x200B...0x200F, 0xFE00...0xFE0F: 0
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0x1F300...0x1FAFF, 0x20000...0x3FFFD: 2
        default: 1
        }
    }
}
