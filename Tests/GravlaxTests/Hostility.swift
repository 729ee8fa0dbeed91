import Gravlax
import Testing

extension Configuration {
    /// With the collector at its most hostile, if that is wanted: a cycle at each allocation, checked, and freed memory filled.
    static func stressed(_ isStressed: Bool = true) -> Configuration {
        var configuration = Configuration()
        if isStressed {
            configuration.heap.debug.stress = 1
            configuration.heap.debug.verify = true
            configuration.heap.debug.clobberFree = true
        }
        return configuration
    }
}

/// A script ends at a limit, and the next one runs.
func expect(_ kind: ScriptError.Kind, _ source: String, in interpreter: Interpreter) throws {
    let error = #expect(throws: ScriptError.self) { try interpreter.run(source) }
    #expect(error?.kind == kind)
    interpreter.fuel = nil
    interpreter.timeLimit = nil
    #expect(try interpreter.evaluate("1 + 1", as: Int.self) == 2)
}
