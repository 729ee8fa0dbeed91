import GravlaxCompiler
import GravlaxHeap

/// Making objects. Each of these may collect, and so needs all references in registers or temporaries; `nil` means that
/// memory was refused even then, and the failure is set.
///
/// What a new object refers to is stored through the barrier too. While marking, a new object is black: nobody will scan
/// it, and the register that the reference came from may be overwritten before the registers are scanned. Only words that
/// another object which is about to be overwritten holds as well are copied plainly: overwriting it shades them. And what
/// `allocateWhite` gives is filled in plainly, since nobody marks.
extension Machine {
    /// See `Mutator.allocateWhite`.
    @inline(__always) func allocateWhite(_ layout: ObjectLayout) -> ObjectWords? {
        mutator.allocateWhite(layout)?.assumingMemoryBound(to: UInt64.self)
    }

    @inline(__always) func allocate(_ layout: ObjectLayout) -> ObjectWords? {
        if let memory = mutator.allocate(layout) { return memory.assumingMemoryBound(to: UInt64.self) }
        return allocateSlow(layout)
    }

    @inline(never) private func allocateSlow(_ layout: ObjectLayout) -> ObjectWords? {
        if let memory = mutator.allocateOrCollect(layout) ?? lastResort({ mutator.allocate(layout) }) {
            return memory.assumingMemoryBound(to: UInt64.self)
        }
        failure = .outOfMemory
        return nil
    }

    /// The heap does not collect at its limit for ever, and its patience may have been used up by other runs, whose objects are
    /// garbage by now: each run may have all of it collected once.
    private func lastResort(_ attempt: () -> UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if hasUsedLastResort { return nil }
        hasUsedLastResort = true
        mutator.freeOSMemory()
        return attempt()
    }

    /// - Parameter zeroed: false for what is overwritten as a whole.
    @inline(__always) func allocateNoScan(byteCount: Int, zeroed: Bool = true) -> ObjectWords? {
        if let memory = mutator.allocateNoScan(byteCount: byteCount, zeroed: zeroed) {
            return memory.assumingMemoryBound(to: UInt64.self)
        }
        return allocateNoScanSlow(byteCount: byteCount)
    }

    @inline(never) private func allocateNoScanSlow(byteCount: Int) -> ObjectWords? {
        if let memory = mutator.allocateNoScanOrCollect(byteCount: byteCount)
            ?? lastResort({ mutator.allocateNoScan(byteCount: byteCount) })
        {
            return memory.assumingMemoryBound(to: UInt64.self)
        }
        failure = .outOfMemory
        return nil
    }

    // MARK: Functions

    /// A closure without captures.
    func makeClosure(_ prototype: UnsafeMutablePointer<PrototypeRecord>) -> Value? {
        guard let words = allocate(prototype.pointee.closureLayout) else { return nil }
        ClosureObject.initialize(words, prototype)
        return Value(object: words)
    }

    func makeNative(_ builtin: Builtin) -> Value? {
        guard let words = allocateNoScan(byteCount: 8) else { return nil }
        words[0] = ObjectKind.native.header(upper: UInt32(builtin.rawValue))
        return Value(object: words)
    }

    /// The module with this number in `BuiltinModules.paths`.
    func makeModule(_ number: Int) -> Value? {
        guard let words = allocateNoScan(byteCount: 8) else { return nil }
        words[0] = ObjectKind.module.header(upper: UInt32(number))
        return Value(object: words)
    }

    func makeBoundMethod(_ receiver: Value, _ method: Value) -> Value? {
        guard let words = allocate(boundMethodLayout) else { return nil }
        words[0] = ObjectKind.boundMethod.header()
        mutator.store(receiver.bits, to: words + BoundMethodObject.receiver)
        mutator.store(method.bits, to: words + BoundMethodObject.method)
        return Value(object: words)
    }

    // MARK: Collections

    /// A buffer of at least `capacity` slots, all zero.
    func makeBuffer(capacity: Int) -> ObjectWords? {
        guard capacity <= ListObject.maximumCount else {
            failure = .outOfMemory
            return nil
        }
        let rounded = BufferObject.roundedCapacity(capacity)
        guard let words = allocate(BufferObject.layout(capacity: rounded)) else { return nil }
        words[0] = ObjectKind.buffer.header(upper: UInt32(rounded))
        return words
    }

    /// An empty list with room for `capacity` elements.
    func makeList(capacity: Int) -> Value? {
        var buffer: UInt64 = 0
        if capacity > 0 {
            guard let words = makeBuffer(capacity: capacity) else { return nil }
            buffer = Value(buffer: words).bits
        }
        temporaries[0] = buffer
        defer { temporaries[0] = 0 }
        guard let words = allocate(listLayout) else { return nil }
        words[0] = ObjectKind.list.header()
        mutator.store(buffer, to: words + 1)
        return Value(object: words)
    }

    /// Makes room for `extra` more elements. The list is in a register.
    func reserve(_ list: ObjectWords, _ extra: Int) -> Bool {
        let count = ListObject.count(list)
        let capacity = ListObject.capacity(list)
        if count + extra <= capacity { return true }
        guard let buffer = makeBuffer(capacity: max(count + extra, capacity * 2, 4)) else { return false }
        if count > 0, !copyWords(ListObject.elements(list), to: buffer, count: count) { return false }
        mutator.store(Value(buffer: buffer).bits, to: list + 1)
        return true
    }

    /// Copies words into a new buffer, in pieces with a safepoint after each. Plain stores will do: the words stay where
    /// they were until another object is told of the buffer, which shades the old one, and with it whatever that holds.
    /// False: failed.
    private func copyWords(_ source: UnsafeMutablePointer<UInt64>, to buffer: ObjectWords, count: Int) -> Bool {
        let destination = buffer + BufferObject.first
        if count <= Machine.wordsBetweenPolls {
            destination.update(from: source, count: count)
            return true
        }
        temporaries[Machine.growingPlace] = Value(buffer: buffer).bits
        defer { temporaries[Machine.growingPlace] = 0 }
        var done = 0
        while done < count {
            let piece = min(count - done, Machine.wordsBetweenPolls)
            (destination + done).update(from: source + done, count: piece)
            done += piece
            guard worked(8 * piece) else { return false }
        }
        return true
    }

    /// Where a buffer is while a list or map grows into it, or a string while it is filled.
    static var growingPlace: Int { 8 }
    /// And the index of the map.
    static var growingIndexPlace: Int { 9 }

    /// Appends to a list that has room; false, and nothing done, when `words` is no such list.
    @inline(__always) func pushFast(_ value: UInt64, to words: ObjectWords) -> Bool {
        guard UInt8(truncatingIfNeeded: words[0]) == ObjectKind.list.rawValue else { return false }
        let count = ListObject.count(words)
        guard _fastPath(count < ListObject.capacity(words)) else { return false }
        mutator.store(value, to: ListObject.elements(words) + count)
        ListObject.setCount(count + 1, words)
        return true
    }

    @inline(__always) func push(_ value: UInt64, to list: ObjectWords) -> Bool {
        let count = ListObject.count(list)
        if _slowPath(count >= ListObject.capacity(list)) {
            guard reserve(list, 1) else { return false }
        }
        mutator.store(value, to: ListObject.elements(list) + count)
        ListObject.setCount(count + 1, list)
        return true
    }
}
