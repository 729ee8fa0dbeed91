/// The hash of a window on a text that moves byte by byte: a polynomial in a base, modulo the prime 2^61 - 1.
struct RollingHash {
    private(set) var value: UInt64 = 0
    /// The base to the power of the window's length: what the byte that leaves has been multiplied with by then.
    private let weight: UInt64

    private static let modulus: UInt64 = 1 << 61 - 1
    private static let base: UInt64 = 0x0B4E_0EF3_7D1A_94C5

    /// Polls; `nil`: failed.
    init?(_ window: UnsafeRawBufferPointer, _ machine: Machine) {
        var weight: UInt64 = 1
        for byte in window {
            value = RollingHash.product(value, RollingHash.base) + UInt64(byte)
            weight = RollingHash.product(weight, RollingHash.base)
            guard machine.worked(8) else { return nil }
        }
        value = RollingHash.reduced(value)
        self.weight = weight
    }

    mutating func advance(from first: UInt8, to next: UInt8) {
        let gone = RollingHash.product(UInt64(first), weight)
        let sum = RollingHash.product(value, RollingHash.base) + UInt64(next) + (RollingHash.modulus - gone)
        value = RollingHash.reduced(sum)
    }

    /// Of factors below 2^62; below the modulus.
    private static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let full = left.multipliedFullWidth(by: right)
        return reduced((full.low & modulus) + (full.low >> 61 | full.high << 3))
    }

    /// Of a number below 2^63.
    private static func reduced(_ number: UInt64) -> UInt64 {
        let folded = number & modulus + number >> 61
        return folded >= modulus ? folded - modulus : folded
    }
}
