// Modules from files, as the command line runs programs.

import Glibc
import GravlaxCompiler

/// Finds files relative to the file that imports them; what stands in no file imports relative to the current folder.
struct FileLoader: ModuleLoader {
    func resolve(_ path: String, from importer: String) -> String {
        guard !path.hasPrefix("/"), let slash = importer.lastIndex(of: "/") else { return Self.normalized(path) }
        return Self.normalized(importer[...slash] + path)
    }

    func load(_ name: String) throws(ModuleUnavailable) -> [UInt8] {
        guard let bytes = SourceFile.contents(of: name) else {
            throw ModuleUnavailable(reason: String(cString: strerror(errno)))
        }
        return bytes
    }

    /// Without `.` and, where a folder stands before it, `..`: one name for one file.
    static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") {
            if part == "." { continue }
            if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}
