// Compiling, with errors reported in the style that was asked for.

import ArgumentParser
import Glibc
import GravlaxCompiler
import GravlaxRuntime

extension DiagnosticsOptions {
    /// - Throws: `ExitCode` 65, after the errors have been reported.
    func compile(
        name: String, bytes: [UInt8], globalNames: [String], options: CompilerOptions = CompilerOptions()
    ) throws -> Program {
        do {
            return try Compiler.compile(source: bytes, name: name, globalNames: globalNames, options: options)
        } catch {
            let renderer = DiagnosticRenderer(name: name, bytes: bytes, isColoured: isColoured)
            for diagnostic in error.diagnostics {
                StandardStream.error.write(
                    style == .lox ? diagnostic.loxText + "\n" : renderer.text(diagnostic))
            }
            throw ExitCode(65)
        }
    }

    func report(_ error: RuntimeError, name: String, bytes: [UInt8]) {
        guard style == .rich, let place = error.trace.first else {
            return StandardStream.error.write(error.loxDescription)
        }
        // A trace may lead into an earlier input of the read-eval-print loop, whose text is gone.
        if place.sourceName == name {
            let renderer = DiagnosticRenderer(name: name, bytes: bytes, isColoured: isColoured)
            let span = CodeSpan(start: UInt32(place.startByte), end: UInt32(place.endByte))
            StandardStream.error.write(renderer.text(message: error.message, span: span))
        } else {
            StandardStream.error.write("\(place.sourceName):\(place.line): error: \(error.message)\n")
        }
        for (index, entry) in error.trace.enumerated() {
            if error.omittedCount > 0, index == error.omissionIndex {
                StandardStream.error.write("    … \(error.omittedCount) more calls\n")
            }
            StandardStream.error.write("    in \(entry.place) at \(entry.sourceName):\(entry.line)\n")
        }
    }

    /// Only on a terminal, and never against the user's wish.
    private var isColoured: Bool {
        guard StandardStream.error.isTerminal else { return false }
        return getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
    }
}
