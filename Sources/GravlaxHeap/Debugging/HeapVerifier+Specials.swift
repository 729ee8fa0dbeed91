// Specials: their lists, the page bits that lead to them, the stocks and queues
// that records are in otherwise, and what they keep alive.

import Synchronization

extension HeapVerifier {
    /// Specials in order, each at the start of an allocated object, or, in a tiny block, of one of its pieces.
    func checkSpecials(_ span: MSpanRef, _ findings: inout Findings) {
        findings.expect(
            span.pointee.specialLock.load(ordering: .relaxed) == 0, "\(name(span)): the lock of its specials is held")
        var last: SpecialRef?
        var next = span.pointee.specials
        while let special = next {
            if let last {
                let isInOrder = special.pointee.kind.allowsSeveral ? last.order <= special.order : last.order < special.order
                findings.expect(
                    isInOrder, "\(name(span)): the special at offset \(special.pointee.offset) is out of order")
            }
            checkPlace(of: special, span, &findings)
            last = special
            next = special.pointee.next
        }
        findings.expect(
            span.pointee.lastSpecial == last, "\(name(span)): the last of its specials is another than it says")
        guard let arena = heap.arena(ArenaIndex(address: span.base)) else { return }
        let (byte, mask) = arena.pageIndex(of: span.base)
        let isKnown = arena.pointee.pageSpecials[byte].load(ordering: .relaxed) & mask != 0
        findings.expect(
            isKnown == (last != nil),
            "\(name(span)) has \(last == nil ? "a bit for specials and none" : "specials and no bit that says so")")
    }

    private func checkPlace(of special: SpecialRef, _ span: MSpanRef, _ findings: inout Findings) {
        let offset = special.pointee.offset
        let object = span.base + UInt(offset)
        if object >= span.pointee.limit {
            findings.add("\(name(span)): the special at offset \(offset) lies outside it")
            return
        }
        let index = span.objectIndex(of: object)
        findings.expect(
            span.base + index * span.pointee.elemSize == object || span.pointee.spanClass == .tiny,
            "\(name(span)): the special at offset \(offset) is not at the start of an object")
        findings.expect(!span.isFree(index), "object \(hex(object)) has a special and is not allocated")
    }

    /// Every bit belongs to the first page of an in-use span; every record that was handed out is in a list, a queue or
    /// a stock; and the ledger counts what there is.
    func checkSpecialCounts(_ survey: Survey, _ findings: inout Findings) {
        let heads = Set(survey.inUse.map(\.base))
        for order in 0..<heap.pointee.allArenasCount.load(ordering: .relaxed) {
            guard let arena = heap.arena(ArenaIndex(rawValue: heap.allArenas[order])) else { continue }
            forEachPage(of: arena.pointee.pageSpecials, in: arena) { page in
                findings.expect(
                    heads.contains(page), "page \(hex(page)) has a bit for specials and is not the first of an in-use span")
            }
        }
        var records = 0
        var waiting: UInt64 = 0
        var tables = 0
        for span in survey.inUse {
            forEachSpecial(of: span) { special in
                records += 1
                if special.pointee.kind == .finalizer || special.pointee.kind == .cleanup { waiting += 1 }
                if special.pointee.kind == .weakTable { tables += 1 }
            }
        }
        let specials = heap.pointee.specials
        var linked = 0
        specials.ephemerons.forEachTable { _ in linked += 1 }
        findings.expect(
            linked == tables && linked == specials.ephemerons.tableCount,
            "\(tables) objects are weak tables, \(linked) are known and \(specials.ephemerons.tableCount) counted")
        for queue in [specials.due, specials.natives] {
            var entries = 0
            queue.forEach { _ in entries += 1 }
            findings.expect(entries == queue.count, "a queue of specials counts \(queue.count) and has \(entries)")
            records += entries
        }
        for mutator in survey.mutators { records += mutator.pointee.specialStockCount }
        findings.expect(
            records == specials.pool.takenCount,
            "\(specials.pool.takenCount) records of specials are handed out, \(records) are somewhere")
        let counters = specials.counters
        let gone = counters.run.value + counters.dropped.value + UInt64(specials.due.count)
        findings.expect(
            counters.registered.value == gone + waiting,
            "\(counters.registered.value) finalizers and cleanups were registered, \(gone) have run, were dropped or "
                + "are due, and \(waiting) wait")
    }

    func forEachSpecial(of span: MSpanRef, _ body: (SpecialRef) -> Void) {
        var current = span.pointee.specials
        while let special = current {
            body(special)
            current = special.pointee.next
        }
    }

    /// What specials and due calls keep alive.
    func reachFromSpecials(_ survey: Survey, _ reachable: ReachableSet) {
        let match = heap.pointee.configuration.encoding.match
        for span in survey.inUse {
            forEachSpecial(of: span) { special in
                switch special.pointee.kind {
                case .finalizer:
                    reachable.reachReferents(of: span.base + UInt(special.pointee.offset))
                    reachable.reach(special.pointee.payload, holder: 0, slot: 0)
                case .cleanup:
                    reachable.reach(special.pointee.payload, holder: 0, slot: 0)
                    reachable.reach(special.pointee.argument, holder: 0, slot: 0)
                case .weakHandle: reachable.reach(match | special.pointee.payload, holder: 0, slot: 0)
                case .profile, .native, .weakTable: break
                }
            }
        }
        heap.pointee.specials.due.forEach { special in
            reachable.reach(special.pointee.payload, holder: 0, slot: 0)
            let argument = special.pointee.argument
            reachable.reach(special.pointee.kind == .finalizer ? match | argument : argument, holder: 0, slot: 0)
        }
    }

    /// The handles of reached tables' entries, and the values of reached keys. True if that reached anything.
    func reachValues(_ reachable: ReachableSet) -> Bool {
        let match = heap.pointee.configuration.encoding.match
        let count = reachable.count
        heap.pointee.specials.ephemerons.forEachTable { table in
            if !reachable.contains(table.address) { return }
            for entry in 0..<table.capacity where table.handle(entry) > WeakTable.removed {
                reachable.reach(match | UInt64(table.handle(entry)), holder: table.address, slot: 0)
                let key = table.key(entry)
                if key != 0, reachable.contains(key) { reachable.reach(table.value(entry), holder: key, slot: 0) }
            }
        }
        return reachable.count != count
    }
}
