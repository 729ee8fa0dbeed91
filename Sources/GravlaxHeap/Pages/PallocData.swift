/// A chunk's two bitmaps: allocated pages, and free pages whose memory the system has back ("scavenged").
///
/// A thin pointer to 128 bytes; under the heap lock. A scavenged bit means something for free pages only; allocating
/// clears it (INV-7).
///
/// - Source: Go 1.14 mpallocbits.go, pallocData.
package struct PallocData {
    package static let byteCount = 2 * PageBits.byteCount

    package let alloc: PallocBits
    package let scavenged: PageBits

    @inline(__always)
    package init(_ memory: UnsafeMutablePointer<UInt64>) {
        alloc = PallocBits(PageBits(memory))
        scavenged = PageBits(memory + PageBits.wordCount)
    }

    /// Allocates [first, first + count) and returns how many of these pages were scavenged.
    package func allocRange(_ first: UInt, count: UInt) -> UInt {
        let scavengedCount = scavenged.populationCount(first, count: count)
        alloc.allocRange(first, count: count)
        if scavengedCount > 0 { scavenged.clear(first, count: count) }
        return scavengedCount
    }

    /// The highest run of pages at or below `hint` that are free and not scavenged.
    ///
    /// - Parameters:
    ///   - minimum: size and alignment of a run must be multiples of it: a power of two up to 64.
    ///   - maximum: the size wanted. May be exceeded by the rounding to `minimum`, and so as not to break up a huge
    ///     page which is free as a whole.
    ///   - hugePagePageCount: heap pages in a huge page of the system; 0 if there are none.
    /// - Source: Go 1.14 mgcscavenge.go, (*pallocData).findScavengeCandidate.
    package func findScavengeCandidate(
        from hint: UInt, minimum: UInt, maximum: UInt, hugePagePageCount: UInt
    ) -> (first: UInt, count: UInt)? {
        if minimum == 0 || minimum & (minimum - 1) != 0 || minimum > 64 {
            fatal("bad minimum of pages to scavenge", ("minimum", minimum))
        }
        let wanted = maximum == 0 ? minimum : alignUp(min(maximum, PageGeometry.chunkPageCount), minimum)
        var index = Int(hint / 64)
        while index >= 0 && unavailable(index, minimum) == ~0 { index -= 1 }
        if index < 0 { return nil }

        let top = unavailable(index, minimum)
        let above = UInt((~top).leadingZeroBitCount)
        let end = UInt(index) * 64 + 64 - above
        let shifted = top &<< UInt64(above)
        var run: UInt
        if shifted != 0 {
            run = UInt(shifted.leadingZeroBitCount)
        } else {
            run = 64 - above
            while index > 0 {
                index -= 1
                let word = unavailable(index, minimum)
                run += UInt(word.leadingZeroBitCount)
                if word != 0 { break }
            }
        }

        var count = min(run, wanted)
        var first = end - count
        if hugePagePageCount > 1 {
            let below = alignDown(first, hugePagePageCount)
            if alignUp(first, hugePagePageCount) <= end && below >= end - run {
                count += first - below
                first = below
            }
        }
        return (first, count)
    }

    /// Bits of pages which are allocated or scavenged, spread over aligned groups of `group` pages.
    private func unavailable(_ index: Int, _ group: UInt) -> UInt64 {
        fillAligned(scavenged.words[index] | alloc.bits.words[index], group: group)
    }
}

/// Sets all bits of each aligned group of `group` bits that has one set.
///
/// - Source: Go 1.14 mgcscavenge.go, fillAligned; here by folding and spreading.
package func fillAligned(_ bits: UInt64, group: UInt) -> UInt64 {
    if group == 1 { return bits }
    // Fold each group onto its lowest bit. What a shift brings in from the group above only reaches bits which
    // the mask then drops.
    var folded = bits
    var shift: UInt64 = 1
    while shift < UInt64(group) {
        folded |= folded &>> shift
        shift *= 2
    }
    if group == 64 { return folded & 1 == 0 ? 0 : ~0 }
    let groupOnes: UInt64 = 1 &<< UInt64(group) &- 1
    let lowest = ~UInt64(0) / groupOnes
    return (folded & lowest) &* groupOnes
}
