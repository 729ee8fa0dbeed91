import GravlaxCompiler
import GravlaxHeap
import GravlaxRuntime
import Testing

@Suite struct ModuleTests {
    private static func compile(_ text: String, _ interpreter: Interpreter) throws -> Program {
        try Compiler.compile(source: Array(text.utf8), name: "test", globalNames: interpreter.globalNames)
    }

    /// What the compiler lets scripts import is there.
    @Test(arguments: BuiltinModules.paths) func everyModuleExists(path: String) throws {
        let interpreter = try Interpreter(configuration: HeapConfiguration()) { _ in }
        interpreter.grants.io = true
        interpreter.grants.system = Grants.System(arguments: []) { _ in fatalError("no script ends the tests") }
        let program = try Compiler.compile(
            source: Array("import \"\(path)\" as m; m".utf8), name: "test", globalNames: interpreter.globalNames,
            options: CompilerOptions(isInteractive: true))
        #expect(try interpreter.run(program) == "<module \(path)>")
    }

    /// Programs that run one after another see one module; its path is no name that could be meant.
    @Test func programsShareModules() throws {
        let interpreter = try Interpreter(configuration: HeapConfiguration()) { _ in }
        try interpreter.run(try Self.compile("import \"std/gc\" as a;", interpreter))
        try interpreter.run(try Self.compile("import \"std/gc\" as b; var same = str(a == b);", interpreter))
        let answer = try Compiler.compile(
            source: Array("same".utf8), name: "test", globalNames: interpreter.globalNames,
            options: CompilerOptions(isInteractive: true))
        #expect(try interpreter.run(answer) == "true")
        let own = interpreter.definedGlobalNames.filter { !Interpreter.libraryGlobalNames.contains($0) }
        #expect(own.sorted() == ["a", "b", "same"])
    }

    /// What the host does not grant is an error where it is imported.
    @Test(arguments: ["std/io", "std/os"]) func nothingIsGrantedUnasked(path: String) throws {
        let interpreter = try Interpreter(configuration: HeapConfiguration()) { _ in }
        let error = #expect(throws: RuntimeError.self) {
            try interpreter.run(try Self.compile("import \"\(path)\" as m;", interpreter))
        }
        #expect(error?.message == "Module '\(path)' can't be imported: the host does not grant it.")
    }

    @Test func aHostDecidesWhichModulesThereAre() throws {
        let options = CompilerOptions(modules: ["std/none"])
        #expect(throws: CompileErrors.self) {
            try Compiler.compile(
                source: Array("import \"std/gc\" as gc;".utf8), name: "test", globalNames: [], options: options)
        }
    }
}
