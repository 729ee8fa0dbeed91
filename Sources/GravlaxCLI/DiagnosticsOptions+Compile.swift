// Compiling, with errors reported in the style that was asked for.

import ArgumentParser
import Glibc
import GravlaxCompiler

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

    /// Only on a terminal, and never against the user's wish.
    var isColored: Bool {
        guard StandardStream.error.isTerminal else { return false }
        return getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
    }
}
