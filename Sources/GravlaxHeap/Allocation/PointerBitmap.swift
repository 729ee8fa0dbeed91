// The pointer bitmap: two bits a word, in address order, at `HeapArena.bitmap`.

import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// The bits of the 32 words from `address` on.
    @inlinable @inline(__always)
    package func bitmapWord(_ address: UInt, _ arena: HeapArenaRef) -> UInt64 {
        let word = (address & UInt(HeapConstants.arenaSize - 1)) &>> 3
        let index = Int(word &>> 5)
        let shift = UInt64((word & 31) &* 2)
        let low = arena.pointee.bitmap[index].load(ordering: .relaxed) &>> shift
        if shift == 0 { return low }
        // The last word of an arena has no neighbour: what is past the object's end is masked off anyway.
        if index == HeapArena.bitmapBytes / 8 - 1 { return low }
        return low | arena.pointee.bitmap[index + 1].load(ordering: .relaxed) &<< (64 &- shift)
    }

    /// Writes `count` (≤ 32) words' bits at `address`, leaving the neighbours' alone.
    /// The caller owns the span, and with it every bit in these 64-bit words.
    @inlinable @inline(__always)
    package func writeBitmap(_ address: UInt, bits: UInt64, wordCount count: UInt, _ arena: HeapArenaRef) {
        let word = (address & UInt(HeapConstants.arenaSize - 1)) &>> 3
        let index = Int(word &>> 5)
        let shift = UInt64((word & 31) &* 2)
        let mask = count == 32 ? ~0 : (1 &<< UInt64(count &* 2)) &- 1
        let cell = arena.pointee.bitmap + index
        let old = cell.pointee.load(ordering: .relaxed)
        let new = (old & ~(mask &<< shift)) | bits &<< shift
        if new != old { cell.pointee.store(new, ordering: .relaxed) }
        if shift != 0, (word & 31) &+ count > 32 {
            let next = cell + 1
            let back = 64 &- shift
            let old = next.pointee.load(ordering: .relaxed)
            next.pointee.store((old & ~(mask &>> back)) | bits &>> back, ordering: .relaxed)
        }
    }

    /// Writes the bits of an object with `headerWords` plain words, then `slotCount`
    /// values, in an element of `elemSize` bytes; crosses arenas for large ones.
    package func writeLongBitmap(_ address: UInt, headerWords: UInt, slotCount: UInt, elemSize: UInt) {
        let total = headerWords + slotCount
        let end = elemSize / 8
        var done: UInt = 0
        while done < end {
            let at = address + done * 8
            let arena = arena(ArenaIndex(address: at)).unsafelyUnwrapped
            // Not across a 64-bit word of the bitmap, hence not across arenas either.
            let count = Swift.min(32 - (at / 8 & 31), end - done)
            let scanned = Swift.min(count, total - done)
            var bits = Self.ones(scanned * 2)
            if done < headerWords { bits &= ~(Self.ones(Swift.min(headerWords - done, 32) * 2) & 0x5555_5555_5555_5555) }
            writeBitmap(at, bits: bits, wordCount: count, arena)
            done += count
            if done >= total {
                // One clear "more to scan" bit ends the object.
                if scanned == count, done < end { endBitmap(address + done * 8) }
                return
            }
        }
    }

    private func endBitmap(_ address: UInt) {
        writeBitmap(address, bits: 0, wordCount: 1, arena(ArenaIndex(address: address)).unsafelyUnwrapped)
    }

    @inline(__always)
    private static func ones(_ count: UInt) -> UInt64 { count >= 64 ? ~0 : (1 &<< UInt64(count)) &- 1 }
}
