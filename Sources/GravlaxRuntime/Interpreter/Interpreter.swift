import Dispatch
import Glibc
import GravlaxCompiler
import GravlaxHeap
import Synchronization

/// An interpreter: a heap of its own, globals, and whatever its programs left in them. Interpreters share nothing.
///
/// One thread uses an interpreter at a time. Programs are compiled against `globalNames`, so that one after another can
/// be run, each seeing the globals of those before. After an error, out of memory included, the interpreter is as
/// usable as before. Destroying it gives all its memory back.
///
/// Its mutator is outside while no program runs, so that an interpreter that waits for its next program, for however
/// long, holds up no collection: workers mark what it keeps, and the world stops without it.
package final class Interpreter {
    let machine: Machine
    /// The thread that is inside; 0: none is, and the mutator is outside.
    private let user = Atomic<UInt>(0)
    /// Functions that do for the host what scripts do: with members, and to show a value.
    var memberAccessors: [MemberUse: [MemberAccessor]] = [:]
    var printer: HostValue?
    /// The embedding API's interpreter, which owns this one.
    package weak var host: AnyObject?
    /// What that keeps about classes of the host's.
    package var hostClasses: AnyObject?
    /// Where runs go on that the host awaits.
    let queue = DispatchQueue(label: "gravlax.script")
    /// What each outermost run or call of the host's may use; nil: no limit.
    package var fuel: Int?
    package var timeLimit: Duration?

    /// - Parameters:
    ///   - configuration: of the heap; its word encoding is set here.
    ///   - depth: how many calls of scripts there may be inside one another.
    ///   - flushesLines: hand over what is printed at the end of each line, as terminals expect.
    ///   - output: gets what programs print, in pieces of up to 32 KiB.
    /// - Throws: when the system refuses the memory for the heap.
    package init(
        configuration: HeapConfiguration, depth: Int? = nil, flushesLines: Bool = false,
        output: @escaping (UnsafeRawBufferPointer) -> Void
    ) throws {
        var configuration = configuration
        configuration.encoding = Value.encoding
        machine = try Machine(
            configuration: configuration, depth: depth ?? CallStack.defaultDepth,
            output: OutputBuffer(flushesLines: flushesLines, sink: output))
        machine.mutator.enterOutside()
        machine.owner = self
    }

    deinit {
        // Waits for a worker that visits the roots: such a one holds the machine, and must not be the last who does.
        machine.mutator.leaveOutside()
        machine.output.flush()
        machine.hostObjects.removeAll()
    }

    /// Runs `body` with the mutator inside. What the host does meanwhile, in a function of its own, in the sink or about an
    /// error, may come here, too; another thread may not.
    func inside<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        let thread = UInt(pthread_self())
        if user.load(ordering: .relaxed) == thread { return try body() }
        guard user.compareExchange(expected: 0, desired: thread, ordering: .acquiring).exchanged else {
            fatalError("An interpreter is used by two threads at once.")
        }
        machine.mutator.leaveOutside()
        machine.handles.takeBack(machine.mutator)
        defer {
            if machine.mutator.hasNativeCleanups {
                machine.runNativeCleanups(limit: .max)
            }
            for answer in machine.strayAnswers.takeAll() { machine.letGoLater(answer) }
            machine.hostObjects.releaseDying()
            machine.handles.takeBack(machine.mutator)
            machine.mutator.enterOutside()
            user.store(0, ordering: .releasing)
        }
        return try body()
    }

    /// Waits for the thread that is inside. It must know that it must not come again.
    func waitUntilFree() {
        while user.load(ordering: .relaxed) != 0 { usleep(200) }
    }

    /// Runs `body`, which runs scripts, within the limits; those of the outermost count.
    ///
    /// - Parameter takesPendingError: throws what went wrong in a definition before.
    func running<Result>(takesPendingError: Bool = true, _ body: () throws(RuntimeError) -> Result) throws(RuntimeError) -> Result {
        // A sink may block.
        defer { machine.output.flush() }
        return try inside { () throws(RuntimeError) in
            if machine.limits.isRunning {
                if let error = machine.waitingError { throw error }
                return try body()
            }
            if takesPendingError { try machine.throwPendingError() }
            _ = beginRun()
            defer { machine.limits.end() }
            return try body()
        }
    }

    /// Begins what the host has called for from outside. Inside. Gives the number of the run.
    func beginRun() -> Int {
        machine.workSincePoll = 0
        machine.hasUsedLastResort = false
        machine.makeRoomForGlobals()
        // More than a century is no limit, and no sum of times.
        let time = timeLimit.map { min(max($0, .zero), .seconds(1 << 32)) }
        return machine.limits.begin(fuel: fuel, deadline: time.map { .now + $0 })
    }

    /// The global names so far, by slot: what the next program has to be compiled with.
    package var globalNames: [String] { machine.globalNames }

    /// The first of them, which every program has.
    package static var libraryGlobalNames: [String] { Machine.libraryGlobalNames }

    /// Those of them that have a value.
    package var definedGlobalNames: [String] { machine.definedGlobalNames }

    /// The heap, for statistics and verification.
    package var heap: Heap { machine.heap }

    /// What programs may do outside. Set before the first program runs.
    package var grants: Grants {
        get { machine.grants }
        set { machine.grants = newValue }
    }

    /// Gets the errors of functions that the collector's module calls at safepoints. They end no program.
    package var onCallbackError: ((RuntimeError) -> Void)? {
        get { machine.reportError }
        set { machine.reportError = newValue }
    }

    /// Runs a program to its end; what it printed has been handed over then.
    ///
    /// - Returns: the text of the script's result: of its last expression statement when it was compiled to echo that.
    ///   `nil` when the result is nil.
    @discardableResult
    package func run(_ program: Program) throws(RuntimeError) -> String? {
        try running { () throws(RuntimeError) in
            let result = try machine.run(program)
            return result.isNil ? nil : try printedText(of: machine.hold(result))
        }
    }

    /// The heap's statistics, exact: every cache gives back what it holds. Between programs.
    package func readStatistics() -> HeapStatistics { inside { machine.mutator.readStatistics() } }

    /// Bytes that the heap's budget is held against. Any thread.
    package var readyBytes: UInt64 { heap.readyBytes }

    /// A full collection, between programs.
    package func collect() {
        inside {
            machine.mutator.collect()
            machine.runNativeCleanups(limit: .max)
            machine.hostObjects.releaseDying()
        }
    }

    /// Runs every finalizer that was not run so far, once, whether or not its object is reachable. After the last program.
    package func finalizeAll() {
        inside { machine.finalizeAll() }
        machine.output.flush()
    }

    /// What became of all finalizers and cleanups. Between programs.
    package func finalizationReport() -> FinalizationReport { inside { machine.finalizationReport() } }

    /// Where programs allocated, when the heap samples. Between programs.
    package func allocationPlaces() -> [AllocationPlace] { machine.allocationPlaces() }

    /// How many shapes are known: those of live classes.
    package var shapeCount: Int { machine.shapes.shapeCount }

    /// Hands over what has been printed so far.
    package func flush() { machine.output.flush() }
}

// One thread is inside at a time, which `inside` checks; what others may do (interrupt, give back handles) is made for it.
extension Interpreter: @unchecked Sendable {}
