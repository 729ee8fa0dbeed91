// Where the tested program and the scripts are.

import Foundation

enum Subject {
    /// The repository, found from this file.
    static let root: URL = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The tested program: `GRAVLAX_BINARY`, else the one built beside the test bundle.
    static let binary: String = {
        if let path = ProcessInfo.processInfo.environment["GRAVLAX_BINARY"], !path.isEmpty { return path }
        let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        for argument in [runner.path] + CommandLine.arguments {
            var folder = URL(fileURLWithPath: argument).deletingLastPathComponent()
            // The bundle is a file or a folder beside the program, depending on the build system.
            for _ in 0..<4 {
                let candidate = folder.appendingPathComponent("gravlax").path
                if FileManager.default.isExecutableFile(atPath: candidate), !isDirectory(candidate) {
                    return candidate
                }
                folder.deleteLastPathComponent()
            }
        }
        return root.appendingPathComponent(".build/debug/gravlax").path
    }()

    /// Whether the program was built with optimisation: the largest inputs are only fed to that one.
    static let isReleaseBuild = binary.contains("/release/")

    /// Paths, from the repository, of the `.lox` files in a folder and below it, sorted.
    static func scripts(in folder: String) -> [String] {
        let base = root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(atPath: base.path) else { return [] }
        return walk.compactMap { $0 as? String }
            .filter { $0.hasSuffix(".lox") }
            .map { "\(folder)/\($0)" }
            .sorted()
    }

    /// Runs the program. `GRAVLAX_TEST_GC` goes to every run that sets no GRAVLAX_GC of its own,
    /// so that all tests can be repeated under the collector's debug modes.
    static func run(
        _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:],
        closesOutput: Bool = false, outputPath: String? = nil, seconds: Double = 120
    ) throws -> ChildOutcome {
        var environment = environment
        if environment["GRAVLAX_GC"] == nil {
            environment["GRAVLAX_GC"] = ProcessInfo.processInfo.environment["GRAVLAX_TEST_GC"]
        }
        return try ChildProcess(
            executable: binary, arguments: arguments, environment: environment,
            standardInput: input, closesOutput: closesOutput, outputPath: outputPath,
            seconds: seconds
        ).run()
    }

    private static func isDirectory(_ path: String) -> Bool {
        var directory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &directory) && directory.boolValue
    }
}
