import GravlaxRuntime

/// Asynchronous functions of the host.
extension Interpreter {
    /// Gives scripts an asynchronous function, as a global.
    ///
    ///     interpreter.define("fetch") { (url: String) async throws -> String in try await client.text(at: url) }
    ///     let page: String = try await interpreter.evaluate("fetch(\"/index\")")
    ///
    /// To a script it is a function like any other: the call has the result, or throws. The script waits meanwhile, its thread
    /// does not: other work runs on it, and any thread goes on with the script. The function can be called wherever a script
    /// is in a run that the host awaits; not by finalizers and other functions that the collector calls, nor through a function
    /// of the host that is not asynchronous itself: those calls are errors of the script's.
    ///
    /// The function runs in a task of its own, which is cancelled when a limit of the run is reached, the run is interrupted,
    /// or its task is cancelled. Whatever it then returns or throws, the run ends with the limit's error: when it does, or 20 ms later
    /// without it. A function that goes on regardless must not use the interpreter or its values, which are not in its run any more;
    /// `Task.isCancelled` tells.
    ///
    /// Errors of the definition itself are as with other functions.
    public func define<each Parameter: ScriptConvertible & Sendable, Result: ScriptConvertible & Sendable>(
        _ name: String, _ body: @escaping @Sendable (repeat each Parameter) async throws -> Result
    ) {
        var count = 0
        for _ in repeat (each Parameter).self { count += 1 }
        install(name, parameterCount: count) { [unowned self] arguments in
            let reader = MethodArguments(name, arguments[...])
            let converted = (repeat try reader.next((each Parameter).self))
            return {
                let result = try await body(repeat each converted)
                return { try result.value(in: self).host }
            }
        }
    }

    /// Gives scripts an asynchronous function that returns nothing.
    @_disfavoredOverload
    public func define<each Parameter: ScriptConvertible & Sendable>(
        _ name: String, _ body: @escaping @Sendable (repeat each Parameter) async throws -> Void
    ) {
        var count = 0
        for _ in repeat (each Parameter).self { count += 1 }
        install(name, parameterCount: count) { arguments in
            let reader = MethodArguments(name, arguments[...])
            let converted = (repeat try reader.next((each Parameter).self))
            return {
                try await body(repeat each converted)
                return { .nil }
            }
        }
    }

    private func install(_ name: String, parameterCount: Int, _ body: @escaping AsynchronousBody) {
        core.defineGlobal(name) { () throws(RuntimeError) in
            try core.makeAsynchronousFunction(name, parameterCount: parameterCount, body)
        }
    }
}
