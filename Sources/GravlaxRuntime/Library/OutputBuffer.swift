import Glibc

/// What programs print, gathered in a buffer and handed to the host's sink when full, when asked, or (for a terminal) at
/// each line's end. Owner: the interpreter's thread.
final class OutputBuffer {
    private let bytes: UnsafeMutableRawPointer
    private var count = 0
    private let flushesLines: Bool
    private let sink: (UnsafeRawBufferPointer) -> Void
    private static let capacity = 1 << 15

    init(flushesLines: Bool, sink: @escaping (UnsafeRawBufferPointer) -> Void) {
        bytes = .allocate(byteCount: OutputBuffer.capacity, alignment: 16)
        self.flushesLines = flushesLines
        self.sink = sink
    }

    deinit { bytes.deallocate() }

    func write(_ text: UnsafeRawBufferPointer) {
        guard let start = text.baseAddress else { return }
        if text.count > OutputBuffer.capacity - count {
            flush()
            if text.count >= OutputBuffer.capacity { return sink(text) }
        }
        memcpy(bytes + count, start, text.count)
        count += text.count
    }

    func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func endLine() {
        write("\n")
        if flushesLines { flush() }
    }

    func flush() {
        guard count > 0 else { return }
        let pending = count
        count = 0
        sink(UnsafeRawBufferPointer(start: bytes, count: pending))
    }
}
