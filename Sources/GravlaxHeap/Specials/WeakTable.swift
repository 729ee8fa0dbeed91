// Weak tables: the entries of weak maps, which hold a value only as long as its
// key lives (ephemerons). A table is a heap object without pointers, so that no
// scan of it keeps anything; `Ephemerons.swift` says how it is marked.
//
//     word   0          1        2          3        4          5
//            capacity   used     handle     value    handle     value   …
//                              └──── entry 0 ─────┘└──── entry 1 ─────┘
//
// Keys are hashed by their address, which never changes, and compared through
// their handles: the entry of a dead key matches nobody.

import Synchronization

/// A weak table. A thin pointer to the heap object. Entries are read by markers while a mutator changes them, so words
/// are atomic; a value is there before the handle that makes it an entry.
struct WeakTable {
    let address: UInt

    init(address: UInt) { self.address = address }
    /// The table that a special makes known.
    init(_ special: SpecialRef) { address = UInt(special.pointee.payload) }

    private static let headerWords = 2
    static let minCapacity = 8
    /// Stands for the handle of an entry that was removed.
    static let removed: UInt = 1

    private var words: UnsafeMutablePointer<Atomic<UInt64>> { UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped }

    /// Entries there is room for: a power of two. Constant.
    var capacity: Int { Int(words[0].load(ordering: .relaxed)) }
    /// Entries that are not empty any more, those of dead keys and removed ones among them.
    var used: Int {
        get { Int(words[1].load(ordering: .relaxed)) }
        nonmutating set { words[1].store(UInt64(newValue), ordering: .relaxed) }
    }

    /// Bytes of a table; nil for more entries than any heap has room for.
    static func byteCount(capacity: Int) -> Int? {
        capacity > HeapConstants.maxAllocation / 32 ? nil : (headerWords + 2 * capacity) * 8
    }

    func initialize(capacity: Int) { words[0].store(UInt64(capacity), ordering: .relaxed) }

    /// The handle of entry `index`; 0: empty.
    func handle(_ index: Int) -> UInt { UInt(words[Self.headerWords + 2 * index].load(ordering: .acquiring)) }
    func value(_ index: Int) -> UInt64 { words[Self.headerWords + 2 * index + 1].load(ordering: .acquiring) }

    func setValue(_ index: Int, _ value: UInt64) {
        words[Self.headerWords + 2 * index + 1].store(value, ordering: .releasing)
    }

    /// Makes an entry of what `setValue` put there.
    func setHandle(_ index: Int, _ handle: UInt) {
        words[Self.headerWords + 2 * index].store(UInt64(handle), ordering: .releasing)
    }

    /// The object of entry `index`; 0 if there is none, or it is known to be dead.
    func key(_ index: Int) -> UInt {
        let handle = handle(index)
        return handle > Self.removed ? WeakHandle(address: handle).object : 0
    }

    /// Where the search for a key begins.
    func start(_ key: UInt) -> Int {
        Int(truncatingIfNeeded: (key &>> 3) &* 0x9E37_79B9_7F4A_7C15 &>> 20) & (capacity - 1)
    }

    /// The entry of `key`; nil if it has none. Also the first entry on the way that could be its: one that is empty,
    /// removed, or of a dead key; nil if there is no such.
    func find(_ key: UInt) -> (entry: Int?, free: Int?) {
        let mask = capacity - 1
        var index = start(key)
        var free: Int? = nil
        for _ in 0...mask {
            let handle = handle(index)
            let object = handle > Self.removed ? WeakHandle(address: handle).object : 0
            if object == key { return (index, free) }
            if object == 0, free == nil { free = index }
            if handle == 0 { break }
            index = (index + 1) & mask
        }
        return (nil, free)
    }
}

/// What came of putting a value into a weak table.
public enum WeakTableStore: Sendable, Equatable {
    case stored
    /// Nothing changed: the table needs a larger one in its place.
    case full
    /// Nothing changed: memory was refused.
    case refused
}

extension Mutator {
    private func table(_ table: UnsafeMutableRawPointer) -> WeakTable { WeakTable(address: UInt(bitPattern: table)) }

    /// A new table, with room for 3/4 of `capacity` entries; nil when memory was refused. Keep it like any other reference.
    ///
    /// A table may be used by one thread at a time; if several do, values may be stale or lost, and no memory breaks.
    public func makeWeakTable(capacity: Int = 8) -> UnsafeMutableRawPointer? {
        var size = WeakTable.minCapacity
        while size < capacity, size < HeapConstants.maxAllocation { size *= 2 }
        guard let byteCount = WeakTable.byteCount(capacity: size), let memory = allocateNoScan(byteCount: byteCount)
        else { return nil }
        table(memory).initialize(capacity: size)
        guard state.pointee.heap.addSpecial(
            .weakTable, to: UInt(bitPattern: memory), payload: UInt64(UInt(bitPattern: memory)), state) == .registered
        else { return nil }
        return memory
    }

    /// The value of `key`; nil if it has none. O(1).
    public func weakTableGet(_ table: UnsafeMutableRawPointer, key: UnsafeMutableRawPointer) -> UInt64? {
        let table = self.table(table)
        guard let entry = table.find(UInt(bitPattern: key)).entry else { return nil }
        let value = table.value(entry)
        // The marker may not have seen that the key lives.
        shade(value)
        return value
    }

    /// Gives `key` a value. O(1) but for finding the key's handle in the list of its span.
    public func weakTableSet(
        _ table: UnsafeMutableRawPointer, key: UnsafeMutableRawPointer, value: UInt64
    ) -> WeakTableStore {
        let table = self.table(table)
        var place = table.find(UInt(bitPattern: key))
        if place.entry == nil {
            if table.used >= table.capacity / 4 * 3 { return .full }
            guard let handle = weakHandle(of: key) else { return .refused }
            place = table.find(UInt(bitPattern: key))
            if place.entry == nil {
                guard let free = place.free else { return .full }
                let wasEmpty = table.handle(free) == 0
                // The marker may be past this entry, or have seen that the key lives.
                shade(value)
                table.setValue(free, value)
                table.setHandle(free, UInt(bitPattern: handle))
                if wasEmpty { table.used = table.used + 1 }
                return .stored
            }
        }
        guard let entry = place.entry else { return .full }
        shade(value)
        table.setValue(entry, value)
        return .stored
    }

    /// Takes the value of `key` away. False if it had none.
    public func weakTableRemove(_ table: UnsafeMutableRawPointer, key: UnsafeMutableRawPointer) -> Bool {
        let table = self.table(table)
        guard let entry = table.find(UInt(bitPattern: key)).entry else { return false }
        // First, or the marker could keep the value that comes next for this key.
        table.setHandle(entry, WeakTable.removed)
        table.setValue(entry, 0)
        return true
    }

    /// A table with the entries of living keys and room for as many more, to be stored in place of `table`, which stays
    /// as it is; nil when memory was refused. O(n).
    public func growWeakTable(_ table: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        let old = self.table(table)
        var live = 0
        for index in 0..<old.capacity where old.key(index) != 0 { live += 1 }
        guard let memory = makeWeakTable(capacity: live * 8 / 3 + 1) else { return nil }
        let new = self.table(memory)
        for index in 0..<old.capacity {
            let handle = old.handle(index)
            let key = old.key(index)
            guard key != 0, let free = new.find(key).free else { continue }
            new.setValue(free, old.value(index))
            new.setHandle(free, handle)
            new.used = new.used + 1
        }
        // A pass of the marker may have been here already, and not in the old table.
        let heap = state.pointee.heap
        if heap.isMarking { heap.progress.pointee.markings.wrappingAdd(1, ordering: .relaxed) }
        return memory
    }

    /// How many living keys have a value. O(n).
    public func weakTableCount(_ table: UnsafeMutableRawPointer) -> Int {
        let table = self.table(table)
        let heap = state.pointee.heap
        var count = 0
        for index in 0..<table.capacity {
            let seen = table.key(index)
            // As in `weakGet`: a key may be dead though its handle does not say so yet.
            guard seen != 0, let span = heap.spanOfHeap(seen) else { continue }
            heap.ensureSwept(span, state)
            if table.key(index) != 0 { count += 1 }
        }
        return count
    }
}
