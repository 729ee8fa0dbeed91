// A source text, read whole.

import ArgumentParser
import Glibc

struct SourceFile {
    /// As diagnostics show it.
    let name: String
    let bytes: [UInt8]

    /// Reads a file, or standard input for `-`.
    ///
    /// - Throws: `ExitCode` 66, after a message, for what cannot be read.
    init(path: String) throws {
        let isStandardInput = path == "-"
        name = isStandardInput ? "standard input" : path
        let descriptor = isStandardInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SourceFile.unreadable(name) }
        defer { if !isStandardInput { close(descriptor) } }
        guard let bytes = SourceFile.readAll(descriptor) else { throw SourceFile.unreadable(name) }
        self.bytes = bytes
    }

    private static func unreadable(_ name: String) -> ExitCode {
        let reason = String(cString: strerror(errno))
        return failure("cannot read \(name): \(reason)", exitCode: 66)
    }

    /// nil on failure, with `errno` set.
    private static func readAll(_ descriptor: Int32) -> [UInt8]? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        // One byte more than the size, so that a regular file's end is seen without growing.
        var bytes = [UInt8](repeating: 0, count: max(Int(status.st_size) + 1, 4096))
        var filled = 0
        while true {
            if filled == bytes.count { bytes += repeatElement(0, count: bytes.count) }
            let count = bytes[filled...].withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                filled += count
            } else if count == 0 {
                bytes.removeLast(bytes.count - filled)
                return bytes
            } else if errno != EINTR {
                return nil
            }
        }
    }
}
