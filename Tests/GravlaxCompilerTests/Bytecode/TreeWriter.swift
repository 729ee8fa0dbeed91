import GravlaxCompiler

/// Writes trees by hand; each node stands on the line that is set.
final class TreeWriter {
    private(set) var tree = SyntaxTree()
    var line: UInt32 = 1
    private var offset: UInt32 = 0

    private func place() -> Place {
        offset += 1
        return Place(span: CodeSpan(start: offset, end: offset + 1), line: line)
    }

    func name(_ text: String) -> Name {
        let place = place()
        return Name(text, span: place.span, line: place.line)
    }

    func add(_ expression: Expression) -> ExpressionID { tree.add(expression, place()) }
    func add(_ statement: Statement) -> StatementID { tree.add(statement, place()) }

    func n(_ value: Double) -> ExpressionID { add(.number(value)) }
    func v(_ text: String) -> ExpressionID { add(.variable(name(text))) }
    func set(_ text: String, _ value: () -> ExpressionID) -> ExpressionID {
        let name = name(text)
        return add(.assign(name, value()))
    }
    func op(_ operation: BinaryOperator, _ left: ExpressionID, _ right: ExpressionID) -> ExpressionID {
        add(.binary(operation, left, right))
    }
    func call(_ callee: ExpressionID, _ arguments: ExpressionID...) -> ExpressionID { add(.call(callee, arguments)) }

    func variable(_ text: String, _ value: ExpressionID? = nil) -> StatementID { add(.var(name(text), value)) }
    func print(_ value: ExpressionID) -> StatementID { add(.print(value)) }
    func block(_ statements: StatementID...) -> StatementID { add(.block(statements)) }
    func effect(_ value: ExpressionID) -> StatementID { add(.expression(value)) }
    func giveBack(_ value: ExpressionID?) -> StatementID { add(.return(name("return"), value)) }

    func functionID(_ text: String, _ parameters: [String], _ body: () -> [StatementID]) -> FunctionID {
        let name = name(text)
        let names = parameters.map { self.name($0) }
        let statements = body()
        let end = place()
        return tree.add(Function(name: name, parameters: names, body: statements, span: end.span, line: end.line))
    }
    func function(_ text: String, _ parameters: [String], _ body: () -> [StatementID]) -> StatementID {
        add(.function(functionID(text, parameters, body)))
    }

    func compile(_ body: StatementID..., options: CompilerOptions = CompilerOptions()) throws -> Program {
        tree.body = body
        tree.end = place()
        let program = try Compiler.compile(tree, sourceName: "test", globalNames: ["clock"], options: options)
        let failures = Verifier.verify(program)
        if let first = failures.first { throw first }
        return program
    }
}

/// The instructions of a function without lines and labels' places: one instruction per element.
func listing(_ program: Program, _ function: Int = 0) -> [String] {
    let prototype = program.functions[function]
    let disassembler = Disassembler(program)
    let labels = disassembler.labels(of: prototype)
    return prototype.code.indices.map { pc in
        (labels[pc].map { "L\($0): " } ?? "")
            + disassembler.text(of: Instruction(word: prototype.code[pc]), at: pc, in: prototype, labels: labels)
    }
}
