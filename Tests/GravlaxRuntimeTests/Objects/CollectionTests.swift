import GravlaxCompiler
import GravlaxRuntime
import Testing

@Suite struct CollectionTests {
    private func outcome(
        _ code: [(live: Int, instruction: Instruction)], constants: [Constant] = [], symbols: [String] = []
    ) throws -> Outcome {
        try run(
            handMadeProgram(
                [
                    HandMadeFunction(
                        registerCount: 12, constants: constants, siteSymbols: symbols.indices.map { Int32($0) },
                        code: code + [(2, Instruction(.returnnil))])
                ], symbols: symbols))
    }

    @Test func listThatContainsItself() throws {
        let outcome = try outcome(
            [
                (1, Instruction(.newlist, a: 1, bx: 2)), (2, Instruction(.loadk, a: 2, bx: 0)),
                (3, Instruction(.append, a: 1, b: 2, c: 1)), (2, Instruction(.append, a: 1, b: 1, c: 1)),
                (2, Instruction(.print, a: 1)),
            ], constants: [.string(Array("a\"b".utf8))])
        #expect(outcome.output == "[\"a\\\"b\", [...]]\n")
    }

    @Test func deeplyNestedListPrints() throws {
        var code: [(live: Int, instruction: Instruction)] = [(1, Instruction(.newlist, a: 1, bx: 0))]
        let depth = 50_000
        for _ in 0..<depth {
            code += [
                (2, Instruction(.newlist, a: 2, bx: 1)), (3, Instruction(.append, a: 2, b: 1, c: 1)),
                (3, Instruction(.move, a: 1, b: 2)),
            ]
        }
        code.append((2, Instruction(.print, a: 1)))
        let outcome = try outcome(code)
        #expect(outcome.output.utf8.count == 2 * depth + 3)
    }

    @Test(arguments: [
        (3.0, "List index 3 out of range: the list has 1 element."), (-2, "List index -2 out of range: the list has 1 element."),
        (0.5, "List index 0.5 is not a whole number."), (1e300, "List index 1e+300 out of range: the list has 1 element."),
    ])
    func badIndexes(index: Double, message: String) throws {
        let outcome = try outcome(
            [
                (1, Instruction(.newlist, a: 1, bx: 1)), (2, Instruction(.loadk, a: 2, bx: 0)),
                (3, Instruction(.append, a: 1, b: 2, c: 1)), (3, Instruction(.getindex, a: 3, b: 1, c: 2)),
            ], constants: [.number(index)])
        #expect(outcome.error?.message == message)
    }

    /// `+` of texts on both sides of the limit between short and long strings, compared with constants.
    @Test(arguments: ["", "a", "abc", "abcdef", "abcdefg", "größe", String(repeating: "xyz", count: 100)])
    func concatenation(text: String) throws {
        for other in ["", "b", "bcdef", "bcdefgh"] {
            let outcome = try outcome(
                [
                    (1, Instruction(.loadk, a: 1, bx: 0)), (2, Instruction(.loadk, a: 2, bx: 1)),
                    (3, Instruction(.add, a: 3, b: 1, c: 2)), (4, Instruction(.print, a: 3)),
                    (4, Instruction(.eqk, a: 4, b: 3, c: 2)), (5, Instruction(.print, a: 4)),
                    (4, Instruction(.getfield, a: 4, b: 3, c: 0)), (5, Instruction(.print, a: 4)),
                ],
                constants: [text, other, text + other].map { .string(Array($0.utf8)) }, symbols: ["count"])
            #expect(outcome.output == "\(text + other)\ntrue\n\((text + other).unicodeScalars.count)\n")
        }
    }
}
