/// The methods of maps.
extension Machine {
    func runMap(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        let map = Value(bits: window[0]).words
        switch builtin {
        case .has:
            return Value(mapValue(map, Value(bits: window[1])) != nil)
        case .get:
            return mapValue(map, Value(bits: window[1])) ?? optional(2, window, argumentCount)
        case .remove:
            return removeMapValue(map, Value(bits: window[1])) ?? .nil
        case .keys:
            return listOfEntries(map, offset: 0)
        case .values:
            return listOfEntries(map, offset: 1)
        case .clearMap:
            mutator.store(0, to: map + 2)
            mutator.store(0, to: map + 3)
            MapObject.setCounts(map, count: 0, used: 0)
            return .nil
        case .copyMap:
            return copy(map)
        default:
            fatalError("not a method of maps")
        }
    }

    private func listOfEntries(_ map: ObjectWords, offset: Int) -> Value? {
        guard let list = makeList(capacity: MapObject.count(map)) else { return nil }
        temporaries[1] = list.bits
        defer { temporaries[1] = 0 }
        var count = 0
        for entry in 0..<MapObject.used(map) {
            let words = MapObject.entries(map) + 2 * entry
            guard words[0] != Value.undefinedBits else { continue }
            mutator.store(words[offset], to: ListObject.elements(list.words) + count)
            count += 1
            ListObject.setCount(count, list.words)
            guard worked(16) else { return nil }
        }
        return list
    }

    /// A map with the same entries in the same order.
    private func copy(_ map: ObjectWords) -> Value? {
        guard let copy = makeMap() else { return nil }
        temporaries[0] = copy.bits
        defer { temporaries[0] = 0 }
        for entry in 0..<MapObject.used(map) {
            let words = MapObject.entries(map) + 2 * entry
            guard words[0] != Value.undefinedBits else { continue }
            guard setMapValue(copy.words, Value(bits: words[0]), Value(bits: words[1])), worked(32) else { return nil }
        }
        return copy
    }
}
