import GravlaxHeap

/// Operations that move a reference, often the only one, to a place where the collector has been already, or from one
/// where it has not been yet:
///
///     take      slot ──▶ root            a local variable gets the field, the field is cleared
///     put       root ──▶ slot            and back
///     shift     slots ──▶ slots beside   an element is inserted or removed, the vacated slot is cleared
///     permute   slots ──▶ the same       a list is sorted or reversed
///     grow      slots ──▶ a new object   a list's buffer is replaced, a map is hashed again
///     relay     slot ──▶ another's slot  and both it and the way to it are forgotten
extension GraphMutator {
    func move(_ generator: inout SeededGenerator) {
        switch generator.below(8) {
        case 0..<2: take(&generator)
        case 2..<4: put(&generator)
        case 4: shift(&generator)
        case 5: permute(&generator)
        case 6: grow(&generator)
        default: relay(&generator)
        }
    }

    /// A slot of a root that refers to something, and what to.
    private func randomReference(_ generator: inout SeededGenerator) -> (holder: UInt64, slot: Int, target: UInt64)? {
        guard let (holder, _) = randomNode(&generator) else { return nil }
        let references = shadow.objects[holder]!.references
        guard let slot = references.keys.sorted().randomElement(using: &generator) else { return nil }
        return (holder, slot, references[slot]!)
    }

    private func take(_ generator: inout SeededGenerator) {
        guard let (holder, slot, target) = randomReference(&generator) else { return }
        keep(target, &generator)
        shadow.store(nil, in: holder, slot: slot, mutator)
    }

    private func put(_ generator: inout SeededGenerator) {
        guard let (holder, slotCount) = randomNode(&generator) else { return }
        let place = generator.below(numbers.count)
        shadow.store(numbers[place], in: holder, slot: generator.below(slotCount), mutator)
        dropRoot(place)
    }

    private func shift(_ generator: inout SeededGenerator) {
        guard let (holder, slotCount) = randomNode(&generator), slotCount > 1 else { return }
        let gap = generator.below(slotCount - 1)
        let count = slotCount - 1 - gap
        if generator.isOne(in: 2) {
            shadow.copy(from: holder, gap + 1, to: holder, gap, count: count, mutator)
            shadow.clear(holder, from: slotCount - 1, count: 1, mutator)
        } else {
            shadow.copy(from: holder, gap, to: holder, gap + 1, count: count, mutator)
            shadow.clear(holder, from: gap, count: 1, mutator)
        }
    }

    private func permute(_ generator: inout SeededGenerator) {
        guard let (holder, slotCount) = randomNode(&generator) else { return }
        let count = min(slotCount, 100)
        let order = generator.isOne(in: 2) ? Array((0..<count).reversed()) : Array(0..<count).shuffled(using: &generator)
        shadow.permute(holder, order, mutator)
    }

    private func grow(_ generator: inout SeededGenerator) {
        guard let (old, slotCount) = randomNode(&generator), slotCount < 2_000,
            let new = shadow.allocate(.node(slotCount: slotCount * 2), mutator),
            let place = numbers.firstIndex(of: old)
        else { return }
        let half = slotCount / 2
        shadow.copy(from: old, half, to: new, 0, count: slotCount - half, mutator)
        if half > 0 { shadow.copy(from: old, 0, to: new, slotCount, count: half, mutator) }
        numbers[place] = new
        roots.words[place] = shadow.objects[new]!.word
    }

    private func relay(_ generator: inout SeededGenerator) {
        guard let (holder, slot, target) = randomReference(&generator), let (other, slotCount) = randomNode(&generator)
        else { return }
        shadow.store(target, in: other, slot: generator.below(slotCount), mutator)
        if other != holder { shadow.store(nil, in: holder, slot: slot, mutator) }
        if let place = numbers.firstIndex(of: target) { dropRoot(place) }
    }
}
