// Text put together byte by byte and handed on in pieces: a trace may be long.

struct TraceText {
    private var bytes: [UInt8] = []
    private let sink: (UnsafeRawBufferPointer) -> Void

    private static let pieceByteCount = 64 << 10

    init(_ sink: @escaping (UnsafeRawBufferPointer) -> Void) {
        self.sink = sink
        bytes.reserveCapacity(Self.pieceByteCount + 1024)
    }

    /// What needs no escaping in JSON.
    mutating func write(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        if bytes.count > Self.pieceByteCount { flush() }
    }

    mutating func write(_ value: UInt64) { write(value, leastDigits: 1) }

    /// With leading zeroes.
    private mutating func write(_ value: UInt64, leastDigits: Int) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var position = 20
            var rest = value
            while rest > 0 || position > 20 - leastDigits {
                position -= 1
                digits[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[position..<20]))
        }
    }

    /// Nanoseconds as microseconds, exactly.
    mutating func write(microseconds nanoseconds: UInt64) {
        write(nanoseconds / 1000)
        bytes.append(UInt8(ascii: "."))
        write(nanoseconds % 1000, leastDigits: 3)
    }

    mutating func flush() {
        bytes.withUnsafeBytes(sink)
        bytes.removeAll(keepingCapacity: true)
    }
}
