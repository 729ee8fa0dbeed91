import Glibc
import GravlaxCompiler
import GravlaxHeap

/// Making objects. Each of these may collect, and so needs all references in registers or temporaries; `nil` means that
/// memory was refused even then, and the failure is set.
///
/// What a new object refers to is stored through the barrier too. While marking, a new object is black: nobody will scan
/// it, and the register that the reference came from may be overwritten before the registers are scanned. Only words that
/// another object which is about to be overwritten holds as well are copied plainly: overwriting it shades them.
extension Machine {
    @inline(__always) func allocate(_ layout: ObjectLayout) -> ObjectWords? {
        if let memory = mutator.allocate(layout) { return memory.assumingMemoryBound(to: UInt64.self) }
        return allocateSlow(layout)
    }

    @inline(never) private func allocateSlow(_ layout: ObjectLayout) -> ObjectWords? {
        if let memory = mutator.allocateOrCollect(layout) { return memory.assumingMemoryBound(to: UInt64.self) }
        failure = .outOfMemory
        return nil
    }

    /// - Parameter zeroed: false for what is overwritten as a whole.
    @inline(__always) func allocateNoScan(byteCount: Int, zeroed: Bool = true) -> ObjectWords? {
        if let memory = mutator.allocateNoScan(byteCount: byteCount, zeroed: zeroed) {
            return memory.assumingMemoryBound(to: UInt64.self)
        }
        return allocateNoScanSlow(byteCount: byteCount)
    }

    @inline(never) private func allocateNoScanSlow(byteCount: Int) -> ObjectWords? {
        if let memory = mutator.allocateNoScanOrCollect(byteCount: byteCount) {
            return memory.assumingMemoryBound(to: UInt64.self)
        }
        failure = .outOfMemory
        return nil
    }

    // MARK: Strings

    /// The string of a text, which may lie in a string that a root holds.
    func makeString(_ text: UnsafeRawBufferPointer) -> Value? {
        if text.count <= StringObject.shortLimit {
            var bytes: UInt64 = 0
            var index = text.count
            while index > 0 {
                index -= 1
                bytes = bytes << 8 | UInt64(text[index])
            }
            return makeShortString(bytes, byteCount: text.count)
        }
        guard let words = makeLongString(byteCount: text.count) else { return nil }
        memcpy(
            UnsafeMutableRawPointer(words) + StringObject.longTextOffset, text.baseAddress.unsafelyUnwrapped, text.count)
        StringObject.initializeLong(words, byteCount: text.count, isASCII: Machine.isASCII(text))
        return Value(object: words)
    }

    /// A string of `byteCount` bytes, which `fill` puts there piece by piece. It must not allocate.
    func makeString(byteCount: Int, _ fill: (_ put: (UnsafeRawBufferPointer) -> Void) -> Void) -> Value? {
        if byteCount <= StringObject.shortLimit {
            var bytes: UInt64 = 0
            var shift: UInt64 = 0
            fill { piece in
                for byte in piece {
                    bytes |= UInt64(byte) << shift
                    shift += 8
                }
            }
            return makeShortString(bytes, byteCount: byteCount)
        }
        guard let words = makeLongString(byteCount: byteCount) else { return nil }
        let text = UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(words) + StringObject.longTextOffset, count: byteCount)
        var end = 0
        fill { piece in
            UnsafeMutableRawBufferPointer(rebasing: text[end...]).copyMemory(from: piece)
            end += piece.count
        }
        StringObject.initializeLong(words, byteCount: byteCount, isASCII: Machine.isASCII(UnsafeRawBufferPointer(text)))
        return Value(object: words)
    }

    func makeString(_ text: String) -> Value? {
        var text = text
        return text.withUTF8 { makeString(UnsafeRawBufferPointer($0)) }
    }

    /// Joins two strings that registers hold. ASCII-ness follows from the parts.
    func concatenate(_ left: ObjectWords, _ right: ObjectWords) -> Value? {
        let leftText = StringObject.bytes(left)
        let rightText = StringObject.bytes(right)
        let count = leftText.count + rightText.count
        if count <= StringObject.shortLimit {
            return makeShortString(left[0] >> 16 | (right[0] >> 16) << UInt64(leftText.count * 8), byteCount: count)
        }
        guard let words = makeLongString(byteCount: count) else { return nil }
        let destination = UnsafeMutableRawPointer(words) + StringObject.longTextOffset
        memcpy(destination, leftText.baseAddress.unsafelyUnwrapped, leftText.count)
        memcpy(destination + leftText.count, rightText.baseAddress.unsafelyUnwrapped, rightText.count)
        StringObject.initializeLong(
            words, byteCount: count, isASCII: StringObject.isASCII(left) && StringObject.isASCII(right))
        return Value(object: words)
    }

    /// - Parameter text: the bytes, the first lowest.
    private func makeShortString(_ text: UInt64, byteCount: Int) -> Value? {
        guard let words = allocateNoScan(byteCount: 8) else { return nil }
        words[0] = StringObject.shortHeader(text: text, count: byteCount)
        return Value(object: words)
    }

    /// A long string without its text and header; its hash is not known.
    private func makeLongString(byteCount: Int) -> ObjectWords? {
        guard byteCount <= StringObject.maximumByteCount else {
            failure = .outOfMemory
            return nil
        }
        guard let words = allocateNoScan(byteCount: StringObject.longTextOffset + byteCount, zeroed: false) else {
            return nil
        }
        words[1] = 0
        return words
    }

    private static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset + 8 <= text.count {
            if text.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
            offset += 8
        }
        while offset < text.count {
            if text[offset] >= 0x80 { return false }
            offset += 1
        }
        return true
    }

    // MARK: Functions

    /// A closure without captures.
    func makeClosure(_ prototype: UnsafeMutablePointer<PrototypeRecord>) -> Value? {
        guard let words = allocate(prototype.pointee.closureLayout) else { return nil }
        ClosureObject.initialize(words, prototype)
        return Value(object: words)
    }

    func makeNative(_ builtin: Builtin) -> Value? {
        guard let words = allocateNoScan(byteCount: 8) else { return nil }
        words[0] = ObjectKind.native.header(upper: UInt32(builtin.rawValue))
        return Value(object: words)
    }

    /// The module with this number in `BuiltinModules.paths`.
    func makeModule(_ number: Int) -> Value? {
        guard let words = allocateNoScan(byteCount: 8) else { return nil }
        words[0] = ObjectKind.module.header(upper: UInt32(number))
        return Value(object: words)
    }

    func makeBoundMethod(_ receiver: Value, _ method: Value) -> Value? {
        guard let words = allocate(boundMethodLayout) else { return nil }
        words[0] = ObjectKind.boundMethod.header()
        mutator.store(receiver.bits, to: words + BoundMethodObject.receiver)
        mutator.store(method.bits, to: words + BoundMethodObject.method)
        return Value(object: words)
    }

    // MARK: Collections

    /// A buffer of at least `capacity` slots, all zero.
    func makeBuffer(capacity: Int) -> ObjectWords? {
        guard capacity <= ListObject.maximumCount else {
            failure = .outOfMemory
            return nil
        }
        let rounded = BufferObject.roundedCapacity(capacity)
        guard let words = allocate(BufferObject.layout(capacity: rounded)) else { return nil }
        words[0] = ObjectKind.buffer.header(upper: UInt32(rounded))
        return words
    }

    /// An empty list with room for `capacity` elements.
    func makeList(capacity: Int) -> Value? {
        var buffer: UInt64 = 0
        if capacity > 0 {
            guard let words = makeBuffer(capacity: capacity) else { return nil }
            buffer = Value(buffer: words).bits
        }
        temporaries[0] = buffer
        defer { temporaries[0] = 0 }
        guard let words = allocate(listLayout) else { return nil }
        words[0] = ObjectKind.list.header()
        mutator.store(buffer, to: words + 1)
        return Value(object: words)
    }

    /// Makes room for `extra` more elements. The list is in a register.
    func reserve(_ list: ObjectWords, _ extra: Int) -> Bool {
        let count = ListObject.count(list)
        let capacity = ListObject.capacity(list)
        if count + extra <= capacity { return true }
        guard let buffer = makeBuffer(capacity: max(count + extra, capacity * 2, 4)) else { return false }
        // Plain stores will do: the list's word shades the old buffer, and with it whatever that holds.
        if count > 0 { (buffer + BufferObject.first).update(from: ListObject.elements(list), count: count) }
        mutator.store(Value(buffer: buffer).bits, to: list + 1)
        return true
    }

    /// Appends to a list that has room; false, and nothing done, when `words` is no such list.
    @inline(__always) func pushFast(_ value: UInt64, to words: ObjectWords) -> Bool {
        guard UInt8(truncatingIfNeeded: words[0]) == ObjectKind.list.rawValue else { return false }
        let count = ListObject.count(words)
        guard _fastPath(count < ListObject.capacity(words)) else { return false }
        mutator.store(value, to: ListObject.elements(words) + count)
        ListObject.setCount(count + 1, words)
        return true
    }

    @inline(__always) func push(_ value: UInt64, to list: ObjectWords) -> Bool {
        let count = ListObject.count(list)
        if _slowPath(count >= ListObject.capacity(list)) {
            guard reserve(list, 1) else { return false }
        }
        mutator.store(value, to: ListObject.elements(list) + count)
        ListObject.setCount(count + 1, list)
        return true
    }
}
