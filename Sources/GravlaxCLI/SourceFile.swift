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

    /// The bytes of a file; nil, with `errno` set, when it cannot be read.
    static func contents(of path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return readAll(descriptor)
    }

    private static func unreadable(_ name: String) -> ExitCode {
        let reason = String(cString: strerror(errno))
        return failure("cannot read \(name): \(reason)", exitCode: 66)
    }

    /// Devices and pipes may have no end.
    private static let maximumByteCount = 512 << 20

    /// nil on failure, with `errno` set; `EFBIG` for what is longer than any program.
    private static func readAll(_ descriptor: Int32) -> [UInt8]? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(Int(status.st_size), maximumByteCount))
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { piece.deallocate() }
        while true {
            let count = read(descriptor, piece.baseAddress, piece.count)
            if count == 0 { return bytes }
            if count > 0 {
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: piece[..<count]))
                if bytes.count > maximumByteCount {
                    errno = EFBIG
                    return nil
                }
            } else if errno != EINTR {
                return nil
            }
        }
    }
}
