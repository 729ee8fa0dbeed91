import GravlaxHeap

/// The methods of lists, but for those that call functions of scripts: they are in the prelude.
extension Machine {
    func runList(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        let receiver = Value(bits: window[0])
        let list = receiver.words
        // Read where there is one: the stack may end with the receiver.
        var argument: Value { Value(bits: window[1]) }
        switch builtin {
        case .push:
            return push(argument.bits, to: list) ? .nil : nil
        case .pop:
            let count = ListObject.count(list)
            guard count > 0 else { return failed("Can't pop from an empty list.") }
            let slot = ListObject.elements(list) + (count - 1)
            let last = Value(bits: slot.pointee)
            mutator.store(Value.nilBits, to: slot)
            ListObject.setCount(count - 1, list)
            return last
        case .insert:
            return insert(Value(bits: window[2]), at: argument, in: list)
        case .removeAt:
            return remove(at: argument, from: list)
        case .clearList:
            ListObject.setCount(0, list)
            mutator.store(0, to: list + 1)
            return .nil
        case .reverse:
            return reverse(list) ? receiver : nil
        case .containsElement:
            return position(of: argument, in: list, from: 0).map { Value($0 >= 0) }
        case .indexOf:
            return index(of: argument, in: list, from: optional(2, window, argumentCount))
        case .sliceList:
            return slice(list, from: argument, to: optional(2, window, argumentCount))
        case .copyList:
            return makeSlice(list, 0..<ListObject.count(list))
        case .join:
            return join(list, separator: optional(1, window, argumentCount))
        case .sort:
            return sort(list) ? receiver : nil
        case .sortsBefore:
            guard argument.isNumber else {
                return failed("The comparator of list.sort must give a number or a boolean, not \(kindName(argument)).")
            }
            return Value(argument.number < 0)
        case .textMethod:
            guard let method = textMethod(of: argument) else { return failed("An instance has lost its text.") }
            return makeBoundMethod(argument, method)
        case .checkText:
            return isText(Value(bits: window[2]), of: argument) ? Value(bits: window[2]) : nil
        case .write:
            ownTexts = Value(bits: window[2]).words
            defer { ownTexts = nil }
            return makeText(of: argument)
        case .endSort:
            let count = ListObject.count(argument.words)
            guard ListObject.count(list) == count else { return failed("The list changed size while it was sorted.") }
            return replaceElements(of: list, with: count > 0 ? ListObject.elements(argument.words) : nil, count: count)
                ? receiver : nil
        default:
            fatalError("not a method of lists")
        }
    }

    private func insert(_ value: Value, at key: Value, in list: ObjectWords) -> Value? {
        let count = ListObject.count(list)
        guard let index = position(key, limit: count + 1, count: count) else { return nil }
        guard push(value.bits, to: list) else { return nil }
        let elements = ListObject.elements(list)
        // From the end on, so that each element is in the list all the while.
        var rest = count - index
        while rest > 0 {
            let piece = min(rest, Machine.wordsBetweenPolls)
            rest -= piece
            let source = elements + (index + rest)
            mutator.bulkStore(from: source, to: source + 1, count: piece)
            guard worked(8 * piece) else { return nil }
        }
        mutator.store(value.bits, to: elements + index)
        return .nil
    }

    private func remove(at key: Value, from list: ObjectWords) -> Value? {
        let count = ListObject.count(list)
        guard let index = position(key, limit: count, count: count) else { return nil }
        let elements = ListObject.elements(list)
        let removed = Value(bits: elements[index])
        temporaries[1] = removed.bits
        defer { temporaries[1] = 0 }
        var place = index
        while place < count - 1 {
            let piece = min(count - 1 - place, Machine.wordsBetweenPolls)
            mutator.bulkStore(from: elements + place + 1, to: elements + place, count: piece)
            place += piece
            guard worked(8 * piece) else { return nil }
        }
        mutator.store(Value.nilBits, to: elements + count - 1)
        ListObject.setCount(count - 1, list)
        return removed
    }

    private func position(_ key: Value, limit: Int, count: Int) -> Int? {
        guard key.isNumber else {
            _ = fail("List index must be a number.")
            return nil
        }
        let number = key.number
        let position = number < 0 ? number + Double(count) : number
        guard position == position.rounded(.towardZero), position >= 0, position < Double(limit) else {
            let elements = count == 1 ? "1 element" : "\(count) elements"
            _ = fail("List index \(NumberFormatting.text(number)) out of range: the list has \(elements).")
            return nil
        }
        return Int(position)
    }

    private func reverse(_ list: ObjectWords) -> Bool {
        let count = ListObject.count(list)
        guard count > 1 else { return true }
        for index in 0..<count / 2 {
            let elements = ListObject.elements(list)
            let first = elements[index]
            mutator.store(elements[count - 1 - index], to: elements + index)
            mutator.store(first, to: elements + (count - 1 - index))
            guard worked(16) else { return false }
        }
        return true
    }

    /// The first position from `start` on whose element equals `value`, or -1; `nil`: failed.
    func position(of value: Value, in list: ObjectWords, from start: Int) -> Int? {
        if value.kind == .longString { return position(ofText: value, in: list, from: start) }
        var index = start
        while index < ListObject.count(list) {
            let end = min(ListObject.count(list), index + Machine.wordsBetweenPolls)
            let elements = ListObject.elements(list)
            while index < end {
                if Arithmetic.areEqual(elements[index], value.bits) { return index }
                index += 1
            }
            guard worked(1 << 16) else { return nil }
        }
        return -1
    }

    /// The same for a long string: comparing two of the same length may be much work.
    private func position(ofText value: Value, in list: ObjectWords, from start: Int) -> Int? {
        for index in start..<max(start, ListObject.count(list)) {
            let element = Value(bits: ListObject.elements(list)[index])
            let isAlike = element.kind == .longString && element.words[0] == value.words[0]
            if isAlike {
                guard let areEqual = textsAreEqual(element.words, value.words) else { return nil }
                if areEqual { return index }
            }
            guard worked(8) else { return nil }
        }
        return -1
    }

    private func index(of value: Value, in list: ObjectWords, from start: Value) -> Value? {
        var first = 0
        if !start.isNil {
            guard
                let checked = checkedIndex(
                    start, count: ListObject.count(list), includingEnd: true, "List", "element")
            else { return nil }
            first = checked
        }
        return position(of: value, in: list, from: first).map { $0 < 0 ? .nil : Value(unchecked: Double($0)) }
    }

    private func slice(_ list: ObjectWords, from start: Value, to end: Value) -> Value? {
        let count = ListObject.count(list)
        guard let range = checkedIndexes(start, end, count: count, "List", "element") else { return nil }
        return makeSlice(list, range)
    }

    /// The indexes from `start` to before `end`, or to the end of `count`, as in slices by ranges.
    func checkedIndexes(
        _ start: Value, _ end: Value, count: Int, _ container: String, _ element: String
    ) -> Range<Int>? {
        guard let first = checkedIndex(start, count: count, includingEnd: true, container, element) else { return nil }
        if end.isNil { return first..<count }
        guard let last = checkedIndex(end, count: count, includingEnd: true, container, element) else { return nil }
        return first..<max(first, last)
    }

    /// Overwrites the elements of a list that has `count`. The source stays whole meanwhile, and a root holds what it refers to.
    func replaceElements(of list: ObjectWords, with source: UnsafePointer<UInt64>?, count: Int) -> Bool {
        guard let source else { return true }
        var done = 0
        while done < count {
            let piece = min(count - done, Machine.wordsBetweenPolls)
            mutator.bulkStore(from: source + done, to: ListObject.elements(list) + done, count: piece)
            done += piece
            guard worked(8 * piece) else { return false }
        }
        return true
    }
}
