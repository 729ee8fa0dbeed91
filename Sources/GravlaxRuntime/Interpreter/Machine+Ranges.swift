import GravlaxCompiler
import GravlaxHeap

/// Ranges, and the slices of lists and strings that they make.
extension Machine {
    @inline(never) func newRange(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands, isClosed: Bool
    ) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        let (start, end) = (Value(bits: base[i.b]), Value(bits: base[i.c]))
        guard start.isNumber, end.isNumber else { return fail("Range bounds must be numbers.") }
        guard let words = allocateNoScan(byteCount: RangeObject.byteCount) else { return false }
        words[0] = ObjectKind.range.header() | (isClosed ? RangeObject.closedFlag : 0)
        words[1] = start.bits
        words[2] = end.bits
        base[i.a] = Value(object: words).bits
        return true
    }

    /// What a counted loop does without a range.
    @inline(never) func checkRange(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let (start, end) = (Value(bits: frame.pointee.base[i.a]), Value(bits: frame.pointee.base[i.b]))
        guard start.isNumber, end.isNumber else { return fail("Range bounds must be numbers.") }
        return RangeBounds(start: start.number, end: end.number, isClosed: i.c == 1).isCountable
            || fail("The range is too large to be counted through.")
    }

    func rangeProperty(_ symbol: Int32, of bounds: RangeBounds) -> Double? {
        switch symbol {
        case startSymbol: bounds.start
        case endSymbol: bounds.end
        case BuiltinTable.countSymbol: bounds.count
        default: nil
        }
    }

    // MARK: Slices

    /// The indexes from 0 that a range means among `count`: negative bounds count from the end, and one that ends before
    /// its start is empty. `nil` is an error, which names the bound and the count.
    func checkedIndexes(
        _ bounds: RangeBounds, count: Int, _ container: String, _ element: String
    ) -> Range<Int>? {
        guard
            let start = checkedIndex(Value(number: bounds.start), count: count, includingEnd: true, container, element),
            let end = checkedIndex(
                Value(number: bounds.end), count: count, includingEnd: !bounds.isClosed, container, element)
        else { return nil }
        return start..<max(start, bounds.isClosed ? end + 1 : end)
    }

    func slice(_ frame: FramePointer, _ i: Operands, list: ObjectWords, _ bounds: RangeBounds) -> Bool {
        guard let indexes = checkedIndexes(bounds, count: ListObject.count(list), "List", "element"),
            let slice = makeSlice(list, indexes)
        else { return false }
        frame.pointee.base[i.a] = slice.bits
        return true
    }

    func slice(_ frame: FramePointer, _ i: Operands, string: ObjectWords, _ bounds: RangeBounds) -> Bool {
        guard let count = scalarCount(string), let indexes = checkedIndexes(bounds, count: count, "String", "character"),
            let slice = makeSlice(ofString: string, indexes)
        else { return false }
        frame.pointee.base[i.a] = slice.bits
        return true
    }

    /// The scalars at `indexes` of a string that a register holds. Polls.
    func makeSlice(ofString string: ObjectWords, _ indexes: Range<Int>) -> Value? {
        guard let start = scalarOffset(string, indexes.lowerBound), let end = scalarOffset(string, indexes.upperBound) else {
            return nil
        }
        return makeString(UnsafeRawBufferPointer(rebasing: StringObject.bytes(string)[start..<end]))
    }

    /// A list of the elements at `indexes` of a list that a register holds. Polls.
    func makeSlice(_ list: ObjectWords, _ indexes: Range<Int>) -> Value? {
        guard let slice = makeList(capacity: indexes.count) else { return nil }
        temporaries[1] = slice.bits
        defer { temporaries[1] = 0 }
        var copied = 0
        while copied < indexes.count {
            let count = min(indexes.count - copied, Machine.wordsBetweenPolls)
            mutator.bulkStore(
                from: ListObject.elements(list) + (indexes.lowerBound + copied),
                to: ListObject.elements(slice.words) + copied, count: count)
            copied += count
            ListObject.setCount(copied, slice.words)
            guard worked(8 * count) else { return nil }
        }
        return slice
    }

    /// 64 KiB.
    static var wordsBetweenPolls: Int { 1 << 13 }
}
