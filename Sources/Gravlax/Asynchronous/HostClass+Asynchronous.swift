import GravlaxRuntime

/// Methods that take a while, of types that tasks can share.
extension HostClass where Subject: Sendable {
    /// An asynchronous method. The script waits for it as it does for functions (`Interpreter.define`).
    ///
    ///     type.method("refresh") { (account: Account, from: String) async throws -> Double in try await account.refresh(from) }
    public func method<each Parameter: ScriptConvertible & Sendable, Result: ScriptConvertible & Sendable>(
        _ name: String, _ body: @escaping @Sendable (Subject, repeat each Parameter) async throws -> Result
    ) {
        let (title, interpreter) = ("\(self.name).\(name)", Unowned(interpreter))
        addMethod(name, parameterCount: count(repeat (each Parameter).self)) { subject, arguments in
            let reader = MethodArguments(title, arguments)
            let converted = (repeat try reader.next((each Parameter).self))
            return {
                let result = try await body(subject, repeat each converted)
                return { try result.value(in: interpreter.interpreter).host }
            }
        }
    }

    /// An asynchronous method that returns nothing.
    @_disfavoredOverload
    public func method<each Parameter: ScriptConvertible & Sendable>(
        _ name: String, _ body: @escaping @Sendable (Subject, repeat each Parameter) async throws -> Void
    ) {
        let title = "\(self.name).\(name)"
        addMethod(name, parameterCount: count(repeat (each Parameter).self)) { subject, arguments in
            let reader = MethodArguments(title, arguments)
            let converted = (repeat try reader.next((each Parameter).self))
            return {
                try await body(subject, repeat each converted)
                return { .nil }
            }
        }
    }

    private func addMethod(
        _ name: String, parameterCount: Int,
        _ body: @escaping @Sendable (Subject, ArraySlice<HostValue>) throws -> @Sendable () async throws -> @Sendable () throws -> HostValue
    ) {
        let (className, interpreter) = (self.name, Unowned(interpreter))
        attempt { () throws(RuntimeError) in
            let function = try self.interpreter.core.makeAsynchronousFunction(
                "\(className).\(name)", parameterCount: parameterCount
            ) { arguments in
                let subject = try Self.subject(of: arguments[0], named: className, in: interpreter.interpreter)
                return try body(subject, arguments.dropFirst())
            }
            try self.interpreter.core.addMethod(name, function, to: value)
        } checking: {
            try Gravlax.Value.check(name)
        }
    }
}

/// The interpreter that a function belongs to, which lives longer.
private struct Unowned: Sendable {
    unowned let interpreter: Interpreter

    init(_ interpreter: Interpreter) { self.interpreter = interpreter }
}
