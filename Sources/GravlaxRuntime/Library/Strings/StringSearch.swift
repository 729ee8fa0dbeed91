import CGravlaxShims
import Glibc
import GravlaxHeap

/// Searching, splitting and replacing. In linear time: the C library's search takes no longer than text and pattern are.
extension Machine {
    /// Whether two texts that strings in registers hold are equal; `nil`: failed.
    func textsAreEqual(_ left: ObjectWords, _ right: ObjectWords) -> Bool? {
        let (left, right) = (StringObject.bytes(left), StringObject.bytes(right))
        return left.count == right.count ? bytesAreEqual(left, right) : false
    }

    /// The same for two pieces with as many bytes.
    func bytesAreEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool? {
        guard let first = left.baseAddress, let second = right.baseAddress else { return true }
        var offset = 0
        while offset < left.count {
            let count = min(left.count - offset, Machine.bytesBetweenPolls)
            if memcmp(first + offset, second + offset, count) != 0 { return false }
            offset += count
            guard worked(count) else { return nil }
        }
        return true
    }

    /// The first byte from `start` on where `pattern` begins in `text`, or -1; `nil`: failed. Polls; both texts lie in strings
    /// that registers hold.
    func offset(of pattern: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        if pattern.isEmpty { return start }
        if pattern.count > Machine.patternLimit { return offset(ofLong: pattern, in: text, from: start) }
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

    /// Patterns that the C library may search for: it takes so long for some of this many bytes that no more is to be done
    /// without a poll.
    private static var patternLimit: Int { 1 << 20 }

    /// For long patterns: by Rabin and Karp, comparing where the hash of as many bytes is the pattern's. Linear, too, but where
    /// somebody looked for texts with equal hashes.
    private func offset(
        ofLong pattern: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer, from start: Int
    ) -> Int? {
        guard text.count - start >= pattern.count else { return -1 }
        guard let wanted = RollingHash(pattern, self),
            var hash = RollingHash(UnsafeRawBufferPointer(rebasing: text[start..<start + pattern.count]), self)
        else { return nil }
        var position = start
        while true {
            if hash.value == wanted.value {
                let place = UnsafeRawBufferPointer(rebasing: text[position..<position + pattern.count])
                guard let areEqual = bytesAreEqual(place, pattern) else { return nil }
                if areEqual { return position }
            }
            guard position + pattern.count < text.count else { return -1 }
            hash.advance(from: text[position], to: text[position + pattern.count])
            position += 1
            guard worked(8) else { return nil }
        }
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
            return push(part.bits, to: list.words) && worked(16)
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
            let isDone = forEachMatch(of: pattern, in: text) { offset in
                defer { start = offset + pattern.count }
                return put(UnsafeRawBufferPointer(rebasing: text[start..<offset])) && put(replacement)
            }
            return isDone && put(UnsafeRawBufferPointer(rebasing: text[start...]))
        }
    }
}
