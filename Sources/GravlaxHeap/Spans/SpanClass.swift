// Size classes and span classes: the two small integer types that everything
// about small objects is indexed by. The columns behind them stand in
// `SizeClassTable.swift`, which is generated. Overview: Allocation/Malloc.swift.

/// The size class of a small object: an index into `SizeClassTable`. Class 0
/// stands for large objects, which have a span of their own.
@usableFromInline package struct SizeClass: Hashable, Sendable {
    @usableFromInline package let rawValue: UInt8

    @inlinable @inline(__always)
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let large = SizeClass(rawValue: 0)
    package static let count = 68

    /// Bytes of one object.
    package var elemSize: Int { Int(SizeClassTable.size[Int(rawValue)]) }
    /// Pages of one span.
    package var pageCount: Int { Int(SizeClassTable.pages[Int(rawValue)]) }

    /// The smallest class whose objects hold `byteCount` bytes
    /// (0 < `byteCount` ≤ 32 KiB).
    package static func fitting(_ byteCount: Int) -> SizeClass {
        if byteCount <= HeapConstants.smallSizeMax - 8 {
            return SizeClass(rawValue: SizeClassTable.sizeToClass8[(byteCount + 7) / 8])
        }
        let index = (byteCount - HeapConstants.smallSizeMax + 127) / 128
        return SizeClass(rawValue: SizeClassTable.sizeToClass128[index])
    }
}

/// A size class together with whether its objects hold no pointers:
/// `sizeClass << 1 | noscan`.
///
/// - Source: Go 1.14 mheap.go, spanClass.
@usableFromInline package struct SpanClass: Hashable, Sendable {
    @usableFromInline package let rawValue: UInt8

    @inlinable @inline(__always)
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// - Source: Go 1.14 mheap.go, makeSpanClass.
    package init(_ sizeClass: SizeClass, noscan: Bool) {
        rawValue = sizeClass.rawValue << 1 | (noscan ? 1 : 0)
    }

    package var sizeClass: SizeClass { SizeClass(rawValue: rawValue >> 1) }
    package var noscan: Bool { rawValue & 1 != 0 }

    package static let count = SizeClass.count * 2
    /// The class of tiny blocks: 16 bytes, no pointers.
    package static let tiny = SpanClass(rawValue: 5)
}
