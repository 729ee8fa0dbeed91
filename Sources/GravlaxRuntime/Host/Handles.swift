import GravlaxHeap

/// What hosts hold of a heap: a slot for each handle, all of them roots.
///
/// Slots are taken by the interpreter's thread, and given back by any thread: a slot that was given back is cleared when
/// the owner takes the next, so that the collector never sees one change. The table outlives the machine while there are
/// handles.
final class HandleTable: Sendable {
    private struct Slots {
        var words: UnsafeMutablePointer<UInt64>?
        var capacity = 0
        var count = 0
        var free: [Int] = []
    }

    /// Owner: the interpreter's thread; a marker reads them while that is outside or at a safepoint.
    nonisolated(unsafe) private let slots = UnsafeMutablePointer<Slots>.allocate(capacity: 1)
    /// Slots whose handles are gone. Under `lock`.
    nonisolated(unsafe) private let returned = UnsafeMutablePointer<[Int]>.allocate(capacity: 1)
    private let lock = HostLock()

    init() {
        slots.initialize(to: Slots())
        returned.initialize(to: [])
    }

    deinit {
        slots.pointee.words?.deallocate()
        slots.deinitialize(count: 1)
        slots.deallocate()
        returned.deinitialize(count: 1)
        returned.deallocate()
    }

    func visitRoots(_ visitor: RootVisitor) {
        guard let words = slots.pointee.words else { return }
        visitor.visit(words: UnsafePointer(words), count: slots.pointee.count)
    }

    /// Makes a slot hold `bits`.
    func take(_ bits: UInt64, _ mutator: Mutator) -> Int {
        takeBack(mutator)
        let slot: Int
        if let free = slots.pointee.free.popLast() {
            slot = free
        } else {
            if slots.pointee.count == slots.pointee.capacity { grow() }
            slot = slots.pointee.count
            slots.pointee.count += 1
        }
        mutator.store(bits, to: slots.pointee.words.unsafelyUnwrapped + slot)
        return slot
    }

    /// Any thread.
    func giveBack(_ slot: Int) { lock.withLock { returned.pointee.append(slot) } }

    /// Handles that exist. On the interpreter's thread.
    func count(_ mutator: Mutator) -> Int {
        takeBack(mutator)
        return slots.pointee.count - slots.pointee.free.count
    }

    /// Clears what was given back. On the interpreter's thread, inside.
    func takeBack(_ mutator: Mutator) {
        let gone = lock.withLock {
            defer { returned.pointee.removeAll(keepingCapacity: true) }
            return returned.pointee
        }
        for slot in gone { mutator.store(0, to: slots.pointee.words.unsafelyUnwrapped + slot) }
        slots.pointee.free.append(contentsOf: gone)
    }

    private func grow() {
        let capacity = max(16, slots.pointee.capacity * 2)
        let moved = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        moved.initialize(repeating: 0, count: capacity)
        if let words = slots.pointee.words {
            moved.update(from: words, count: slots.pointee.count)
            words.deallocate()
        }
        slots.pointee.words = moved
        slots.pointee.capacity = capacity
    }
}

/// Keeps an object alive, and goes away on any thread.
package final class Handle: Sendable {
    let bits: UInt64
    private let slot: Int
    private let table: HandleTable
    /// Of the interpreter whose object it is.
    package weak let interpreter: Interpreter?

    init(_ bits: UInt64, slot: Int, in table: HandleTable, of interpreter: Interpreter?) {
        self.bits = bits
        self.slot = slot
        self.table = table
        self.interpreter = interpreter
    }

    deinit { table.giveBack(slot) }
}

/// A value as hosts hold it.
package struct HostValue: Sendable {
    let bits: UInt64
    /// Nil for what is no object.
    package let handle: Handle?

    package static var `nil`: HostValue { HostValue(.nil) }
    package init(_ number: Double) { self.init(Value(number: number)) }
    package init(_ flag: Bool) { self.init(Value(flag)) }

    private init(_ value: Value) {
        bits = value.bits
        handle = nil
    }

    init(_ value: Value, handle: Handle?) {
        bits = value.bits
        self.handle = handle
    }

    var value: Value { Value(bits: bits) }

    package var number: Double? { value.isNumber ? value.number : nil }
    package var flag: Bool? { value.isBoolean ? value.isTruthy : nil }
    package var isNil: Bool { value.isNil }

    /// Whether both are one object.
    package func isSame(_ other: HostValue) -> Bool { handle != nil && bits == other.bits }
}
