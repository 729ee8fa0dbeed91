import Glibc

/// Reports an inconsistency of the heap and ends the process.
///
/// For corruption only: what the system or a budget refuses is reported to the caller instead.
/// Writes constant text and hexadecimal numbers straight to the error stream and allocates nothing, since the
/// allocator may be what is broken.
///
/// - Source: Go 1.14 panic.go, throw.
package func fatal(_ message: StaticString, _ values: (label: StaticString, value: UInt)...) -> Never {
    writeToErrorStream("gravlax: fatal: ")
    writeToErrorStream(message)
    for (label, value) in values {
        writeToErrorStream("\n  ")
        writeToErrorStream(label)
        writeToErrorStream(" = ")
        writeHexadecimal(value)
    }
    writeToErrorStream("\n")
    abort()
}

private func writeToErrorStream(_ text: StaticString) {
    _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
}

private func writeHexadecimal(_ value: UInt) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 + UInt.bitWidth / 4) { digits in
        digits[0] = UInt8(ascii: "0")
        digits[1] = UInt8(ascii: "x")
        var count = 2
        let digitCount = max(1, (UInt.bitWidth - value.leadingZeroBitCount + 3) / 4)
        for position in stride(from: digitCount - 1, through: 0, by: -1) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt(position * 4)) & 15
            digits[count] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            count += 1
        }
        _ = write(STDERR_FILENO, digits.baseAddress, count)
    }
}
