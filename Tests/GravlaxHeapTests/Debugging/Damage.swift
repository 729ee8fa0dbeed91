import GravlaxHeap

/// Replaces what `place` holds, and puts it back.
private func replace<Value>(_ place: UnsafeMutablePointer<Value>, with value: Value) -> () -> Void {
    let old = place.pointee
    place.pointee = value
    return { place.pointee = old }
}

private func flip(_ bits: UnsafeMutablePointer<UInt64>, _ bit: Int) -> () -> Void {
    bits.pointee ^= 1 << UInt64(bit)
    return { bits.pointee ^= 1 << UInt64(bit) }
}

extension Patient {
    func pageBit(_ address: UInt) -> (byte: Int, mask: UInt8) { arena.pageIndex(of: address) }

    /// The alloc bits of the chunk that all spans of the patient lie in.
    var chunk: PallocData { pages.chunkData(containing: full.base) }
    var fullPage: Int { Int(PageGeometry.pageInChunk(full.base)) }
    /// The last page of the chunk is free.
    var freePage: Int { Int(PageGeometry.chunkPageCount) - 1 }
}

extension Damage {
    static let ofArenas: [Damage] = [
        Damage("a record twice", "is twice in allSpans") { replace($0.raw.pointee.allSpans, with: $0.raw.pointee.allSpans[1]) },
        Damage("a foreign arena", "is in the map and not in allArenas") { patient in
            let entry = patient.raw.pointee.arenas + Int(ArenaIndex(address: patient.full.base).rawValue) + 1
            entry.pointee.store(UInt(bitPattern: patient.arena), ordering: .relaxed)
            return { entry.pointee.store(0, ordering: .relaxed) }
        },
        Damage("an arena twice", "is in allArenas and not in the map") { patient in
            replace(patient.raw.allArenas, with: patient.raw.allArenas.pointee + 1)
        },
        Damage("the current arena", "belongs to the page allocator already") { patient in
            let old = patient.raw.pointee.curArenaBase
            patient.raw.pointee.curArenaBase = old - PageGeometry.chunkByteCount
            return { patient.raw.pointee.curArenaBase = old }
        },
        Damage("a head that is not marked", "its first page is not marked in use") { patient in
            let (byte, mask) = patient.pageBit(patient.full.base)
            let bits = patient.arena.pointee.pageInUse + byte
            bits.pointee.bitwiseXor(mask, ordering: .relaxed)
            return { bits.pointee.bitwiseXor(mask, ordering: .relaxed) }
        },
        Damage("a mark that is no head", "is marked in use and not the first") { patient in
            let (byte, mask) = patient.pageBit(patient.large.base + 8192)
            let bits = patient.arena.pointee.pageInUse + byte
            bits.pointee.bitwiseXor(mask, ordering: .relaxed)
            return { bits.pointee.bitwiseXor(mask, ordering: .relaxed) }
        },
        Damage("a page of another span", "page 1 leads elsewhere") { patient in
            let page = Int((patient.large.base - patient.arena.pointee.base) >> 13) + 1
            let entry = patient.arena.pointee.spans + page
            entry.pointee.store(UInt(bitPattern: patient.full), ordering: .relaxed)
            return { entry.pointee.store(UInt(bitPattern: patient.large), ordering: .relaxed) }
        },
        Damage("a page of no span", "which is no span record") { patient in
            let entry = patient.arena.pointee.spans + (HeapConstants.pagesPerArena - 1)
            entry.pointee.store(64, ordering: .relaxed)
            return { entry.pointee.store(0, ordering: .relaxed) }
        },
        Damage("the high-water mark", "counts as never used") { patient in
            let old = patient.arena.pointee.zeroedBase.load(ordering: .relaxed)
            patient.arena.pointee.zeroedBase.store(0, ordering: .relaxed)
            return { patient.arena.pointee.zeroedBase.store(old, ordering: .relaxed) }
        },
    ]

    static let ofSpans: [Damage] = [
        Damage("a size", "its class has other sizes") { patient in
            patient.full.pointee.elemSize = 64
            return { patient.full.pointee.elemSize = 48 }
        },
        Damage("a divisor", "divides by other numbers") { patient in
            let old = patient.full.pointee.divMul
            patient.full.pointee.divMul = old + 1
            return { patient.full.pointee.divMul = old }
        },
        Damage("the end of a large object", "lies outside it") { patient in
            let old = patient.large.pointee.limit
            patient.large.pointee.limit = patient.large.base + (1 << 30)
            return { patient.large.pointee.limit = old }
        },
        Damage("a count", "its bits have") { patient in
            patient.partial.pointee.allocCount = patient.partial.pointee.allocCount - 1
            return { patient.partial.pointee.allocCount = patient.partial.pointee.allocCount + 1 }
        },
        Damage("an alloc bit", "its bits have") { patient in
            let bits = UnsafeMutableRawPointer(patient.partial.pointee.allocBits!).assumingMemoryBound(to: UInt64.self)
            return flip(bits, 63)
        },
        Damage("a window", "its window and those after it have") { patient in
            let old = patient.cached.pointee.allocCache
            patient.cached.pointee.allocCache = old >> 1
            return { patient.cached.pointee.allocCache = old }
        },
        Damage("a mark out of time", "with no mark under way") { patient in
            let bits = UnsafeMutableRawPointer(patient.full.pointee.gcmarkBits!).assumingMemoryBound(to: UInt64.self)
            return flip(bits, 3)
        },
        Damage("a mark past the end", "is past its 170 objects") { patient in
            let bits = UnsafeMutableRawPointer(patient.full.pointee.gcmarkBits!).assumingMemoryBound(to: UInt64.self)
            return flip(bits + 2, 60)
        },
        Damage("a generation", "of generation") { patient in
            let old = patient.full.pointee.sweepgen.load(ordering: .relaxed)
            patient.full.pointee.sweepgen.store(old + 40, ordering: .relaxed)
            return { patient.full.pointee.sweepgen.store(old, ordering: .relaxed) }
        },
        Damage("a span being swept", "being swept") { patient in
            let old = patient.full.pointee.sweepgen.load(ordering: .relaxed)
            patient.full.pointee.sweepgen.store(old &- 1, ordering: .relaxed)
            return { patient.full.pointee.sweepgen.store(old, ordering: .relaxed) }
        },
        Damage("shared bits", "share the bits") { patient in
            let old = patient.full.pointee.gcmarkBits
            patient.full.pointee.gcmarkBits = patient.full.pointee.allocBits
            return { patient.full.pointee.gcmarkBits = old }
        },
        Damage("specials out of order", "is out of order") { patient in
            patient.partial.pointee.specials!.pointee.offset = 224
            return { patient.partial.pointee.specials!.pointee.offset = 0 }
        },
        Damage("a special inside an object", "is not at the start of an object") { patient in
            patient.partial.pointee.specials!.pointee.next!.pointee.offset = 8
            return { patient.partial.pointee.specials!.pointee.next!.pointee.offset = 0 }
        },
        Damage("a special of a free object", "has a special and is not allocated") { patient in
            let last = patient.partial.pointee.specials!.pointee.next!.pointee.next!
            last.pointee.offset = 72 * 112
            return { last.pointee.offset = 112 }
        },
        Damage("a last special", "the last of its specials is another") { patient in
            let old = patient.partial.pointee.lastSpecial
            patient.partial.pointee.lastSpecial = nil
            return { patient.partial.pointee.lastSpecial = old }
        },
        Damage("specials that are not found", "has specials and no bit that says so") { patient in
            let (byte, mask) = patient.pageBit(patient.partial.base)
            let bits = patient.arena.pointee.pageSpecials + byte
            bits.pointee.bitwiseXor(mask, ordering: .relaxed)
            return { bits.pointee.bitwiseXor(mask, ordering: .relaxed) }
        },
        Damage("specials where there are none", "has a bit for specials and none") { patient in
            let (byte, mask) = patient.pageBit(patient.full.base)
            let bits = patient.arena.pointee.pageSpecials + byte
            bits.pointee.bitwiseXor(mask, ordering: .relaxed)
            return { bits.pointee.bitwiseXor(mask, ordering: .relaxed) }
        },
        Damage("a stray bit for specials", "has a bit for specials and is not the first") { patient in
            let (byte, mask) = patient.pageBit(patient.large.base + 8192)
            let bits = patient.arena.pointee.pageSpecials + byte
            bits.pointee.bitwiseXor(mask, ordering: .relaxed)
            return { bits.pointee.bitwiseXor(mask, ordering: .relaxed) }
        },
        Damage("a record that is nowhere", "records of specials are handed out") { patient in
            let state = patient.mutator.state
            state.pointee.specialStockCount = state.pointee.specialStockCount + 1
            return { state.pointee.specialStockCount = state.pointee.specialStockCount - 1 }
        },
        Damage("the ledger", "finalizers and cleanups were registered") { patient in
            let cell = patient.raw.pointee.specials.counters.registered
            cell.add(1)
            return { cell.subtract(1) }
        },
        Damage("a table that is not known", "objects are weak tables") { patient in
            let special = patient.partial.pointee.specials!.pointee.next!
            special.pointee.kind = .weakTable
            return { special.pointee.kind = .native }
        },
        Damage("a held lock", "the lock of its specials is held") { patient in
            patient.partial.lockSpecials()
            return { patient.partial.unlockSpecials() }
        },
        Damage("a manual span with objects", "counts objects") { patient in
            let span = patient.raw.spanOf(UInt(bitPattern: patient.stack))!
            span.pointee.allocCount = 1
            return { span.pointee.allocCount = 0 }
        },
    ]

    static let ofLists: [Damage] = [
        Damage("a span in no list", "is in no central list") { patient in
            let list = patient.partial.pointee.list!
            list.remove(patient.partial)
            return { list.insert(patient.partial) }
        },
        Damage("a span in the wrong list", "is in the wrong list") { patient in
            let central = patient.raw.central(patient.partial.pointee.spanClass)
            central.pointee.nonEmpty.remove(patient.partial)
            central.pointee.empty.insert(patient.partial)
            return {
                central.pointee.empty.remove(patient.partial)
                central.pointee.nonEmpty.insert(patient.partial)
            }
        },
        Damage("a span in another class's list", "of class") { patient in
            let list = patient.partial.pointee.list!
            list.remove(patient.partial)
            let other = patient.raw.central(SpanClass(rawValue: 90)).pointee.nonEmpty
            other.insert(patient.partial)
            return {
                other.remove(patient.partial)
                list.insert(patient.partial)
            }
        },
        Damage("a link back", "its link back") { patient in
            patient.full.pointee.previous = patient.large
            return { patient.full.pointee.previous = nil }
        },
        Damage("an owner", "does not know that it is in") { patient in
            let old = patient.full.pointee.list
            patient.full.pointee.list = patient.partial.pointee.list
            return { patient.full.pointee.list = old }
        },
        Damage("the end of a list", "ends elsewhere") { patient in
            let list = patient.full.pointee.list!
            let old = list.pointee.last
            list.pointee.last = nil
            return { list.pointee.last = old }
        },
        Damage("a cached span that nobody has", "counts as cached and is in no cache") { patient in
            let place = patient.mutator.state.pointee.cache + Int(patient.cached.pointee.spanClass.rawValue)
            return replace(place, with: patient.mutator.state.pointee.emptySpan)
        },
        Damage("a span in a cache that is not cached", "which is swept") { patient in
            let place = patient.mutator.state.pointee.cache + Int(patient.full.pointee.spanClass.rawValue)
            return replace(place, with: patient.full)
        },
        Damage("a cache for another class", "for class 90") { patient in
            replace(patient.mutator.state.pointee.cache + 90, with: patient.cached)
        },
        Damage("a flush generation", "was flushed last at generation") { patient in
            let old = patient.mutator.state.pointee.flushGeneration
            patient.mutator.state.pointee.flushGeneration = old &- 4
            return { patient.mutator.state.pointee.flushGeneration = old }
        },
        Damage("a tiny block", "is no allocated tiny block") { patient in
            let old = patient.mutator.state.pointee.tiny
            patient.mutator.state.pointee.tiny = patient.full.base
            return { patient.mutator.state.pointee.tiny = old }
        },
        Damage("a stock of records", "of its stock is in use") { patient in
            replace(patient.mutator.state.pointee.spanRecords, with: UInt(bitPattern: patient.full))
        },
        Damage("a span swept twice", "is 2 times in the stack of swept spans") { patient in
            _ = patient.raw.sweptSpans.push(UInt(bitPattern: patient.full))
            return { _ = patient.raw.sweptSpans.pop() }
        },
        Damage("a span that will not be swept", "is not in the stack of swept spans") { patient in
            let span = patient.raw.sweptSpans.pop()
            return { _ = patient.raw.sweptSpans.push(span) }
        },
        Damage("a sweeper at work", "somebody sweeps") { patient in
            patient.raw.pointee.sweepers.store(1, ordering: .relaxed)
            return { patient.raw.pointee.sweepers.store(0, ordering: .relaxed) }
        },
    ]

    static let ofPages: [Damage] = [
        Damage("a lost page", "is in no span and no page cache") { patient in
            flip(patient.chunk.alloc.bits.words + patient.freePage / 64, patient.freePage % 64)
        },
        Damage("a stolen page", "has an owner and counts as free") { patient in
            flip(patient.chunk.alloc.bits.words + patient.fullPage / 64, patient.fullPage % 64)
        },
        Damage("a scavenged page in use", "is scavenged and not free") { patient in
            flip(patient.chunk.scavenged.words + patient.fullPage / 64, patient.fullPage % 64)
        },
        Damage("a summary", "the level 4 summary") { patient in
            flip(patient.chunk.alloc.bits.words + patient.freePage / 64, patient.freePage % 64)
        },
        Damage("summaries above", "the level 0 summary") { patient in
            flip(patient.chunk.alloc.bits.words + patient.freePage / 64, patient.freePage % 64)
        },
        Damage("a free page before the search address", "is past the free page") { patient in
            flip(patient.chunk.alloc.bits.words + patient.fullPage / 64, patient.fullPage % 64)
        },
        Damage("a page cache over a span", "has another owner too") { patient in
            let old = patient.mutator.state.pointee.pageCache
            let base = patient.full.base & ~UInt((64 << 13) - 1)
            patient.mutator.state.pointee.pageCache = PageCache(base: base, free: ~0, scavenged: 0)
            return { patient.mutator.state.pointee.pageCache = old }
        },
    ]

    static let ofStatistics: [Damage] = [
        Damage("heapInUse", "heapInUse is") { addInUse($0, pages: 1) },
        Damage("heapIdle", "heapIdle is") { add($0.counters.heapSys, 8192) },
        Damage("heapSys", "heapSys with the stacks is") { add($0.counters.heapSys, 8192) },
        Damage("heapReleased", "heapReleased is") { add($0.counters.heapReleased, 8192) },
        Damage("stacksInUse", "stacksInUse is") { add($0.counters.stacksInUse, 8192) },
        Damage("released beyond idle", "is above heapIdle") { add($0.counters.heapReleased, 1 << 40) },
        Damage("pagesInUse", "pagesInUse is") { addInUse($0, pages: 1) },
        Damage("mallocs", "mallocs − frees of 48 bytes") { patient in
            let place = patient.counters.smallAllocCount(Int(patient.full.pointee.spanClass.sizeClass.rawValue))
            place.add(1)
            return { place.subtract(1) }
        },
        Damage("large frees", "mallocs − frees of large objects") { patient in
            patient.counters.largeFreeCount.add(1)
            return { patient.counters.largeFreeCount.subtract(1) }
        },
        Damage("large bytes", "large objects count") { patient in
            patient.counters.largeAllocBytes.add(1)
            return { patient.counters.largeAllocBytes.subtract(1) }
        },
        Damage("heapLive", "heapLive is") { patient in
            let old = patient.counters.heapLive.value
            patient.counters.heapLive.set(0)
            return { patient.counters.heapLive.set(old) }
        },
        Damage("markBits", "markBits counts") { take($0.counters.markBits) },
        Damage("spanRecords", "spanRecords counts") { take($0.counters.spanRecords) },
        Damage("metadata", "metadata counts") { take($0.counters.metadata) },
        Damage("a span record", "span records are handed out") { patient in
            patient.mutator.state.pointee.spanRecordCount = patient.mutator.state.pointee.spanRecordCount - 1
            return { patient.mutator.state.pointee.spanRecordCount = patient.mutator.state.pointee.spanRecordCount + 1 }
        },
        Damage("the reserve of mark bits", "a cycle would reserve") { addInUse($0, markBitWords: 1) },
    ]

    private static func addInUse(_ patient: Patient, pages: UInt64 = 0, markBitWords: UInt64 = 0) -> () -> Void {
        let cell = patient.counters.inUseSpans.cell
        cell.add(markBitWords << InUseSpans.pageBits | pages)
        return { cell.subtract(markBitWords << InUseSpans.pageBits | pages) }
    }

    private static func add(_ statistic: SystemStatistic, _ byteCount: UInt) -> () -> Void {
        statistic.add(byteCount)
        return { statistic.subtract(byteCount) }
    }

    private static func take(_ statistic: SystemStatistic) -> () -> Void {
        let all = UInt(statistic.byteCount)
        statistic.subtract(all)
        return { statistic.add(all) }
    }

    static let ofMarks: [Damage] = [
        Damage("a lost mark", "is reachable from a root and not marked") { mark($0.full, 7) },
        Damage("a mark too many", "is marked and not allocated") { mark($0.partial, 72) },
        Damage("a mark that nothing leads to", "is marked and cannot be reached") { patient in
            let word = patient.roots.words.remove(at: 9)
            return { patient.roots.words.insert(word, at: 9) }
        },
        Damage("a referent without a mark", "slot") { patient in
            // From the first object of 48 bytes to one of 112 that is dropped as a root and loses its mark.
            let slot = UnsafeMutablePointer<UInt64>(bitPattern: patient.full.base)! + 1
            slot.pointee = patient.roots.words[8192 / 48]
            let undo = mark(patient.partial, 0)
            let word = patient.roots.words.remove(at: 8192 / 48)
            return {
                patient.roots.words.insert(word, at: 8192 / 48)
                undo()
                slot.pointee = 0
            }
        },
        Damage("a page mark", "marked objects and no page mark") { patient in
            let (byte, mask) = patient.pageBit(patient.full.base)
            let bits = patient.arena.pointee.pageMarks + byte
            bits.pointee.bitwiseXor(mask, ordering: .relaxed)
            return { bits.pointee.bitwiseXor(mask, ordering: .relaxed) }
        },
        Damage("a stray page mark", "has a page mark and is not the first") { patient in
            let (byte, mask) = patient.pageBit(patient.large.base + 8192)
            let bits = patient.arena.pointee.pageMarks + byte
            bits.pointee.bitwiseXor(mask, ordering: .relaxed)
            return { bits.pointee.bitwiseXor(mask, ordering: .relaxed) }
        },
        Damage("a tiny block in use", "in use is not marked") { patient in
            let (_, span, index) = patient.raw.findObject(patient.mutator.state.pointee.tiny)!
            return mark(span, Int(index))
        },
        Damage("a root to nowhere", "from a root leads to no object") { patient in
            patient.roots.words.append(WordEncoding.tagged.match | UInt64(UInt(bitPattern: patient.stack)))
            return { patient.roots.words.removeLast() }
        },
        Damage("an unswept span", "is unswept") { patient in
            let old = patient.full.pointee.sweepgen.load(ordering: .relaxed)
            patient.full.pointee.sweepgen.store(old &- 2, ordering: .relaxed)
            return { patient.full.pointee.sweepgen.store(old, ordering: .relaxed) }
        },
        Damage("a store that was not seen", "has stores that no mark has seen") { patient in
            patient.mutator.state.pointee.barrierCount = 2
            return { patient.mutator.state.pointee.barrierCount = 0 }
        },
    ]

    /// Turns a mark over.
    private static func mark(_ span: MSpanRef, _ index: Int) -> () -> Void {
        let bits = UnsafeMutableRawPointer(span.pointee.gcmarkBits!).assumingMemoryBound(to: UInt64.self)
        return flip(bits + index / 64, index % 64)
    }
}
