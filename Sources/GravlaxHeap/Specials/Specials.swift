// Adding and removing specials, and what the sweep does with those of the dead.

import Synchronization

/// What a heap keeps about specials, apart from the lists in its spans. Thin pointers: copies share everything.
package struct Specials {
    package let pool: SpecialPool
    /// Finalizers and cleanups to call.
    package let due: DueQueue
    /// Native cleanups to give back.
    package let natives: DueQueue
    package let counters: FinalizationCounters
    package let roots: SpecialRoots
    package let ephemerons: Ephemerons
    package let profile: AllocationProfile

    /// Whether there is anything for a mutator to take: then its safepoint is requested. Two relaxed loads.
    var hasDue: Bool { due.count != 0 || natives.count != 0 }

    /// Nil when the system refuses the records.
    init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let pool = SpecialPool(memory: memory, statistic: statistic),
            let due = DueQueue(memory: memory, statistic: statistic),
            let natives = DueQueue(memory: memory, statistic: statistic),
            let counters = FinalizationCounters(memory: memory, statistic: statistic),
            let roots = SpecialRoots(memory: memory, statistic: statistic),
            let ephemerons = Ephemerons(memory: memory, statistic: statistic),
            let profile = AllocationProfile(memory: memory, statistic: statistic)
        else { return nil }
        self.pool = pool
        self.due = due
        self.natives = natives
        self.counters = counters
        self.roots = roots
        self.ephemerons = ephemerons
        self.profile = profile
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    /// The span of the object at `address`, swept, and the object's offset; fatal if `address` is no heap object.
    private func specialPlace(_ address: UInt, _ mutator: MutatorRef?) -> (span: MSpanRef, offset: UInt16) {
        guard let span = spanOfHeap(address) else {
            fatal("special on an address that is not in the heap", ("address", address))
        }
        ensureSwept(span, mutator)
        // Objects whose specials would lie farther in are large ones, which start at 0.
        guard let offset = UInt16(exactly: address - span.base) else {
            fatal("special on the inside of an object", ("address", address), ("span", span.base))
        }
        if pointee.configuration.debug.verify, isKnownToBeFree(address, span, mutator) {
            fatal("special on an object that is free", ("address", address), ("span", span.base))
        }
        return (span, offset)
    }

    /// Whether nobody has the object, as far as that can be told: somebody else may allocate from a span that the caller
    /// does not and that is in no list.
    private func isKnownToBeFree(_ address: UInt, _ span: MSpanRef, _ mutator: MutatorRef?) -> Bool {
        let index = span.objectIndex(of: address)
        let spanClass = span.pointee.spanClass
        if spanClass.sizeClass == .large { return false }
        if let mutator, mutator.pointee.cache[Int(spanClass.rawValue)] == span { return span.isFree(index) }
        let central = central(spanClass)
        return central.pointee.lock.withLock {
            span.pointee.list == central.pointee.nonEmpty
                && span.pointee.sweepgen.load(ordering: .acquiring) == sweepgen && span.isFree(index)
        }
    }

    /// Hangs a record on the object that starts at `address`. Unless it was `registered`, nothing changed.
    ///
    /// - Parameter mutator: whose stock the record comes from; nil for none.
    /// - Source: Go 1.14 mheap.go, addspecial.
    package func addSpecial(
        _ kind: SpecialKind, to address: UInt, payload: UInt64, argument: UInt64 = 0, site: UInt64 = 0,
        _ mutator: MutatorRef?
    ) -> Registration {
        let (span, offset) = specialPlace(address, mutator)
        guard let record = mutator.map({ $0.takeSpecial() }) ?? pointee.specials.pool.take(1)?.first else {
            return .refused
        }
        record.initialize(to: Special(
            next: nil, payload: payload, argument: argument, site: site, offset: offset, kind: kind))
        span.lockSpecials()
        let wasEmpty = span.pointee.specials == nil
        let isNew = span.insertSpecial(record)
        // Inside the lock, or a removal could clear the bit of a list that has a record again.
        if wasEmpty { setPageSpecials(span, true) }
        span.unlockSpecials()
        if !isNew {
            freeSpecial(record, mutator)
        } else if kind == .weakTable {
            pointee.specials.ephemerons.link(record)
            // A pass over all tables that is under way, or over, did not see this one.
            if isMarking { progress.pointee.markings.wrappingAdd(1, ordering: .relaxed) }
        }
        return isNew ? .registered : .exists
    }

    /// Takes the record of that kind off the object that starts at `address`. Returns its payload.
    ///
    /// - Source: Go 1.14 mheap.go, removespecial.
    package func removeSpecial(_ kind: SpecialKind, from address: UInt, _ mutator: MutatorRef?) -> UInt64? {
        let (span, offset) = specialPlace(address, mutator)
        span.lockSpecials()
        let record = span.takeSpecial(offset: offset, kind: kind)
        if record != nil, span.pointee.specials == nil { setPageSpecials(span, false) }
        span.unlockSpecials()
        guard let record else { return nil }
        let payload = record.pointee.payload
        freeSpecial(record, mutator)
        return payload
    }

    /// The payload of the object's record of that kind.
    func findSpecial(_ kind: SpecialKind, of address: UInt, _ mutator: MutatorRef?) -> UInt64? {
        let (span, offset) = specialPlace(address, mutator)
        let order = UInt32(offset) << 8 | UInt32(kind.rawValue)
        span.lockSpecials()
        defer { span.unlockSpecials() }
        // Most objects that are asked about are the newest of their span, or have none.
        guard let last = span.pointee.lastSpecial, last.order >= order else { return nil }
        var current = last.order == order ? last : span.pointee.specials
        while let special = current, special.order < order { current = special.pointee.next }
        guard let current, current.order == order else { return nil }
        return current.pointee.payload
    }

    private func freeSpecial(_ record: SpecialRef, _ mutator: MutatorRef?) {
        if let mutator { mutator.giveSpecial(record) } else { pointee.specials.pool.give(first: record, last: record, count: 1) }
    }

    /// Whether the span has any, for those who look for them: by its first page. Under the span's lock, or the sweeper's.
    private func setPageSpecials(_ span: MSpanRef, _ value: Bool) {
        let arena = arena(ArenaIndex(address: span.base)).unsafelyUnwrapped
        let (byte, mask) = arena.pageIndex(of: span.base)
        if value {
            arena.pointee.pageSpecials[byte].bitwiseOr(mask, ordering: .releasing)
        } else {
            arena.pointee.pageSpecials[byte].bitwiseAnd(~mask, ordering: .releasing)
        }
    }

    /// What becomes of the records of objects that the mark did not reach. The sweeper owns the span.
    ///
    /// A dead object with a finalizer is marked here: it lives on, with everything around it in its slot, and with all
    /// that it refers to, which the finalizer's root job kept. Its finalizers fall due; weak handles are cleared first,
    /// so that nobody sees an object that is being finalized through them. All else waits for the object's real end.
    ///
    /// - Source: Go 1.14 mgcsweep.go, the first part of (*mspan).sweep; mheap.go, freespecial.
    package func sweepSpecials(_ span: MSpanRef) {
        if span.pointee.specials == nil { return }
        var (kept, freed, due, natives) = (SpecialChain(), SpecialChain(), SpecialChain(), SpecialChain())
        var index = UInt.max
        var fate = Fate.lives
        var revived: UInt = 0
        var current = span.pointee.specials
        while let special = current {
            let next = special.pointee.next
            current = next
            let address = span.base + UInt(special.pointee.offset)
            if span.objectIndex(of: address) != index {
                index = span.objectIndex(of: address)
                fate = decideFate(of: index, span, special)
                // Nobody but the sweeper touches the marks of a span that is being swept.
                if fate == .isFinalized {
                    _ = span.setMarkedAlone(index)
                    revived += 1
                }
            }
            switch (fate, special.pointee.kind) {
            case (.lives, _): kept.append(special)
            case (_, .finalizer):
                special.pointee.argument = UInt64(address)
                due.append(special)
            case (_, .weakHandle):
                WeakHandle(address: UInt(special.pointee.payload)).clear()
                freed.append(special)
            case (.isFinalized, _): kept.append(special)
            case (.dies, .cleanup): due.append(special)
            case (.dies, .native): natives.append(special)
            case (.dies, .profile):
                creditProfile(special)
                freed.append(special)
            case (.dies, .weakTable):
                pointee.specials.ephemerons.unlink(special)
                freed.append(special)
            }
        }
        span.pointee.specials = kept.first
        span.pointee.lastSpecial = kept.last
        if kept.first == nil { setPageSpecials(span, false) }
        // The mark did not count them as live (INV-31).
        if revived > 0 { pointee.statistics.heapLive.add(UInt64(revived * span.pointee.elemSize)) }
        pointee.specials.pool.give(freed)
        pointee.specials.due.push(due)
        pointee.specials.natives.push(natives)
    }

    /// Moves the span's finalizers into `chain`, as if their objects had been found dead. World stopped, the span swept.
    func takeFinalizers(of span: MSpanRef, _ chain: inout SpecialChain) {
        var kept = SpecialChain()
        var current = span.pointee.specials
        while let special = current {
            current = special.pointee.next
            if special.pointee.kind == .finalizer {
                special.pointee.argument = UInt64(span.base + UInt(special.pointee.offset))
                chain.append(special)
            } else {
                kept.append(special)
            }
        }
        span.pointee.specials = kept.first
        span.pointee.lastSpecial = kept.last
        if kept.first == nil { setPageSpecials(span, false) }
    }

    /// What the sweep finds out about the objects in one slot.
    private enum Fate { case lives, isFinalized, dies }

    /// - Parameter first: the first special of the slot.
    private func decideFate(of index: UInt, _ span: MSpanRef, _ first: SpecialRef) -> Fate {
        if span.isMarked(index) { return .lives }
        let end = (index + 1) * span.pointee.elemSize
        var current: SpecialRef? = first
        while let special = current, UInt(special.pointee.offset) < end {
            if special.pointee.kind == .finalizer { return .isFinalized }
            current = special.pointee.next
        }
        return .dies
    }
}
