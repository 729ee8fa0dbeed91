import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime

/// Runs scripts in a heap of its own. Interpreters share nothing.
///
///     let interpreter = try Interpreter(.init(heapBudget: .mebibytes(64)))
///     try interpreter.run("fun double(x) { return 2 * x; }")
///     let six: Double = try interpreter.evaluate("double(3)")
///
/// One script after another sees the globals of those before. After any error, reached limits included, the interpreter
/// is as usable as before.
///
/// One thread uses an interpreter at a time, any thread: two at once end the process with a message. Only `interrupt()` is
/// for other threads.
public final class Interpreter: Sendable {
    let core: GravlaxRuntime.Interpreter
    private let moduleLoader: any ModuleLoader & Sendable
    let listeners: CollectorListeners

    /// - Parameters:
    ///   - configuration: what scripts may use.
    ///   - output: gets what scripts print, in pieces, on the thread that runs them.
    ///   - warnings: gets the errors of finalizers and of other functions that the collector calls: no script ends by them.
    /// - Throws: `ScriptError` when the memory to begin with is refused.
    /// - Complexity: constant; less than a millisecond and a mebibyte.
    public init(
        _ configuration: Configuration = Configuration(), output: @escaping @Sendable (String) -> Void = { _ in },
        warnings: @escaping @Sendable (ScriptError) -> Void = { _ in }
    ) throws {
        var heap = configuration.heap
        if let budget = configuration.heapBudget { heap.budget = budget.bytes }
        do {
            core = try GravlaxRuntime.Interpreter(
                configuration: heap, depth: configuration.depth, flushesLines: configuration.flushesLines
            ) {
                output(String(decoding: $0, as: UTF8.self))
            }
        } catch {
            throw ScriptError(.outOfMemoryToBeginWith)
        }
        listeners = CollectorListeners(core)
        core.grants = configuration.grants
        core.fuel = configuration.fuel
        core.timeLimit = configuration.timeLimit
        core.onCallbackError = { warnings(ScriptError($0)) }
        moduleLoader = configuration.moduleLoader ?? NoModules()
        core.host = self
    }

    deinit { listeners.close() }

    // MARK: Running scripts

    /// Compiles and runs a script.
    ///
    /// - Parameter name: of the text, for errors.
    /// - Throws: `CompileError`; `ScriptError`.
    public func run(_ source: String, name: String = "script") throws {
        _ = try start(source, name: name, isExpression: false)
    }

    /// Compiles and runs a script, and gives the value of the expression that it is or ends in; nil when it ends in
    /// something else.
    ///
    /// - Throws: `CompileError`; `ScriptError`, also when the value is no `Result`.
    public func evaluate<Result: ScriptConvertible>(
        _ source: String, name: String = "script", as type: Result.Type = Result.self
    ) throws -> Result {
        try Result(start(source, name: name, isExpression: true))
    }

    private func start(_ source: String, name: String, isExpression: Bool) throws -> Value {
        let program = try compile(source, name: name, isExpression: isExpression)
        return try rethrowing { () throws(RuntimeError) in Value(try core.start(program, isLast: true)) }
    }

    /// A program for this interpreter, as its globals are now.
    func compile(_ source: String, name: String, isExpression: Bool) throws(CompileError) -> Program {
        var linker = Linker(
            moduleLoader, globalNames: core.globalNames, options: CompilerOptions(isInteractive: isExpression))
        do throws(Linker.Failure) {
            return try linker.compile(source: Array(source.utf8), name: name)
        } catch {
            throw CompileError(error)
        }
    }

    // MARK: Globals

    /// The value of a global; nil when there is none of this name.
    public subscript(name: String) -> Value? { core.global(name).map { Value($0) } }

    /// Sets a global.
    ///
    /// - Throws: `ScriptError` when memory is refused.
    public func set(_ name: String, _ value: some ScriptConvertible) throws {
        let value = try value.value(in: self)
        try rethrowing { () throws(RuntimeError) in try core.setGlobal(name, value.host) }
    }

    // MARK: Limits

    /// Ends the run that is in progress, if there is one, within 50 ms, with an error of the kind `interrupted`. Any thread.
    public func interrupt() { core.interrupt() }

    /// What each run or call of the host's may take; see `Configuration.fuel`.
    public var fuel: Int? {
        get { core.fuel }
        set { core.fuel = newValue }
    }

    /// What the run that is in progress has left, or the last one had. Nil without a limit.
    public var fuelLeft: Int? { core.fuelLeft }

    /// How long each run or call of the host's may take.
    public var timeLimit: Duration? {
        get { core.timeLimit }
        set { core.timeLimit = newValue }
    }

    // MARK: Memory

    /// A full collection, finalizers apart: those run as scripts do.
    public func collect() { core.collect() }
}

/// Nothing can be imported but what comes with the language.
struct NoModules: ModuleLoader {
    func resolve(_ path: String, from importer: String) -> String { path }

    func load(_ name: String) throws(ModuleUnavailable) -> [UInt8] {
        throw ModuleUnavailable(reason: "The host grants no files")
    }
}

/// Errors of the runtime as the API's.
func rethrowing<Result>(_ body: () throws(RuntimeError) -> Result) throws -> Result {
    do {
        return try body()
    } catch {
        throw ScriptError(error)
    }
}
