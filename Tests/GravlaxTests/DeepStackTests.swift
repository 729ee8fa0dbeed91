import Gravlax
import Testing

/// Overflowing the stack within a budget: what it takes to mark a deep stack comes from the same budget, and comes back.
struct DeepStackTests {
    private static let scripts = [
        "fun r(a, b, c, d, e, f, g, h) { r(a, b, c, d, e, f, g, h); } var o = [1]; try { r(o, o, o, o, o, o, o, o); } catch (e) {} o = nil;",
        "fun r(a) { var t = [a]; r(t); } try { r([1]); } catch (e) {}",
        "fun r() { r(); } try { r(); } catch (e) {}",
    ]

    @Test(arguments: scripts, [4, 8, 16, 32] as [UInt64])
    func theInterpreterIsUsableAfterwards(script: String, mebibytes: UInt64) throws {
        let interpreter = try Interpreter(.init(heapBudget: .mebibytes(mebibytes)))
        for _ in 0..<3 {
            // Out of memory for the stack, or for what it holds, is a stack's end like another.
            try interpreter.run(script)
            let text: String = try interpreter.evaluate("var m = {\"a\": [1, 2, 3]}; \"${m}\"")
            #expect(text == "{\"a\": [1, 2, 3]}")
        }
    }
}
