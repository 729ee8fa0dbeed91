import GravlaxHeap

/// All shapes and class records of an interpreter, and the cache of look-ups that inline caches missed.
/// Owner: the interpreter's thread.
final class ShapeTable {
    private var shapes: [UInt32: ShapePointer] = [:]
    private var nextID: UInt32 = 1
    private var records: UnsafeMutablePointer<ClassRecord>?
    private let lookups: UnsafeMutablePointer<(key: UInt64, cache: InlineCache)>
    private static let lookupCount = 512

    init() {
        lookups = .allocate(capacity: ShapeTable.lookupCount)
        lookups.initialize(repeating: (0, InlineCache(word: 0)), count: ShapeTable.lookupCount)
    }

    deinit {
        while let record = records { destroy(record) }
        lookups.deallocate()
    }

    var shapeCount: Int { shapes.count }

    func shape(_ id: UInt32) -> ShapePointer { shapes[id].unsafelyUnwrapped }

    /// A record for the new class at `classWords`, with room for the fields `hints` in each instance.
    func makeRecord(for classWords: ObjectWords, hints: SymbolIndex) -> UnsafeMutablePointer<ClassRecord> {
        let record = UnsafeMutablePointer<ClassRecord>.allocate(capacity: 1)
        let root = ShapePointer.allocate(capacity: 1)
        record.initialize(
            to: ClassRecord(
                classWords: classWords, root: root, dictionary: nil, inlineCapacity: 0,
                instanceLayout: InstanceObject.layout(inlineCapacity: 0), hints: hints, methods: SymbolIndex(),
                next: records))
        records?.pointee.previous = record
        records = record
        root.initialize(to: makeShape(symbol: -1, fieldCount: 0, parent: nil, owner: record))
        register(root)
        updateCapacity(record)
        return record
    }

    /// Fits the inline capacity to the hints; only while the class has no instances.
    func updateCapacity(_ record: UnsafeMutablePointer<ClassRecord>) {
        let wanted = min(max(record.pointee.hints.count, 2), 32)
        let capacity = InstanceObject.roundedCapacity(wanted)
        record.pointee.inlineCapacity = capacity
        record.pointee.instanceLayout = InstanceObject.layout(inlineCapacity: capacity)
    }

    /// The shape after `symbol` is added to `shape`; dictionary mode past the limits.
    func transition(from shape: ShapePointer, adding symbol: Int32) -> ShapePointer {
        var child = shape.pointee.firstChild
        while let candidate = child {
            if candidate.pointee.symbol == symbol { return candidate }
            child = candidate.pointee.nextSibling
        }
        if shape.pointee.childCount >= Shape.maximumChildCount || shape.pointee.fieldCount >= Shape.maximumFieldCount
            || shape.pointee.owner.pointee.shapeCount >= Shape.maximumCountOfClass || nextID == UInt32.max
        {
            return dictionaryShape(of: shape.pointee.owner)
        }
        let fresh = ShapePointer.allocate(capacity: 1)
        fresh.initialize(
            to: makeShape(
                symbol: symbol, fieldCount: shape.pointee.fieldCount + 1, parent: shape, owner: shape.pointee.owner))
        fresh.pointee.nextSibling = shape.pointee.firstChild
        shape.pointee.firstChild = fresh
        shape.pointee.childCount += 1
        shape.pointee.owner.pointee.shapeCount += 1
        register(fresh)
        return fresh
    }

    func dictionaryShape(of record: UnsafeMutablePointer<ClassRecord>) -> ShapePointer {
        if let known = record.pointee.dictionary { return known }
        let fresh = ShapePointer.allocate(capacity: 1)
        fresh.initialize(to: makeShape(symbol: -1, fieldCount: -1, parent: nil, owner: record))
        record.pointee.dictionary = fresh
        register(fresh)
        return fresh
    }

    /// The number of the field `symbol` in instances of `shape`; -1 when they have none.
    func fieldNumber(_ symbol: Int32, in shape: ShapePointer) -> Int {
        var current: ShapePointer? = shape
        while let candidate = current {
            if candidate.pointee.symbol == symbol { return Int(candidate.pointee.fieldCount) - 1 }
            current = candidate.pointee.parent
        }
        return -1
    }

    // Look-ups by (shape, symbol) that a site with one cache word cannot hold: sites that see many shapes.

    @inline(__always) func cachedLookup(_ shapeID: UInt32, _ symbol: Int32, isStore: Bool) -> InlineCache {
        let key = lookupKey(shapeID, symbol, isStore)
        let entry = lookups + Int(Hashing.mix(key)) & (ShapeTable.lookupCount - 1)
        return entry.pointee.key == key ? entry.pointee.cache : InlineCache(word: 0)
    }

    func remember(_ cache: InlineCache, _ shapeID: UInt32, _ symbol: Int32, isStore: Bool) {
        let key = lookupKey(shapeID, symbol, isStore)
        lookups[Int(Hashing.mix(key)) & (ShapeTable.lookupCount - 1)] = (key, cache)
    }

    @inline(__always) private func lookupKey(_ shapeID: UInt32, _ symbol: Int32, _ isStore: Bool) -> UInt64 {
        UInt64(shapeID) << 32 | UInt64(UInt32(bitPattern: symbol)) << 1 | (isStore ? 1 : 0)
    }

    /// Frees the record and the shapes of a class that is gone, and with it its instances.
    func destroy(_ record: UnsafeMutablePointer<ClassRecord>) {
        if let previous = record.pointee.previous { previous.pointee.next = record.pointee.next } else { records = record.pointee.next }
        record.pointee.next?.pointee.previous = record.pointee.previous
        var pending = [record.pointee.root]
        if let dictionary = record.pointee.dictionary { pending.append(dictionary) }
        while let shape = pending.popLast() {
            var child = shape.pointee.firstChild
            while let next = child {
                pending.append(next)
                child = next.pointee.nextSibling
            }
            shapes[shape.pointee.id] = nil
            shape.deallocate()
        }
        record.pointee.hints.destroy()
        record.pointee.methods.destroy()
        record.pointee.statics.destroy()
        record.deallocate()
    }

    private func makeShape(
        symbol: Int32, fieldCount: Int32, parent: ShapePointer?, owner: UnsafeMutablePointer<ClassRecord>
    ) -> Shape {
        Shape(
            id: 0, symbol: symbol, fieldCount: fieldCount, childCount: 0, parent: parent, firstChild: nil,
            nextSibling: nil, owner: owner)
    }

    private func register(_ shape: ShapePointer) {
        shape.pointee.id = nextID
        shapes[nextID] = shape
        nextID += 1
    }
}
