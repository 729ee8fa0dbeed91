import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime
import Testing

@Suite struct InstanceTests {
    /// Fields inside the instance, outside it, and in dictionary mode: all can be read back and written again.
    @Test(arguments: [1, 2, 3, 5, 40, 1000, 1023, 1024, 1025, 1500])
    func manyFields(count: Int) throws {
        var code: [(live: Int, instruction: Instruction)] = [
            (1, Instruction(.class, a: 1, bx: 0)), (2, Instruction(.move, a: 2, b: 1)),
            (3, Instruction(.call, a: 2, b: 0)),
        ]
        for round in 0..<2 {
            for field in 0..<count {
                code.append((3, Instruction(.loadint, a: 3, sbx: field + round)))
                code.append((4, Instruction(.setfield, a: 2, b: 3, c: field)))
            }
        }
        var expected = ""
        for field in 0..<count {
            code.append((3, Instruction(.getfield, a: 3, b: 2, c: field)))
            code.append((4, Instruction(.print, a: 3)))
            expected += "\(field + 1)\n"
        }
        code.append((3, Instruction(.print, a: 2)))
        code.append((3, Instruction(.getfield, a: 3, b: 2, c: count)))
        code.append((3, Instruction(.returnnil)))
        let script = HandMadeFunction(registerCount: 8, siteSymbols: (0...count).map { Int32($0) }, code: code)
        let outcome = try run(
            handMadeProgram(
                [script], classes: [ClassPrototype(name: "Record", fieldNames: [])],
                symbols: (0...count).map { "field\($0)" }))
        #expect(outcome.output == expected + "Record instance\n")
        #expect(outcome.error?.message == "Undefined property 'field\(count)'.")
    }

    /// More ways on than a shape has room for: the last instances turn to dictionary mode and still work.
    @Test func manyTransitions() throws {
        let count = 80
        var code: [(live: Int, instruction: Instruction)] = [(1, Instruction(.class, a: 1, bx: 0))]
        for field in 0..<count {
            code += [
                (2, Instruction(.move, a: 2, b: 1)), (3, Instruction(.call, a: 2, b: 0)),
                (3, Instruction(.loadint, a: 3, sbx: field)), (4, Instruction(.setfield, a: 2, b: 3, c: field)),
                (3, Instruction(.getfield, a: 3, b: 2, c: field)), (4, Instruction(.print, a: 3)),
            ]
        }
        code.append((2, Instruction(.returnnil)))
        let script = HandMadeFunction(registerCount: 8, siteSymbols: (0..<count).map { Int32($0) }, code: code)
        let outcome = try run(
            handMadeProgram(
                [script], classes: [ClassPrototype(name: "Record", fieldNames: [])],
                symbols: (0..<count).map { "field\($0)" }))
        #expect(outcome.error == nil)
        #expect(outcome.output == (0..<count).map { "\($0)\n" }.joined())
    }

    /// Twelve fields in any order have 12! orders: past a number of shapes instances turn to dictionary mode, and every
    /// field is still found.
    @Test func fieldsInAnyOrder() throws {
        let names = (0..<12).map { "f\($0)" }
        let branches = names.enumerated().map { "if (k == \($0)) o.\($1) = i + k;" }.joined(separator: "\n")
        let checks = names.enumerated().map { "if (o.\($1) != i + \($0)) wrong = wrong + 1;" }.joined(separator: "\n")
        let source = """
            class Record {}
            var seed = 1; var wrong = 0;
            for (var i = 0; i < 4000; i = i + 1) {
              var o = Record();
              var left = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
              while (left.count > 0) {
                seed = seed * 16807 % 2147483647;
                var k = left.removeAt(seed % left.count);
                \(branches)
              }
              \(checks)
            }
            print wrong;
            """
        var output: [UInt8] = []
        let interpreter = try Interpreter(configuration: HeapConfiguration(encoding: Value.encoding)) {
            output.append(contentsOf: $0)
        }
        try interpreter.run(
            try Compiler.compile(source: Array(source.utf8), name: "test", globalNames: interpreter.globalNames))
        #expect(String(decoding: output, as: UTF8.self) == "0\n")
        #expect(interpreter.shapeCount < 10_000)
    }

    /// What a class needs outside the heap goes some time after the class, not in the cycle that finds it dead.
    @Test func shapesOfDeadClassesAreFreed() throws {
        let source = """
            fun make() { class A { init() { this.x = 1; } } A().y = 2; }
            for (var i = 0; i < 1000; i = i + 1) make();
            """
        let interpreter = try Interpreter(configuration: HeapConfiguration(encoding: Value.encoding)) { _ in }
        try interpreter.run(
            try Compiler.compile(source: Array(source.utf8), name: "test", globalNames: interpreter.globalNames))
        interpreter.collect()
        #expect(interpreter.shapeCount < 10)
    }
}
