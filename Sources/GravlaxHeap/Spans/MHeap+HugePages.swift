// Huge pages for what the heap grows into. Touching fresh memory is the dearest
// thing an allocator does, and a page of 2 MiB costs a third, byte for byte, of
// what 512 pages of 4 KiB cost; marking profits from fewer misses of the TLB.
//
// A small heap keeps small pages, since what it does not touch should cost
// nothing. Memory that was scavenged comes back in small pages too (see
// `OSMemory.unused`), unless one span takes whole huge pages of it.

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Bytes of a heap that stay on small pages.
    private var smallHeapBytes: UInt { 8 << 20 }

    /// Asks for huge pages in chunks that the heap has just grown into, beyond its first 8 MiB. The first touch of any
    /// part then makes 2 MiB ready at once, so that the chunks count as ready from now on; under a budget they are
    /// left alone when that would not fit. Under the heap lock.
    func preferHugePages(base: UInt, byteCount: UInt) {
        pointee.lock.assertHeld()
        if !pointee.configuration.usesHugePages || pointee.pages.inUse.totalByteCount <= smallHeapBytes { return }
        let counters = pointee.statistics
        counters.heapReleased.subtract(byteCount)
        if let budget = pointee.configuration.budget, counters.readyBytes > budget {
            counters.heapReleased.add(byteCount)
            return
        }
        pointee.memory.preferHugePages(UnsafeMutableRawPointer(bitPattern: base)!, byteCount: byteCount)
        pointee.pages.noteReady(base: base, pageCount: byteCount >> UInt(HeapConstants.pageShift))
    }
}
