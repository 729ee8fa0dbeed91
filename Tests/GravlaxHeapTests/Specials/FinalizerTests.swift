import GravlaxHeap
import Testing

/// Finalizers and cleanups, one mutator, the collector when the test says so.
@Suite struct FinalizerTests {
    /// A heap, and objects with one slot that refer to each other.
    final class Scene {
        let fixture: HeapFixture
        var mutator: Mutator { fixture.mutator }
        static let node = ObjectLayout(headerWords: 1, slotCount: 1)

        init(_ change: (inout HeapConfiguration) -> Void = { _ in }) throws {
            fixture = try HeapFixture {
                $0.debug.verify = true
                change(&$0)
            }
        }

        /// An object that refers to the objects.
        func node(_ referents: UInt...) throws -> UInt {
            let address = try fixture.allocate(ObjectLayout(headerWords: 1, slotCount: Int(max(1, referents.count))))
            for (index, referent) in referents.enumerated() { object(address)[1 + index] = UInt64(referent) }
            return address
        }

        func keep(_ addresses: UInt...) { fixture.roots.words = addresses.map(UInt64.init) }

        func finalize(_ address: UInt, _ function: UInt = 0, site: UInt64 = 0) -> Registration {
            mutator.addFinalizer(UnsafeMutableRawPointer(bitPattern: address)!, function: UInt64(function), site: site)
        }

        func clean(_ address: UInt, _ function: UInt = 0, _ argument: UInt = 0, site: UInt64 = 0) -> Registration {
            mutator.addCleanup(
                UnsafeMutableRawPointer(bitPattern: address)!, function: UInt64(function), argument: UInt64(argument),
                site: site)
        }

        /// The objects whose finalizers are due, in order; all are taken, and become roots until the next call.
        func takeFinalized() -> [UInt] {
            var addresses: [UInt] = []
            while let call = mutator.takeDueCall() {
                #expect(call.kind == .finalizer)
                addresses.append(UInt(bitPattern: call.object))
            }
            return addresses
        }

        func isAllocated(_ address: UInt) -> Bool {
            guard let (_, span, index) = fixture.raw.findObject(address) else { return false }
            _ = mutator.readStatistics()
            return !span.isFree(index)
        }

        var violations: [String] { HeapVerifier(fixture.raw).violations(afterMark: false) }
    }

    @Test func aFinalizerFallsDueOnceItsObjectIsUnreachable() throws {
        let scene = try Scene()
        let function = try scene.node()
        let address = try scene.node()
        #expect(scene.finalize(address, function, site: 99) == .registered)
        scene.keep(address)
        scene.mutator.collect()
        #expect(!scene.mutator.hasDueCalls && scene.isAllocated(function))
        scene.keep()
        scene.mutator.collect()
        #expect(scene.mutator.dueCallCount == 1 && scene.mutator.pollRequested)
        let call = try #require(scene.mutator.takeDueCall())
        #expect(call == DueCall(
            kind: .finalizer, function: UInt64(function), object: UnsafeMutableRawPointer(bitPattern: address),
            argument: 0, site: 99))
        #expect(scene.mutator.takeDueCall() == nil)
        // It was the last time that the object was kept.
        #expect(scene.isAllocated(address))
        scene.mutator.collect()
        #expect(!scene.isAllocated(address) && !scene.mutator.hasDueCalls)
        #expect(scene.violations == [])
    }

    @Test func theObjectAndAllItRefersToLiveUntilTheCall() throws {
        let scene = try Scene { $0.debug.clobberFree = true }
        let leaf = try scene.node()
        let address = try scene.node(try scene.node(leaf))
        object(leaf).pointee = 4711
        #expect(scene.finalize(address) == .registered)
        for _ in 0..<3 {
            scene.mutator.collect()
            #expect(object(leaf).pointee == 4711)
            #expect(scene.mutator.dueCallCount == 1)
        }
        #expect(scene.takeFinalized() == [address])
        scene.keep(address)
        scene.mutator.collect()
        #expect(object(leaf).pointee == 4711, "resurrected")
    }

    /// A chain is finalized from its head, one link a cycle: what an object refers to is kept by its finalizer.
    @Test func chainsAreFinalizedInOrder() throws {
        let scene = try Scene()
        let last = try scene.node()
        let middle = try scene.node(last)
        let first = try scene.node(middle)
        for address in [last, first, middle] { #expect(scene.finalize(address) == .registered) }
        for expected in [first, middle, last] {
            scene.mutator.collect()
            #expect(scene.takeFinalized() == [expected])
        }
        scene.mutator.collect()
        #expect(scene.takeFinalized() == [] && scene.fixture.statistics.objects == 0)
    }

    @Test func cyclesAndSelfCapturesAreNeverFinalized() throws {
        let scene = try Scene()
        let one = try scene.node()
        let two = try scene.node(one)
        object(one)[1] = UInt64(two)
        let captured = try scene.node()
        let function = try scene.node(captured)
        #expect(scene.finalize(one) == .registered && scene.finalize(captured, function) == .registered)
        for _ in 0..<3 { scene.mutator.collect() }
        #expect(!scene.mutator.hasDueCalls)
        #expect([one, two, captured, function].allSatisfy { scene.isAllocated($0) })
        // Broken cycles are found.
        object(one)[1] = 0
        object(function)[1] = 0
        scene.mutator.collect()
        #expect(Set(scene.takeFinalized()) == [one, captured])
    }

    @Test func theOrderIsThatOfQueueing() throws {
        let scene = try Scene()
        let objects = try (0..<500).map { _ in try scene.node() }
        for address in objects.shuffled() { #expect(scene.finalize(address) == .registered) }
        scene.mutator.collect()
        // Within a span by address; a sweep takes one span after the other.
        let order = scene.takeFinalized()
        let pages = order.map { $0 >> 13 }
        #expect(order.count == 500)
        #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 || $0 >> 13 != $1 >> 13 })
        #expect(zip(pages, pages.dropFirst()).filter { $0 != $1 }.count + 1 == Set(pages).count)
    }

    @Test func aSecondRegistrationIsRefusedAndRemovingTakesTheFirst() throws {
        let scene = try Scene()
        let address = try scene.node()
        let pointer = UnsafeMutableRawPointer(bitPattern: address)!
        #expect(!scene.mutator.removeFinalizer(pointer))
        #expect(scene.finalize(address) == .registered)
        #expect(scene.finalize(address) == .exists)
        #expect(scene.mutator.removeFinalizer(pointer))
        #expect(!scene.mutator.removeFinalizer(pointer))
        scene.mutator.collect()
        #expect(!scene.mutator.hasDueCalls && !scene.isAllocated(address))
        let heap = scene.fixture.ledger
        #expect(heap == FinalizationLedger(registered: 1, run: 0, dropped: 1, waiting: 0, queued: 0))
    }

    /// Also one that is registered in a finalizer, on the object itself.
    @Test func aFinalizerCanBeSetAgainAfterItRan() throws {
        let scene = try Scene()
        let address = try scene.node()
        for _ in 0..<3 {
            #expect(scene.finalize(address) == .registered)
            scene.mutator.collect()
            #expect(scene.takeFinalized() == [address])
        }
        #expect(scene.fixture.ledger == FinalizationLedger(registered: 3, run: 3, dropped: 0, waiting: 0, queued: 0))
    }

    @Test func allFinalizersCanBeMadeDue() throws {
        let scene = try Scene()
        let (kept, dead) = (try scene.node(), try scene.node())
        for address in [kept, dead] {
            #expect(scene.finalize(address) == .registered && scene.clean(address) == .registered)
        }
        scene.keep(kept)
        #expect(scene.mutator.queueAllFinalizers() == 2)
        #expect(scene.mutator.pollRequested && scene.violations == [])
        scene.mutator.collect()
        #expect(Set(scene.takeFinalized()) == [kept, dead] && scene.isAllocated(dead))
        #expect(scene.mutator.queueAllFinalizers() == 0)
        #expect(scene.fixture.ledger.waiting == 2, "cleanups")
    }

    @Test func cleanupsRunAfterTheObjectIsFreeInOrder() throws {
        let scene = try Scene()
        let argument = try scene.node()
        let address = try scene.node()
        for site in 0..<5 as Range<UInt64> { #expect(scene.clean(address, argument, argument, site: site) == .registered) }
        #expect(scene.finalize(address) == .registered)
        scene.keep(address)
        scene.mutator.collect()
        #expect(!scene.mutator.hasDueCalls && scene.isAllocated(argument))
        scene.keep()
        scene.mutator.collect()
        #expect(scene.takeFinalized() == [address], "the finalizer first, and alone")
        scene.mutator.collect()
        #expect(!scene.isAllocated(address))
        for site in 0..<5 as Range<UInt64> {
            #expect(scene.mutator.takeDueCall() == DueCall(
                kind: .cleanup, function: UInt64(argument), object: nil, argument: UInt64(argument), site: site))
        }
        #expect(scene.isAllocated(argument))
        scene.mutator.collect()
        #expect(!scene.isAllocated(argument) && !scene.mutator.hasDueCalls)
    }

    @Test func whatACleanupHoldsLives() throws {
        let scene = try Scene { $0.debug.clobberFree = true }
        let function = try scene.node(try scene.node())
        let argument = try scene.node()
        let address = try scene.node()
        object(argument).pointee = 1
        object(UInt(object(function)[1])).pointee = 2
        #expect(scene.clean(address, function, argument) == .registered)
        scene.keep(address)
        scene.mutator.collect()
        scene.keep()
        for _ in 0..<2 { scene.mutator.collect() }
        #expect(object(argument).pointee == 1 && object(UInt(object(function)[1])).pointee == 2)
        #expect(!scene.isAllocated(address))
    }

    @Test func nativeCleanupsGiveTheirPayloadsBack() throws {
        let scene = try Scene()
        let address = try scene.node()
        let pointer = UnsafeMutableRawPointer(bitPattern: address)!
        for payload in [7, 8, 9] as [UInt64] { #expect(scene.mutator.addNativeCleanup(pointer, payload: payload)) }
        scene.keep(address)
        scene.mutator.collect()
        #expect(scene.mutator.takeNativeCleanup() == nil)
        scene.keep()
        scene.mutator.collect()
        #expect((0..<4).map { _ in scene.mutator.takeNativeCleanup() } == [7, 8, 9, nil])
        #expect(scene.fixture.ledger.registered == 0)
    }

    /// Pieces of one tiny block live and die together: a finalizer of one keeps the others, and what hangs on them.
    @Test func aFinalizerKeepsItsWholeTinyBlock() throws {
        let scene = try Scene()
        let first = try scene.fixture.allocateNoScan(8)
        let second = try scene.fixture.allocateNoScan(8)
        #expect(second == first + 8)
        let pointers = [first, second].map { UnsafeMutableRawPointer(bitPattern: $0)! }
        #expect(scene.mutator.addNativeCleanup(pointers[0], payload: 5))
        #expect(scene.finalize(second) == .registered)
        _ = scene.mutator.readStatistics()
        scene.mutator.collect()
        #expect(scene.mutator.takeNativeCleanup() == nil)
        #expect(scene.takeFinalized() == [second])
        scene.mutator.collect()
        #expect(scene.mutator.takeNativeCleanup() == 5)
    }

    @Test func largeObjectsHaveFinalizersToo() throws {
        let scene = try Scene()
        let address = try scene.fixture.allocate(ObjectLayout(headerWords: 1, slotCount: 70_000))
        let leaves = try (0..<3).map { _ in try scene.node() }
        // In the first piece, in one in the middle, in the last.
        for (slot, leaf) in zip([1, 40_000, 70_000], leaves) { object(address)[slot] = UInt64(leaf) }
        #expect(scene.finalize(address) == .registered)
        scene.mutator.collect()
        #expect(scene.takeFinalized() == [address] && leaves.allSatisfy { scene.isAllocated($0) })
    }

    /// Nothing that falls due needs memory: all calls may be refused from the registration on.
    @Test func noFinalizerIsLostWhenMemoryIsRefused() throws {
        let scene = try Scene { $0.debug.verify = false }
        let objects = try (0..<3000).map { _ in try scene.node() }
        for address in objects { #expect(scene.finalize(address) == .registered) }
        #expect(scene.fixture.raw.pointee.work.stacks.reserve(count: 16))
        scene.mutator.collect()
        #expect(scene.takeFinalized().count == 3000)
        for address in objects { #expect(scene.finalize(address) == .registered) }
        scene.fixture.memory.failCall(1, forGood: true)
        scene.mutator.collect()
        scene.fixture.memory.failCall(0)
        #expect(scene.takeFinalized().count == 3000)
        #expect(scene.violations == [])
    }

    @Test func aFinalizerOnAFreeObjectIsFatalUnderVerify() async {
        await #expect(processExitsWith: .failure) {
            let fixture = try HeapFixture { $0.debug.verify = true }
            let kept = try fixture.allocate(Scene.node)
            let dead = try fixture.allocate(Scene.node)
            fixture.roots.words = [UInt64(kept)]
            _ = fixture.mutator.readStatistics()
            fixture.mutator.collect()
            _ = fixture.mutator.addFinalizer(UnsafeMutableRawPointer(bitPattern: dead)!, function: 0)
        }
    }

    /// A refusal at any call of many registrations leaves an object without a finalizer, and the heap sound.
    @Test func aRefusedRegistrationChangesNothing() throws {
        let scene = try Scene()
        let objects = try (0..<9000).map { _ in try scene.node() }
        var refusals = 0
        for address in objects {
            scene.fixture.memory.failCall(1)
            let result = scene.finalize(address)
            scene.fixture.memory.failCall(0)
            if result == .refused { refusals += 1 }
        }
        #expect(refusals > 0 && scene.violations == [])
        scene.mutator.collect()
        #expect(scene.takeFinalized().count == 9000 - refusals)
        #expect(scene.fixture.ledger.registered == UInt64(9000 - refusals))
    }
}
