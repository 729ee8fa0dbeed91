import GravlaxHeap

enum WeakMapObject {
    static var layout: ObjectLayout { ObjectLayout(headerWords: 1, slotCount: 1) }

    static func table(_ words: ObjectWords) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(Value(bits: words[1]).words) }
}

/// Maps whose keys are held weakly.
extension Machine {
    func runWeakMap(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        if builtin == .weakMap { return makeWeakMap() }
        let receiver = Value(bits: window[0])
        let key = Value(bits: window[1])
        guard hasIdentity(key) else { return failed("Keys of a weak map must be \(Machine.trackedKinds).") }
        let table = WeakMapObject.table(receiver.words)
        let keyAddress = UnsafeMutableRawPointer(key.words)
        switch builtin {
        case .weakGet:
            if let word = mutator.weakTableGet(table, key: keyAddress) { return Value(bits: word) }
            return argumentCount == 2 ? Value(bits: window[2]) : .nil
        case .weakHas: return Value(mutator.weakTableGet(table, key: keyAddress) != nil)
        case .weakRemove: return Value(mutator.weakTableRemove(table, key: keyAddress))
        default: return setWeak(receiver.words, keyAddress, window[2]) ? .nil : nil
        }
    }

    private func makeWeakMap() -> Value? {
        guard let table = retrying({ mutator.makeWeakTable() }) else { return nil }
        temporaries[Machine.internalPlace] = Value(internal: table).bits
        defer { temporaries[Machine.internalPlace] = 0 }
        guard let words = allocate(weakMapLayout) else { return nil }
        words[0] = ObjectKind.weakMap.header()
        mutator.store(Value(internal: table).bits, to: words + 1)
        return Value(object: words)
    }

    /// Map, key and value are in registers.
    private func setWeak(_ map: ObjectWords, _ key: UnsafeMutableRawPointer, _ value: UInt64) -> Bool {
        while true {
            let outcome = retrying { () -> WeakTableStore? in
                let outcome = mutator.weakTableSet(WeakMapObject.table(map), key: key, value: value)
                return outcome == .refused ? nil : outcome
            }
            guard let outcome else { return false }
            if outcome == .stored { return true }
            guard let grown = retrying({ mutator.growWeakTable(WeakMapObject.table(map)) }) else { return false }
            mutator.store(Value(internal: grown).bits, to: map + 1)
        }
    }
}
