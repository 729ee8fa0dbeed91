// Numbers and strings: what their tokens mean.

extension Parser {
    func numberValue(_ token: Token) -> Double {
        let digits = bytes[Int(token.start)..<Int(token.end)]
        // Up to 15 digits a whole number is exact as it is read.
        if digits.count <= 15, digits.allSatisfy({ $0 &- 48 < 10 }) {
            return Double(digits.reduce(0) { $0 * 10 + Int($1 - 48) })
        }
        // The scanner lets nothing pass that is no number.
        return Double(String(decoding: digits.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)) ?? 0
    }

    /// The text of a string, or of a part of one.
    func stringValue(_ token: Token) -> [UInt8] {
        var index = Int(token.start) + 1
        let isBeforeExpression = token.kind == .stringHead || token.kind == .stringMiddle
        let end = Int(token.end) - (isBeforeExpression ? 2 : 1)
        let raw = bytes[index..<end]
        guard raw.contains(UInt8(ascii: "\\")) else { return Array(raw) }
        var value: [UInt8] = []
        value.reserveCapacity(raw.count)
        while index < end {
            if bytes[index] == UInt8(ascii: "\\"), let escape = StringEscape(at: index, in: bytes) {
                value.append(contentsOf: UTF8.encode(escape.scalar)!)
                index += escape.length
            } else {
                value.append(bytes[index])
                index += 1
            }
        }
        return value
    }

    /// A string whose head is `previous`.
    mutating func interpolation() -> ExpressionID {
        let start = previous.start
        var parts: [ExpressionID] = []
        func text(_ parser: inout Parser) {
            let token = parser.previous
            let value = parser.stringValue(token)
            if !value.isEmpty { parts.append(parser.node(.string(value), from: token.start)) }
        }
        text(&self)
        let outer = openInterpolation
        openInterpolation = previous
        repeat {
            parts.append(expression())
            if !isPanicking, current.kind != .stringMiddle, current.kind != .stringTail {
                fail("Expect '}' after interpolated expression.", at: current, note: noteOnInterpolation())
            }
            if isPanicking { skipToEndOfInterpolation() }
            if current.kind == .end { break }
            advance()
            text(&self)
        } while previous.kind == .stringMiddle
        openInterpolation = outer
        return node(.interpolation(parts), from: start, over: parts[...])
    }

    /// After an error: goes on to where the string does, so that its rest is not taken for code.
    private mutating func skipToEndOfInterpolation() {
        var nested = 0
        while current.kind != .end {
            switch current.kind {
            case .stringHead: nested += 1
            case .stringMiddle where nested == 0: return
            case .stringTail:
                if nested == 0 { return }
                nested -= 1
            default: break
            }
            advance()
        }
    }
}
