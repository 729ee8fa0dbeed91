// From source text to a program.

/// How to compile.
package struct CompilerOptions: Sendable {
    /// Whether a script that ends in a bare expression statement returns its value, as a read-eval-print loop
    /// wants it, and the last semicolon may be missing.
    package var isInteractive = false

    /// Paths of the modules that a script may import.
    package var modules: [String]

    /// Scopes of the modules that its imports of files mean, by path (`Linker`).
    package var imports: [String: String] = [:]
    /// The scope of what is compiled, when that is a module.
    package var scope: String?
    /// All modules that come with the program.
    package var linked: [Program] = []

    package init(isInteractive: Bool = false, modules: [String] = BuiltinModules.paths) {
        self.isInteractive = isInteractive
        self.modules = modules
    }
}

/// A compilation failed; all errors are given, in source order.
package struct CompileErrors: Error, Sendable {
    package let diagnostics: [Diagnostic]

    package init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }
}

/// The compiler.
package enum Compiler {
    /// Compiles a source text.
    ///
    /// - Parameters:
    ///   - source: UTF-8; anything else is a compile error.
    ///   - name: of the text, for errors and traces.
    ///   - globalNames: the global slots that exist already; the program's list extends it.
    /// - Throws: all errors, as clox would report them.
    /// - Complexity: linear in the size of the text. Any thread may call it; it brings a stack of its own where the tree is deep.
    package static func compile(
        source: [UInt8], name: String, globalNames: [String], options: CompilerOptions = CompilerOptions()
    ) throws(CompileErrors) -> Program {
        let parsed = Parser.parse(
            source, isInteractive: options.isInteractive, modules: options.modules, globalNames: globalNames)
        if !parsed.diagnostics.isEmpty { throw CompileErrors(parsed.diagnostics) }
        let result = onDeepStack(parsed.tree) {
            Result { () throws(CompileErrors) in
                try compile(parsed.tree, sourceName: name, globalNames: globalNames, options: options)
            }
        }
        return try result.get()
    }

    /// Compiles a parsed text that has no errors.
    ///
    /// Recursion is as deep as the tree: call it with a stack that fits the nesting.
    /// - Complexity: linear in the size of the tree.
    package static func compile(
        _ tree: SyntaxTree, sourceName: String, globalNames: [String], options: CompilerOptions = CompilerOptions()
    ) throws(CompileErrors) -> Program {
        var generator = Generator(tree: tree, resolution: Resolver.resolve(tree), globalNames: globalNames, options: options)
        let program = generator.generateScript(name: sourceName)
        if !generator.diagnostics.isEmpty { throw CompileErrors(generator.diagnostics) }
        #if DEBUG
            let failures = Verifier.verify(program)
            precondition(failures.isEmpty, "the generator made code that does not verify: \(failures[0])")
        #endif
        return program
    }

    /// A tree this deep fits any thread's stack, the 512 KiB of a secondary one included.
    private static var depthForAnyStack: Int { 12 }

    private static func onDeepStack(
        _ tree: SyntaxTree, _ body: () -> Result<Program, CompileErrors>
    ) -> Result<Program, CompileErrors> {
        if tree.depth <= depthForAnyStack { return body() }
        return DeepStack.run(depth: tree.depth, body)
            ?? .failure(CompileErrors([
                Diagnostic(Parser.outOfMemory, at: .lexical, span: CodeSpan(start: 0, end: 0), line: 1)
            ]))
    }
}
