import GravlaxHeap

/// A million objects of 32 bytes with a finalizer each: setting those, and, once nothing leads to the objects any more,
/// a cycle and taking all of them as a client would to run them.
enum FinalizerBenchmark {
    static let count = 1_000_000

    /// Nanoseconds for each object.
    static func cost() throws -> (set: Double, run: Double) {
        let heap = try Heap()
        let roots = SingleRoot()
        let mutator = try heap.makeMutator(roots: roots)
        defer { mutator.close() }
        let layout = ObjectLayout(headerWords: 2, slotCount: 2)
        guard let table = mutator.allocate(ObjectLayout(headerWords: 0, slotCount: count)),
            let function = mutator.allocate(layout)
        else { throw HeapError.outOfMemory }
        let slots = table.assumingMemoryBound(to: UInt64.self)
        for index in 0..<count {
            guard let object = mutator.allocate(layout) else { throw HeapError.outOfMemory }
            mutator.store(UInt64(UInt(bitPattern: object)), to: slots + index)
        }
        // The functions are kept alive by being registered.
        roots.word = UInt64(UInt(bitPattern: table))
        let word = UInt64(UInt(bitPattern: function))
        let start = now()
        for index in 0..<count {
            let object = UnsafeMutableRawPointer(bitPattern: UInt(slots[index])).unsafelyUnwrapped
            guard mutator.addFinalizer(object, function: word) == .registered else { throw HeapError.outOfMemory }
        }
        let set = now() - start

        roots.word = 0
        let begun = now()
        mutator.collect()
        var run = 0
        while mutator.takeDueCall() != nil { run += 1 }
        let ran = now() - begun
        if run != count { fatalError("\(run) finalizers ran") }
        return (Double(set) / Double(count), Double(ran) / Double(count))
    }
}
