import GravlaxRuntime

/// What can be given to scripts and got from them.
public protocol ScriptConvertible {
    /// - Throws: `ScriptError` when the value is something else.
    init(_ value: Value) throws

    /// The value for an interpreter.
    ///
    /// - Throws: `ScriptError` when memory is refused.
    func value(in interpreter: Interpreter) throws -> Value
}

extension Value {
    fileprivate func mismatch(_ expected: String) -> ScriptError { ScriptError("Expected \(expected), not \(kindName).") }
}

extension Value: ScriptConvertible {
    public init(_ value: Value) { self = value }

    /// - Throws: `ScriptError` when it is an object of another interpreter: those share nothing.
    public func value(in interpreter: Interpreter) throws -> Value {
        guard let handle = host.handle, handle.interpreter !== interpreter.core else { return self }
        throw ScriptError("A value of one interpreter can't be given to another.")
    }
}

extension Bool: ScriptConvertible {
    public init(_ value: Value) throws {
        guard let flag = value.host.flag else { throw value.mismatch("a boolean") }
        self = flag
    }

    public func value(in interpreter: Interpreter) -> Value { Value(HostValue(self)) }
}

extension Double: ScriptConvertible {
    public init(_ value: Value) throws {
        guard let number = value.host.number else { throw value.mismatch("a number") }
        self = number
    }

    public func value(in interpreter: Interpreter) -> Value { Value(HostValue(self)) }
}

extension Float: ScriptConvertible {
    public init(_ value: Value) throws { self = Float(try Double(value)) }
    public func value(in interpreter: Interpreter) -> Value { Value(HostValue(Double(self))) }
}

/// Whole numbers: a script's number must be one, and within the type's range; a Swift number must be one that a script's
/// number, a `Double`, can hold exactly: up to 2^53 all can.
extension ScriptConvertible where Self: FixedWidthInteger & Codable {
    public init(_ value: Value) throws {
        guard let number = value.host.number else { throw value.mismatch("a whole number") }
        guard let whole = Self(exactly: number) else {
            throw ScriptError("Expected a whole number from \(Self.min) to \(Self.max), not \(value).")
        }
        self = whole
    }

    public func value(in interpreter: Interpreter) throws -> Value {
        guard let number = Double(exactly: self) else {
            throw ScriptError("\(self) can't be held exactly by a script's number.")
        }
        return Value(HostValue(number))
    }
}

extension Int: ScriptConvertible {}
extension Int8: ScriptConvertible {}
extension Int16: ScriptConvertible {}
extension Int32: ScriptConvertible {}
extension Int64: ScriptConvertible {}
extension UInt: ScriptConvertible {}
extension UInt8: ScriptConvertible {}
extension UInt16: ScriptConvertible {}
extension UInt32: ScriptConvertible {}
extension UInt64: ScriptConvertible {}

extension String: ScriptConvertible {
    public init(_ value: Value) throws {
        guard let core = value.host.handle?.interpreter, let text = core.text(value.host) else {
            throw value.mismatch("a string")
        }
        self = text
    }

    public func value(in interpreter: Interpreter) throws -> Value {
        try rethrowing { () throws(RuntimeError) in Value(try interpreter.core.makeString(self)) }
    }
}

/// Nil is the script's `nil`.
extension Optional: ScriptConvertible where Wrapped: ScriptConvertible {
    public init(_ value: Value) throws { self = value.isNil ? nil : try Wrapped(value) }
    public func value(in interpreter: Interpreter) throws -> Value { try self?.value(in: interpreter) ?? .nil }
}

/// A copy of a list, and a new list.
extension Array: ScriptConvertible where Element: ScriptConvertible {
    public init(_ value: Value) throws {
        guard let core = value.host.handle?.interpreter, let elements = core.elements(value.host) else {
            throw value.mismatch("a list")
        }
        self = try elements.enumerated().map { index, element in
            do { return try Element(Value(element)) } catch { throw ScriptError.within("Element [\(index)]: ", error) }
        }
    }

    public func value(in interpreter: Interpreter) throws -> Value {
        let elements = try enumerated().map { index, element in
            do { return try element.value(in: interpreter).host } catch { throw ScriptError.within("Element [\(index)]: ", error) }
        }
        return try rethrowing { () throws(RuntimeError) in Value(try interpreter.core.makeList(elements)) }
    }
}

/// A copy of a map, and a new map. Keys that differ in the one and are equal in the other are an error: strings of scripts are
/// equal when their bytes are, those of Swift when they look the same.
extension Dictionary: ScriptConvertible where Key: ScriptConvertible, Value: ScriptConvertible {
    public init(_ value: Gravlax.Value) throws {
        guard let core = value.host.handle?.interpreter, let entries = core.entries(value.host) else {
            throw value.mismatch("a map")
        }
        self.init(minimumCapacity: entries.count)
        for (key, value) in entries {
            let converted: Key
            do { converted = try Key(Gravlax.Value(key)) } catch {
                throw ScriptError.within("Key \(Gravlax.Value(key)): ", error)
            }
            let content: Value
            do { content = try Value(Gravlax.Value(value)) } catch {
                throw ScriptError.within("Value of \(Gravlax.Value(key)): ", error)
            }
            guard updateValue(content, forKey: converted) == nil else {
                throw ScriptError("Two keys of the map are the same to Swift: \(Gravlax.Value(key)).")
            }
        }
    }

    public func value(in interpreter: Interpreter) throws -> Gravlax.Value {
        let entries = try map { (key: try $0.key.value(in: interpreter).host, value: try $0.value.value(in: interpreter).host) }
        return try rethrowing { () throws(RuntimeError) in Gravlax.Value(try interpreter.core.makeMap(entries)) }
    }
}
