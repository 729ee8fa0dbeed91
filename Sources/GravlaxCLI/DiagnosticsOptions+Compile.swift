// Compiling, with errors reported in the style that was asked for.

import ArgumentParser
import Glibc
import GravlaxCompiler
import GravlaxRuntime

extension DiagnosticsOptions {
    /// - Throws: `ExitCode` 65, after the errors have been reported.
    func compile(
        name: String, bytes: [UInt8], globalNames: [String], echoesLastExpression: Bool = false
    ) throws -> Program {
        let parsed = Parser.parse(bytes)
        let result = DeepStack.run(depth: Int(parsed.tree.depth)) { () -> Result<Program, CompileErrors> in
            if !parsed.diagnostics.isEmpty {
                return .failure(CompileErrors(parsed.merging(Resolver.resolve(parsed.tree).1)))
            }
            return Result { () throws(CompileErrors) in
                try Compiler.compile(
                    parsed.tree, sourceName: name, globalNames: globalNames,
                    options: CompilerOptions(echoesLastExpression: echoesLastExpression))
            }
        }
        switch result {
        case .success(let program): return program
        case .failure(let errors):
            let excerpt = SourceExcerpt(name: name, bytes: bytes, isColored: isColored)
            for error in errors.diagnostics {
                StandardStream.error.write(
                    style == .lox
                        ? error.loxText + "\n"
                        : excerpt.text(error.message, start: Int(error.span.start), end: Int(error.span.end)))
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
            let excerpt = SourceExcerpt(name: name, bytes: bytes, isColored: isColored)
            StandardStream.error.write(excerpt.text(error.message, start: place.startByte, end: place.endByte))
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
    var isColored: Bool {
        guard StandardStream.error.isTerminal else { return false }
        return getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
    }
}
