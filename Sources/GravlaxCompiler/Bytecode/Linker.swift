// Files that import files: reads and compiles all of them before anything runs.

/// Where imported files come from. The host owns it: without one, a program can import only what comes with the language.
///
/// Called on the thread that compiles.
public protocol ModuleLoader {
    /// What tells the file that `importer` calls `path` from all others, and what errors call it.
    ///
    /// - Parameters:
    ///   - path: as the import says.
    ///   - importer: name of the importing source text; empty when `path` is that of the program itself.
    func resolve(_ path: String, from importer: String) -> String

    /// The text of the file with this name.
    ///
    /// - Throws: `ModuleUnavailable` when there is none.
    func load(_ name: String) throws(ModuleUnavailable) -> [UInt8]
}

/// Why a file cannot be imported: a few words, such as `No such file or directory`.
public struct ModuleUnavailable: Error, Sendable {
    public let reason: String

    public init(reason: String) { self.reason = reason }
}

/// An import of a file that was found in a text.
package struct FileImport: Sendable, Equatable {
    package let path: String
    /// Of the path.
    package let span: CodeSpan
    package let line: UInt32
}

/// Compiles a program with the files that it imports, each once, imported ones first.
package struct Linker {
    /// The errors of one source text.
    package struct Failure: Error {
        package let name: String
        package let bytes: [UInt8]
        package let diagnostics: [Diagnostic]
    }

    private let loader: any ModuleLoader
    private let options: CompilerOptions
    private var globalNames: [String]
    private var modules: [Program] = []
    /// Names of the files that are being compiled, each imported by the one before.
    private var chain: [String] = []
    /// Texts of all files that were read, by name.
    package private(set) var sources: [String: [UInt8]] = [:]

    /// Longer chains of imports are an error: each link takes native stack.
    private static let chainLimit = 200

    package init(_ loader: any ModuleLoader, globalNames: [String], options: CompilerOptions = CompilerOptions()) {
        self.loader = loader
        self.options = options
        self.globalNames = globalNames
    }

    /// Compiles a program. Modules that `globalNames` has already are not read again.
    package mutating func compile(source: [UInt8], name: String) throws(Failure) -> Program {
        try compile(source, name, identity: loader.resolve(name, from: ""), scope: nil)
    }

    private mutating func compile(
        _ source: [UInt8], _ name: String, identity: String, scope: String?
    ) throws(Failure) -> Program {
        chain.append(identity)
        defer { chain.removeLast() }
        var options = options
        if scope != nil { options.isInteractive = false }
        options.scope = scope
        if Self.mayImport(source) {
            let parsed = Parser.parse(source, isInteractive: options.isInteractive, modules: options.modules)
            if !parsed.diagnostics.isEmpty {
                throw Failure(name: name, bytes: source, diagnostics: parsed.diagnostics)
            }
            for file in parsed.tree.imports { options.imports[file.path] = try link(file, from: name, source) }
        }
        options.linked = scope == nil ? modules : []
        do {
            let program = try Compiler.compile(source: source, name: name, globalNames: globalNames, options: options)
            globalNames = program.globalNames
            return program
        } catch {
            throw Failure(name: name, bytes: source, diagnostics: error.diagnostics)
        }
    }

    /// Gives the scope of the module that an import means, compiled if it was not.
    private mutating func link(_ file: FileImport, from importer: String, _ source: [UInt8]) throws(Failure) -> String {
        func failure(_ message: String) -> Failure {
            let text = String(decoding: source[Int(file.span.start)..<Int(file.span.end)], as: UTF8.self)
            return Failure(
                name: importer, bytes: source,
                diagnostics: [Diagnostic(message, at: .token(text), span: file.span, line: file.line)])
        }
        let name = loader.resolve(file.path, from: importer)
        if let first = chain.firstIndex(of: name) {
            throw failure("Modules import each other in a circle: \((chain[first...] + [name]).joined(separator: " → ")).")
        }
        let scope = Program.scope(ofModule: name)
        if modules.contains(where: { $0.scope == scope }) || globalNames.contains(scope) { return scope }
        guard chain.count < Linker.chainLimit else {
            throw failure("The chain of imports is longer than \(Linker.chainLimit) files.")
        }
        let text: [UInt8]
        do {
            text = try loader.load(name)
        } catch {
            throw failure("Can't import '\(name)': \(error.reason).")
        }
        sources[name] = text
        let module = try compile(text, name, identity: name, scope: scope)
        modules.append(module)
        return scope
    }

    /// Whether the word is there at all: most programs are parsed once.
    private static func mayImport(_ source: [UInt8]) -> Bool {
        let word = Array("import".utf8)
        return source.withUnsafeBufferPointer { bytes in
            var index = 0
            while index + word.count <= bytes.count {
                if bytes[index] == word[0], bytes[index..<index + word.count].elementsEqual(word) { return true }
                index += 1
            }
            return false
        }
    }
}
