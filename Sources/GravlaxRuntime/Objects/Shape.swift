import GravlaxHeap

/// The hidden class of instances that got the same fields in the same order. Native memory, owned by the class's
/// `ClassRecord`; the owner of all this is the interpreter's thread. Ids are never reused, so a stale inline cache can
/// never match.
struct Shape {
    var id: UInt32
    /// The symbol of the field this shape adds to its parent's; -1 for a root and for dictionary mode.
    var symbol: Int32
    /// How many fields an instance has; -1: they are in a map (dictionary mode).
    var fieldCount: Int32
    var childCount: Int32
    var parent: UnsafeMutablePointer<Shape>?
    var firstChild: UnsafeMutablePointer<Shape>?
    var nextSibling: UnsafeMutablePointer<Shape>?
    var owner: UnsafeMutablePointer<ClassRecord>

    /// A shape that has had this many different next fields is used as a map.
    static let maximumChildCount: Int32 = 64
    static let maximumFieldCount: Int32 = 1024
    /// Shapes of one class: fields that come in any order have as many as there are orders.
    static let maximumCountOfClass = 1 << 13

    var isDictionary: Bool { fieldCount < 0 }
}

typealias ShapePointer = UnsafeMutablePointer<Shape>

/// The native half of a class: what its instances look like and where its methods are. Freed some time after the class
/// object, which lives as long as any instance.
struct ClassRecord {
    /// The class object; weak: once the sweep has freed it, it tells the interpreter to free the record.
    var classWords: ObjectWords
    var root: ShapePointer
    /// The shape of this class's instances in dictionary mode, once there is one.
    var dictionary: ShapePointer?
    /// How many shapes there are besides the root and dictionary mode.
    var shapeCount = 0
    /// Slots inside each instance; never changes once there are instances.
    var inlineCapacity: Int
    var instanceLayout: ObjectLayout
    /// The fields that the class and its superclasses assign: what `inlineCapacity` is made of.
    var hints: SymbolIndex
    /// Symbol → index in the class object's buffer of methods.
    var methods: SymbolIndex
    /// Symbol → index in the class object's buffer of static members, its own ones only.
    var statics = SymbolIndex()
    /// The list of all records.
    var next: UnsafeMutablePointer<ClassRecord>?
    var previous: UnsafeMutablePointer<ClassRecord>?
}

/// A small open-addressing table from symbols to numbers 0, 1, 2 … in order of insertion, in native memory.
struct SymbolIndex {
    private var slots: UnsafeMutablePointer<UInt64>?
    private var capacity = 0
    private(set) var count = 0

    init() {}

    /// The number of `symbol`; -1 when it is not there.
    func find(_ symbol: Int32) -> Int {
        guard let slots else { return -1 }
        var index = position(of: symbol)
        while slots[index] != 0 {
            if Int32(truncatingIfNeeded: slots[index]) == symbol &+ 1 { return Int(slots[index] >> 32) }
            index = (index + 1) & (capacity - 1)
        }
        return -1
    }

    /// The number of `symbol`, which is added when it was not there.
    mutating func insert(_ symbol: Int32) -> Int {
        let known = find(symbol)
        if known >= 0 { return known }
        if (count + 1) * 4 > capacity * 3 { grow() }
        place(symbol, number: count)
        count += 1
        return count - 1
    }

    func forEach(_ body: (_ symbol: Int32, _ number: Int) -> Void) {
        guard let slots else { return }
        for index in 0..<capacity where slots[index] != 0 {
            body(Int32(truncatingIfNeeded: slots[index]) &- 1, Int(slots[index] >> 32))
        }
    }

    mutating func destroy() {
        slots?.deallocate()
        self = SymbolIndex()
    }

    private func position(of symbol: Int32) -> Int {
        Int(Hashing.mix(UInt64(UInt32(bitPattern: symbol)))) & (capacity - 1)
    }

    /// A slot is the symbol plus one (0: empty) below, the number above.
    private func place(_ symbol: Int32, number: Int) {
        guard let slots else { return }
        var index = position(of: symbol)
        while slots[index] != 0 { index = (index + 1) & (capacity - 1) }
        slots[index] = UInt64(UInt32(bitPattern: symbol &+ 1)) | UInt64(number) << 32
    }

    private mutating func grow() {
        let old = self
        capacity = max(8, old.capacity * 2)
        let fresh = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        fresh.initialize(repeating: 0, count: capacity)
        slots = fresh
        old.forEach { place($0, number: $1) }
        old.slots?.deallocate()
    }
}
