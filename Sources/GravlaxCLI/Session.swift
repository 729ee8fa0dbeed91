// An interpreter with the options of the command line: compiles, runs, reports.

import ArgumentParser
import Glibc
import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime

final class Session {
    private let interpreter: Interpreter
    private let memory: MemorySettings
    private let diagnostics: DiagnosticsOptions.Style
    private let trace: TraceOutput?
    private let sources = SourceTexts()
    private var lineCount = 0

    /// - Parameter arguments: of the program.
    init(memory: MemorySettings, diagnostics: DiagnosticsOptions.Style, arguments: [String] = []) throws {
        self.memory = memory
        self.diagnostics = diagnostics
        let settings = try CollectorSettings.fromEnvironment()
        do {
            interpreter = try Interpreter(
                configuration: memory.heapConfiguration(settings: settings),
                flushesLines: StandardStream.output.isTerminal,
                output: { StandardStream.output.write($0) })
        } catch {
            // Of the heap or of what the interpreter needs in it: the one reason is memory.
            throw failure("cannot start: not enough memory", exitCode: 70)
        }
        interpreter.grants.io = true
        let heap = interpreter.heap
        TracePrinter(memory.traceLines | settings.traceLines) { StandardStream.error.write($0) }.attach(to: heap)
        trace = try memory.trace.map { try TraceOutput(path: $0, of: heap) }
        interpreter.grants.system = Grants.System(arguments: arguments) { [unowned self] code in
            printFinalizers()
            printStatistics()
            EarlyEnd.exit(code)
        }
    }

    /// Compiles and runs a program, then writes the trace and prints the statistics that were asked for.
    ///
    /// - Throws: `ExitCode` 65 or 70, after the errors have been reported; 74, if the trace could not be written.
    func runProgram(name: String, bytes: [UInt8]) throws {
        // Also for a program that does not compile: what the file held before is gone.
        defer { trace?.finish() }
        let program = try diagnostics.compile(name: name, bytes: bytes, globalNames: interpreter.globalNames, sources: sources)
        reportCallbackErrors(name: name, bytes: bytes)
        defer { report() }
        do {
            try interpreter.run(program)
            if memory.finalizesAtExit { interpreter.finalizeAll() }
        } catch {
            diagnostics.report(
                error, name: name, bytes: bytes, globalNames: interpreter.definedGlobalNames, sources: sources)
            throw ExitCode(70)
        }
        try requireTrace()
    }

    private func requireTrace() throws {
        if trace?.finish() == false { throw ExitCode(74) }
    }

    /// Runs one input of the read-eval-print loop. Errors are reported and end nothing.
    func evaluate(_ bytes: [UInt8]) {
        lineCount += 1
        let name = "input \(lineCount)"
        do {
            let program = try diagnostics.compile(
                name: name, bytes: bytes, globalNames: interpreter.globalNames,
                options: CompilerOptions(isInteractive: true), sources: sources)
            reportCallbackErrors(name: name, bytes: bytes)
            if let text = try interpreter.run(program) { StandardStream.output.write(text + "\n") }
        } catch let error as RuntimeError {
            diagnostics.report(
                error, name: name, bytes: bytes, globalNames: interpreter.definedGlobalNames, sources: sources)
        } catch {
            // Compile errors have been reported.
        }
    }

    /// Errors of finalizers and the like go to standard error, and the program goes on.
    private func reportCallbackErrors(name: String, bytes: [UInt8]) {
        interpreter.onCallbackError = { [diagnostics, sources, unowned interpreter] error in
            diagnostics.report(error, name: name, bytes: bytes, globalNames: interpreter.definedGlobalNames, sources: sources)
        }
    }

    /// - Throws: `ExitCode` 74, if the trace could not be written.
    func finish() throws {
        if memory.finalizesAtExit { interpreter.finalizeAll() }
        interpreter.flush()
        report()
        try requireTrace()
    }

    private func report() {
        trace?.finish()
        printFinalizers()
        printStatistics()
    }

    private func printFinalizers() {
        guard memory.showsFinalizers else { return }
        StandardStream.error.write(interpreter.finalizationReport().text)
    }

    private func printStatistics() {
        guard let format = memory.statistics else { return }
        let report = StatisticsReport(interpreter.readStatistics())
        StandardStream.error.write(format == .json ? report.json : report.text)
    }
}
