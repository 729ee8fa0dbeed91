import Dispatch
import Gravlax
import Synchronization
import Testing

struct HostReleaseTests {
    /// Counts those that are gone.
    final class Counter: Sendable {
        private let count = Atomic(0)
        var value: Int { count.load(ordering: .acquiring) }
        func add() { count.add(1, ordering: .acquiringAndReleasing) }
    }

    final class Resource: HostObject {
        private let gone: @Sendable () -> Void
        init(_ gone: @escaping @Sendable () -> Void) { self.gone = gone }
        deinit { gone() }
    }

    private func makeInterpreter(
        stress: Bool = false, release: HostRelease? = nil, gone: @escaping @Sendable () -> Void
    ) throws -> Interpreter {
        var configuration = Configuration()
        if stress {
            configuration.heap.debug.stress = 3
            configuration.heap.debug.verify = true
            configuration.heap.debug.clobberFree = true
        }
        let interpreter = try Interpreter(configuration)
        try interpreter.define("Resource", as: Resource.self) { type in
            type.initializer { () in Resource(gone) }
            if let release { type.release = release }
        }
        return interpreter
    }

    @Test(arguments: [false, true])
    func objectsGoWithTheirScriptsObjects(stress: Bool) throws {
        let counter = Counter()
        let interpreter = try makeInterpreter(stress: stress) { counter.add() }
        try interpreter.run("var kept = Resource(); for (var i = 0; i < 100; i += 1) Resource();")
        interpreter.collect()
        #expect(counter.value == 100)
        try interpreter.run("kept = nil;")
        interpreter.collect()
        #expect(counter.value == 101)
    }

    /// A running script is no reason to wait.
    @Test func objectsGoWhileAScriptRuns() throws {
        let counter = Counter()
        let interpreter = try makeInterpreter { counter.add() }
        interpreter.define("gone") { () in counter.value }
        let gone: Int = try interpreter.evaluate(
            """
            import "std/gc" as gc;
            for (var i = 0; i < 100; i += 1) Resource();
            gc.collect();
            for (var i = 0; i < 100; i += 1) gc.collect();
            gone()
            """)
        #expect(gone == 100)
    }

    @Test func whatTheHostHoldsStays() throws {
        let counter = Counter()
        let interpreter = try makeInterpreter { counter.add() }
        var resource: Resource? = try interpreter.evaluate("Resource()")
        interpreter.collect()
        #expect(resource != nil && counter.value == 0)
        resource = nil
        #expect(counter.value == 1)
    }

    @Test func allGoWithTheInterpreter() throws {
        let counter = Counter()
        var interpreter: Interpreter? = try makeInterpreter { counter.add() }
        try interpreter?.run("var all = []; for (var i = 0; i < 10; i += 1) all.push(Resource());")
        #expect(counter.value == 0)
        interpreter = nil
        #expect(counter.value == 10)
    }

    @Test func anInitializerThatRunsAgainReplacesTheObject() throws {
        let counter = Counter()
        let interpreter = try makeInterpreter { counter.add() }
        try interpreter.run("var r = Resource(); r.init();")
        interpreter.collect()
        #expect(counter.value == 1)
        try interpreter.run("r = nil;")
        interpreter.collect()
        #expect(counter.value == 2)
    }

    /// What lets go may use the interpreter, at a safepoint too.
    @Test(arguments: [false, true])
    func deinitializersMayRunScripts(stress: Bool) throws {
        let made = Mutex<Interpreter?>(nil)
        let interpreter = try makeInterpreter(stress: stress) {
            try? made.withLock({ $0 })?.run("count += 1; Resource.name; [count, [\"some more garbage\"]];")
        }
        made.withLock { $0 = interpreter }
        try interpreter.run("var count = 0;")
        try interpreter.run(
            """
            fun work(n) { var list = [n]; for (var i = 0; i < 30; i += 1) { Resource(); list.push("text ${i}"); } return list.count; }
            work(1); work(2);
            """)
        interpreter.collect()
        let count: Int = try interpreter.evaluate("count")
        #expect(count == 60)
        made.withLock { $0 = nil }
    }

    @Test func theMainActorLetsGo() async throws {
        await confirmation { confirm in
            await withCheckedContinuation { continuation in
                let release = HostRelease.onMainActor
                releaseOne(release) {
                    MainActor.assertIsolated()
                    confirm()
                    continuation.resume()
                }
            }
        }
    }

    actor Keeper {}

    @Test func anActorLetsGo() async throws {
        let keeper = Keeper()
        await confirmation { confirm in
            await withCheckedContinuation { continuation in
                releaseOne(.on(keeper)) {
                    keeper.assertIsolated()
                    confirm()
                    continuation.resume()
                }
            }
        }
    }

    @Test func aQueueLetsGo() async throws {
        let queue = DispatchQueue(label: "letting go")
        await confirmation { confirm in
            await withCheckedContinuation { continuation in
                releaseOne(.by { queue.async(execute: $0) }) {
                    dispatchPrecondition(condition: .onQueue(queue))
                    confirm()
                    continuation.resume()
                }
            }
        }
    }

    final class QueueExecutor: TaskExecutor {
        let queue = DispatchQueue(label: "an executor")
        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    @Test func anExecutorLetsGo() async throws {
        let executor = QueueExecutor()
        await confirmation { confirm in
            await withCheckedContinuation { continuation in
                releaseOne(.on(executor)) {
                    dispatchPrecondition(condition: .onQueue(executor.queue))
                    confirm()
                    continuation.resume()
                }
            }
        }
    }

    private func releaseOne(_ release: HostRelease, gone: @escaping @Sendable () -> Void) {
        do {
            let interpreter = try makeInterpreter(release: release, gone: gone)
            try interpreter.run("Resource();")
            interpreter.collect()
        } catch {
            Issue.record(error)
            gone()
        }
    }
}
