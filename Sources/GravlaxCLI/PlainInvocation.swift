// The two commonest command lines, without the argument parser.

/// `gravlax run FILE [ARGS]` and `gravlax -e CODE`, without options. The parser finds its way by reflection, which
/// touches 4 MiB of the libraries' pages and costs a millisecond or two: as much as all the rest of a small program. Any
/// other command line, and every error in one, is the parser's.
package enum PlainInvocation: Equatable {
    case file(String, arguments: [String])
    case code(String)

    /// - Parameter arguments: of the process, its name first.
    package init?(_ arguments: [String]) {
        guard arguments.count >= 3 else { return nil }
        switch arguments[1] {
        case "run" where arguments[2] == "-" || !arguments[2].utf8.starts(with: "-".utf8): 
            self = .file(arguments[2], arguments: Array(arguments.dropFirst(3)))
        case "-e" where arguments.count == 3: self = .code(arguments[2])
        default: return nil
        }
    }

    func run() throws {
        switch self {
        case .file(let path, let arguments):
            let source = try SourceFile(path: path)
            try Session(memory: MemorySettings(), diagnostics: .rich, arguments: arguments)
                .runProgram(name: source.name, bytes: source.bytes)
        case .code(let code):
            try Session(memory: MemorySettings(), diagnostics: .rich).runProgram(name: "-e", bytes: Array(code.utf8))
        }
    }
}
