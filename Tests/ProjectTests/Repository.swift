// The files of the repository, and commands run in it.

import Foundation

enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    /// Paths of all files with that ending, from the root, sorted; nothing from build folders.
    static func files(in folder: String = "", ending: String) -> [String] {
        let base = folder.isEmpty ? root : root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(atPath: base.path) else { return [] }
        var found: [String] = []
        while let path = walk.nextObject() as? String {
            if path.split(separator: "/").last?.hasPrefix(".build") == true || path == ".git" { walk.skipDescendants() }
            if path.hasSuffix(ending) { found.append(folder.isEmpty ? path : folder + "/" + path) }
        }
        return found.sorted()
    }

    /// The folder of the products that this test was built with.
    static let products: URL = {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        for argument in CommandLine.arguments.dropFirst() where argument.contains(".xctest") {
            folder = URL(fileURLWithPath: argument).resolvingSymlinksInPath()
        }
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            if FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("gravlax").path) { break }
        }
        return folder
    }()
}

/// How a command ended, and what it wrote on both streams together.
struct CommandOutcome {
    var status: Int32
    var text: String
    var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// Runs a program to its end, without input. The program is looked up as the shell would.
func runCommand(
    _ arguments: [String], in folder: URL = Repository.root, environment: [String: String] = [:]
) throws -> CommandOutcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return CommandOutcome(status: process.terminationStatus, text: String(decoding: bytes, as: UTF8.self))
}

/// Builds a package of its own that stands in the repository. All of them are built in one folder, which lasts: what they
/// share is built once, and only the first time is slow.
///
/// - Parameter configuration: `debug` builds much faster.
/// - Returns: the folder of its products.
func buildPackage(_ path: String, configuration: String = "release") throws -> URL {
    let scratch = Repository.root.appendingPathComponent(".build/packages")
    // A cached plan of the build would not notice new files of the package that this one depends on.
    let command = [
        "swift", "build", "--disable-build-manifest-caching", "-c", configuration, "--package-path", path, "--scratch-path",
        scratch.path,
    ]
    let outcome = try runCommand(command)
    guard outcome.status == 0 else { throw BuildError(output: String(outcome.text.suffix(4000))) }
    return scratch.appendingPathComponent(configuration)
}

struct BuildError: Error, CustomStringConvertible {
    let output: String
    var description: String { output }
}
