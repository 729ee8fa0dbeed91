// The file that --trace names.

import ArgumentParser
import Glibc
import GravlaxHeap
import GravlaxObserve
import Synchronization

/// Open from the start, so that a path that cannot be written is known before the program runs.
final class TraceOutput: Sendable {
    private let path: String
    private let descriptor: Int32
    private let heap: Heap
    /// Held over the writing, so that the process does not end meanwhile.
    private let outcome = Mutex<Bool?>(nil)

    /// Switches the events of the heap on, and sees to it that the file is written however the process ends, but for what
    /// cannot be caught.
    ///
    /// - Throws: `ExitCode` 74 or 70, after a message.
    init(path: String, of heap: Heap) throws {
        self.path = path
        self.heap = heap
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.unwritable(path) }
        guard heap.startEvents() else { throw failure("cannot trace: not enough memory", exitCode: 70) }
        EarlyEnd.first { [self] in finish() }
    }

    /// Writes what the heap kept, and closes the file; the second time nothing. Any thread, also beside the program.
    ///
    /// - Returns: false when the file is not whole, which has been reported: what would be success then is exit code 74.
    @discardableResult
    func finish() -> Bool {
        outcome.withLock { outcome in
            if let outcome { return outcome }
            let isWritten = writeAll()
            if !isWritten { _ = Self.unwritable(path) }
            outcome = isWritten
            return isWritten
        }
    }

    /// - Returns: false with `errno` set when the file is not whole.
    private func writeAll() -> Bool {
        heap.stopEvents()
        var reader = EventReader(heap)
        var failure: Int32 = 0
        ChromeTraceWriter(reader.read(isLast: true), origin: heap.createdNanoseconds).write { [descriptor] piece in
            if failure == 0, !Self.write(piece, to: descriptor) { failure = errno }
        }
        if close(descriptor) != 0, failure == 0 { failure = errno }
        errno = failure
        return failure == 0
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
