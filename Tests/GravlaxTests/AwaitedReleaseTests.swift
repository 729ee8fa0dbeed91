import Gravlax
import Synchronization
import Testing

/// What asynchronous functions give is let go of by the thread that uses the interpreter, and by no other, which would meet
/// that one inside: what they give here uses the interpreter when it ends.
struct AwaitedReleaseTests {
    /// Who is asked when something ends.
    final class Place: Sendable {
        private let interpreter = Mutex<Interpreter?>(nil)
        let ended = Atomic<Int>(0)

        func set(_ interpreter: Interpreter?) { self.interpreter.withLock { $0 = interpreter } }

        func end() {
            let interpreter = self.interpreter.withLock { $0 }
            _ = try? interpreter?.evaluate("1 + 1", as: Int.self)
            ended.add(1, ordering: .relaxed)
        }
    }

    final class Refusal: Error {
        private let place: Place
        init(_ place: Place) { self.place = place }
        deinit { place.end() }
    }

    final class Page: HostObject, Sendable {
        private let place: Place
        init(_ place: Place) { self.place = place }
        deinit { place.end() }
    }

    @Test func errorsEndInside() async throws {
        let place = Place()
        let interpreter = try Interpreter()
        place.set(interpreter)
        defer { place.set(nil) }
        interpreter.define("fail") { () async throws -> Int in throw Refusal(place) }
        for _ in 0..<2_000 {
            try await interpreter.run("try { fail(); } catch (e) {}")
            interpreter.collect()
            _ = try await interpreter.evaluate("1 + 1", as: Int.self)
        }
        #expect(place.ended.load(ordering: .relaxed) == 2_000)
    }

    @Test func objectsEndInside() async throws {
        let place = Place()
        let shared = try SharedInterpreter()
        try await shared.use { interpreter in
            place.set(interpreter)
            try interpreter.define("Page", as: Page.self) { _ in }
            interpreter.define("fetch") { () async throws -> Page in Page(place) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    for turn in 0..<700 {
                        try await shared.run("fetch(); 0;")
                        if turn % 3 == 0 { try await shared.use { $0.collect() } }
                        _ = try await shared.use { try $0.evaluate("1 + 1", as: Int.self) }
                    }
                }
            }
            try await group.waitForAll()
        }
        try await shared.use {
            $0.collect()
            place.set(nil)
        }
        #expect(place.ended.load(ordering: .relaxed) == 2_100)
    }

    /// An answer that comes when the run is over is nobody's, and waits for the interpreter's next use.
    @Test func lateAnswersEndInside() async throws {
        let place = Place()
        let interpreter = try Interpreter(.init(timeLimit: .milliseconds(1)))
        place.set(interpreter)
        defer { place.set(nil) }
        try interpreter.define("Page", as: Page.self) { _ in }
        let (released, release) = AsyncStream<Void>.makeStream()
        let (returned, isReturning) = AsyncStream<Void>.makeStream()
        interpreter.define("fetch") { () async throws -> Page in
            await Task.detached { for await _ in released { break } }.value
            defer { isReturning.yield() }
            return Page(place)
        }
        let error = await #expect(throws: ScriptError.self) { try await interpreter.run("fetch();") }
        #expect(error?.kind == .deadline)
        #expect(place.ended.load(ordering: .relaxed) == 0)
        release.yield()
        for await _ in returned { break }
        while place.ended.load(ordering: .relaxed) == 0 {
            interpreter.collect()
            await Task.yield()
        }
        #expect(place.ended.load(ordering: .relaxed) == 1)
    }
}
