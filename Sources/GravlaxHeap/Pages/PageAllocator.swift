/// The page allocator: which pages of the heap are free, over all 2^48 addresses.
///
/// Bitmaps, one bit a page, are cut into chunks of 512 pages. Above them stands a radix tree of summaries, each level
/// one array over all addresses, reserved as a whole and made ready where the heap grows. A summary (`PallocSum`) says
/// how many pages are free at the start and the end of its region and in the longest run within:
///
///     level 0       2^14 summaries of 16 GiB each   ▓░░░ … ░
///     level 1   8 × as many          of 2 GiB       ░▓░░░░░░
///     level 2                        of 256 MiB     ░░░▓░░░░
///     level 3                        of 32 MiB      ▓░░░░░░░
///     level 4       2^26             of 4 MiB       ░░░░░▓░░
///                                                        │
///     chunk bitmaps (allocated, scavenged)           0111001111 … 0
///
/// Allocation takes the lowest address that fits (address-ordered first fit). The search begins at `searchAddress`:
///
/// - every page of the heap below it is allocated, and
/// - it lies in the heap, or is `PageGeometry.noAddress`, which says that nothing is free (INV-4).
///
/// A thin pointer to a record in persistent memory. All of it under the heap lock, except where it says otherwise.
/// What may be refused by the system says so with its result; inconsistency is `fatal`.
///
/// - Source: Go 1.14 mpagealloc.go, pageAlloc.
package struct PageAllocator {
    struct State {
        let memory: OSMemory
        let lock: HeapLock
        let metadata: SystemStatistic
        let released: SystemStatistic
        /// The one reservation: the chunk map's first level, then the summaries, root first.
        let tables: UnsafeMutableRawPointer
        var searchAddress: UInt
        /// Chunks the heap lies between; `startChunk` is 0 before the first growth.
        var startChunk: UInt
        var endChunk: UInt
        var inUse: AddressRanges
        /// The scavenger goes down from here and looks at nothing above until it is reset.
        var scavengeLimit: UInt
    }

    let state: UnsafeMutablePointer<State>

    /// Makes an allocator without any memory to give; nil when the system refuses what it needs.
    ///
    /// - Parameters:
    ///   - lock: the heap lock, which every caller of the methods holds.
    ///   - metadata: counts the memory made ready for the allocator's own tables.
    ///   - released: counts bytes given back to the system; changed under the lock together with the bitmaps when the
    ///     scavenger works. Taking pages does not change it: callers subtract the scavenged bytes they are told.
    package init?(memory: OSMemory, lock: HeapLock, metadata: SystemStatistic, released: SystemStatistic) {
        guard
            let record = memory.allocatePersistent(
                byteCount: UInt(MemoryLayout<State>.stride), statistic: metadata),
            let inUse = AddressRanges(memory: memory, statistic: metadata),
            let tables = memory.reserve(byteCount: Tables.byteCount)
        else { return nil }
        guard memory.map(tables, byteCount: Tables.alwaysReadyByteCount, statistic: metadata) else {
            memory.free(tables, byteCount: Tables.byteCount)
            return nil
        }
        state = record.bindMemory(to: State.self, capacity: 1)
        state.initialize(
            to: State(
                memory: memory, lock: lock, metadata: metadata, released: released, tables: tables,
                searchAddress: PageGeometry.noAddress, startChunk: 0, endChunk: 0, inUse: inUse, scavengeLimit: 0))
    }

    /// Gives back all address space of the allocator's tables. The heap memory it managed is its owner's.
    package func destroy() {
        var chunkTable = 0
        while chunkTable < Tables.chunkTableCount {
            if let table = chunkTables[chunkTable] {
                state.pointee.memory.free(
                    table, byteCount: Tables.chunkTableByteCount, readyByteCount: Tables.chunkTableByteCount,
                    statistic: state.pointee.metadata)
            }
            // The map is sparse: skip to the tables that ranges in use can have.
            let next = state.pointee.inUse.firstAddress(from: UInt(chunkTable + 1) << Tables.chunkTableShift)
            chunkTable = next.map { Int($0 >> Tables.chunkTableShift) } ?? Tables.chunkTableCount
        }
        state.pointee.memory.free(state.pointee.tables, byteCount: Tables.byteCount)
    }

    // MARK: Tables

    @inline(__always)
    var chunkTables: UnsafeMutablePointer<UnsafeMutableRawPointer?> {
        state.pointee.tables.assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    }

    @inline(__always)
    func summaries(_ level: Int) -> UnsafeMutablePointer<PallocSum> {
        (state.pointee.tables + Tables.summaryOffset(level)).assumingMemoryBound(to: PallocSum.self)
    }

    /// The bitmaps of a chunk that the heap has grown over.
    @inline(__always)
    func chunk(_ index: UInt) -> PallocData {
        guard let table = chunkTables[Int(index >> Tables.logChunksInTable)] else {
            fatal("a chunk outside the heap was looked up", ("chunk", index))
        }
        let offset = Int(index & (1 << Tables.logChunksInTable - 1)) * PallocData.byteCount
        return PallocData((table + offset).assumingMemoryBound(to: UInt64.self))
    }

    // MARK: Observation

    package var searchAddress: UInt { state.pointee.searchAddress }
    package var inUse: AddressRanges { state.pointee.inUse }
    package var scavengeLimit: UInt { state.pointee.scavengeLimit }

    /// The address space reserved for the chunk map and the summaries, most of it never made ready.
    package var tablesRange: AddressRange {
        let base = UInt(bitPattern: state.pointee.tables)
        return AddressRange(base: base, limit: base + Tables.byteCount)
    }

    /// The bitmaps of the chunk that contains `address`, which the heap must have grown over.
    package func chunkData(containing address: UInt) -> PallocData { chunk(PageGeometry.chunkIndex(address)) }

    /// A summary; the heap must have grown over some of its block.
    package func summary(level: Int, containing address: UInt) -> PallocSum {
        summaries(level)[Int(address >> PageGeometry.levelShift(level))]
    }
}

/// Where things lie in the allocator's one reservation.
enum Tables {
    /// A chunk table holds the bitmaps of 2^13 chunks (32 GiB) in 1 MiB.
    static let logChunksInTable: UInt = 13
    static let chunkTableShift = PageGeometry.chunkShift + logChunksInTable
    static let chunkTableByteCount: UInt = UInt(PallocData.byteCount) << logChunksInTable
    static let chunkTableCount = 1 << Int(PageGeometry.addressBitCount - chunkTableShift)

    private static let rootSummaryByteCount = 8 << PageGeometry.rootBitCount

    /// The chunk map and the root level: the search reads all of the root between the ends of the heap.
    static let alwaysReadyByteCount = UInt(chunkTableCount * 8) + UInt(rootSummaryByteCount)
    static let byteCount = UInt(summaryOffset(PageGeometry.levelCount))

    /// Each level is eight times as large as the one above it: offset = root × (1 + 8 + … + 8^(level − 1)).
    @inline(__always)
    static func summaryOffset(_ level: Int) -> Int {
        chunkTableCount * 8 + rootSummaryByteCount * ((1 << (3 * level)) - 1) / 7
    }
}
