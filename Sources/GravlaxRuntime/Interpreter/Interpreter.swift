import GravlaxCompiler
import GravlaxHeap

/// An interpreter: a heap of its own, globals, and whatever its programs left in them. Interpreters share nothing.
///
/// One thread uses an interpreter at a time. Programs are compiled against `globalNames`, so that one after another can
/// be run, each seeing the globals of those before. After an error, out of memory included, the interpreter is as
/// usable as before. Destroying it gives all its memory back.
public final class Interpreter {
    private let machine: Machine

    /// - Parameters:
    ///   - configuration: of the heap; its word encoding is set here.
    ///   - flushesLines: hand over what is printed at the end of each line, as terminals expect.
    ///   - output: gets what programs print, in pieces of up to 32 KiB.
    /// - Throws: when the system refuses the memory for the heap.
    package init(
        configuration: HeapConfiguration, flushesLines: Bool = false,
        output: @escaping (UnsafeRawBufferPointer) -> Void
    ) throws {
        var configuration = configuration
        configuration.encoding = Value.encoding
        machine = try Machine(
            configuration: configuration, output: OutputBuffer(flushesLines: flushesLines, sink: output))
    }

    deinit { machine.output.flush() }

    /// The global names so far, by slot: what the next program has to be compiled with.
    package var globalNames: [String] { machine.globalNames }

    /// Those of them that have a value.
    package var definedGlobalNames: [String] { machine.definedGlobalNames }

    /// The heap, for statistics and verification.
    package var heap: Heap { machine.heap }

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
        defer { machine.output.flush() }
        let result = try machine.run(program)
        guard !result.isNil else { return nil }
        var text: [UInt8] = []
        machine.write(result) { text.append(contentsOf: $0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The heap's statistics, exact: every cache gives back what it holds. Between programs.
    package func readStatistics() -> HeapStatistics { machine.mutator.readStatistics() }

    /// A full collection, between programs.
    package func collect() {
        machine.mutator.collect()
        machine.destroyDeadClasses(limit: .max)
    }

    /// Runs every finalizer that was not run so far, once, whether or not its object is reachable. After the last program.
    package func finalizeAll() {
        machine.finalizeAll()
        machine.output.flush()
    }


    /// What became of all finalizers and cleanups. Between programs.
    package func finalizationReport() -> FinalizationReport { machine.finalizationReport() }

    /// How many shapes are known: those of live classes.
    package var shapeCount: Int { machine.shapes.shapeCount }

    /// Hands over what has been printed so far.
    public func flush() { machine.output.flush() }
}
