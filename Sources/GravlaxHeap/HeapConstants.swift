/// The sizes that the whole heap agrees on. 64-bit Linux values of Go 1.14.
@usableFromInline package enum HeapConstants {
    /// Bytes of a heap page.
    @usableFromInline package static let pageSize = 8192
    @usableFromInline package static let pageShift = 13
    /// Bytes of an arena; arenas are aligned to their size.
    @usableFromInline package static let arenaSize = 64 << 20
    @usableFromInline package static let arenaShift = 26
    @usableFromInline package static let pagesPerArena = arenaSize / pageSize
    /// Bits of an address that the arena map covers.
    @usableFromInline package static let addressBits = 48
    @usableFromInline package static let arenaCount = 1 << (addressBits - arenaShift)
    /// The largest object that has a size class, in bytes.
    @usableFromInline package static let maxSmallSize = 32768
    /// Below this, size classes are looked up in steps of 8 bytes, above in steps of 128.
    @usableFromInline package static let smallSizeMax = 1024
    /// Bytes of a tiny block, and the (exclusive) limit of a tiny object.
    @usableFromInline package static let tinySize = 16
    /// Pages that one claim of the reclaimer covers, and that `grow` rounds up to.
    @usableFromInline package static let pagesPerChunk = 512
    /// Objects from this size on are scanned in pieces of this size, in bytes.
    @usableFromInline package static let scanPiece = 128 << 10
    /// The largest request that is even looked at, in bytes: 1 TiB. Address space would do for more, but not
    /// memory: the tables take a thousandth of it, touched or not.
    @usableFromInline package static let maxAllocation = 1 << 40

    /// Bounds of the system's page and huge page sizes, in bytes.
    @usableFromInline package static let minPhysicalPageSize = 4096
    @usableFromInline package static let maxPhysicalPageSize = 512 << 10
    @usableFromInline package static let maxPhysicalHugePageSize = 4 << 20

    /// Whether a heap can live on system pages of that size: a power of two within the bounds.
    package static func acceptsPhysicalPages(byteCount: UInt) -> Bool {
        byteCount & (byteCount &- 1) == 0
            && (UInt(minPhysicalPageSize)...UInt(maxPhysicalPageSize)).contains(byteCount)
    }
}
