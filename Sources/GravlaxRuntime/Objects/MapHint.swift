import GravlaxHeap

/// What the last lookup in a map found. Programs look at a key and then store at it, or find none and insert it: the second
/// lookup has the same words before it, and need not hash, probe and compare again.
///
/// Words are no roots: an object may be gone and another have its address. But none that was alive at the lookup is freed
/// before the sweep generation rises, and what happens to the map since shows in its version. In native memory of the
/// machine's; only the interpreter's thread looks at it.
struct MapHint {
    private var map: UInt64 = 0
    private var key: UInt64 = 0
    /// Word 1 of the map: its version, and how many entries are in use.
    private var version: UInt64 = 0
    private var generation: UInt32 = 0
    private var entry: Int32 = 0

    /// The entry of the normalized `key`, -1 for none; nil when it is another lookup than the last one.
    @inline(__always) func entry(_ words: ObjectWords, _ key: UInt64, _ generation: UInt32) -> Int? {
        guard key == self.key, UInt64(UInt(bitPattern: words)) == map, words[1] == version, generation == self.generation else {
            return nil
        }
        return Int(entry)
    }

    @inline(__always) mutating func remember(_ words: ObjectWords, _ key: UInt64, _ generation: UInt32, _ entry: Int) {
        map = UInt64(UInt(bitPattern: words))
        self.key = key
        version = words[1]
        self.generation = generation
        self.entry = Int32(truncatingIfNeeded: entry)
    }
}

extension Machine {
    /// The number of the entry of the normalized `key`; -1 when there is none.
    func find(_ map: ObjectWords, _ key: UInt64) -> Int {
        let generation = heap.raw.sweepgen
        if let entry = hint.pointee.entry(map, key, generation) { return entry }
        let entry = MapObject.find(map, key)
        hint.pointee.remember(map, key, generation, entry)
        return entry
    }

    /// What an index expression gives: the value at `key`, or nil.
    @inline(never) func value(in map: ObjectWords, _ key: UInt64) -> UInt64 {
        let entry = find(map, MapObject.normalized(key))
        return entry < 0 ? Value.nilBits : MapObject.entries(map)[2 * entry + 1]
    }
}
