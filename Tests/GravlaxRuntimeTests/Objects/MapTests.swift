import GravlaxCompiler
import GravlaxRuntime
import Testing

@Suite struct MapTests {
    /// The same random insertions, replacements, removals and look-ups in a map of the language and in a model: an
    /// array of entries in order of insertion.
    @Test(arguments: [1, 2, 3, 4])
    func agreesWithModel(seed: UInt64) throws {
        var generator = Sequence(state: seed)
        var constants: [Constant] = (0..<40).map { .number(Double($0) / 2) }
        constants += (0..<40).map { .string(Array("key \($0)".utf8)) }
        constants += (0..<20).map { .string(Array("k\($0)".utf8)) }
        var model: [(key: Int, value: Int)] = []
        var expected = ""
        // R[1] the map, R[2] the receiver or key, R[3] the argument or value.
        var code: [(Int, Instruction)] = [(1, Instruction(.newmap, a: 1, bx: 0))]
        for step in 0..<4000 {
            let key = Int.random(in: 0..<constants.count, using: &generator)
            let position = model.firstIndex { $0.key == key }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                code += [
                    (2, Instruction(.loadk, a: 2, bx: key)), (3, Instruction(.loadint, a: 3, sbx: step)),
                    (4, Instruction(.setindex, a: 1, b: 2, c: 3)),
                ]
                if let position { model[position].value = step } else { model.append((key, step)) }
            case 2:
                code += [
                    (2, Instruction(.move, a: 2, b: 1)), (3, Instruction(.loadk, a: 3, bx: key)),
                    (4, Instruction(.invoke, a: 2, b: 1, c: 0)), (3, Instruction(.print, a: 2)),
                ]
                expected += position.map { "\(model[$0].value)\n" } ?? "nil\n"
                if let position { model.remove(at: position) }
            default:
                code += [
                    (2, Instruction(.loadk, a: 2, bx: key)), (3, Instruction(.getindex, a: 2, b: 1, c: 2)),
                    (3, Instruction(.print, a: 2)), (2, Instruction(.getfield, a: 2, b: 1, c: 1)),
                    (3, Instruction(.print, a: 2)),
                ]
                expected += position.map { "\(model[$0].value)\n" } ?? "nil\n"
                expected += "\(model.count)\n"
            }
        }
        // for (k, v in map) { print k; print v; }
        code += [
            (2, Instruction(.move, a: 2, b: 1)), (3, Instruction(.iterprep, a: 2, b: 2)),
            (5, Instruction(.jmp, sbx: 2)), (7, Instruction(.print, a: 5)), (7, Instruction(.print, a: 6)),
            (5, Instruction(.iternext, a: 2, b: 2, jump: -3)), (2, Instruction(.returnnil)),
        ]
        for (key, value) in model {
            switch constants[key] {
            case .number(let number): expected += NumberFormatting.text(number) + "\n"
            case .string(let bytes): expected += String(decoding: bytes, as: UTF8.self) + "\n"
            default: break
            }
            expected += "\(value)\n"
        }
        let script = HandMadeFunction(
            registerCount: 8, constants: constants, siteSymbols: [0, 1], code: code.map { (live: $0.0, instruction: $0.1) })
        let outcome = try run(handMadeProgram([script], symbols: ["remove", "count"]))
        #expect(outcome.error == nil)
        #expect(outcome.output == expected)
    }
}

/// A small generator with a seed, so that a failure can be repeated (splitmix64).
private struct Sequence: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
