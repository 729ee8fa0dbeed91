// Tokens: kind and place. The text stays in the source.

package enum TokenKind: UInt8, Sendable {
    case leftParen, rightParen, leftBrace, rightBrace, leftBracket, rightBracket
    case comma, dot, minus, plus, semicolon, colon, slash, star, percent
    case bang, bangEqual, equal, equalEqual, greater, greaterEqual, less, lessEqual
    case plusEqual, minusEqual, starEqual, slashEqual, percentEqual
    case question, questionQuestion, dotDot, dotDotEqual, ellipsis, arrow
    case identifier, number
    /// A string without interpolation, or what is around its expressions: `"…${`, `}…${` and `}…"`.
    case string, stringHead, stringMiddle, stringTail
    case and, `class`, `else`, `false`, `for`, fun, `if`, `nil`, or, print, `return`, `super`, this, `true`, `var`, `while`
    case error, end
}

package struct Token: Sendable {
    package var kind: TokenKind
    /// Byte offsets, half open.
    package var start: UInt32
    package var end: UInt32
    /// Line, from 1, on which the token ends.
    package var line: UInt32

    package var span: CodeSpan { CodeSpan(start: start, end: end) }
}
