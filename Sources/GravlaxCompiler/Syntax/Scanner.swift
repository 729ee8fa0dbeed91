// Bytes to tokens. Borrows the bytes: they must outlive the scanner.

package struct Scanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var start = 0
    private var position = 0
    private var line: UInt32 = 1
    /// What is wrong with the last token of kind `error`.
    package private(set) var message = ""
    /// Where in that token.
    package private(set) var fault = CodeSpan(start: 0, end: 0)
    /// What that token is but for what is wrong; `error` when it is nothing.
    package private(set) var meant = TokenKind.error
    /// For each interpolation around, the braces that are open inside it.
    private var openBraces: [Int] = []

    package init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        // A script may begin with the line that names its interpreter.
        if bytes.count > 1, bytes[0] == UInt8(ascii: "#"), bytes[1] == UInt8(ascii: "!") { skipLine() }
    }

    /// Whether a text can name a variable or a member: one identifier, which is no keyword, and nothing else.
    package static func isName(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var scanner = Scanner(bytes)
            let token = scanner.next()
            return token.kind == .identifier && token.start == 0 && token.end == bytes.count
        }
    }

    private func byte(_ ahead: Int = 0) -> UInt8 {
        position + ahead < bytes.count ? bytes[position + ahead] : 0
    }

    private mutating func skipLine() {
        while position < bytes.count, bytes[position] != 10 { position += 1 }
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 32, 9, 13: position += 1
            case 10:
                line += 1
                position += 1
            case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "/"): skipLine()
            default: return
            }
        }
    }

    private func token(_ kind: TokenKind) -> Token {
        Token(kind: kind, start: UInt32(start), end: UInt32(position), line: line)
    }

    private mutating func failure(_ message: String, at fault: Range<Int>? = nil, meant: TokenKind = .error) -> Token {
        self.message = message
        self.meant = meant
        let fault = fault ?? start..<position
        self.fault = CodeSpan(start: UInt32(fault.lowerBound), end: UInt32(fault.upperBound))
        return token(.error)
    }

    /// Whether the text of an interpolated expression is being scanned.
    package var isInterpolating: Bool { !openBraces.isEmpty }

    private mutating func choose(_ equal: TokenKind, _ plain: TokenKind) -> Token {
        choose(UInt8(ascii: "="), equal, plain)
    }

    private mutating func choose(_ second: UInt8, _ both: TokenKind, _ plain: TokenKind) -> Token {
        guard byte() == second else { return token(plain) }
        position += 1
        return token(both)
    }

    private mutating func dots() -> Token {
        guard byte() == UInt8(ascii: ".") else { return token(.dot) }
        position += 1
        if byte() == UInt8(ascii: ".") { return choose(UInt8(ascii: "."), .ellipsis, .dotDot) }
        return choose(.dotDotEqual, .dotDot)
    }

    package mutating func next() -> Token {
        skipSpace()
        start = position
        guard position < bytes.count else { return token(.end) }
        let first = bytes[position]
        position += 1
        switch first {
        case UInt8(ascii: "("): return token(.leftParen)
        case UInt8(ascii: ")"): return token(.rightParen)
        case UInt8(ascii: "{"):
            if isInterpolating { openBraces[openBraces.count - 1] += 1 }
            return token(.leftBrace)
        case UInt8(ascii: "}"):
            guard isInterpolating else { return token(.rightBrace) }
            if openBraces[openBraces.count - 1] == 0 { return string(isRest: true) }
            openBraces[openBraces.count - 1] -= 1
            return token(.rightBrace)
        case UInt8(ascii: "["): return token(.leftBracket)
        case UInt8(ascii: "]"): return token(.rightBracket)
        case UInt8(ascii: ","): return token(.comma)
        case UInt8(ascii: "."): return dots()
        case UInt8(ascii: "-"): return choose(.minusEqual, .minus)
        case UInt8(ascii: "+"): return choose(.plusEqual, .plus)
        case UInt8(ascii: ";"): return token(.semicolon)
        case UInt8(ascii: ":"): return token(.colon)
        case UInt8(ascii: "/"): return choose(.slashEqual, .slash)
        case UInt8(ascii: "*"): return choose(.starEqual, .star)
        case UInt8(ascii: "%"): return choose(.percentEqual, .percent)
        case UInt8(ascii: "?"): return choose(UInt8(ascii: "?"), .questionQuestion, .question)
        case UInt8(ascii: "!"): return choose(.bangEqual, .bang)
        case UInt8(ascii: "="):
            return byte() == UInt8(ascii: ">") ? choose(UInt8(ascii: ">"), .arrow, .equal) : choose(.equalEqual, .equal)
        case UInt8(ascii: "<"): return choose(.lessEqual, .less)
        case UInt8(ascii: ">"): return choose(.greaterEqual, .greater)
        case UInt8(ascii: "\""): return string(isRest: false)
        case _ where Self.isDigit(first): return number()
        case _ where Self.isLetter(first):
            while Self.isLetter(byte()) || Self.isDigit(byte()) { position += 1 }
            return token(keyword())
        default:
            while byte() & 0xC0 == 0x80 { position += 1 }
            return failure("Unexpected character.")
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }
    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 32) &- 97 < 26 || byte == 95 }

    /// Goes on to the end of a run of digits, `_` between two of them; false, and nowhere, when there are none.
    private mutating func digits(_ isDigit: (UInt8) -> Bool) -> Bool {
        guard isDigit(byte()) else { return false }
        repeat { position += 1 } while isDigit(byte()) || byte() == UInt8(ascii: "_") && isDigit(byte(1))
        return true
    }

    /// As much as makes a number: what follows is a token of its own.
    private mutating func number() -> Token {
        position -= 1
        if byte() == UInt8(ascii: "0"), byte(1) == UInt8(ascii: "x"), StringEscape.hexadecimal(byte(2)) != nil {
            position += 2
            _ = digits { StringEscape.hexadecimal($0) != nil }
            return token(.number)
        }
        _ = digits(Self.isDigit)
        if byte() == UInt8(ascii: "."), Self.isDigit(byte(1)) {
            position += 1
            _ = digits(Self.isDigit)
        }
        if byte() | 32 == UInt8(ascii: "e") {
            let sign = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-") ? 1 : 0
            if Self.isDigit(byte(1 + sign)) {
                position += 1 + sign
                _ = digits(Self.isDigit)
            }
        }
        return token(.number)
    }

    /// - Parameter isRest: it goes on after an interpolated expression.
    private mutating func string(isRest: Bool) -> Token {
        if isRest { openBraces.removeLast() }
        var badEscape: Range<Int>?
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] == UInt8(ascii: "$"), byte(1) == UInt8(ascii: "{") {
                position += 2
                openBraces.append(0)
                return part(isRest ? .stringMiddle : .stringHead, badEscape)
            }
            if bytes[position] == UInt8(ascii: "\\") {
                if let escape = StringEscape(at: position, in: bytes) {
                    position += escape.length
                    continue
                }
                if badEscape == nil { badEscape = position..<endOfScalar(position + 1) }
                // Not past the closing quote, unless it is what was escaped.
                position += 1
                if position == bytes.count { break }
            }
            if bytes[position] == 10 { line += 1 }
            position += 1
        }
        guard position < bytes.count else { return failure("Unterminated string.") }
        position += 1
        return part(isRest ? .stringTail : .string, badEscape)
    }

    private func endOfScalar(_ start: Int) -> Int {
        var end = min(start + 1, bytes.count)
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
        return end
    }

    private mutating func part(_ kind: TokenKind, _ badEscape: Range<Int>?) -> Token {
        badEscape.map { failure("Invalid escape sequence in string.", at: $0, meant: kind) } ?? token(kind)
    }

    private func keyword() -> TokenKind {
        let length = position - start
        guard length >= 2, length <= 6 else { return .identifier }
        func matches(_ word: StaticString, _ kind: TokenKind) -> TokenKind {
            guard word.utf8CodeUnitCount == length else { return .identifier }
            for i in 0..<length where bytes[start + i] != word.utf8Start[i] { return .identifier }
            return kind
        }
        switch bytes[start] {
        case UInt8(ascii: "a"): return matches("and", .and)
        case UInt8(ascii: "c"): return matches("class", .class)
        case UInt8(ascii: "e"): return matches("else", .else)
        case UInt8(ascii: "f"):
            switch bytes[start + 1] {
            case UInt8(ascii: "a"): return matches("false", .false)
            case UInt8(ascii: "o"): return matches("for", .for)
            default: return matches("fun", .fun)
            }
        case UInt8(ascii: "i"): return matches("if", .if)
        case UInt8(ascii: "n"): return matches("nil", .nil)
        case UInt8(ascii: "o"): return matches("or", .or)
        case UInt8(ascii: "p"): return matches("print", .print)
        case UInt8(ascii: "r"): return matches("return", .return)
        case UInt8(ascii: "s"): return matches("super", .super)
        case UInt8(ascii: "t"): return bytes[start + 1] == UInt8(ascii: "h") ? matches("this", .this) : matches("true", .true)
        case UInt8(ascii: "v"): return matches("var", .var)
        case UInt8(ascii: "w"): return matches("while", .while)
        default: return .identifier
        }
    }
}

/// One escape sequence in a string literal.
package struct StringEscape {
    package let scalar: Unicode.Scalar
    /// Bytes, the backslash included.
    package private(set) var length: Int

    /// nil when the backslash at `position` begins no valid sequence.
    package init?(at position: Int, in bytes: UnsafeBufferPointer<UInt8>) {
        guard position + 1 < bytes.count else { return nil }
        length = 2
        switch bytes[position + 1] {
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "0"): scalar = "\0"
        case UInt8(ascii: "\""): scalar = "\""
        case UInt8(ascii: "\\"): scalar = "\\"
        case UInt8(ascii: "$"): scalar = "$"
        case UInt8(ascii: "u"):
            var value: UInt32 = 0
            var index = position + 3
            guard index < bytes.count, bytes[position + 2] == UInt8(ascii: "{") else { return nil }
            while index < bytes.count, index < position + 9, let digit = Self.hexadecimal(bytes[index]) {
                value = value << 4 | digit
                index += 1
            }
            guard index > position + 3, index < bytes.count, bytes[index] == UInt8(ascii: "}"),
                let decoded = Unicode.Scalar(value)
            else { return nil }
            scalar = decoded
            length = index + 1 - position
        default: return nil
        }
    }

    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 48...57: UInt32(byte - 48)
        case 65...70: UInt32(byte - 55)
        case 97...102: UInt32(byte - 87)
        default: nil
        }
    }
}
