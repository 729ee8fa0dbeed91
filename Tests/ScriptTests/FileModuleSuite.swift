// Imports of files that go wrong: what is said, and where.

import Foundation
import Testing

@Suite("Modules from files")
struct FileModuleSuite {
    /// Runs `main.lox` among other files, and gives standard error without the folder's name.
    private func errors(_ files: [String: String], _ options: [String] = []) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gravlax-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
        let outcome = try Subject.run(["run"] + options + [folder.appendingPathComponent("main.lox").path])
        return outcome.errorLines.map { $0.replacingOccurrences(of: folder.path + "/", with: "") }
    }

    @Test func missingFileIsShownWhereItIsImported() throws {
        let lines = try errors(["main.lox": "print 1;\nimport \"nothing.lox\" as nothing;"])
        #expect(lines.prefix(2) == ["error: Can't import 'nothing.lox': No such file or directory.", " --> main.lox:2:8"])
    }

    @Test func circleIsToldAsAWhole() throws {
        let lines = try errors([
            "main.lox": "import \"a.lox\" as a;", "a.lox": "import \"b.lox\" as b;", "b.lox": "\nimport \"a.lox\" as a;",
        ])
        #expect(lines.prefix(2) == ["error: Modules import each other in a circle: a.lox → b.lox → a.lox.", " --> b.lox:2:8"])
    }

    @Test func programIsPartOfACircle() throws {
        let lines = try errors(["main.lox": "import \"a.lox\" as a;", "a.lox": "import \"./main.lox\" as m;"])
        #expect(lines.first == "error: Modules import each other in a circle: main.lox → a.lox → main.lox.")
    }

    @Test func compileErrorIsShownInItsFile() throws {
        let lines = try errors(["main.lox": "import \"a.lox\" as a;", "a.lox": "\nvar x = ;"])
        #expect(lines.prefix(2) == ["error: Expect expression.", " --> a.lox:2:9"])
    }

    @Test func runtimeErrorIsShownInItsFile() throws {
        let lines = try errors(["main.lox": "import \"a.lox\" as a;\na.f();", "a.lox": "fun f() {\n  return -nil;\n}"])
        #expect(lines.prefix(2) == ["error: Operand must be a number.", " --> a.lox:2:10"])
        #expect(lines.suffix(2) == ["    in f() at a.lox:2", "    in script at main.lox:2"])
    }

    @Test func errorAtTheTopOfAModuleNamesTheImport() throws {
        let lines = try errors(["main.lox": "print 1;\nimport \"a.lox\" as a;", "a.lox": "nothing();"])
        #expect(lines.suffix(2) == ["    in script at a.lox:1", "    in script at main.lox:2"])
        #expect(lines.first == "error: Undefined variable 'nothing'.")
    }

    /// As clox has it for the program itself; lines of a module have its name.
    @Test func loxDiagnosticsNameModules() throws {
        let lines = try errors(
            ["main.lox": "import \"a.lox\" as a;\na.f();", "a.lox": "fun f() {\n  return -nil;\n}"], ["--diagnostics=lox"])
        #expect(lines == ["Operand must be a number.", "[line 2 of a.lox] in f()", "[line 2] in script"])
        let compiled = try errors(["main.lox": "import \"a.lox\" as a;", "a.lox": "\nvar x = ;"], ["--diagnostics=lox"])
        #expect(compiled == ["[line 2 of a.lox] Error at ';': Expect expression."])
        let own = try errors(["main.lox": "import \"a.lox\" as a;\nvar x = ;", "a.lox": ""], ["--diagnostics=lox"])
        #expect(own == ["[line 2] Error at ';': Expect expression."])
    }

    @Test func tracesOfErrorsNameModules() throws {
        let text = "import \"a.lox\" as a;\nvar trace;\ntry { a.f(); } catch (e) { trace = e.trace; }\nthrow trace.join(\"; \");"
        let lines = try errors(["main.lox": text, "a.lox": "fun f() {\n  return -nil;\n}"])
        #expect(lines.first == "error: Uncaught: [line 2 of a.lox] in f(); [line 3] in script")
    }

    @Test func unknownMemberNamesTheModule() throws {
        let lines = try errors(["main.lox": "import \"a.lox\" as a;\na.aera();", "a.lox": "fun area() {}"], [])
        #expect(lines.first == "error: Module 'a.lox' has no member 'aera'.")
        #expect(lines.contains("  = note: did you mean `area`?"))
    }

    /// What a module can name without declaring it is not its member.
    @Test func libraryIsNoMember() throws {
        let lines = try errors(["main.lox": "import \"a.lox\" as a;\na.type(1);", "a.lox": "var t = type(1);"])
        #expect(lines.first == "error: Module 'a.lox' has no member 'type'.")
    }
}
