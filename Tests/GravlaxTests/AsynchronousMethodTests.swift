import Gravlax
import Synchronization
import Testing

/// Methods of host classes that scripts wait for.
struct AsynchronousMethodTests {
    final class Store: HostObject, Sendable {
        let name: String
        let texts = Mutex<[String: String]>([:])

        init(name: String) { self.name = name }
    }

    private struct Missing: Error {}

    private func make(hostile: Bool) throws -> Interpreter {
        var configuration = Configuration()
        if hostile {
            configuration.heap.debug.stress = 1
            configuration.heap.debug.verify = true
            configuration.heap.debug.clobberFree = true
        }
        let interpreter = try Interpreter(configuration)
        try interpreter.define("Store", as: Store.self) { type in
            type.initializer { (name: String) in Store(name: name) }
            type.property("name", get: { $0.name })
            type.method("put") { (store: Store, key: String, text: String) async in
                await Task.yield()
                store.texts.withLock { $0[key] = text }
            }
            type.method("get") { [unowned interpreter] (store: Store, key: String) async throws -> String in
                await Task.yield()
                interpreter.collect()
                guard let text = store.texts.withLock({ $0[key] }) else { throw Missing() }
                return text
            }
            type.method("count") { (store: Store) in store.texts.withLock { $0.count } }
        }
        return interpreter
    }

    @Test(arguments: [false, true]) func scriptsWaitForMethods(hostile: Bool) async throws {
        let interpreter = try make(hostile: hostile)
        let text: String = try await interpreter.evaluate(
            """
            class Cache < Store {
              init(name) { super.init(name); this.hits = 0; }
              get(key) { this.hits += 1; return "${this.name}: ${super.get(key)}"; }
            }
            var cache = Cache("c");
            cache.put("k", "what is kept");
            var missing;
            try { cache.get("other"); } catch (e) { missing = e.message; }
            var get = Store("s").get;
            try { get("k"); } catch (e) { missing = missing + " " + e.message; }
            "${cache.get("k")}, ${cache.hits} hits, ${cache.count()} kept, ${missing}"
            """)
        #expect(text == "c: what is kept, 2 hits, 1 kept, Missing() Missing()")
    }

    @Test func argumentsAreCheckedAndErrorsHaveTheirPlace() async throws {
        let interpreter = try make(hostile: false)
        let kind = await #expect(throws: ScriptError.self) { try await interpreter.run("Store(\"s\").put(1, \"x\");") }
        #expect(kind?.message == "Argument 1 of Store.put(): Expected a string, not a number.")
        let missing = await #expect(throws: ScriptError.self) {
            try await interpreter.run("fun f() {\n  Store(\"s\").get(\"k\");\n}\nf();", name: "a.lox")
        }
        #expect(missing?.cause is Missing)
        #expect(
            missing?.trace.map(\.description) == ["Store.get() of the host", "f() at a.lox:2", "script at a.lox:4"])
        func inVain() throws { try interpreter.run("Store(\"s\").get(\"k\");") }
        let unawaited = #expect(throws: ScriptError.self) { try inVain() }
        #expect(
            unawaited?.message == "'Store.get' is asynchronous, and cannot be called in a run that the host does not await.")
    }
}
