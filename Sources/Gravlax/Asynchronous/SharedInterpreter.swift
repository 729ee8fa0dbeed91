import GravlaxRuntime

/// An interpreter for several tasks, which it serves one after the other.
///
///     let shared = try SharedInterpreter(.init(fuel: 1_000_000))
///     await shared.use { $0.define("fetch") { (url: String) async throws -> String in try await text(at: url) } }
///     async let first: String = shared.evaluate("fetch(\"/1\")")
///     async let second: String = shared.evaluate("fetch(\"/2\")")
///
/// A run goes from its beginning to its end before the next begins, also while its script waits for a function of the host;
/// whose turn it is is decided in the order in which they come to the actor. Nobody who waits has a thread. Cancelling a task
/// that waits for its turn ends that at once, with a `CancellationError`; cancelling one whose script runs ends the script.
///
/// A function of the host that asks for a turn of the interpreter that calls it would wait for itself: it gets an error.
public actor SharedInterpreter {
    private struct Turn {
        let number: UInt64
        let continuation: CheckedContinuation<Void, any Error>
    }

    /// For what needs no turn.
    nonisolated private let interpreter: Interpreter
    private var isTaken = false
    /// Who waits, in order.
    private var turns: [Turn] = []
    private var lastNumber: UInt64 = 0

    /// Interpreters whose turn the task has, or the one that it was made in.
    @TaskLocal private static var holders: Set<ObjectIdentifier> = []

    /// - Parameters: as those of `Interpreter`.
    /// - Throws: `ScriptError` when the memory to begin with is refused.
    public init(
        _ configuration: Configuration = Configuration(), output: @escaping @Sendable (String) -> Void = { _ in },
        warnings: @escaping @Sendable (ScriptError) -> Void = { _ in }
    ) throws {
        interpreter = try Interpreter(configuration, output: output, warnings: warnings)
    }

    /// How many wait for their turn.
    public var waitingCount: Int { turns.count }

    // MARK: Using it

    /// Compiles and runs a script, when it is its turn.
    ///
    /// - Throws: `CompileError`; `ScriptError`; `CancellationError` when the task is cancelled before.
    public func run(_ source: String, name: String = "script") async throws {
        try await use { try await $0.run(source, name: name) }
    }

    /// Runs a compiled script, when it is its turn.
    ///
    /// - Throws: `ScriptError`; `CancellationError` when the task is cancelled before.
    public func run(_ script: Script) async throws { try await use { try await $0.run(script) } }

    /// Compiles and runs a script, when it is its turn, and gives the value of the expression that it is or ends in.
    ///
    /// - Throws: `CompileError`; `ScriptError`; `CancellationError` when the task is cancelled before.
    public func evaluate<Result: ScriptConvertible & Sendable>(
        _ source: String, name: String = "script", as type: Result.Type = Result.self
    ) async throws -> Result {
        try await use { try await $0.evaluate(source, name: name) }
    }

    /// Runs a compiled script, when it is its turn, and gives the value of the expression that it is or ends in.
    ///
    /// - Throws: `ScriptError`; `CancellationError` when the task is cancelled before.
    public func evaluate<Result: ScriptConvertible & Sendable>(
        _ script: Script, as type: Result.Type = Result.self
    ) async throws -> Result {
        try await use { try await $0.evaluate(script) }
    }

    /// Uses the interpreter for whatever has to be done in one turn: defining functions, calling values, several runs.
    ///
    /// - Parameter body: must not hand the interpreter on.
    /// - Throws: what `body` throws; `CancellationError` when the task is cancelled before.
    public func use<Result: Sendable>(
        _ body: @Sendable (_ interpreter: Interpreter) async throws -> Result
    ) async throws -> Result {
        guard !Self.holders.contains(ObjectIdentifier(interpreter)) else {
            throw ScriptError("A function of the host waits for the interpreter that calls it.")
        }
        try await takeTurn()
        defer { endTurn() }
        return try await Self.$holders.withValue(Self.holders.union([ObjectIdentifier(interpreter)])) {
            try await body(interpreter)
        }
    }

    /// Ends the run that is in progress, if there is one. Any thread, without a turn.
    nonisolated public func interrupt() { interpreter.interrupt() }

    /// What the collector does from now on; see `Interpreter.events`. Any thread, without a turn.
    nonisolated public func events(bufferLimit limit: Int = 256) -> AsyncStream<CollectorEvent> {
        interpreter.events(bufferLimit: limit)
    }

    // MARK: Turns

    private func takeTurn() async throws {
        try Task.checkCancellation()
        if !isTaken {
            isTaken = true
            return
        }
        lastNumber += 1
        let number = lastNumber
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { turns.append(Turn(number: number, continuation: $0)) }
        } onCancel: {
            // Comes to the actor after the turn was added: nothing was awaited until then.
            Task { await giveUp(number) }
        }
    }

    private func giveUp(_ number: UInt64) {
        guard let index = turns.firstIndex(where: { $0.number == number }) else { return }
        turns.remove(at: index).continuation.resume(throwing: CancellationError())
    }

    /// The interpreter goes from hand to hand: it is free only when nobody waits.
    private func endTurn() {
        if turns.isEmpty { isTaken = false } else { turns.removeFirst().continuation.resume() }
    }
}
