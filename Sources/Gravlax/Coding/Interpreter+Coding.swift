import GravlaxRuntime

/// `Codable` both ways. A keyed container is a map with strings as keys, an unkeyed one a list, nil is `nil`.
///
///     struct Profile: Codable { var name: String; var scores: [Int] }
///
///     try interpreter.set("profile", encoding: Profile(name: "Ann", scores: [1, 2]))
///     let changed = try interpreter.evaluate("profile", decoding: Profile.self)
///
/// Instances are decoded by their fields. Data whose parts nest deeper than `maximumNesting`, or contain themselves, are an
/// error. Complexity: linear in the data.
extension Interpreter {
    /// How deep what is encoded or decoded may nest: `Codable` uses the native stack for each level.
    public static var maximumNesting: Int { CodingPath.maximumDepth }

    /// What a Swift value looks like to scripts: a new value.
    ///
    /// - Throws: `ScriptError` when a script can't have it, such as whole numbers that a script's number can't hold exactly,
    ///   with the path to it; whatever `content` throws as it encodes itself.
    public func encode(_ content: some Encodable) throws -> Value {
        try explaining {
            let place = EncodedPlace()
            try ScriptEncoder(place: place, codingPath: [], interpreter: self).encode(content)
            return try place.value(in: self)
        }
    }

    /// Sets a global to what a Swift value looks like to scripts.
    ///
    /// - Throws: as `encode` does; `ScriptError` when memory is refused.
    public func set(_ name: String, encoding content: some Encodable) throws { try set(name, encode(content)) }

    /// Compiles and runs a script, and decodes the value of the expression that it is or ends in.
    ///
    /// - Throws: `CompileError`; `ScriptError`, also when the value is something else, with the path to what does not fit;
    ///   whatever the type throws as it decodes itself.
    public func evaluate<Result: Decodable>(
        _ source: String, name: String = "script", decoding type: Result.Type
    ) throws -> Result {
        try evaluate(source, name: name, as: Value.self).decode(as: type)
    }
}

extension Interpreter {
    /// Compiles and runs a script that the host awaits, and decodes the value of the expression that it is or ends in.
    ///
    /// - Throws: as the one that is not awaited does.
    public func evaluate<Result: Decodable>(
        _ source: String, name: String = "script", decoding type: Result.Type
    ) async throws -> Result {
        try await evaluate(source, name: name, as: Value.self).decode(as: type)
    }
}

extension Value {
    /// A Swift value made of this one: see `Interpreter.evaluate(_:name:decoding:)`.
    public func decode<Result: Decodable>(as type: Result.Type = Result.self) throws -> Result {
        try explaining { try ScriptDecoder(value: self, codingPath: [], outer: nil).decode(type) }
    }
}

/// A type that is `Codable` is convertible for the asking: `extension Profile: ScriptConvertible {}`.
extension ScriptConvertible where Self: Decodable {
    public init(_ value: Value) throws { self = try value.decode() }
}

extension ScriptConvertible where Self: Encodable {
    public func value(in interpreter: Interpreter) throws -> Value { try interpreter.encode(self) }
}

/// Errors of coding as those of scripts, with the path in the message.
private func explaining<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as DecodingError {
        throw ScriptError(CodingPath.message(of: error), cause: error)
    } catch let error as EncodingError {
        throw ScriptError(CodingPath.message(of: error), cause: error)
    }
}

/// Where in the data something is.
enum CodingPath {
    static let maximumDepth = 256

    /// `players[3].score`.
    static func text(_ path: [any CodingKey]) -> String {
        var text = ""
        for key in path {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : "." + key.stringValue
            }
        }
        return text
    }

    /// ` at players[3].score`; nothing for the whole.
    static func place(_ path: [any CodingKey]) -> String { path.isEmpty ? "" : " at " + text(path) }

    static func message(of error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context):
            return "Expected '\(text([key]))'\(place(context.codingPath)), found no such key."
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            return message(context.debugDescription, context.codingPath)
        @unknown default:
            return "\(error)"
        }
    }

    static func message(of error: EncodingError) -> String {
        if case .invalidValue(_, let context) = error { return message(context.debugDescription, context.codingPath) }
        return "\(error)"
    }

    /// The text of an error of ours has the place already; that of others gets it.
    private static func message(_ text: String, _ path: [any CodingKey]) -> String {
        let place = place(path)
        if place.isEmpty || text.contains(place) { return text }
        return (text.hasSuffix(".") ? String(text.dropLast()) : text) + place + "."
    }
}

/// The position in a list.
struct IndexKey: CodingKey {
    let index: Int

    init(_ index: Int) { self.index = index }
    init(intValue: Int) { index = intValue }

    init?(stringValue: String) {
        guard let index = Int(stringValue) else { return nil }
        self.index = index
    }

    var intValue: Int? { index }
    var stringValue: String { "\(index)" }
}

/// A key of neither the type's nor the data's.
struct NamedKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// What is coded without a container of its own.
protocol ScriptScalar: ScriptConvertible {
    /// As errors tell it.
    static var kindName: String { get }
}

extension Bool: ScriptScalar { static var kindName: String { "a boolean" } }
extension String: ScriptScalar { static var kindName: String { "a string" } }
extension Double: ScriptScalar { static var kindName: String { "a number" } }
extension Float: ScriptScalar { static var kindName: String { "a number" } }
extension ScriptScalar where Self: FixedWidthInteger { static var kindName: String { "a whole number" } }
extension Int: ScriptScalar {}
extension Int8: ScriptScalar {}
extension Int16: ScriptScalar {}
extension Int32: ScriptScalar {}
extension Int64: ScriptScalar {}
extension UInt: ScriptScalar {}
extension UInt8: ScriptScalar {}
extension UInt16: ScriptScalar {}
extension UInt32: ScriptScalar {}
extension UInt64: ScriptScalar {}

/// A `Value` may be part of what is coded by an interpreter; by any other coder it can't.
extension Value: Codable {
    public func encode(to encoder: any Encoder) throws {
        throw EncodingError.invalidValue(
            self, .init(codingPath: encoder.codingPath, debugDescription: "A script's value can't be encoded outside of its interpreter."))
    }

    public init(from decoder: any Decoder) throws {
        throw DecodingError.dataCorrupted(
            .init(codingPath: decoder.codingPath, debugDescription: "A script's value can't be decoded outside of its interpreter."))
    }
}

extension Value: ScriptScalar { static var kindName: String { "a value" } }
