import GravlaxHeap
import Glibc
import Synchronization
import Testing

/// Several threads that register, drop, look through weak references and take what is due, while cycles run.
@Suite(.serialized) struct FinalizationStress {
    private static let node = ObjectLayout(headerWords: 1, slotCount: 2)
    private static let threadCount = 3

    /// What all threads together count. A finalizer's site is its object's address, a cleanup's is one more.
    private final class Counts: Sendable {
        let registered = Atomic<Int>(0)
        let taken = Atomic<Int>(0)
        let dropped = Atomic<Int>(0)
        let failures = Mutex<[String]>([])

        func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) {
            if !condition { failures.withLock { $0.append(sentence()) } }
        }
    }

    enum Mode: String, CaseIterable, CustomTestStringConvertible {
        case plain, verify, stress, clobberFree, refusals
        var testDescription: String { rawValue }
    }

    @Test(arguments: Mode.allCases) func nothingIsLostOrRunTwice(_ mode: Mode) throws {
        var configuration = HeapConfiguration(encoding: .tagged)
        configuration.gcPercent = 20
        configuration.debug.verify = mode == .verify || mode == .clobberFree
        configuration.debug.clobberFree = mode == .clobberFree
        if mode == .stress { configuration.debug.stress = 60 }
        let heap = try Heap(configuration)
        let counts = Counts()
        let roots = TestRoots()
        let keeper = try heap.makeMutator(roots: roots)
        keeper.enterOutside()
        onThreads(Self.threadCount) { index in
            do {
                try Self.work(heap, counts, index, refuses: mode == .refusals)
            } catch {
                counts.failures.withLock { $0.append("\(error)") }
            }
        }
        keeper.leaveOutside()
        // Cleanups that finalizers had kept back take a cycle more.
        for _ in 0..<3 {
            keeper.collect()
            while let call = keeper.takeDueCall() { Self.check(call, counts) }
        }
        #expect(counts.failures.withLock { $0 } == [])
        let ledger = heap.finalizationLedger
        #expect(ledger.registered == UInt64(counts.registered.load(ordering: .relaxed)))
        #expect(ledger.run == UInt64(counts.taken.load(ordering: .relaxed)))
        #expect(ledger.dropped == UInt64(counts.dropped.load(ordering: .relaxed)))
        #expect(ledger.pending == 0)
        _ = keeper.readStatistics()
        #expect(heap.raw.pointee.specials.pool.takenCount == 0)
        // The scavenger is a participant: only in a stop is it between two steps.
        heap.collector.whileStopped(keeper.state) {
            #expect(HeapVerifier(heap.raw).violations(afterMark: false) == [])
        }
        keeper.close()
        withExtendedLifetime(roots) {}
    }

    private static func check(_ call: DueCall, _ counts: Counts) {
        counts.taken.wrappingAdd(1, ordering: .relaxed)
        let referents = call.object.map { $0.assumingMemoryBound(to: UInt64.self) }
        switch call.kind {
        case .finalizer:
            counts.expect(UInt64(UInt(bitPattern: call.object)) == call.site, "a finalizer has the site of another")
            counts.expect(referents?[0] == call.site, "an object to finalize was overwritten")
            if let child = referents?[1], child != 0 {
                let address = UInt(child & WordEncoding.tagged.addressMask)
                counts.expect(object(address).pointee == UInt64(address), "what a finalizable object refers to is gone")
            }
        case .cleanup:
            let address = UInt(call.argument & WordEncoding.tagged.addressMask)
            counts.expect(object(address).pointee == UInt64(address), "the argument of a cleanup is gone")
        }
    }

    /// One thread: 16 slots of objects that it keeps, replaces and forgets.
    private static func work(_ heap: Heap, _ counts: Counts, _ index: Int, refuses: Bool) throws {
        let roots = TestRoots()
        roots.words = Array(repeating: 0, count: 20)
        var made: Mutator?
        // Another thread may have memory refused at the very moment.
        while made == nil {
            do { made = try heap.makeMutator(roots: roots) } catch HeapError.outOfMemory where refuses {}
        }
        let mutator = try #require(made)
        var generator = SeededGenerator(seed: UInt64(index) &* 31 &+ 7)
        let match = WordEncoding.tagged.match
        func pointer(_ slot: Int) -> UnsafeMutableRawPointer? {
            UnsafeMutableRawPointer(bitPattern: UInt(roots.words[slot] & WordEncoding.tagged.addressMask))
        }
        func make(_ slot: Int) -> UnsafeMutableRawPointer? {
            guard let memory = mutator.allocate(node) else { return nil }
            memory.assumingMemoryBound(to: UInt64.self)[0] = UInt64(UInt(bitPattern: memory))
            roots.words[slot] = match | UInt64(UInt(bitPattern: memory))
            return memory
        }
        for step in 0..<6000 {
            if refuses, step % 8 == 0 { heap.raw.pointee.memory.failCall(UInt64(1 + generator.below(4))) }
            let slot = generator.below(16)
            switch generator.below(12) {
            case 0...4:
                // An object with a child, finalized with it.
                guard make(16) != nil, let parent = make(slot) else { break }
                mutator.store(roots.words[16], to: parent.assumingMemoryBound(to: UInt64.self) + 1)
                roots.words[16] = 0
                let result = mutator.addFinalizer(parent, function: 0, site: UInt64(UInt(bitPattern: parent)))
                if result == .registered { counts.registered.wrappingAdd(1, ordering: .relaxed) }
                counts.expect(result != .exists, "a new object has a finalizer")
            case 5, 6:
                guard let target = pointer(slot), let argument = make(17) else { break }
                let result = mutator.addCleanup(target, function: 0, argument: roots.words[17], site: 0)
                if result == .registered { counts.registered.wrappingAdd(1, ordering: .relaxed) }
                counts.expect(result != .exists && argument != target, "a cleanup was taken for another")
            case 7:
                if let target = pointer(slot), mutator.removeFinalizer(target) {
                    counts.dropped.wrappingAdd(1, ordering: .relaxed)
                }
            case 8:
                // A weak reference, and what it says while its object is kept by nothing else.
                guard let target = pointer(slot), let handle = mutator.weakHandle(of: target) else { break }
                counts.expect(mutator.weakGet(handle) == target, "a weak reference to a living object is empty")
                roots.words[18] = match | UInt64(UInt(bitPattern: handle))
            case 9:
                if let handle = pointer(18), let target = mutator.weakGet(handle) {
                    let word = target.load(as: UInt64.self)
                    counts.expect(word == UInt64(UInt(bitPattern: target)), "a weak reference leads to a dead object")
                    roots.words[slot] = match | UInt64(UInt(bitPattern: target))
                }
            case 10: roots.words[slot] = 0
            default:
                if let call = mutator.takeDueCall() { check(call, counts) }
            }
            if mutator.pollRequested { mutator.safepoint() }
            if step % 1000 == 999 { mutator.collect() }
        }
        heap.raw.pointee.memory.failCall(0)
        roots.words = Array(repeating: 0, count: 20)
        mutator.close()
    }
}
