// From a syntax tree to a program.

/// How to compile.
package struct CompilerOptions: Sendable {
    /// Whether a script that ends in a bare expression statement returns its value, as the REPL wants it.
    package var echoesLastExpression = false

    package init(echoesLastExpression: Bool = false) {
        self.echoesLastExpression = echoesLastExpression
    }
}

/// A compilation failed; all errors are given, in source order.
package struct CompileErrors: Error, Sendable {
    package let diagnostics: [Diagnostic]

    package init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }
}

/// The compiler behind the parser.
package enum Compiler {
    /// Compiles a parsed text.
    ///
    /// Recursion is as deep as the tree: call it with a stack that fits the nesting.
    /// - Parameters:
    ///   - globalNames: the global slots that exist already; the program's list extends it.
    ///   - parserDiagnostics: what the parser found; with any, nothing is generated.
    /// - Complexity: linear in the size of the tree.
    package static func compile(
        _ tree: SyntaxTree, sourceName: String, globalNames: [String], options: CompilerOptions = CompilerOptions(),
        parserDiagnostics: [Diagnostic] = []
    ) throws(CompileErrors) -> Program {
        let (resolution, resolverDiagnostics) = Resolver.resolve(tree)
        if !parserDiagnostics.isEmpty || !resolverDiagnostics.isEmpty {
            throw CompileErrors((parserDiagnostics + resolverDiagnostics).sorted { $0.span.start < $1.span.start })
        }
        var generator = Generator(tree: tree, resolution: resolution, globalNames: globalNames, options: options)
        let program = generator.generateScript(name: sourceName)
        if !generator.diagnostics.isEmpty { throw CompileErrors(generator.diagnostics) }
        #if DEBUG
            let failures = Verifier.verify(program)
            precondition(failures.isEmpty, "the generator made code that does not verify: \(failures[0])")
        #endif
        return program
    }
}
