import Gravlax
import Testing

/// Statistics, and what the collector tells.
struct CollectorTests {
    private static let garbage = "for (var i = 0; i < 20000; i += 1) { var xs = [i, [i]]; }"

    @Test func statisticsCountWhatScriptsDo() throws {
        let interpreter = try Interpreter()
        let before = interpreter.statistics()
        #expect(before.cycles == 0)
        #expect(before.pauses.count == 0 || before.pauses.longest > .zero)
        try interpreter.run("var kept = []; for (var i = 0; i < 20000; i += 1) kept.push([i]);")
        let held: Value = try interpreter.evaluate("kept")
        interpreter.collect()
        let after = interpreter.statistics()
        withExtendedLifetime(held) {}
        #expect(after.cycles >= 1)
        #expect(after.objects >= 20_000)
        #expect(after.objectsAllocated - before.objectsAllocated >= 20_000)
        #expect(after.liveBytes >= 20_000 * 16)
        #expect(after.goalBytes > after.liveBytes)
        #expect(after.readyBytes >= after.liveBytes)
        #expect(after.readyBytes <= after.reservedBytes)
        #expect(after.pauses.count >= 2)
        #expect(after.pauses.total >= after.pauses.longest)
        #expect(after.pauses.longest >= after.pauses.median)
        #expect(after.heldValues == before.heldValues + 1)
    }

    @Test func eventsTellPhasesStopsAndCycles() async throws {
        let interpreter = try Interpreter()
        let events = interpreter.events()
        interpreter.collect()
        var phases: [CollectorEvent.Phase] = []
        var stops = 0
        var lastTime = Duration.zero
        for await event in events {
            #expect(event.lostCount == 0)
            #expect(event.time > .zero)
            lastTime = max(lastTime, event.time)
            switch event.change {
            case .phase(let phase): phases.append(phase)
            case .stop(_, _, let stopped):
                stops += 1
                #expect(stopped >= .zero && stopped < event.time)
            case .cycle(let number, let duration, let markedBytes):
                #expect(number == 1)
                #expect(duration > .zero && duration < event.time)
                #expect(markedBytes > 0)
            }
            if case .cycle = event.change { break }
        }
        #expect(phases == [.marking, .termination, .sweeping])
        #expect(stops >= 2)
    }

    @Test func eachListenerGetsAllAndStreamsEndWithTheInterpreter() async throws {
        var interpreter: Interpreter? = try Interpreter()
        let first = try #require(interpreter?.events())
        let second = try #require(interpreter?.events())
        interpreter?.collect()
        func cycles(_ events: AsyncStream<CollectorEvent>, until: Int) async -> [Int] {
            var numbers: [Int] = []
            for await event in events {
                if case .cycle(let number, _, _) = event.change { numbers.append(number) }
                if numbers.count == until { break }
            }
            return numbers
        }
        let fromFirst = await cycles(first, until: 1)
        let fromSecond = await cycles(second, until: 1)
        #expect(fromFirst == [1])
        #expect(fromSecond == [1])
        // The first has left; the second stays.
        interpreter?.collect()
        let more = await cycles(second, until: 1)
        #expect(more == [2])
        let third = try #require(interpreter?.events())
        interpreter = nil
        for await _ in third {}
        for await _ in second {}
    }

    @Test func aSlowListenerIsToldWhatItLost() async throws {
        let interpreter = try Interpreter()
        let slow = interpreter.events(bufferLimit: 3)
        let quick = interpreter.events()
        for _ in 0..<4 { interpreter.collect() }
        var told = 0
        for await event in quick {
            told += 1
            if case .cycle(4, _, _) = event.change { break }
        }
        var got: [CollectorEvent] = []
        // Room again: what comes next says how many did not fit.
        for await event in slow {
            got.append(event)
            if got.count == 3 { interpreter.collect() }
            if got.count == 4 { break }
        }
        #expect(got.prefix(3).allSatisfy { $0.lostCount == 0 })
        #expect(got[3].lostCount > 0)
        #expect(got[3].lostCount >= told - 3)
    }

    @Test func eventsAreToldWhileScriptsRun() async throws {
        let interpreter = try Interpreter()
        let events = interpreter.events()
        try await Task.detached {
            while interpreter.statistics().cycles < 3 { try await interpreter.run(CollectorTests.garbage) }
        }.value
        var numbers: [Int] = []
        for await event in events {
            if case .cycle(let number, _, _) = event.change { numbers.append(number) }
            if numbers.count == 3 { break }
        }
        #expect(numbers == [1, 2, 3])
    }
}
