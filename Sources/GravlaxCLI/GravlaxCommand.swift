// The command line: `gravlax` alone reads lines, `gravlax -e CODE` runs one text, subcommands do the rest.

import ArgumentParser
import GravlaxCompiler

@main
struct GravlaxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gravlax",
        abstract: "Runs Gravlax programs, a superset of Lox, on a page heap modelled on Go's.",
        discussion: """
            Without a command it reads lines and runs them, printing the values of expressions; Ctrl-D ends it.

            Exit codes: 64 bad usage, 65 compile error, 66 unreadable file, 70 runtime error, \
            74 unwritable output.

            Environment: GRAVLAX_GC=gctrace=1,gcpacertrace=1,scavtrace=1,verify=1,stress=N,clobberfree=1,\
            stw=1 (any of them) sets the collector's debug modes; NO_COLOR switches colours off.
            """,
        version: "0.1.0",
        subcommands: [RunCommand.self, CheckCommand.self, DisassembleCommand.self])

    @Option(
        name: [.customShort("e"), .customLong("evaluate")], parsing: .unconditional,
        help: ArgumentHelp("Run this text instead of a file.", valueName: "code"))
    var code: String?

    @OptionGroup var diagnostics: DiagnosticsOptions
    @OptionGroup(title: "Memory options") var memory: MemoryOptions

    func run() throws {
        let session = try Session(memory: memory.settings, diagnostics: diagnostics.style)
        if let code {
            try session.runProgram(name: "-e", bytes: Array(code.utf8))
        } else {
            try ReadEvalPrintLoop(session).run()
        }
    }

    static func main() {
        StandardStream.reserveDescriptors()
        if let invocation = PlainInvocation(CommandLine.arguments) {
            do { try invocation.run() } catch { exit(withError: error) }
            return
        }
        let commands = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        if let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), !commands.contains(word) {
            exit(withError: failure("'\(word)' is not a command; to run a file: gravlax run \(word)", exitCode: 64))
        }
        main(ArgumentLine.normalized(Array(CommandLine.arguments.dropFirst())))
    }
}

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a program.",
        discussion: "Options stand before the file; what follows the file belongs to the program.")

    @OptionGroup var diagnostics: DiagnosticsOptions
    @OptionGroup(title: "Memory options") var memory: MemoryOptions

    @Argument(help: "The program, or - for standard input.")
    var file: String

    @Argument(help: "Arguments for the program.")
    var arguments: [String] = []

    func run() throws {
        let source = try SourceFile(path: file)
        let session = try Session(memory: memory.settings, diagnostics: diagnostics.style, arguments: arguments)
        try session.runProgram(name: source.name, bytes: source.bytes)
    }
}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Report the errors that a program has before it runs.")

    @OptionGroup var diagnostics: DiagnosticsOptions

    @Argument(help: "The program, or - for standard input.")
    var file: String

    func run() throws {
        let source = try SourceFile(path: file)
        _ = try diagnostics.style.compile(name: source.name, bytes: source.bytes, globalNames: [])
    }
}

struct DisassembleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disassemble", abstract: "Print the instructions that a program is compiled to.")

    @OptionGroup var diagnostics: DiagnosticsOptions

    @Argument(help: "The program, or - for standard input.")
    var file: String

    func run() throws {
        let source = try SourceFile(path: file)
        let program = try diagnostics.style.compile(name: source.name, bytes: source.bytes, globalNames: [])
        StandardStream.output.write(Disassembler.listing(of: program))
    }
}
