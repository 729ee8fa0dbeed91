import GravlaxRuntime

/// Functions of the host.
extension Interpreter {
    /// Gives scripts a function, as a global.
    ///
    ///     interpreter.define("hypot") { (x: Double, y: Double) in (x * x + y * y).squareRoot() }
    ///
    /// Arguments that cannot be converted, or are too few or too many, are errors of the script's. So is what the function
    /// throws, which the host finds in `ScriptError.cause`. The function runs on the thread that runs the script, and may
    /// run and call scripts itself. It lives as long as the interpreter; let it not keep that alive.
    ///
    /// When memory is refused, or more globals come in one run than there is room for (2,048), the call of the host's function
    /// that defines it fails with that error; outside of runs, the next run does.
    public func define<each Parameter: ScriptConvertible, Result: ScriptConvertible>(
        _ name: String, _ body: @escaping @Sendable (repeat each Parameter) throws -> Result
    ) {
        install(name) { (arguments: repeat each Parameter) throws -> Result in try body(repeat each arguments) }
    }

    /// Gives scripts a function that returns nothing.
    @_disfavoredOverload
    public func define<each Parameter: ScriptConvertible>(
        _ name: String, _ body: @escaping @Sendable (repeat each Parameter) throws -> Void
    ) {
        install(name) { (arguments: repeat each Parameter) throws -> Value in
            try body(repeat each arguments)
            return .nil
        }
    }

    private func install<each Parameter: ScriptConvertible, Result: ScriptConvertible>(
        _ name: String, _ body: @escaping (repeat each Parameter) throws -> Result
    ) {
        var count = 0
        for _ in repeat (each Parameter).self { count += 1 }
        core.defineGlobal(name) { () throws(RuntimeError) in
            try core.makeFunction(name, parameterCount: count) { [unowned self] arguments in
                let reader = MethodArguments(name, arguments[...])
                return try body(repeat reader.next((each Parameter).self)).value(in: self).host
            }
        }
    }
}
