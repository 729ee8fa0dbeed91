// A source text, read whole.

import ArgumentParser
import Glibc

struct SourceFile {
    /// As diagnostics show it.
    let name: String
    let bytes: [UInt8]

    /// Reads a file, or standard input for `-`. What cannot be read is exit code 66; text that is not
    /// UTF-8 is exit code 65.
    init(path: String) throws {
        let isStandardInput = path == "-"
        name = isStandardInput ? "standard input" : path
        let descriptor = isStandardInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SourceFile.unreadable(name) }
        defer { if !isStandardInput { close(descriptor) } }
        guard let bytes = SourceFile.readAll(descriptor) else { throw SourceFile.unreadable(name) }
        self.bytes = bytes
        if let offset = firstInvalidUTF8(in: bytes) {
            let line = bytes[..<offset].count { $0 == UInt8(ascii: "\n") } + 1
            throw failure(
                "\(name):\(line): not UTF-8 text: byte 0x\(String(bytes[offset], radix: 16, uppercase: true))",
                exitCode: 65)
        }
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

/// The offset of the first byte that does not begin or continue a well-formed UTF-8 sequence.
func firstInvalidUTF8(in bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { bytes in
        var index = 0
        while index < bytes.count {
            while index + 8 <= bytes.count,
                bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                index += 8
            }
            guard index < bytes.count else { return nil }
            guard let length = wellFormedSequenceLength(bytes[index...]) else { return index }
            index += length
        }
        return nil
    }
}

/// - Source: The Unicode Standard, table 3-7, well-formed UTF-8 byte sequences.
private func wellFormedSequenceLength(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int? {
    let first = bytes[bytes.startIndex]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard bytes.count >= length, second.contains(bytes[bytes.startIndex + 1]) else { return nil }
    for position in 2..<max(length, 2) where bytes[bytes.startIndex + position] & 0xC0 != 0x80 { return nil }
    return length
}
