import CGravlaxShims
import GravlaxHeap

/// Searching, splitting and replacing. In linear time: the C library's search takes no longer than text and pattern are.
extension Machine {
    /// The first byte from `start` on where `pattern` begins in `text`, or -1; `nil`: failed. Polls; both texts lie in strings
    /// that registers hold.
    func offset(of pattern: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        if pattern.isEmpty { return start }
        // Pieces overlap by what a match may reach into the next. Longer ones for long patterns keep the whole linear.
        let piece = max(1 << 16, pattern.count)
        var position = start
        while position + pattern.count <= text.count {
            let count = min(piece + pattern.count - 1, text.count - position)
            let base = text.baseAddress.unsafelyUnwrapped
            if let found = gravlax_find_bytes(
                base + position, UInt(count), pattern.baseAddress.unsafelyUnwrapped, UInt(pattern.count))
            {
                let offset = UnsafeRawPointer(found) - base
                return worked(offset - position) ? offset : nil
            }
            guard worked(count) else { return nil }
            position += piece
        }
        return -1
    }

    /// Calls `body` with the offset of each place, none overlapping the one before, where `pattern` is in `text`. False: failed.
    private func forEachMatch(
        of pattern: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer, _ body: (Int) -> Bool
    ) -> Bool {
        var position = 0
        while let found = offset(of: pattern, in: text, from: position) {
            if found < 0 { return true }
            guard body(found) else { return false }
            position = found + pattern.count
        }
        return false
    }

    func split(_ string: ObjectWords, by separator: ObjectWords) -> Value? {
        let text = StringObject.bytes(string)
        let pattern = StringObject.bytes(separator)
        guard let list = makeList(capacity: 0) else { return nil }
        temporaries[1] = list.bits
        defer {
            temporaries[1] = 0
            temporaries[2] = 0
        }
        func add(_ range: Range<Int>) -> Bool {
            guard let part = makeString(UnsafeRawBufferPointer(rebasing: text[range])) else { return false }
            temporaries[2] = part.bits
            return push(part.bits, to: list.words) && worked(16 + range.count)
        }
        if pattern.isEmpty {
            var offset = 0
            while offset < text.count {
                let end = offset + UTF8.width(scalar(in: text, at: offset))
                guard add(offset..<end) else { return nil }
                offset = end
            }
            return list
        }
        var start = 0
        let isDone = forEachMatch(of: pattern, in: text) { offset in
            defer { start = offset + pattern.count }
            return add(start..<offset)
        }
        return isDone && add(start..<text.count) ? list : nil
    }

    func replace(_ old: ObjectWords, with new: ObjectWords, in receiver: Value) -> Value? {
        let text = StringObject.bytes(receiver.words)
        let pattern = StringObject.bytes(old)
        if pattern.isEmpty { return failed("string.replace expects a text with characters as 'old'.") }
        let replacement = StringObject.bytes(new)
        var matchCount = 0
        guard
            forEachMatch(
                of: pattern, in: text,
                { _ in
                    matchCount += 1
                    return true
                })
        else { return nil }
        if matchCount == 0 { return receiver }
        let byteCount = text.count + matchCount * (replacement.count - pattern.count)
        guard byteCount <= StringObject.maximumByteCount else {
            failure = .outOfMemory
            return nil
        }
        return makeString(byteCount: byteCount) { put in
            var start = 0
            // Without polls: a new string has no root before it is whole.
            while let found = gravlax_find_bytes(
                text.baseAddress.unsafelyUnwrapped + start, UInt(text.count - start),
                pattern.baseAddress.unsafelyUnwrapped, UInt(pattern.count))
            {
                let offset = UnsafeRawPointer(found) - text.baseAddress.unsafelyUnwrapped
                put(UnsafeRawBufferPointer(rebasing: text[start..<offset]))
                put(replacement)
                start = offset + pattern.count
            }
            put(UnsafeRawBufferPointer(rebasing: text[start...]))
        }
    }
}
