import GravlaxRuntime

/// Decodes a value of a script's.
final class ScriptDecoder: Decoder {
    let value: Value
    let codingPath: [any CodingKey]
    /// The decoder of what this value is a part of.
    private let outer: ScriptDecoder?

    init(value: Value, codingPath: [any CodingKey], outer: ScriptDecoder?) {
        (self.value, self.codingPath, self.outer) = (value, codingPath, outer)
    }

    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func at(_ key: any CodingKey, _ value: Value) -> ScriptDecoder {
        ScriptDecoder(value: value, codingPath: codingPath + [key], outer: self)
    }

    func decode<Content: Decodable>(_ type: Content.Type) throws -> Content {
        guard let scalar = type as? any ScriptScalar.Type else { return try Content(from: self) }
        if let content = try? scalar.init(value) as? Content { return content }
        if value.isNil { throw nothing(scalar.kindName, type) }
        // A number that the type does not hold is shown.
        if value.host.number != nil, scalar.kindName.hasSuffix("number") {
            throw DecodingError.dataCorrupted(context("\(expected(scalar.kindName)) that fits \(type), found \(value)."))
        }
        throw mismatch(scalar.kindName, type)
    }

    // MARK: Containers

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try checkNesting()
        guard let core = value.host.handle?.interpreter, let members = core.members(value.host) else {
            throw value.isNil ? nothing("a map", [String: Any].self) : mismatch("a map", [String: Any].self)
        }
        return KeyedDecodingContainer(MapDecodingContainer(decoder: self, members: members))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try checkNesting()
        guard let core = value.host.handle?.interpreter, let elements = core.elements(value.host) else {
            throw value.isNil ? nothing("a list", [Any].self) : mismatch("a list", [Any].self)
        }
        return ListDecodingContainer(decoder: self, elements: elements)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { ValueDecodingContainer(decoder: self) }

    private func checkNesting() throws {
        var current = outer
        while let decoder = current {
            // A type may decode itself by another type from the same place.
            if decoder.value.host.isSame(value.host), decoder.codingPath.count < codingPath.count {
                throw DecodingError.dataCorrupted(
                    context("\(value.kindName(atStart: true))\(CodingPath.place(codingPath)) contains itself."))
            }
            current = decoder.outer
        }
        guard codingPath.count <= CodingPath.maximumDepth else {
            throw DecodingError.dataCorrupted(
                context("What is decoded nests deeper than \(CodingPath.maximumDepth) levels."))
        }
    }

    // MARK: Errors

    private func context(_ text: String) -> DecodingError.Context { .init(codingPath: codingPath, debugDescription: text) }
    private func expected(_ kind: String) -> String { "Expected \(kind)\(CodingPath.place(codingPath))" }

    private func mismatch(_ kind: String, _ type: Any.Type) -> DecodingError {
        .typeMismatch(type, context("\(expected(kind)), found \(value.kindName)."))
    }

    private func nothing(_ kind: String, _ type: Any.Type) -> DecodingError {
        .valueNotFound(type, context("\(expected(kind)), found nil."))
    }
}

private struct MapDecodingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: ScriptDecoder
    let members: [HostMember: HostValue]
    var codingPath: [any CodingKey] { decoder.codingPath }

    var allKeys: [Key] {
        members.keys.compactMap { member in
            switch member {
            case .name(let name): Key(stringValue: name)
            case .number(let number): Key(intValue: number)
            }
        }
    }

    private func member(_ key: any CodingKey) -> HostValue? {
        if let found = members[.name(key.stringValue)] { return found }
        return key.intValue.flatMap { members[.number($0)] }
    }

    private func at(_ key: any CodingKey) throws -> ScriptDecoder {
        guard let found = member(key) else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "There is no such key."))
        }
        return decoder.at(key, Value(found))
    }

    func contains(_ key: Key) -> Bool { member(key) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { try at(key).value.isNil }
    func decode<Content: Decodable>(_ type: Content.Type, forKey key: Key) throws -> Content { try at(key).decode(type) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws -> KeyedDecodingContainer<Nested> {
        try at(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { try at(key).unkeyedContainer() }
    func superDecoder() throws -> any Decoder { try at(NamedKey(stringValue: "super")) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try at(key) }
}

private struct ListDecodingContainer: UnkeyedDecodingContainer {
    let decoder: ScriptDecoder
    let elements: [HostValue]
    private(set) var currentIndex = 0

    init(decoder: ScriptDecoder, elements: [HostValue]) { (self.decoder, self.elements) = (decoder, elements) }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    private func current() throws -> ScriptDecoder {
        guard !isAtEnd else {
            let place = CodingPath.place(codingPath + [IndexKey(currentIndex)])
            throw DecodingError.valueNotFound(
                Any.self, .init(codingPath: codingPath, debugDescription: "Expected an element\(place), found the end."))
        }
        return decoder.at(IndexKey(currentIndex), Value(elements[currentIndex]))
    }

    /// The element counts as taken only when `body` does not throw.
    private mutating func take<Result>(_ body: (ScriptDecoder) throws -> Result) throws -> Result {
        let result = try body(current())
        currentIndex += 1
        return result
    }

    mutating func decodeNil() throws -> Bool {
        guard try current().value.isNil else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<Content: Decodable>(_ type: Content.Type) throws -> Content { try take { try $0.decode(type) } }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws -> KeyedDecodingContainer<Nested> {
        try take { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try take { try $0.unkeyedContainer() } }
    mutating func superDecoder() throws -> any Decoder { try take { $0 } }
}

private struct ValueDecodingContainer: SingleValueDecodingContainer {
    let decoder: ScriptDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool { decoder.value.isNil }
    func decode<Content: Decodable>(_ type: Content.Type) throws -> Content { try decoder.decode(type) }
}
