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
    /// - Precondition: there is memory for a few bytes more.
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
        let function = { [unowned self] (arguments: [HostValue]) throws -> HostValue in
            var position = 0
            func next<Argument: ScriptConvertible>(_ type: Argument.Type) throws -> Argument {
                defer { position += 1 }
                do {
                    return try Argument(Value(arguments[position]))
                } catch let error as ScriptError {
                    throw ScriptError("Argument \(position + 1) of \(name)(): \(error.message)")
                }
            }
            return try body(repeat try next((each Parameter).self)).value(in: self).host
        }
        do {
            try core.setGlobal(name, try core.makeFunction(name, parameterCount: count, function))
        } catch {
            preconditionFailure("no memory for the function \(name)")
        }
    }
}
