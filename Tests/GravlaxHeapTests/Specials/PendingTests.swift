import GravlaxHeap
import Testing

/// The list of pending finalizers, and which of them never run.
@Suite struct PendingTests {
    private typealias Scene = FinalizerTests.Scene

    private func entry(
        _ object: UInt, _ site: UInt64, _ kind: DueCall.Kind = .finalizer, queued: Bool = false, never: Bool = false
    ) -> (UInt, UInt64, DueCall.Kind, Bool, Bool) { (object, site, kind, queued, never) }

    private func check(_ scene: Scene, _ expected: [(UInt, UInt64, DueCall.Kind, Bool, Bool)]) {
        let pending = scene.mutator.pendingFinalizations()
        let found = pending.map { "\($0.object) \($0.site) \($0.kind) \($0.isQueued) \($0.isNever)" }
        #expect(found == expected.map { "\($0.0) \($0.1) \($0.2) \($0.3) \($0.4)" })
        #expect(scene.fixture.ledger.pending == UInt64(pending.count))
    }

    @Test func pendingOnesAreListedWithTheirPlaces() throws {
        let scene = try Scene()
        let (one, two) = (try scene.node(), try scene.node())
        #expect(scene.finalize(two, site: 22) == .registered && scene.finalize(one, site: 11) == .registered)
        #expect(scene.clean(one, site: 12) == .registered)
        check(scene, [entry(one, 11), entry(one, 12, .cleanup), entry(two, 22)])
        scene.keep(one)
        scene.mutator.collect()
        check(scene, [entry(one, 11), entry(one, 12, .cleanup), entry(two, 22, queued: true)])
        #expect(scene.takeFinalized() == [two])
        #expect(scene.mutator.removeFinalizer(UnsafeMutableRawPointer(bitPattern: one)!))
        scene.keep()
        scene.mutator.collect()
        check(scene, [entry(0, 12, .cleanup, queued: true)])
        #expect(scene.fixture.ledger == FinalizationLedger(registered: 3, run: 1, dropped: 1, waiting: 0, queued: 1))
    }

    /// A case: what is registered on objects 0…, which refer to each other, and which of them never run.
    struct Shape: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// For each object what it refers to.
        let edges: [[Int]]
        /// Object and function.
        var finalizers: [(Int, Int?)] = []
        var cleanups: [(Int, Int?, Int?)] = []
        let never: Set<Int>
    }

    static let shapes = [
        Shape(testDescription: "a chain", edges: [[1], [2], []], finalizers: [(0, nil), (1, nil), (2, nil)], never: []),
        Shape(testDescription: "a cycle", edges: [[1], [2], [0]], finalizers: [(0, nil)], never: [0]),
        Shape(testDescription: "to itself", edges: [[0]], finalizers: [(0, nil)], never: [0]),
        Shape(testDescription: "a cycle behind it", edges: [[1], [2], [1]], finalizers: [(0, nil)], never: []),
        Shape(testDescription: "behind a cycle", edges: [[1], [0, 2], []], finalizers: [(0, nil), (2, nil)], never: [0, 2]),
        Shape(testDescription: "captured by its own", edges: [[], [0]], finalizers: [(0, 1)], never: [0]),
        Shape(testDescription: "captured by another's", edges: [[], [], [1]], finalizers: [(0, 2), (1, nil)], never: []),
        Shape(
            testDescription: "captured by each other's", edges: [[], [], [1], [0]], finalizers: [(0, 2), (1, 3)],
            never: [0, 1]),
        Shape(testDescription: "a cleanup's argument", edges: [[], [0]], cleanups: [(0, nil, 1)], never: [0]),
        Shape(testDescription: "a cleanup's function", edges: [[], [0]], cleanups: [(0, 1, nil)], never: [0]),
        Shape(testDescription: "a cleanup of a cycle", edges: [[1], [0]], cleanups: [(0, nil, nil)], never: []),
    ]

    @Test(arguments: shapes) func whatKeepsItselfAliveIsNamed(_ shape: Shape) throws {
        let scene = try Scene()
        let objects = try shape.edges.map { _ in try scene.node(0, 0) }
        for (from, targets) in zip(objects, shape.edges) {
            for (slot, target) in targets.enumerated() { object(from)[1 + slot] = UInt64(objects[target]) }
        }
        func word(_ index: Int?) -> UInt { index.map { objects[$0] } ?? 0 }
        for (target, function) in shape.finalizers {
            #expect(scene.finalize(objects[target], word(function), site: UInt64(target)) == .registered)
        }
        for (target, function, argument) in shape.cleanups {
            #expect(scene.clean(objects[target], word(function), word(argument), site: UInt64(target)) == .registered)
        }
        let never = scene.mutator.pendingFinalizations().filter(\.isNever).map { Int($0.site) }
        #expect(Set(never) == shape.never)
        // And so it is: everything else is over after as many cycles as there are objects.
        for _ in objects {
            scene.mutator.collect()
            while scene.mutator.takeDueCall() != nil {}
        }
        #expect(scene.fixture.ledger.waiting == UInt64(shape.never.count))
    }

    @Test func longListsAreWalkedWithoutRecursion() throws {
        let scene = try Scene { $0.debug.verify = false }
        var list = try scene.node()
        for _ in 0..<100_000 { list = try scene.node(list) }
        #expect(scene.finalize(list) == .registered)
        #expect(scene.mutator.pendingFinalizations().map(\.isNever) == [false])
    }
}
