import GravlaxRuntime

/// One place of what is being encoded. Made into a value of the script's once all is there.
final class EncodedPlace {
    private enum Content {
        case nothing
        case value(Value)
        case list([EncodedPlace])
        /// In the order of the first encoding of each key.
        case map([(key: String, place: EncodedPlace)], positions: [String: Int])
    }

    private var content = Content.nothing

    func hold(_ value: Value) { content = .value(value) }

    // A type may ask for its container several times: the second adds to what the first has.

    func becomeList() {
        if case .list = content { return }
        content = .list([])
    }

    func becomeMap() {
        if case .map = content { return }
        content = .map([], positions: [:])
    }

    var count: Int {
        if case .list(let places) = content { return places.count }
        return 0
    }

    func append() -> EncodedPlace {
        guard case .list(var places) = content else { preconditionFailure("a list is no list any more") }
        let place = EncodedPlace()
        content = .nothing
        places.append(place)
        content = .list(places)
        return place
    }

    func place(at key: String) -> EncodedPlace {
        guard case .map(var places, var positions) = content else { preconditionFailure("a map is no map any more") }
        let place = EncodedPlace()
        content = .nothing
        if let position = positions[key] {
            places[position].place = place
        } else {
            positions[key] = places.count
            places.append((key, place))
        }
        content = .map(places, positions: positions)
        return place
    }

    /// An object of a type that encodes nothing is an empty map, as in other formats.
    func value(in interpreter: Interpreter) throws -> Value {
        switch content {
        case .nothing: return try rethrowing { () throws(RuntimeError) in Value(try interpreter.core.makeMap([])) }
        case .value(let value): return value
        case .list(let places): return try places.map { try $0.value(in: interpreter) }.value(in: interpreter)
        case .map(let places, _):
            let entries = try places.map {
                (key: try $0.key.value(in: interpreter).host, value: try $0.place.value(in: interpreter).host)
            }
            return try rethrowing { () throws(RuntimeError) in Value(try interpreter.core.makeMap(entries)) }
        }
    }
}

/// Encodes into a place.
struct ScriptEncoder: Encoder {
    let place: EncodedPlace
    let codingPath: [any CodingKey]
    let interpreter: Interpreter

    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        place.becomeMap()
        return KeyedEncodingContainer(MapEncodingContainer(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        place.becomeList()
        return ListEncodingContainer(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { ValueEncodingContainer(encoder: self) }

    func at(_ key: any CodingKey, _ place: EncodedPlace) -> ScriptEncoder {
        ScriptEncoder(place: place, codingPath: codingPath + [key], interpreter: interpreter)
    }

    func encodeNil() { place.hold(.nil) }

    func encode(_ content: some Encodable) throws {
        guard codingPath.count <= CodingPath.maximumDepth else {
            throw failure(content, "What is encoded nests deeper than \(CodingPath.maximumDepth) levels.")
        }
        guard let scalar = content as? any ScriptScalar else { return try content.encode(to: self) }
        do {
            place.hold(try scalar.value(in: interpreter))
        } catch let error as ScriptError where error.kind == .error {
            throw failure(content, error.message)
        }
    }

    private func failure(_ content: Any, _ text: String) -> EncodingError {
        .invalidValue(content, .init(codingPath: codingPath, debugDescription: text))
    }
}

private struct MapEncodingContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: ScriptEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    private func at(_ key: any CodingKey) -> ScriptEncoder { encoder.at(key, encoder.place.place(at: key.stringValue)) }

    func encodeNil(forKey key: Key) { at(key).encodeNil() }
    func encode(_ content: some Encodable, forKey key: Key) throws { try at(key).encode(content) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        at(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { at(key).unkeyedContainer() }
    func superEncoder() -> any Encoder { at(NamedKey(stringValue: "super")) }
    func superEncoder(forKey key: Key) -> any Encoder { at(key) }

    // What is nil is there, as nil: a script that reads it need not ask first.

    func encodeIfPresent(_ content: Bool?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: String?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: Double?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: Float?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: Int?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: Int8?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: Int16?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: Int32?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: Int64?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: UInt?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: UInt8?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: UInt16?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: UInt32?, forKey key: Key) throws { try encode(content, forKey: key) }
    func encodeIfPresent(_ content: UInt64?, forKey key: Key) throws { try encode(content, forKey: key) }

    func encodeIfPresent<Content: Encodable>(_ content: Content?, forKey key: Key) throws { try encode(content, forKey: key) }
}

private struct ListEncodingContainer: UnkeyedEncodingContainer {
    let encoder: ScriptEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }
    var count: Int { encoder.place.count }

    private func next() -> ScriptEncoder { encoder.at(IndexKey(count), encoder.place.append()) }

    func encodeNil() { next().encodeNil() }
    func encode(_ content: some Encodable) throws { try next().encode(content) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        next().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { next().unkeyedContainer() }
    func superEncoder() -> any Encoder { next() }
}

private struct ValueEncodingContainer: SingleValueEncodingContainer {
    let encoder: ScriptEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil() { encoder.encodeNil() }
    func encode(_ content: some Encodable) throws { try encoder.encode(content) }
}
