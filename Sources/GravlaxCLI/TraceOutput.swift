// The file that --trace names.

import ArgumentParser
import Glibc
import GravlaxHeap
import GravlaxObserve

/// Open from the start, so that a path that cannot be written is known before the program runs.
struct TraceOutput {
    private let path: String
    private let descriptor: Int32

    /// Switches the events of the heap on.
    ///
    /// - Throws: `ExitCode` 74 or 70, after a message.
    init(path: String, of heap: Heap) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.unwritable(path) }
        guard heap.startEvents() else { throw failure("cannot trace: not enough memory", exitCode: 70) }
    }

    /// Writes what the heap kept, and closes the file. A failure is reported and changes no exit code: the program has run.
    func finish(_ heap: Heap) {
        heap.stopEvents()
        var reader = EventReader(heap)
        var isWritten = true
        ChromeTraceWriter(reader.read(isLast: true), origin: heap.createdNanoseconds).write { piece in
            isWritten = isWritten && Self.write(piece, to: descriptor)
        }
        if !isWritten || close(descriptor) != 0 { _ = Self.unwritable(path) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    private static func unwritable(_ path: String) -> ExitCode {
        let reason = String(cString: strerror(errno))
        return failure("cannot write \(path): \(reason)", exitCode: 74)
    }
}
