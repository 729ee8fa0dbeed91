import Glibc
import GravlaxHeap

/// Sorting numbers or strings without a comparator: a merge sort, stable, in pieces that poll.
///
/// It works on plain words in memory that the collector never scans. The list keeps its elements until the end, and with
/// them all that those words refer to; no script runs meanwhile.
extension Machine {
    /// Sorts the list, which a register holds. False: failed, and the list is as it was.
    func sort(_ list: ObjectWords) -> Bool {
        let count = ListObject.count(list)
        guard let areStrings = sortedKind(list) else { return false }
        guard count > 1 else { return true }
        guard let scratch = allocateNoScan(byteCount: 8 + 16 * count, zeroed: false) else { return false }
        scratch[0] = ObjectKind.buffer.header()
        temporaries[1] = Value(buffer: scratch).bits
        defer { temporaries[1] = 0 }
        let first = scratch + 1
        first.update(from: ListObject.elements(list), count: count)
        let sorted =
            areStrings
            ? mergeSort(first, first + count, count, textSortsBefore)
            : mergeSort(first, first + count, count, Machine.numberSortsBefore)
        guard let sorted else { return false }
        return replaceElements(of: list, with: sorted, count: count)
    }

    /// Whether all elements are strings, or else numbers; `nil`: neither, and the error is set.
    private func sortedKind(_ list: ObjectWords) -> Bool? {
        let count = ListObject.count(list)
        guard count > 0 else { return false }
        let areStrings = StringObject.isString(Value(bits: ListObject.elements(list)[0]))
        for index in 0..<count {
            let element = Value(bits: ListObject.elements(list)[index])
            guard areStrings ? StringObject.isString(element) : element.isNumber else {
                _ = fail(
                    "list.sort without a comparator expects only numbers or only strings, but element \(index) is \(kindName(element)).")
                return nil
            }
            guard worked(8) else { return nil }
        }
        return areStrings
    }

    /// NaNs go last.
    @inline(__always) private static func numberSortsBefore(_ left: UInt64, _ right: UInt64) -> Bool {
        let (left, right) = (Double(bitPattern: left), Double(bitPattern: right))
        return left < right || right.isNaN && !left.isNaN
    }

    /// By bytes, which is the order of the scalars.
    private func textSortsBefore(_ left: UInt64, _ right: UInt64) -> Bool {
        let leftText = StringObject.bytes(Value(bits: left).words)
        let rightText = StringObject.bytes(Value(bits: right).words)
        let count = min(leftText.count, rightText.count)
        // What is more than the comparison of short texts brings the next poll nearer.
        if count > 64 { workSincePoll &+= count }
        let order = memcmp(leftText.baseAddress.unsafelyUnwrapped, rightText.baseAddress.unsafelyUnwrapped, count)
        return order != 0 ? order < 0 : leftText.count < rightText.count
    }

    /// Gives the one of the two buffers that holds the sorted words; `nil`: failed.
    @inline(__always) private func mergeSort(
        _ words: UnsafeMutablePointer<UInt64>, _ spare: UnsafeMutablePointer<UInt64>, _ count: Int,
        _ sortsBefore: (UInt64, UInt64) -> Bool
    ) -> UnsafeMutablePointer<UInt64>? {
        let run = 16
        for start in stride(from: 0, to: count, by: run) {
            let end = min(start + run, count)
            for index in start + 1..<max(end, start + 1) {
                let word = words[index]
                var place = index
                while place > start, sortsBefore(word, words[place - 1]) {
                    words[place] = words[place - 1]
                    place -= 1
                    guard worked(4) else { return nil }
                }
                words[place] = word
                guard worked(4) else { return nil }
            }
        }
        var (from, to) = (words, spare)
        var width = run
        while width < count {
            for start in stride(from: 0, to: count, by: 2 * width) {
                let middle = min(start + width, count)
                let end = min(middle + width, count)
                var (left, right) = (start, middle)
                for place in start..<end {
                    if right < end, left == middle || sortsBefore(from[right], from[left]) {
                        to[place] = from[right]
                        right += 1
                    } else {
                        to[place] = from[left]
                        left += 1
                    }
                    guard worked(8) else { return nil }
                }
            }
            (from, to) = (to, from)
            width *= 2
        }
        return from
    }
}
