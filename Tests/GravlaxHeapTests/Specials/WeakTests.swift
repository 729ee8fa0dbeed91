import GravlaxHeap
import Testing

/// Weak handles and weak tables, one mutator, the collector when the test says so.
@Suite struct WeakTests {
    private typealias Scene = FinalizerTests.Scene

    private func pointer(_ address: UInt) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: address)! }

    private func handle(_ scene: Scene, _ address: UInt) throws -> UnsafeMutableRawPointer {
        try #require(scene.mutator.weakHandle(of: pointer(address)) as UnsafeMutableRawPointer?)
    }

    @Test func allWeakReferencesToAnObjectShareOneHandle() throws {
        let scene = try Scene()
        let objects = try (0..<200).map { _ in try scene.node() }
        let handles = try objects.map { try handle(scene, $0) }
        #expect(Set(handles).count == 200)
        for (object, handle) in zip(objects, handles).shuffled() {
            #expect(scene.mutator.weakHandle(of: pointer(object)) == handle)
            #expect(scene.mutator.weakGet(handle) == pointer(object))
        }
        #expect(scene.violations == [])
    }

    /// The object keeps its handle; the handle does not keep the object.
    @Test func aHandleIsEmptyOnceItsObjectIsDead() throws {
        let scene = try Scene { $0.debug.clobberFree = true }
        let (kept, dead) = (try scene.node(), try scene.node())
        let handles = try [kept, dead].map { UInt(bitPattern: try handle(scene, $0)) }
        scene.keep(kept, handles[1])
        scene.mutator.collect()
        #expect(scene.mutator.weakGet(pointer(handles[0])) == pointer(kept), "kept by its object alone")
        #expect(scene.mutator.weakGet(pointer(handles[1])) == nil)
        #expect(!scene.isAllocated(dead) && scene.isAllocated(handles[1]))
        scene.keep()
        // Its object keeps a handle to the end, through the cycle that finds the object dead.
        scene.mutator.collect()
        scene.mutator.collect()
        #expect(!scene.isAllocated(handles[0]) && !scene.isAllocated(handles[1]))
        #expect(scene.violations == [])
    }

    /// Marked and not swept: what was not marked is dead for everybody, though nobody has cleared a handle yet.
    @Test func anUnmarkedObjectIsDeadBeforeItsSpanIsSwept() throws {
        let scene = try Scene { $0.debug.verify = false }
        let (kept, dead) = (try scene.node(), try scene.node())
        let table = try #require(scene.mutator.makeWeakTable() as UnsafeMutableRawPointer?)
        for key in [kept, dead] { #expect(scene.mutator.weakTableSet(table, key: pointer(key), value: 1) == .stored) }
        let handles = try [kept, dead].map { try handle(scene, $0) }
        scene.keep(kept, UInt(bitPattern: handles[1]), UInt(bitPattern: table))
        scene.fixture.state.releaseAll()
        scene.fixture.markAndFlip()
        let span = try #require(scene.fixture.raw.spanOf(dead))
        #expect(span.pointee.sweepgen.load(ordering: .relaxed) == scene.fixture.raw.sweepgen &- 2)
        #expect(scene.mutator.weakGet(handles[1]) == nil)
        #expect(span.pointee.sweepgen.load(ordering: .relaxed) == scene.fixture.raw.sweepgen)
        #expect(scene.mutator.weakGet(handles[0]) == pointer(kept))
        scene.mutator.collect()
        scene.fixture.state.releaseAll()
        scene.keep(UInt(bitPattern: handles[0]), UInt(bitPattern: table))
        scene.fixture.markAndFlip()
        #expect(scene.mutator.weakTableCount(table) == 0)
    }

    @Test func aHandleIsEmptyBeforeTheFinalizerRunsAndAfter() throws {
        let scene = try Scene()
        let address = try scene.node()
        let handle = try self.handle(scene, address)
        #expect(scene.finalize(address) == .registered)
        scene.keep(UInt(bitPattern: handle))
        scene.mutator.collect()
        #expect(scene.mutator.hasDueCalls && scene.mutator.weakGet(handle) == nil)
        #expect(scene.takeFinalized() == [address])
        // Resurrected: it has a handle of its own from here on.
        scene.keep(address, UInt(bitPattern: handle))
        scene.mutator.collect()
        #expect(scene.mutator.weakGet(handle) == nil)
        let other = try self.handle(scene, address)
        #expect(other != handle && scene.mutator.weakGet(other) == pointer(address))
    }

    /// Before its finalizer ran, an object is seen by what weak references to its referents there are.
    @Test func whatAFinalizableObjectRefersToIsNotDead() throws {
        let scene = try Scene()
        let leaf = try scene.node()
        let address = try scene.node(leaf)
        let handle = try self.handle(scene, leaf)
        #expect(scene.finalize(address) == .registered)
        scene.keep(UInt(bitPattern: handle))
        scene.mutator.collect()
        #expect(scene.mutator.weakGet(handle) == pointer(leaf))
    }

    @Test func refusedHandlesChangeNothing() throws {
        let scene = try Scene()
        let objects = try (0..<9000).map { _ in try scene.node() }
        var refusals = 0
        for address in objects {
            scene.fixture.memory.failCall(1)
            if scene.mutator.weakHandle(of: pointer(address)) == nil { refusals += 1 }
            scene.fixture.memory.failCall(0)
        }
        #expect(refusals > 0 && scene.violations == [])
        #expect(objects.allSatisfy { scene.mutator.weakHandle(of: pointer($0)) != nil })
    }

    // MARK: Tables

    /// A map as a client would write it: the table is kept as a root.
    private final class Map {
        let scene: Scene
        var table: UInt
        var others: [UInt] = []

        init(_ scene: Scene) throws {
            self.scene = scene
            table = UInt(bitPattern: try #require(scene.mutator.makeWeakTable() as UnsafeMutableRawPointer?))
            keep()
        }

        func keep(_ others: UInt...) {
            self.others = others
            scene.fixture.roots.words = ([table] + others).map(UInt64.init)
        }

        func set(_ key: UInt, _ value: UInt) {
            let (key, mutator) = (UnsafeMutableRawPointer(bitPattern: key)!, scene.mutator)
            while true {
                let place = UnsafeMutableRawPointer(bitPattern: table)!
                switch mutator.weakTableSet(place, key: key, value: UInt64(value)) {
                case .stored: return
                case .full:
                    table = UInt(bitPattern: mutator.growWeakTable(place))
                    scene.fixture.roots.words = ([table] + others).map(UInt64.init)
                case .refused:
                    Issue.record("refused")
                    return
                }
            }
        }

        func get(_ key: UInt) -> UInt? {
            let value = scene.mutator.weakTableGet(
                UnsafeMutableRawPointer(bitPattern: table)!, key: UnsafeMutableRawPointer(bitPattern: key)!)
            return value.map { UInt($0) }
        }

        func remove(_ key: UInt) -> Bool {
            scene.mutator.weakTableRemove(
                UnsafeMutableRawPointer(bitPattern: table)!, key: UnsafeMutableRawPointer(bitPattern: key)!)
        }

        var count: Int { scene.mutator.weakTableCount(UnsafeMutableRawPointer(bitPattern: table)!) }
    }

    @Test func aTableIsAMap() throws {
        let scene = try Scene()
        let map = try Map(scene)
        let keys = try (0..<100).map { _ in try scene.node() }
        #expect(map.get(keys[0]) == nil && !map.remove(keys[0]) && map.count == 0)
        for round in 0..<3 as Range<UInt> {
            for (index, key) in keys.enumerated() { map.set(key, UInt(index) * 8 + round) }
            for (index, key) in keys.enumerated() { #expect(map.get(key) == UInt(index) * 8 + round) }
            #expect(map.count == 100)
        }
        for key in keys.prefix(50) { #expect(map.remove(key)) }
        #expect(map.count == 50 && map.get(keys[0]) == nil && map.get(keys[50]) == 50 * 8 + 2)
        // Removed entries are used again.
        let table = map.table
        for key in keys.prefix(50) { map.set(key, 0) }
        #expect(map.table == table && map.count == 100)
    }

    @Test func anEntryLivesAsLongAsItsKeyAndNoLonger() throws {
        let scene = try Scene()
        let map = try Map(scene)
        let keys = try (0..<3).map { _ in try scene.node() }
        let values = try (0..<3).map { _ in try scene.node() }
        for (key, value) in zip(keys, values) { map.set(key, value) }
        // A value that leads to its own key does not keep it.
        object(values[1])[1] = UInt64(keys[1])
        map.keep(keys[0])
        scene.mutator.collect()
        #expect(map.get(keys[0]) == values[0] && scene.isAllocated(values[0]))
        #expect(map.count == 1)
        #expect([keys[1], keys[2], values[1], values[2]].allSatisfy { !scene.isAllocated($0) })
        #expect(scene.violations == [])
    }

    @Test func aDeadTableKeepsNothing() throws {
        let scene = try Scene()
        let map = try Map(scene)
        let (key, value) = (try scene.node(), try scene.node())
        map.set(key, value)
        scene.keep(key)
        scene.mutator.collect()
        #expect(scene.isAllocated(key) && !scene.isAllocated(value) && !scene.isAllocated(map.table))
        #expect(scene.fixture.raw.pointee.specials.ephemerons.tableCount == 0 && scene.violations == [])
    }

    /// A resurrected key has lost its entry, and what the entry held.
    @Test func aFinalizableKeyThatDiesLosesItsEntry() throws {
        let scene = try Scene { $0.debug.clobberFree = true }
        let map = try Map(scene)
        let (key, value) = (try scene.node(), try scene.node())
        map.set(key, value)
        #expect(scene.finalize(key) == .registered)
        scene.mutator.collect()
        #expect(scene.takeFinalized() == [key])
        map.keep(key)
        #expect(map.get(key) == nil && map.count == 0)
        #expect(!scene.isAllocated(value))
        map.set(key, key)
        scene.mutator.collect()
        #expect(map.get(key) == key)
    }

    /// Each value is the next key, in the order that is worst for passes: all live while the first does, in linear time.
    @Test(arguments: [10, 3000, 30_000]) func chainsOfEntriesTakeLinearTime(_ length: Int) throws {
        let scene = try Scene { $0.debug.verify = length < 5000 }
        let map = try Map(scene)
        let keys = try (0...length).map { _ in try scene.node() }
        for index in (0..<length).reversed() { map.set(keys[index], keys[index + 1]) }
        map.keep(keys[0])
        scene.mutator.collect()
        #expect(map.count == length)
        let ephemerons = scene.fixture.raw.pointee.specials.ephemerons
        // The entries of the last table at least twice, and never in proportion to the length of the chain.
        #expect(ephemerons.entryCount <= 16 * max(8, 4 * length), "\(ephemerons.entryCount) entries were looked at")
        #expect(keys.dropLast().enumerated().allSatisfy { map.get($0.element) == keys[$0.offset + 1] })
        // Without the first none lives.
        map.keep()
        scene.mutator.collect()
        #expect(map.count == 0)
        #expect(scene.fixture.counters.workBuffers.byteCount < 1 << 20, "the index went back to the system")
    }

    /// When memory for the index is refused, more passes do.
    @Test func chainsNeedNoMemory() throws {
        let scene = try Scene { $0.debug.verify = false }
        let map = try Map(scene)
        let keys = try (0...60).map { _ in try scene.node() }
        for index in (0..<60).reversed() { map.set(keys[index], keys[index + 1]) }
        map.keep(keys[0])
        scene.mutator.collect()
        scene.fixture.memory.failCall(1, forGood: true)
        scene.mutator.collect()
        scene.fixture.memory.failCall(0)
        #expect(map.count == 60)
    }

    /// Two tables whose entries wait for each other, and a key in the table's own value.
    @Test func tablesInTablesAreMarkedToo() throws {
        let scene = try Scene()
        let (outer, inner) = (try Map(scene), try Map(scene))
        let keys = try (0..<20).map { _ in try scene.node() }
        outer.set(keys[0], inner.table)
        for index in 1..<5 { inner.set(keys[index], keys[index + 10]) }
        outer.keep(keys[0], keys[1])
        scene.mutator.collect()
        #expect(outer.get(keys[0]) == inner.table && inner.count == 1 && inner.get(keys[1]) == keys[11])
    }

    @Test func growingDropsTheDead() throws {
        let scene = try Scene()
        let map = try Map(scene)
        let kept = try scene.node()
        map.keep(kept)
        map.set(kept, kept)
        for _ in 0..<200 {
            for _ in 0..<20 { map.set(try scene.node(), 1) }
            scene.mutator.collect()
            #expect(map.count == 1)
        }
        #expect(try #require(scene.fixture.raw.spanOf(map.table)).pointee.elemSize <= 2048)
        #expect(map.get(kept) == kept)
    }

    @Test func aRefusedTableChangesNothing() throws {
        let scene = try Scene()
        scene.fixture.memory.failCall(1, forGood: true)
        #expect(scene.mutator.makeWeakTable(capacity: 1 << 20) == nil)
        scene.fixture.memory.failCall(0)
        #expect(scene.mutator.makeWeakTable(capacity: 1 << 60) == nil)
        #expect(scene.violations == [])
    }
}
