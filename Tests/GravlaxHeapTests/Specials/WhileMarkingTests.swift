import GravlaxHeap
import Testing

/// What a mutator does with specials in the middle of a mark, in the one order in which it would go wrong:
///
///     collector                         mutator
///     flip
///     this mutator's roots   ◀────      safepoint
///                                       gets a reference from where no barrier is
///     the rest of the mark
///     sweep: it must still be there
@Suite struct WhileMarkingTests {
    private typealias Scene = FinalizerTests.Scene

    private func pointer(_ address: UInt) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: address)! }

    private func scene() throws -> Scene {
        try Scene {
            $0.markWorkers = 0
            // Cycles of a few objects, which a mutator would end as it begins them.
            $0.disabledMechanisms.insert(.promptMarking)
            $0.debug.clobberFree = true
        }
    }

    /// From the flip to the end of the mark and of the sweep, with `body` after this mutator's roots were visited.
    private func cycle(_ scene: Scene, visitsRoots: Bool = true, _ body: () throws -> Void) throws {
        #expect(scene.mutator.beginCycle() && scene.fixture.raw.isMarking)
        if visitsRoots { scene.mutator.safepoint() }
        #expect(scene.fixture.raw.isMarking)
        try body()
        while scene.mutator.step(1000) {}
        while scene.fixture.raw.sweepOne(scene.mutator.state) != nil {}
    }

    private func stamp(_ address: UInt) { object(address).pointee = UInt64(address) }
    private func isStamped(_ address: UInt) -> Bool { object(address).pointee == UInt64(address) }

    /// The root jobs of specials are over and this mutator's roots come next: nothing else leads to the object, nor to
    /// what it refers to.
    @Test(arguments: [1, 60, 40_000]) func aFinalizerKeepsWhatItsObjectRefersTo(slotCount: Int) throws {
        let scene = try scene()
        let (leaf, function) = (try scene.node(), try scene.node())
        let address = try scene.fixture.allocate(ObjectLayout(headerWords: 1, slotCount: slotCount))
        object(address)[slotCount] = UInt64(leaf)
        stamp(leaf)
        stamp(function)
        try cycle(scene, visitsRoots: false) {
            while scene.fixture.raw.markStretch(scene.mutator.state.pointee.marker, units: 512) {}
            #expect(scene.finalize(address, function) == .registered)
        }
        let call = try #require(scene.mutator.takeDueCall())
        #expect(call.object == pointer(address) && call.function == UInt64(function))
        #expect(isStamped(leaf) && isStamped(function) && scene.isAllocated(leaf))
    }

    @Test func aCleanupKeepsWhatItHolds() throws {
        let scene = try scene()
        let (address, argument) = (try scene.node(), try scene.node())
        stamp(argument)
        scene.keep(address)
        try cycle(scene) {
            while scene.fixture.raw.markStretch(scene.mutator.state.pointee.marker, units: 512) {}
            #expect(scene.clean(address, 0, argument) == .registered)
        }
        #expect(isStamped(argument))
        scene.keep()
        scene.mutator.collect()
        #expect(isStamped(argument) && scene.mutator.takeDueCall()?.argument == UInt64(argument))
    }

    @Test func whatAWeakReferenceReturnsLives() throws {
        let scene = try scene()
        let address = try scene.node()
        let handle = try #require(scene.mutator.weakHandle(of: pointer(address)) as UnsafeMutableRawPointer?)
        stamp(address)
        scene.keep(UInt(bitPattern: handle))
        try cycle(scene) {
            #expect(scene.mutator.weakGet(handle) == pointer(address))
            scene.keep(address, UInt(bitPattern: handle))
        }
        #expect(isStamped(address) && scene.mutator.weakGet(handle) == pointer(address))
    }

    @Test func whatLeavesTheQueueLives() throws {
        let scene = try scene()
        let (leaf, function) = (try scene.node(), try scene.node())
        let address = try scene.node(leaf)
        for object in [leaf, function] { stamp(object) }
        #expect(scene.finalize(address, function) == .registered)
        scene.mutator.collect()
        try cycle(scene) {
            #expect(scene.takeFinalized() == [address])
            scene.keep(address, function)
        }
        #expect(isStamped(leaf) && isStamped(function) && scene.isAllocated(address))
    }

    /// The value leaves the table before its pass.
    @Test func whatATableReturnsLives() throws {
        let scene = try scene()
        let (key, value) = (try scene.node(), try scene.node())
        let table = try #require(scene.mutator.makeWeakTable() as UnsafeMutableRawPointer?)
        #expect(scene.mutator.weakTableSet(table, key: pointer(key), value: UInt64(value)) == .stored)
        stamp(value)
        scene.keep(key, UInt(bitPattern: table))
        try cycle(scene) {
            #expect(scene.mutator.weakTableGet(table, key: pointer(key)) == UInt64(value))
            #expect(scene.mutator.weakTableRemove(table, key: pointer(key)))
            scene.keep(key, value)
        }
        #expect(isStamped(value) && scene.isAllocated(value))
    }

    /// All passes are over when the table is exchanged for a larger one; then a key turns out to be alive.
    @Test func aTableThatGrowsLosesNothing() throws {
        let scene = try scene()
        let keys = try (0..<6).map { _ in try scene.node() }
        let values = try (0..<6).map { _ in try scene.node() }
        let table = try #require(scene.mutator.makeWeakTable() as UnsafeMutableRawPointer?)
        for (key, value) in zip(keys, values) {
            stamp(value)
            #expect(scene.mutator.weakTableSet(table, key: pointer(key), value: UInt64(value)) == .stored)
        }
        let late = try #require(scene.mutator.weakHandle(of: pointer(keys[5])) as UnsafeMutableRawPointer?)
        scene.keep(UInt(bitPattern: table), keys[0], UInt(bitPattern: late))
        var grown = table
        try cycle(scene) {
            while scene.fixture.raw.markStretch(scene.mutator.state.pointee.marker, units: 512) {}
            #expect(scene.mutator.weakTableSet(table, key: pointer(keys[0]), value: UInt64(values[0])) == .stored)
            grown = try #require(scene.mutator.growWeakTable(table) as UnsafeMutableRawPointer?)
            #expect(grown != table)
            #expect(scene.mutator.weakGet(late) == pointer(keys[5]))
            scene.keep(UInt(bitPattern: grown), keys[0], keys[5])
        }
        #expect(scene.mutator.weakTableCount(grown) == 2)
        for index in [0, 5] {
            #expect(scene.mutator.weakTableGet(grown, key: pointer(keys[index])) == UInt64(values[index]))
            #expect(isStamped(values[index]) && scene.isAllocated(values[index]))
        }
        #expect(scene.violations == [])
    }

    @Test func finalizersMadeDueWhileMarkingKeepTheirObjects() throws {
        let scene = try scene()
        let leaf = try scene.node()
        let address = try scene.node(leaf)
        stamp(leaf)
        #expect(scene.finalize(address) == .registered)
        try cycle(scene) {
            while scene.fixture.raw.markStretch(scene.mutator.state.pointee.marker, units: 512) {}
            #expect(scene.mutator.queueAllFinalizers() == 1)
        }
        #expect(scene.takeFinalized() == [address] && isStamped(leaf))
    }
}
