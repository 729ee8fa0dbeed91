// The syntax tree: nodes in flat arrays, children by index. Nothing in it is
// recursive for the memory manager, so that a tree of any depth is freed without
// native recursion; it is a plain value and may be shared between threads.
//
// Every node has its exact span, and the line of its last token: that is the line
// the book's clox attributes the instruction to that it emits after the node.

/// Index of an expression in its tree.
package struct ExpressionID: Hashable, Sendable {
    package let index: Int32
    package init(_ index: Int) { self.index = Int32(index) }
}

/// Index of a statement or declaration in its tree.
package struct StatementID: Hashable, Sendable {
    package let index: Int32
    package init(_ index: Int) { self.index = Int32(index) }
}

/// Index of a function in its tree.
package struct FunctionID: Hashable, Sendable {
    package let index: Int32
    package init(_ index: Int) { self.index = Int32(index) }
}

/// A token that names something.
package struct Name: Sendable, Equatable {
    package let text: String
    package let span: CodeSpan
    /// Line of the token, from 1.
    package let line: UInt32

    package init(_ text: String, span: CodeSpan, line: UInt32) {
        (self.text, self.span, self.line) = (text, span, line)
    }
}

package enum UnaryOperator: Sendable { case negate, not }

package enum BinaryOperator: Sendable {
    case add, subtract, multiply, divide, modulo
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
    case contained, instance
}

package enum LogicalOperator: Sendable { case and, or, otherwise }

package enum Expression: Sendable {
    case `nil`
    case boolean(Bool)
    case number(Double)
    case string([UInt8])
    case variable(Name)
    case assign(Name, ExpressionID)
    case unary(UnaryOperator, ExpressionID)
    case binary(BinaryOperator, ExpressionID, ExpressionID)
    case logical(LogicalOperator, ExpressionID, ExpressionID)
    case grouping(ExpressionID)
    case call(ExpressionID, [ExpressionID])
    case get(ExpressionID, Name)
    case set(ExpressionID, Name, ExpressionID)
    case index(ExpressionID, ExpressionID)
    case setIndex(ExpressionID, ExpressionID, ExpressionID)
    /// `object.name += value` and the like, whose object is evaluated once.
    case updateField(ExpressionID, Name, BinaryOperator, ExpressionID)
    /// `object[index] += value` and the like, likewise.
    case updateIndex(ExpressionID, ExpressionID, BinaryOperator, ExpressionID)
    /// `condition ? first : second`.
    case conditional(ExpressionID, ExpressionID, ExpressionID)
    /// `start..end`, or `start..=end` when it is closed.
    case range(ExpressionID, ExpressionID, isClosed: Bool)
    /// A string in parts: literals, none of them empty, and what is interpolated.
    case interpolation([ExpressionID])
    /// A function without a name.
    case function(FunctionID)
    /// The node's span is the keyword's.
    case this
    /// `super.name`: the keyword, then the method's name.
    case `super`(Name, Name)
    case list([ExpressionID])
    /// Keys and values in turns.
    case map([ExpressionID])
}

package enum Statement: Sendable {
    case expression(ExpressionID)
    case print(ExpressionID)
    case `var`(Name, ExpressionID?)
    case block([StatementID])
    case `if`(ExpressionID, then: StatementID, else: StatementID?)
    case `while`(ExpressionID, StatementID)
    case `for`(initializer: StatementID?, condition: ExpressionID?, increment: ExpressionID?, body: StatementID)
    /// `for (var a in xs)` and `for (var k, v in m)`: one or two names.
    case forIn([Name], ExpressionID, StatementID)
    /// Path of the module, and the name it gets: a global variable.
    case `import`(String, Name)
    case `break`
    case `continue`
    case `throw`(ExpressionID)
    /// A block, and what handles errors in it: one of the two at least.
    case `try`([StatementID], catch: CatchClause?, finally: [StatementID]?)
    /// The keyword (for errors), and the value.
    case `return`(Name, ExpressionID?)
    case function(FunctionID)
    case `class`(Name, superclass: Name?, members: [ClassMember])
}

/// What a class body declares.
package enum ClassMember: Sendable {
    case method(FunctionID)
    /// A method without parameters that runs when its name is read.
    case getter(FunctionID)
    /// The same of the class itself, which is `this` in it.
    case staticMethod(FunctionID)
    case staticGetter(FunctionID)
    /// A field of the class, and its first value.
    case staticField(Name, ExpressionID)
}

/// `catch (name) { … }`: the name and the block share a scope.
package struct CatchClause: Sendable {
    package let name: Name
    package let body: [StatementID]
}

/// A function or method.
package struct Function: Sendable {
    /// Without text, and in the place of `fun`, when the function has none.
    package let name: Name
    package let parameters: [Name]
    /// What the last parameters (those before the rest parameter) are without an argument.
    package let defaults: [ExpressionID]
    /// Whether the last parameter takes a list of the arguments beyond the others.
    package let hasRest: Bool
    package let body: [StatementID]
    /// From the name to the closing brace.
    package let span: CodeSpan
    /// Line of the closing brace.
    package let line: UInt32

    package init(
        name: Name, parameters: [Name], defaults: [ExpressionID] = [], hasRest: Bool = false, body: [StatementID],
        span: CodeSpan, line: UInt32
    ) {
        (self.name, self.parameters, self.defaults, self.hasRest) = (name, parameters, defaults, hasRest)
        (self.body, self.span, self.line) = (body, span, line)
    }

    /// How many parameters take one argument each.
    package var positionalCount: Int { parameters.count - (hasRest ? 1 : 0) }
    /// The fewest arguments that a call may have.
    package var requiredCount: Int { positionalCount - defaults.count }
    /// The default value of the parameter at a position, if it has one.
    package func defaultValue(at position: Int) -> ExpressionID? {
        position >= requiredCount && position < positionalCount ? defaults[position - requiredCount] : nil
    }
}

/// Where a node stands.
package struct Place: Sendable, Equatable {
    package let span: CodeSpan
    /// Line of the last token of the span, from 1.
    package let line: UInt32

    package init(span: CodeSpan, line: UInt32) { (self.span, self.line) = (span, line) }
}

/// A parsed source text.
package struct SyntaxTree: Sendable {
    package private(set) var expressions: [Expression] = []
    package private(set) var expressionPlaces: [Place] = []
    package private(set) var statements: [Statement] = []
    package private(set) var statementPlaces: [Place] = []
    package private(set) var functions: [Function] = []
    /// The declarations of the script, in order.
    package var body: [StatementID] = []
    /// The imports of files, in order.
    package var imports: [FileImport] = []
    /// The end of the text.
    package var end = Place(span: CodeSpan(start: 0, end: 0), line: 1)

    /// Bound on how deep expressions and statements nest: what a recursive walk must have stack for (see DeepStack).
    package var depth = 0

    package init() {}

    package mutating func add(_ expression: Expression, _ place: Place) -> ExpressionID {
        expressions.append(expression)
        expressionPlaces.append(place)
        return ExpressionID(expressions.count - 1)
    }

    package mutating func add(_ statement: Statement, _ place: Place) -> StatementID {
        statements.append(statement)
        statementPlaces.append(place)
        return StatementID(statements.count - 1)
    }

    package mutating func add(_ function: Function) -> FunctionID {
        functions.append(function)
        return FunctionID(functions.count - 1)
    }

    package subscript(_ id: ExpressionID) -> Expression { expressions[Int(id.index)] }
    package subscript(_ id: StatementID) -> Statement { statements[Int(id.index)] }
    package subscript(_ id: FunctionID) -> Function { functions[Int(id.index)] }
    package func place(_ id: ExpressionID) -> Place { expressionPlaces[Int(id.index)] }
    package func place(_ id: StatementID) -> Place { statementPlaces[Int(id.index)] }
}
