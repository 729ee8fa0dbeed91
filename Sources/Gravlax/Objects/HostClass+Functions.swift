import GravlaxRuntime

/// What a class has beyond initialisers, methods and properties.
extension HostClass {
    /// What `print`, `str` and interpolation show for an instance: its `toString()`.
    public func text(_ text: @escaping @Sendable (Subject) throws -> String) {
        addMethod("toString", parameterCount: 0) { receiver, _ in
            try text(self.subject(of: receiver)).value(in: self.interpreter).host
        }
    }

    // MARK: Functions of the class

    /// A function of the class itself: `Account.named("Ann")`.
    public func function<each Parameter: ScriptConvertible, Result: ScriptConvertible>(
        _ name: String, _ body: @escaping @Sendable (repeat each Parameter) throws -> Result
    ) {
        addFunction(name, parameterCount: count(repeat (each Parameter).self)) { arguments in
            try body(repeat arguments.next((each Parameter).self)).value(in: self.interpreter).host
        }
    }

    /// A function of the class itself that returns nothing.
    @_disfavoredOverload
    public func function<each Parameter: ScriptConvertible>(
        _ name: String, _ body: @escaping @Sendable (repeat each Parameter) throws -> Void
    ) {
        addFunction(name, parameterCount: count(repeat (each Parameter).self)) { arguments in
            try body(repeat arguments.next((each Parameter).self))
            return .nil
        }
    }
}

extension HostClass {
    private func addFunction(_ name: String, parameterCount: Int, _ body: @escaping (MethodArguments) throws -> HostValue) {
        attempt { () throws(RuntimeError) in
            let title = "\(self.name).\(name)"
            let function = try interpreter.core.makeFunction(title, parameterCount: parameterCount) { arguments in
                try body(MethodArguments(title, arguments[...]))
            }
            try interpreter.core.addStatic(name, function, to: value)
        } checking: {
            try Gravlax.Value.check(name)
        }
    }
}
