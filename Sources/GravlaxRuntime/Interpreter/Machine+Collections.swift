import GravlaxCompiler

/// Lists, maps and loops over them beyond the fast paths.
extension Machine {
    @inline(never) func newList(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        guard let list = makeList(capacity: i.bx) else { return false }
        frame.pointee.base[i.a] = list.bits
        return true
    }

    @inline(never) func append(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        let list = Value(bits: base[i.a]).words
        guard reserve(list, i.c) else { return false }
        for index in 0..<i.c where !push(base[i.b + index], to: list) { return false }
        return true
    }

    @inline(never) func newMap(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        guard let map = makeMap() else { return false }
        frame.pointee.base[i.a] = map.bits
        return true
    }

    // MARK: Indexing

    @inline(never) func getIndex(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        let container = Value(bits: base[i.b])
        let key = Value(bits: base[i.c])
        if let map = container.object(.map) {
            base[i.a] = value(in: map, key.bits)
            return true
        }
        switch container.kind {
        case .list:
            if let range = key.object(.range) { return slice(frame, i, list: container.words, RangeObject.bounds(range)) }
            guard let index = checkedIndex(key, count: ListObject.count(container.words), "List", "element") else {
                return false
            }
            base[i.a] = ListObject.elements(container.words)[index]
        case .longString, .shortString:
            if let range = key.object(.range) { return slice(frame, i, string: container.words, RangeObject.bounds(range)) }
            guard let count = scalarCount(container.words),
                let index = checkedIndex(key, count: count, "String", "character"),
                let offset = scalarOffset(container.words, index), let character = character(at: offset, of: container.words)
            else { return false }
            base[i.a] = character.bits
        default:
            return fail("Only lists, maps and strings can be indexed.")
        }
        return true
    }

    @inline(never) func setIndex(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        let container = Value(bits: base[i.a])
        let key = Value(bits: base[i.b])
        switch container.kind {
        case .list:
            // Here while the barrier is on.
            if let element = ListObject.element(container.words, key.bits) {
                mutator.store(base[i.c], to: element)
                return true
            }
            if key.kind == .range { return fail("Slices cannot be assigned to.") }
            guard let index = checkedIndex(key, count: ListObject.count(container.words), "List", "element") else {
                return false
            }
            mutator.store(base[i.c], to: ListObject.elements(container.words) + index)
            return true
        case .map:
            return setMapValue(container.words, key, Value(bits: base[i.c]))
        default:
            return fail("Only elements of lists and maps can be assigned to.")
        }
    }

    /// The place that `key` means among `count`, negative ones counted from the end; `nil` is an error, which names both.
    ///
    /// - Parameter includingEnd: `count` itself is allowed, too.
    func checkedIndex(
        _ key: Value, count: Int, includingEnd: Bool = false, _ container: String, _ element: String
    ) -> Int? {
        guard key.isNumber else {
            _ = fail("\(container) index must be a number.")
            return nil
        }
        let number = key.number
        guard number == number.rounded(.towardZero), !number.isInfinite else {
            _ = fail("\(container) index \(NumberFormatting.text(number)) is not a whole number.")
            return nil
        }
        let position = number < 0 ? number + Double(count) : number
        guard position >= 0, position < Double(count) || includingEnd && position == Double(count) else {
            let elements = count == 1 ? "1 \(element)" : "\(count) \(element)s"
            _ = fail(
                "\(container) index \(NumberFormatting.text(number)) out of range: the \(container.lowercased()) has \(elements).")
            return nil
        }
        return Int(position)
    }

    private func scalarLength(_ text: UnsafeRawBufferPointer, at offset: Int) -> Int {
        var length = 1
        while offset + length < text.count, text[offset + length] & 0xC0 == 0x80 { length += 1 }
        return length
    }

    private func character(at offset: Int, of string: ObjectWords) -> Value? {
        let text = StringObject.bytes(string)
        let length = scalarLength(text, at: offset)
        return makeString(UnsafeRawBufferPointer(rebasing: text[offset..<offset + length]))
    }

    // MARK: Loops

    enum IterationStep {
        case element, end
        /// It failed, or goes on in another frame.
        case left
    }

    // The two registers of state hold plain integers, which the collector takes for numbers and leaves alone: the
    // position of the next element, and what must not have changed (a list's count, a map's version). For a range they are
    // numbers: the next one, and how many came before. For an instance R[A] becomes the function that gives its elements;
    // the position counts them.

    @inline(never) func prepareIteration(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let iterable = Value(bits: frame.pointee.base[i.a])
        let guarded: UInt64
        switch iterable.kind {
        case .list: guarded = UInt64(ListObject.count(iterable.words))
        case .map: guarded = MapObject.version(iterable.words)
        case .longString, .shortString: guarded = 0
        case .range:
            let bounds = RangeObject.bounds(iterable.words)
            guard bounds.isCountable else { return fail("The range is too large to be counted through.") }
            frame.pointee.base[i.a + 1] = Value(number: bounds.start).bits
            frame.pointee.base[i.a + 2] = 0
            return true
        case .instance: return beginIteration(frame, pc, over: iterable)
        default: return fail("Only lists, maps, strings and ranges can be iterated over.")
        }
        frame.pointee.base[i.a + 1] = 0
        frame.pointee.base[i.a + 2] = guarded
        return true
    }

    @inline(never) func nextElement(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands
    ) -> IterationStep {
        enter(frame, pc)
        let state = frame.pointee.base + i.a
        let iterable = Value(bits: state[0])
        if let range = iterable.object(.range) { return nextNumber(of: RangeObject.bounds(range), state, i) }
        let position = Int(state[1])
        let element: UInt64
        var second: UInt64?
        switch iterable.kind {
        case .list:
            guard UInt64(ListObject.count(iterable.words)) == state[2] else { return changed("List") }
            guard position < ListObject.count(iterable.words) else { return .end }
            element = ListObject.elements(iterable.words)[position]
            state[1] = UInt64(position + 1)
        case .map:
            guard MapObject.version(iterable.words) == state[2] else { return changed("Map") }
            var entry = position
            let used = MapObject.used(iterable.words)
            while entry < used, MapObject.entries(iterable.words)[2 * entry] == Value.undefinedBits { entry += 1 }
            guard entry < used else { return .end }
            element = MapObject.entries(iterable.words)[2 * entry]
            second = MapObject.entries(iterable.words)[2 * entry + 1]
            state[1] = UInt64(entry + 1)
        case .closure, .boundMethod, .native, .classObject:
            entered = completing(frame, withCallOf: iterable)
            return .left
        default:
            // The byte offset below, the number of characters before it above.
            let offset = position & 0xFFFF_FFFF
            guard offset < StringObject.byteCount(iterable.words) else { return .end }
            guard let character = character(at: offset, of: iterable.words) else { return .left }
            element = character.bits
            state[1] = UInt64(offset + StringObject.byteCount(character.words)) | UInt64(position >> 32 + 1) << 32
            if i.b == 2 {
                state[3] = Value(unchecked: Double(position >> 32)).bits
                state[4] = element
                return .element
            }
        }
        if i.b == 1 {
            state[3] = element
        } else if let second {
            state[3] = element
            state[4] = second
        } else {
            state[3] = Value(unchecked: Double(position)).bits
            state[4] = element
        }
        return .element
    }

    private func nextNumber(
        of bounds: RangeBounds, _ state: UnsafeMutablePointer<UInt64>, _ i: Operands
    ) -> IterationStep {
        let number = Double(bitPattern: state[1])
        guard bounds.contains(number) else { return .end }
        state[1] = (number + 1).bitPattern
        if i.b == 2 { state[3] = state[2] }
        state[2 + i.b] = number.bitPattern
        state[2] = (Double(bitPattern: state[2]) + 1).bitPattern
        return .element
    }

    private func changed(_ container: String) -> IterationStep {
        _ = fail("\(container) changed size while it was iterated over.")
        return .left
    }
}
