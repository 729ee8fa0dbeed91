// Compiling, with errors reported in the style that was asked for.

import ArgumentParser
import Glibc
import GravlaxCompiler
import GravlaxRuntime

/// The texts that errors may lead into, by name.
final class SourceTexts {
    private var texts: [String: [UInt8]] = [:]

    subscript(name: String) -> [UInt8]? {
        get { texts[name] }
        set { texts[name] = newValue }
    }
}

extension DiagnosticsOptions.Style {
    /// - Parameter sources: gets the texts of the files that the program imports.
    /// - Throws: `ExitCode` 65, after the errors have been reported.
    func compile(
        name: String, bytes: [UInt8], globalNames: [String], options: CompilerOptions = CompilerOptions(),
        sources: SourceTexts? = nil
    ) throws -> Program {
        var linker = Linker(FileLoader(), globalNames: globalNames, options: options)
        do {
            let program = try linker.compile(source: bytes, name: name)
            for (name, text) in linker.sources { sources?[name] = text }
            return program
        } catch {
            let renderer = DiagnosticRenderer(name: error.name, bytes: error.bytes, isColoured: isColoured)
            switch self {
            case .lox:
                let module = error.name == name ? nil : error.name
                StandardStream.error.write(error.diagnostics.map { $0.loxText(ofModule: module) + "\n" }.joined())
            case .rich:
                for diagnostic in error.diagnostics.prefix(Self.shownErrors) {
                    StandardStream.error.write(renderer.text(diagnostic))
                }
                let rest = error.diagnostics.count - Self.shownErrors
                if rest > 0 { StandardStream.error.write("… and \(rest) more errors\n") }
            }
            throw ExitCode(65)
        }
    }

    /// More are no help to anyone.
    private static var shownErrors: Int { 50 }

    /// - Parameter globalNames: the globals that have a value.
    /// - Parameter sources: the texts of imported files.
    func report(
        _ error: RuntimeError, name: String, bytes: [UInt8], globalNames: [String], sources: SourceTexts
    ) {
        guard self == .rich else { return StandardStream.error.write(error.loxDescription) }
        guard let place = error.trace.first else {
            // Before the first instruction: no memory for the program's constants.
            return StandardStream.error.write("\(name): error: \(error.message)\n")
        }
        func text(_ sourceName: String) -> [UInt8]? { sourceName == name ? bytes : sources[sourceName] }
        func renderer(_ sourceName: String) -> DiagnosticRenderer? {
            text(sourceName).map { DiagnosticRenderer(name: sourceName, bytes: $0, isColoured: isColoured) }
        }
        func span(_ entry: RuntimeError.TraceEntry) -> CodeSpan {
            CodeSpan(start: UInt32(entry.startByte), end: UInt32(entry.endByte))
        }
        // A trace may lead into an earlier input of the read-eval-print loop, whose text is gone.
        if let text = text(place.sourceName), let renderer = renderer(place.sourceName) {
            let note = error.note ?? Self.spelling(error.message, at: span(place).start, text, globalNames)
            StandardStream.error.write(renderer.text(message: error.message, span: span(place), note: note))
        } else {
            StandardStream.error.write("\(place.sourceName):\(place.line): error: \(error.message)\n")
        }
        for (index, entry) in error.trace.enumerated() {
            if error.omittedCount > 0, index == error.omissionIndex {
                StandardStream.error.write("    … \(error.omittedCount) more calls\n")
            }
            // The line where the call begins, as in the excerpt; clox's is that of its last token.
            var line = entry.line
            if let renderer = renderer(entry.sourceName) {
                line = index == 0 ? renderer.line(of: span(entry)) : entry.line - renderer.newlines(in: span(entry))
            }
            StandardStream.error.write("    in \(entry.place) at \(entry.sourceName):\(line)\n")
        }
    }

    /// What an undefined variable may have been meant to be: something that is in scope there.
    private static func spelling(
        _ message: String, at offset: UInt32, _ bytes: [UInt8], _ globalNames: [String]
    ) -> String? {
        guard message.hasPrefix("Undefined variable '") else { return nil }
        let name = String(message.dropFirst("Undefined variable '".count).dropLast(2))
        let tree = Parser.parse(bytes, isInteractive: true).tree
        let locals = DeepStack.run(depth: tree.depth) { Resolver.namesInScope(at: offset, in: tree) } ?? []
        return Spelling.closest(to: name, among: locals.filter { $0 != "this" && $0 != "super" } + globalNames)
            .map { "did you mean `\($0)`?" }
    }

    /// Only on a terminal, and never against the user's wish.
    private var isColoured: Bool {
        guard StandardStream.error.isTerminal else { return false }
        return getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
    }
}
