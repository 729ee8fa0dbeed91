/// Sizes and the arithmetic between addresses, pages, chunks and summaries. Overview: `PageAllocator`.
///
/// - Source: Go 1.14 mpagealloc.go and mpagealloc_64bit.go.
package enum PageGeometry {
    package static let pageShift: UInt = 13
    /// Bytes in a page of the heap (not of the system).
    package static let pageByteCount: UInt = 1 << pageShift
    package static let logChunkPageCount: UInt = 9
    package static let chunkPageCount: UInt = 1 << logChunkPageCount
    package static let chunkShift: UInt = logChunkPageCount + pageShift
    /// Bytes in a chunk: 4 MiB.
    package static let chunkByteCount: UInt = 1 << chunkShift
    package static let addressBitCount: UInt = 48
    /// The first address beyond those a user process can have.
    package static let addressLimit: UInt = 1 << addressBitCount
    /// A search address that says: nothing is free.
    package static let noAddress: UInt = addressLimit - 1

    package static let levelCount = 5
    static let levelBitCount: UInt = 3
    static let rootBitCount: UInt = addressBitCount - chunkShift - UInt(levelCount - 1) * levelBitCount

    /// Log 2 of the summaries that are searched together at a level: the whole root, eight elsewhere.
    @inline(__always)
    static func blockBitCount(_ level: Int) -> UInt { level == 0 ? rootBitCount : levelBitCount }

    /// An address shifted right by this is its summary's index.
    @inline(__always)
    static func levelShift(_ level: Int) -> UInt { chunkShift + logPageCount(level) - logChunkPageCount }

    /// Log 2 of the pages one summary covers.
    @inline(__always)
    static func logPageCount(_ level: Int) -> UInt {
        logChunkPageCount + UInt(levelCount - 1 - level) * levelBitCount
    }

    /// Summaries in a level, over all addresses.
    @inline(__always)
    static func summaryCount(_ level: Int) -> UInt { 1 << (addressBitCount - levelShift(level)) }

    @inline(__always)
    package static func chunkIndex(_ address: UInt) -> UInt { address >> chunkShift }
    @inline(__always)
    package static func chunkBase(_ chunk: UInt) -> UInt { chunk << chunkShift }
    /// The page of `address` in its chunk.
    @inline(__always)
    package static func pageInChunk(_ address: UInt) -> UInt { (address & (chunkByteCount - 1)) >> pageShift }
}
