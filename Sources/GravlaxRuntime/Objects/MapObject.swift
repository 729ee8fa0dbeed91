import GravlaxHeap

/// A map that keeps the order of insertion: entries one after another, and an index into them.
///
///     map       word 0 header (upper half: count)
///               word 1 [version: 32][used: 32]     used: entries in use, removed ones included
///               word 2 buffer of entries or 0      two slots each: key, value; a removed key reads `undefined`
///               word 3 index or 0                  no index up to `linearLimit` entries: keys are compared in turn
///     index     word 0 header of a buffer (upper half: slot count, a power of two), then 32 bits a slot: 0 empty,
///               else entry number + 1 in as many low bits as number the slots, and above them the same bits of
///               the key's hash. A removed entry's slot stays until the next rebuild.
///
/// The version changes with each insertion and removal, which is how a loop over the map notices them.
/// Numbers, strings, booleans, nil and ranges are keys by value (-0 is 0, NaN equals itself here), everything else by
/// identity.
enum MapObject {
    static var layout: ObjectLayout { ObjectLayout(headerWords: 2, slotCount: 2) }
    static let linearLimit = 8
    static let maximumUsed = 1 << 29

    @inline(__always) static func count(_ map: ObjectWords) -> Int { upperHalf(map[0]) }
    @inline(__always) static func used(_ map: ObjectWords) -> Int { Int(map[1] & 0xFFFF_FFFF) }
    @inline(__always) static func version(_ map: ObjectWords) -> UInt64 { map[1] >> 32 }

    @inline(__always) static func setCounts(_ map: ObjectWords, count: Int, used: Int) {
        map[0] = map[0] & 0xFFFF_FFFF | UInt64(truncatingIfNeeded: count) << 32
        map[1] = (version(map) &+ 1) << 32 | UInt64(truncatingIfNeeded: used)
    }

    @inline(__always) static func entries(_ map: ObjectWords) -> UnsafeMutablePointer<UInt64> {
        Value(bits: map[2]).words + BufferObject.first
    }

    static func entryCapacity(_ map: ObjectWords) -> Int {
        map[2] == 0 ? 0 : BufferObject.capacity(Value(bits: map[2]).words) / 2
    }

    /// The form in which keys are stored and compared.
    @inline(__always) static func normalized(_ key: UInt64) -> UInt64 {
        if key == 0x8000_0000_0000_0000 { return 0 }
        if key < Value.firstTag, Double(bitPattern: key).isNaN { return 0x7FF8_0000_0000_0000 }
        return key
    }

    @inline(__always) static func hash(_ key: UInt64) -> UInt32 {
        let value = Value(bits: key)
        if StringObject.isString(value) { return StringObject.hash(value.words) }
        if let range = value.object(.range) { return RangeObject.hash(range) }
        return Hashing.mix(key)
    }

    @inline(__always) static func areEqual(_ left: UInt64, _ right: UInt64) -> Bool {
        if left == right { return true }
        let leftValue = Value(bits: left)
        let rightValue = Value(bits: right)
        guard StringObject.isString(leftValue), StringObject.isString(rightValue) else {
            return RangeObject.areSameKey(leftValue, rightValue)
        }
        return StringObject.areEqual(leftValue.words, rightValue.words)
    }

    /// The number of the entry of the normalized `key`; -1 when there is none.
    static func find(_ map: ObjectWords, _ key: UInt64) -> Int {
        let used = used(map)
        if used == 0 { return -1 }
        let entries = entries(map)
        if map[3] == 0 {
            for entry in 0..<used where areEqual(entries[2 * entry], key) { return entry }
            return -1
        }
        let index = Value(bits: map[3]).words
        let slots = UnsafeMutableRawPointer(index + 1).assumingMemoryBound(to: UInt32.self)
        let mask = UInt32(truncatingIfNeeded: upperHalf(index[0]) &- 1)
        let hash = hash(key)
        var position = hash & mask
        while true {
            let slot = slots[Int(position)]
            if slot == 0 { return -1 }
            // The hash's bits in the slot spare most looks at entries of other keys, each of which is a cache miss.
            if (slot ^ hash) & ~mask == 0 {
                let entry = Int(slot & mask) &- 1
                if areEqual(entries[2 &* entry], key) { return entry }
            }
            position = (position &+ 1) & mask
        }
    }

    static func place(_ index: ObjectWords, key: UInt64, entry: Int) {
        let slots = UnsafeMutableRawPointer(index + 1).assumingMemoryBound(to: UInt32.self)
        let mask = UInt32(truncatingIfNeeded: upperHalf(index[0]) &- 1)
        let hash = hash(key)
        var position = hash & mask
        while slots[Int(position)] != 0 { position = (position &+ 1) & mask }
        slots[Int(position)] = hash & ~mask | UInt32(truncatingIfNeeded: entry &+ 1)
    }
}

extension Machine {
    func makeMap() -> Value? {
        guard let words = allocate(mapLayout) else { return nil }
        words[0] = ObjectKind.map.header()
        return Value(object: words)
    }

    /// The value at `key`, or `nil` when there is none.
    func mapValue(_ map: ObjectWords, _ key: Value) -> Value? {
        let entry = find(map, MapObject.normalized(key.bits))
        return entry < 0 ? nil : Value(bits: MapObject.entries(map)[2 * entry + 1])
    }

    /// Stores `value` at `key`. Map, key and value are in registers or temporaries.
    func setMapValue(_ map: ObjectWords, _ key: Value, _ value: Value) -> Bool {
        let key = MapObject.normalized(key.bits)
        let known = find(map, key)
        if known >= 0 {
            mutator.store(value.bits, to: MapObject.entries(map) + 2 * known + 1)
            return true
        }
        if MapObject.used(map) == MapObject.entryCapacity(map) {
            guard rebuildMap(map) else { return false }
        }
        let used = MapObject.used(map)
        let entry = MapObject.entries(map) + 2 * used
        mutator.store(key, to: entry)
        mutator.store(value.bits, to: entry + 1)
        if map[3] != 0 { MapObject.place(Value(bits: map[3]).words, key: key, entry: used) }
        MapObject.setCounts(map, count: MapObject.count(map) + 1, used: used + 1)
        return true
    }

    /// Removes the entry of `key` and gives its value; `nil` when there is none.
    func removeMapValue(_ map: ObjectWords, _ key: Value) -> Value? {
        let number = find(map, MapObject.normalized(key.bits))
        guard number >= 0 else { return nil }
        let entry = MapObject.entries(map) + 2 * number
        let value = Value(bits: entry[1])
        mutator.store(Value.undefinedBits, to: entry)
        mutator.store(Value.nilBits, to: entry + 1)
        MapObject.setCounts(map, count: MapObject.count(map) - 1, used: MapObject.used(map))
        return value
    }

    /// New entries and a new index, without what was removed, with room for half as much again at least.
    private func rebuildMap(_ map: ObjectWords) -> Bool {
        let count = MapObject.count(map)
        guard count < MapObject.maximumUsed else {
            failure = .outOfMemory
            return false
        }
        guard let buffer = makeBuffer(capacity: 2 * max(4, count * 2)) else { return false }
        temporaries[Machine.growingPlace] = Value(buffer: buffer).bits
        defer { temporaries[Machine.growingPlace] = 0 }
        let capacity = BufferObject.capacity(buffer) / 2
        let fresh = buffer + BufferObject.first
        // Plain stores will do: see `copyWords`.
        var used = 0
        if MapObject.used(map) > 0 {
            let entries = MapObject.entries(map)
            for entry in 0..<MapObject.used(map) where entries[2 * entry] != Value.undefinedBits {
                fresh[2 * used] = entries[2 * entry]
                fresh[2 * used + 1] = entries[2 * entry + 1]
                used += 1
                guard worked(16) else { return false }
            }
        }
        var index: UInt64 = 0
        if capacity > MapObject.linearLimit {
            var slotCount = 16
            while slotCount * 3 < capacity * 4 { slotCount *= 2 }
            guard let words = allocateNoScan(byteCount: 8 + slotCount * 4) else { return false }
            words[0] = ObjectKind.buffer.header(upper: UInt32(slotCount))
            index = Value(buffer: words).bits
            temporaries[Machine.growingIndexPlace] = index
            defer { temporaries[Machine.growingIndexPlace] = 0 }
            for entry in 0..<used {
                MapObject.place(words, key: fresh[2 * entry], entry: entry)
                guard worked(32) else { return false }
            }
        }
        mutator.store(Value(buffer: buffer).bits, to: map + 2)
        mutator.store(index, to: map + 3)
        MapObject.setCounts(map, count: count, used: used)
        return true
    }
}
