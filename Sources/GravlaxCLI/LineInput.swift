// Reading a program line by line, and knowing where one of its pieces ends.

import Glibc

/// Whether a text ends inside brackets or inside a string, so that more lines belong to it.
package struct InputState {
    private var depth = 0
    package private(set) var isInString = false

    package init() {}

    package var isOpen: Bool { depth > 0 || isInString }

    /// Goes on where the last line ended.
    package mutating func scan(_ text: [UInt8]) {
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            if isInString {
                if byte == UInt8(ascii: "\\") {
                    index += 1
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "/") where index < text.count && text[index] == UInt8(ascii: "/"):
                while index < text.count, text[index] != UInt8(ascii: "\n") { index += 1 }
            default: break
            }
        }
    }
}

/// Reads a descriptor line by line.
struct LineReader {
    let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// The next line with its newline; the last one may have none. nil at the end.
    mutating func next() -> [UInt8]? {
        var searched = start
        while true {
            if let newline = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = newline + 1 }
                return Array(buffer[start...newline])
            }
            searched = buffer.count
            if isAtEnd {
                defer { start = buffer.count }
                return start < buffer.count ? Array(buffer[start...]) : nil
            }
            buffer.removeFirst(start)
            searched -= start
            start = 0
            var block = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &block, block.count)
            if count > 0 {
                buffer += block[..<count]
            } else if count == 0 || errno != EINTR {
                isAtEnd = true
            }
        }
    }
}
