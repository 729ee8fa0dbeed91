/// A value of the language in 64 bits.
///
///     any double          as it is; a NaN is 0x7FF8… or the processor's 0xFFF8…
///     0xFFF9_0000_0000_000n   nil (0), false (1), true (2), undefined (3)
///     0xFFFC_aaaa_aaaa_aaaa   an object at the 48-bit address a
///     0xFFFD_aaaa_aaaa_aaaa   an internal buffer of an object (never visible to programs)
///
/// Every word below `Value.firstTag` is a number, so that one comparison tells numbers from the rest, and only
/// the last two forms are references to the collector (`Value.encoding`).
package struct Value: Equatable, Sendable {
    package var bits: UInt64

    @inline(__always) package init(bits: UInt64) { self.bits = bits }

    /// The bits of a number, which must not be a NaN from outside; see `init(number:)`.
    @inline(__always) package init(unchecked number: Double) { bits = number.bitPattern }

    /// A number from anywhere: a NaN is made canonical, so that no number can forge a reference.
    @inline(__always) package init(number: Double) {
        bits = number.isNaN ? 0x7FF8_0000_0000_0000 : number.bitPattern
    }

    @inline(__always) package init(_ flag: Bool) { bits = flag ? Value.trueBits : Value.falseBits }

    @inline(__always) package init(object: UnsafeMutablePointer<UInt64>) {
        bits = Value.objectTag | UInt64(UInt(bitPattern: object))
    }

    @inline(__always) package init(buffer: UnsafeMutablePointer<UInt64>) {
        bits = Value.bufferTag | UInt64(UInt(bitPattern: buffer))
    }

    @inline(__always) package static var firstTag: UInt64 { 0xFFF9_0000_0000_0000 }
    @inline(__always) package static var nilBits: UInt64 { 0xFFF9_0000_0000_0000 }
    @inline(__always) package static var falseBits: UInt64 { 0xFFF9_0000_0000_0001 }
    @inline(__always) package static var trueBits: UInt64 { 0xFFF9_0000_0000_0002 }
    @inline(__always) package static var undefinedBits: UInt64 { 0xFFF9_0000_0000_0003 }
    @inline(__always) package static var objectTag: UInt64 { 0xFFFC_0000_0000_0000 }
    @inline(__always) package static var bufferTag: UInt64 { 0xFFFD_0000_0000_0000 }
    @inline(__always) package static var addressMask: UInt64 { 0x0000_FFFF_FFFF_FFFF }

    @inline(__always) package static var `nil`: Value { Value(bits: nilBits) }
    @inline(__always) package static var undefined: Value { Value(bits: undefinedBits) }

    @inline(__always) package var isNumber: Bool { bits < Value.firstTag }
    @inline(__always) package var number: Double { Double(bitPattern: bits) }
    @inline(__always) package var isNil: Bool { bits == Value.nilBits }
    @inline(__always) package var isObject: Bool { bits >> 48 == 0xFFFC }
    @inline(__always) package var isBoolean: Bool { bits == Value.falseBits || bits == Value.trueBits }

    /// Only `nil` and `false` are false.
    @inline(__always) package var isTruthy: Bool { bits &- Value.nilBits > 1 }

    /// The words of the object or buffer this value refers to.
    @inline(__always) package var words: UnsafeMutablePointer<UInt64> {
        UnsafeMutablePointer(bitPattern: UInt(bits & Value.addressMask)).unsafelyUnwrapped
    }

    /// The address of the object that this value is, if it is one.
    @inline(__always) package var objectAddress: ObjectAddress { ObjectAddress(bits ^ Value.objectTag) }

    /// The object's words when this value is an object of `kind`.
    @inline(__always) package func object(_ kind: ObjectKind) -> UnsafeMutablePointer<UInt64>? {
        guard isObject else { return nil }
        let words = self.words
        return UInt8(truncatingIfNeeded: words[0]) == kind.rawValue ? words : nil
    }

    /// The kind of the object this value refers to; `nil` for anything else.
    package var kind: ObjectKind? {
        isObject ? ObjectKind(rawValue: UInt8(truncatingIfNeeded: words[0])) : nil
    }
}

/// What is left of a value without the object tag: an address, or, of any other value, a number beyond all addresses. In
/// this form the test for an object is a shift that sets the flags.
package struct ObjectAddress {
    private let address: UInt64

    @inline(__always) fileprivate init(_ address: UInt64) { self.address = address }

    @inline(__always) package var isObject: Bool { address >> 48 == 0 }

    /// Of an object only.
    @inline(__always) package var words: UnsafeMutablePointer<UInt64> {
        UnsafeMutablePointer(bitPattern: UInt(address)).unsafelyUnwrapped
    }
}
