import GravlaxRuntime

/// A value of a script. It keeps its object alive as long as the interpreter lives, and may go away on any thread; all else
/// is for the thread that uses the interpreter.
///
///     let point = try interpreter.evaluate("Point(1, 2)", as: Value.self)
///     let x = try Double(point["x"])
///     try point.call("move", 1, 1)
///
/// It does not keep the interpreter alive.
public struct Value: Sendable, CustomStringConvertible {
    let host: HostValue

    init(_ host: HostValue) { self.host = host }

    /// The script's `nil`.
    public static let `nil` = Value(HostValue.nil)

    /// Whether it is the script's `nil`.
    public var isNil: Bool { host.isNil }

    /// What `print` shows. An instance whose `toString()` fails is shown as if it had none.
    public var description: String {
        if let number = host.number { return NumberFormatting.text(number) }
        if let flag = host.flag { return flag ? "true" : "false" }
        guard let core = host.handle?.interpreter else { return "nil" }
        return core.shownText(of: host)
    }

    /// Whose value it is.
    func interpreter() throws -> Interpreter {
        if let interpreter = host.handle?.interpreter?.host as? Interpreter { return interpreter }
        throw ScriptError(
            host.handle == nil ? "A \(self) has no members and can't be called." : "The value's interpreter is gone.")
    }

    // MARK: Members

    /// A property, as a script reads it: a field, a getter, a method as a function.
    ///
    /// - Throws: `ScriptError` when there is none.
    public subscript(name: String) -> Value {
        get throws {
            let interpreter = try interpreter()
            try Value.check(name)
            return try rethrowing { () throws(RuntimeError) in
                Value(try interpreter.core.perform(.read, name, [host]))
            }
        }
    }

    /// Sets a field, as a script does.
    ///
    /// - Throws: `ScriptError` when the value has no fields.
    public func set(_ name: String, _ value: some ScriptConvertible) throws {
        let interpreter = try interpreter()
        try Value.check(name)
        let value = try value.value(in: interpreter)
        try rethrowing { () throws(RuntimeError) in
            _ = try interpreter.core.perform(.write, name, [host, value.host])
        }
    }

    /// Calls the function, or makes an instance of the class, that this value is.
    ///
    /// - Throws: `ScriptError`.
    @discardableResult
    public func callAsFunction(_ arguments: any ScriptConvertible...) throws -> Value {
        let interpreter = try interpreter()
        let values = try arguments.map { try $0.value(in: interpreter).host }
        return try rethrowing { () throws(RuntimeError) in Value(try interpreter.core.call(host, values)) }
    }

    /// Calls a method.
    ///
    /// - Throws: `ScriptError`.
    @discardableResult
    public func call(_ method: String, _ arguments: any ScriptConvertible...) throws -> Value {
        let interpreter = try interpreter()
        try Value.check(method)
        let values = try arguments.map { try $0.value(in: interpreter).host }
        return try rethrowing { () throws(RuntimeError) in 
            Value(try interpreter.core.perform(.call(argumentCount: values.count), method, [host] + values))
        }
    }

    /// Members that scripts do not see have names that are none.
    static func check(_ name: String) throws {
        try rethrowing { () throws(RuntimeError) in try GravlaxRuntime.Interpreter.check(name: name) }
    }

    // MARK: Kinds

    /// What it is, as errors tell it: `a string`; `A string` at the start of a sentence.
    func kindName(atStart: Bool) -> String { atStart ? kindName.prefix(1).uppercased() + kindName.dropFirst() : kindName }

    var kindName: String {
        if host.number != nil { return "a number" }
        if host.flag != nil { return "a boolean" }
        guard let core = host.handle?.interpreter else { return "nil" }
        return core.kindName(host)
    }
}
