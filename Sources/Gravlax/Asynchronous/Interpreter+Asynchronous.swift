import GravlaxRuntime

/// Runs that the host awaits. In those, scripts can call asynchronous functions of the host, and wait for them without a thread
/// (`define`). In asynchronous Swift the names `run`, `evaluate` and `call` mean these. Scripts run on a thread beside those of
/// Swift's tasks, which go on meanwhile.
///
/// The interpreter is in use until the run has returned, with one exception: while the script waits, whoever knows that it
/// does, such as the function it waits for, may read values, globals and statistics, and collect. What runs scripts is an
/// error then. `SharedInterpreter` has runs wait for one another.
///
/// Cancelling the task ends the run as `interrupt()` does, waiting or not: with a `ScriptError` of the kind `interrupted`,
/// whose cause is a `CancellationError`.
extension Interpreter {
    /// Compiles and runs a script.
    ///
    /// - Throws: `CompileError`; `ScriptError`.
    public func run(_ source: String, name: String = "script") async throws {
        let program = try compile(source, name: name, isExpression: false)
        _ = try await rethrowingAwaited { () async throws(RuntimeError) in try await core.startAwaiting(program, isLast: true) }
    }

    /// Runs a compiled script.
    ///
    /// - Throws: `ScriptError`.
    public func run(_ script: Script) async throws {
        _ = try await rethrowingAwaited { () async throws(RuntimeError) in try await core.startAwaiting(script.program, isLast: false) }
    }

    /// Compiles and runs a script, and gives the value of the expression that it is or ends in; nil when it ends in
    /// something else.
    ///
    /// - Throws: `CompileError`; `ScriptError`, also when the value is no `Result`.
    public func evaluate<Result: ScriptConvertible & Sendable>(
        _ source: String, name: String = "script", as type: Result.Type = Result.self
    ) async throws -> Result {
        let program = try compile(source, name: name, isExpression: true)
        return try Result(await rethrowingAwaited { () async throws(RuntimeError) in try await core.startAwaiting(program, isLast: true) })
    }

    /// Runs a compiled script, and gives the value of the expression that it is or ends in.
    ///
    /// - Throws: `ScriptError`, also when the value is no `Result`.
    public func evaluate<Result: ScriptConvertible & Sendable>(
        _ script: Script, as type: Result.Type = Result.self
    ) async throws -> Result {
        try Result(
            await rethrowingAwaited { () async throws(RuntimeError) in try await core.startAwaiting(script.program, isLast: false) })
    }
}

/// Calls that the host awaits.
extension Value {
    /// Calls the function, or makes an instance of the class, that this value is: `try await double.call(with: 21)`.
    ///
    /// - Throws: `ScriptError`.
    @discardableResult
    public func call(with arguments: any ScriptConvertible & Sendable...) async throws -> Value {
        let interpreter = try interpreter()
        let values = try arguments.map { try $0.value(in: interpreter).host }
        return try await rethrowingAwaited { () async throws(RuntimeError) in
            try await interpreter.core.callAwaiting(host, values)
        }
    }

    /// Calls a method.
    ///
    /// - Throws: `ScriptError`.
    @discardableResult
    public func call(_ method: String, _ arguments: any ScriptConvertible & Sendable...) async throws -> Value {
        let interpreter = try interpreter()
        try Value.check(method)
        let values = try arguments.map { try $0.value(in: interpreter).host }
        return try await rethrowingAwaited { () async throws(RuntimeError) in
            try await interpreter.core.performAwaiting(.call(argumentCount: values.count), method, [host] + values)
        }
    }
}

/// Errors of the runtime as the API's.
private func rethrowingAwaited(_ body: () async throws(RuntimeError) -> HostValue) async throws -> Value {
    do {
        return Value(try await body())
    } catch {
        throw ScriptError(error)
    }
}
