// Constant folding: only where the program cannot tell. No operation that could
// fail is folded, and none whose result is NaN.

/// The value of an expression that is known before it runs.
enum Folded {
    case unknown
    case `nil`
    case boolean(Bool)
    case number(Double)
    case string([UInt8])

    var isKnown: Bool { if case .unknown = self { false } else { true } }

    /// nil when the value is not known.
    var isTruthy: Bool? {
        switch self {
        case .unknown: nil
        case .nil: false
        case .boolean(let value): value
        case .number, .string: true
        }
    }

    var number: Double? { if case .number(let value) = self { value } else { nil } }

    /// As operand of an equality comparison.
    var constant: Constant? {
        switch self {
        case .unknown: nil
        case .nil: .nil
        case .boolean(let value): .boolean(value)
        case .number(let value): .number(value)
        case .string(let bytes): .string(bytes)
        }
    }

    /// The values of all expressions of a tree. Children come before their parents
    /// in it, so that one pass over the array is enough, however deep the tree is.
    static func values(of tree: SyntaxTree) -> [Folded] {
        var values: [Folded] = []
        values.reserveCapacity(tree.expressions.count)
        func value(_ id: ExpressionID) -> Folded { values[Int(id.index)] }
        for expression in tree.expressions {
            let folded: Folded = switch expression {
            case .nil: .nil
            case .boolean(let value): .boolean(value)
            case .number(let number): number.isNaN ? .unknown : .number(number)
            case .string(let bytes): .string(bytes)
            case .grouping(let inner): value(inner)
            case .unary(.not, let operand): value(operand).isTruthy.map { .boolean(!$0) } ?? .unknown
            case .unary(.negate, let operand): value(operand).number.map { .number(-$0) } ?? .unknown
            case .binary(let operation, let left, let right): fold(operation, value(left).number, value(right).number)
            default: .unknown
            }
            values.append(folded)
        }
        return values
    }

    private static func fold(_ operation: BinaryOperator, _ left: Double?, _ right: Double?) -> Folded {
        guard let left, let right else { return .unknown }
        func number(_ value: Double) -> Folded { value.isNaN ? .unknown : .number(value) }
        return switch operation {
        case .add: number(left + right)
        case .subtract: number(left - right)
        case .multiply: number(left * right)
        case .divide: number(left / right)
        case .modulo: number(left.truncatingRemainder(dividingBy: right))
        case .equal: .boolean(left == right)
        case .notEqual: .boolean(left != right)
        case .less: .boolean(left < right)
        case .lessOrEqual: .boolean(left <= right)
        case .greater: .boolean(left > right)
        case .greaterOrEqual: .boolean(left >= right)
        case .contained, .instance: .unknown
        }
    }
}
