/// Entries of weak tables whose keys are not marked yet, by key, and a stack of objects to mark next. In one block of
/// system memory, of one thread at a time. Where that was refused, or is full, nothing is kept: whoever asks must do
/// without.
///
/// A thin pointer: copies share the block.
struct EphemeronIndex {
    private struct Header {
        let byteCount: UInt
        let capacity: Int
        let bucketCount: Int
        let greyCapacity: Int
        var count = 0
        var greyCount = 0
    }

    /// A value that waits for its key. `next`: the entry before it in the same bucket, plus 1.
    private struct Entry {
        let key: UInt
        let value: UInt
        var next: Int
    }

    private let header: UnsafeMutablePointer<Header>?
    private let entries: UnsafeMutablePointer<Entry>
    private let buckets: UnsafeMutablePointer<Int>
    private let grey: UnsafeMutablePointer<UInt>
    private let statistic: SystemStatistic?

    private static let headerByteCount = 64
    private static let minGreyCapacity = 1 << 12

    /// An index that keeps nothing.
    init() {
        header = nil
        entries = UnsafeMutablePointer(bitPattern: 8)!
        buckets = UnsafeMutablePointer(bitPattern: 8)!
        grey = UnsafeMutablePointer(bitPattern: 8)!
        statistic = nil
    }

    /// An index for up to `capacity` entries; one that keeps nothing if memory for it is refused.
    init(capacity: Int, _ memory: OSMemory, _ statistic: SystemStatistic) {
        var bucketCount = 64
        while bucketCount < capacity { bucketCount *= 2 }
        let greyCapacity = max(capacity, Self.minGreyCapacity)
        let entryBytes = capacity * MemoryLayout<Entry>.stride
        let byteCount = alignUp(
            UInt(Self.headerByteCount + entryBytes + (bucketCount + greyCapacity) * 8), OSMemory.pageByteCount)
        // Fresh from the system, so that it is zero.
        guard let block = memory.allocate(byteCount: byteCount, statistic: statistic) else {
            self = EphemeronIndex()
            return
        }
        let made = block.bindMemory(to: Header.self, capacity: 1)
        made.initialize(to: Header(
            byteCount: byteCount, capacity: capacity, bucketCount: bucketCount, greyCapacity: greyCapacity))
        header = made
        entries = (block + Self.headerByteCount).bindMemory(to: Entry.self, capacity: capacity)
        buckets = (block + Self.headerByteCount + entryBytes).bindMemory(to: Int.self, capacity: bucketCount)
        grey = (block + Self.headerByteCount + entryBytes + bucketCount * 8)
            .bindMemory(to: UInt.self, capacity: greyCapacity)
        self.statistic = statistic
    }

    /// Gives the block back. The index is not used again.
    func release(_ memory: OSMemory) {
        guard let header, let statistic else { return }
        let byteCount = header.pointee.byteCount
        memory.free(
            UnsafeMutableRawPointer(header), byteCount: byteCount, readyByteCount: byteCount, statistic: statistic)
    }

    private func bucket(_ key: UInt, _ header: UnsafeMutablePointer<Header>) -> UnsafeMutablePointer<Int> {
        buckets + (Int(truncatingIfNeeded: (key &>> 3) &* 0x9E37_79B9_7F4A_7C15 &>> 20) & (header.pointee.bucketCount - 1))
    }

    /// Notes that the object at `value` is to be marked when that at `key` is. Both are the starts of objects.
    func add(key: UInt, value: UInt) {
        guard let header, header.pointee.count < header.pointee.capacity else { return }
        let place = bucket(key, header)
        entries[header.pointee.count] = Entry(key: key, value: value, next: place.pointee)
        header.pointee.count = header.pointee.count + 1
        place.pointee = header.pointee.count
    }

    /// Pushes all values that wait for `key`, which was marked just now; those there is no room for go to `refused`.
    /// Each waits no longer.
    func greyValues(of key: UInt, refused: (UInt) -> Void) {
        guard let header else { return }
        let place = bucket(key, header)
        var previous = 0
        var current = place.pointee
        while current != 0 {
            let entry = entries[current - 1]
            if entry.key == key {
                if !pushGrey(entry.value) { refused(entry.value) }
                if previous == 0 { place.pointee = entry.next } else { entries[previous - 1].next = entry.next }
            } else {
                previous = current
            }
            current = entry.next
        }
    }

    /// False if there is no room.
    func pushGrey(_ address: UInt) -> Bool {
        guard let header, header.pointee.greyCount < header.pointee.greyCapacity else { return false }
        grey[header.pointee.greyCount] = address
        header.pointee.greyCount = header.pointee.greyCount + 1
        return true
    }

    /// The address pushed last; 0 if there is none.
    func popGrey() -> UInt {
        guard let header, header.pointee.greyCount > 0 else { return 0 }
        header.pointee.greyCount = header.pointee.greyCount - 1
        return grey[header.pointee.greyCount]
    }

    var hasGrey: Bool { header.map { $0.pointee.greyCount > 0 } ?? false }
}
