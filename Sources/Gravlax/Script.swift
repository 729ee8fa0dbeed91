import GravlaxCompiler
import GravlaxRuntime

/// A compiled script, with the files that it imports. It never changes: any number of interpreters can run it, on any threads,
/// at the same time, and one interpreter any number of times.
///
///     let script = try Script("greet(\"world\")", name: "greeting")
///     let greeting: String = try interpreter.evaluate(script)
///
/// It finds the globals of an interpreter by their names, those that other scripts and the host have made among them.
/// Constants and whatever speeds a script up belong to each interpreter, which keeps them for the next run.
public struct Script: Sendable {
    let program: Program
    /// Of the text, for errors.
    public var name: String { program.sourceName }

    /// Compiles a script.
    ///
    /// - Parameters:
    ///   - name: of the text, for errors.
    ///   - moduleLoader: where imports of files come from, now; nil: the script can import only what comes with the
    ///     language. A file that an interpreter has imported before keeps what it had then.
    /// - Throws: `CompileError`.
    /// - Complexity: linear in the text.
    public init(_ source: String, name: String = "script", moduleLoader: (any ModuleLoader)? = nil) throws(CompileError) {
        var linker = Linker(
            moduleLoader ?? NoModules(), globalNames: GravlaxRuntime.Interpreter.libraryGlobalNames,
            options: CompilerOptions(isInteractive: true))
        do throws(Linker.Failure) {
            program = try linker.compile(source: Array(source.utf8), name: name)
        } catch {
            throw CompileError(error)
        }
    }
}

extension Interpreter {
    /// Runs a compiled script.
    ///
    /// - Throws: `ScriptError`.
    public func run(_ script: Script) throws { _ = try start(script) }

    /// Runs a compiled script, and gives the value of the expression that it is or ends in; nil when it ends in something
    /// else.
    ///
    /// - Throws: `ScriptError`, also when the value is no `Result`.
    public func evaluate<Result: ScriptConvertible>(_ script: Script, as type: Result.Type = Result.self) throws -> Result {
        try Result(start(script))
    }

    private func start(_ script: Script) throws -> Value {
        try rethrowing { () throws(RuntimeError) in Value(try core.start(script.program, isLast: false)) }
    }
}
