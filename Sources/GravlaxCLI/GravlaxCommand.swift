// The command line. Each command is a type; what they share is in Options.swift.

import ArgumentParser
import GravlaxCompiler

@main
struct GravlaxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gravlax",
        abstract: "The Gravlax language, a superset of Lox.",
        discussion: "Exit codes: 64 bad usage, 65 compile error, 66 unreadable file, 74 unwritable output.",
        version: "0.1.0",
        subcommands: [CheckCommand.self, DisassembleCommand.self])

    static func main() {
        main(ArgumentLine.normalized(Array(CommandLine.arguments.dropFirst())))
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
        _ = try diagnostics.compile(name: source.name, bytes: source.bytes, globalNames: [])
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
        let program = try diagnostics.compile(name: source.name, bytes: source.bytes, globalNames: [])
        StandardStream.output.write(Disassembler.listing(of: program))
    }
}
