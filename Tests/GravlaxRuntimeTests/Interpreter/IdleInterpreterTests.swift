import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime
import Testing

/// An interpreter between two programs holds up no collection, and what it keeps survives it.
@Suite struct IdleInterpreterTests {
    private final class NoRoots: RootSource {
        func visitRoots(_ visitor: RootVisitor) {}
    }

    /// Outlives the mutators, which do not keep it.
    private let noRoots = NoRoots()

    private static func makeInterpreter(markWorkers: Int? = nil) throws -> Interpreter {
        var configuration = HeapConfiguration(encoding: Value.encoding)
        configuration.markWorkers = markWorkers
        configuration.debug.verify = true
        return try Interpreter(configuration: configuration) { _ in }
    }

    private static func evaluate(_ text: String, _ interpreter: Interpreter) throws -> String? {
        try interpreter.run(
            try Compiler.compile(
                source: Array(text.utf8), name: "test", globalNames: interpreter.globalNames,
                options: CompilerOptions(isInteractive: true)))
    }

    /// Fails at once where a collection would wait for the interpreter.
    private static func requireIdle(_ interpreter: Interpreter) throws {
        try #require(interpreter.heap.raw.pointee.world.runningMutators == 0)
    }

    private static let makeKept = """
        var kept = [];
        for (var i = 0; i < 2000; i = i + 1) kept.push([i, "text " + str(i)]);
        """
    private static let checkKept = """
        var wrong = 0;
        for (var i = 0; i < kept.count; i = i + 1) if (kept[i][1] != "text " + str(i)) wrong = wrong + 1;
        str(kept.count) + " " + str(wrong)
        """

    /// Before the first program, between two, after an error, after what the host asked.
    @Test(arguments: [nil, "var a = [1];", "var a = [1]; a.none();", "fun f() { f(); } f();"])
    func othersCollectMeanwhile(text: String?) throws {
        let interpreter = try Self.makeInterpreter()
        if let text { _ = try? Self.evaluate(text, interpreter) }
        try Self.requireIdle(interpreter)
        _ = interpreter.readStatistics()
        interpreter.collect()
        _ = interpreter.finalizationReport()
        interpreter.finalizeAll()
        try Self.requireIdle(interpreter)
        let before = try #require(interpreter.heap.lastCycle).number
        let other = try interpreter.heap.makeMutator(roots: noRoots)
        other.collect()
        other.close()
        #expect(try #require(interpreter.heap.lastCycle).number == before + 1)
    }

    /// A cycle that begins while no program runs goes on through the next one, and ends after it.
    @Test(arguments: [0, 2]) func aCycleSpansPrograms(markWorkers: Int) throws {
        let interpreter = try Self.makeInterpreter(markWorkers: markWorkers)
        _ = try Self.evaluate(Self.makeKept, interpreter)
        try Self.requireIdle(interpreter)
        let other = try interpreter.heap.makeMutator(roots: noRoots)
        #expect(other.beginCycle())
        other.step(1)
        other.enterOutside()
        // From places that were not visited to such as were, and the other way.
        _ = try Self.evaluate(
            "for (var i = 0; i < 1000; i = i + 1) { var last = kept.pop(); kept.insert(0, last); }", interpreter)
        _ = try Self.evaluate(
            "for (var i = 0; i < 1000; i = i + 1) { var first = kept.removeAt(0); kept.push(first); }", interpreter)
        other.leaveOutside()
        other.collect()
        other.close()
        #expect(try Self.evaluate(Self.checkKept, interpreter) == "2000 0")
    }

    /// An interpreter may go while somebody marks what it keeps.
    @Test(arguments: [0, 2]) func destructionDuringACycle(markWorkers: Int) throws {
        for units in 0..<20 {
            var interpreter: Interpreter? = try Self.makeInterpreter(markWorkers: markWorkers)
            let heap = try #require(interpreter?.heap)
            _ = try Self.evaluate(Self.makeKept, try #require(interpreter))
            try Self.requireIdle(try #require(interpreter))
            let other = try heap.makeMutator(roots: noRoots)
            #expect(other.beginCycle())
            if units > 0 { other.step(units) }
            other.enterOutside()
            interpreter = nil
            other.leaveOutside()
            other.collect()
            other.collect()
            // What is left is the other's own.
            #expect(other.readStatistics().heapLive < 64 << 10)
            other.close()
        }
    }
}
