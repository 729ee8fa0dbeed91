import Glibc

/// A text that is read piece by piece, into a string of the heap from the start: so the budget bounds it, and nothing else
/// holds it besides. While it grows, it lies in a temporary root. Owner: the built-in that reads.
struct ReadText {
    private unowned let machine: Machine
    private var words: ObjectWords?
    private(set) var count = 0
    private var capacity = 0

    private static var place: Int { 2 }
    private static let firstCapacity = 1 << 12

    init(_ machine: Machine) { self.machine = machine }

    /// Room for bytes after those that are there; empty when there is none.
    var room: UnsafeMutableRawBufferPointer {
        guard let words else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        return UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(words) + StringObject.longTextOffset + count, count: capacity - count)
    }

    /// Bytes have been put into the room.
    mutating func advance(_ byteCount: Int) { count += byteCount }

    /// Makes room for `extra` bytes at least. False: failed.
    mutating func reserve(_ extra: Int) -> Bool {
        if count + extra <= capacity { return true }
        let wanted = max(count + extra, min(2 * capacity, StringObject.maximumByteCount), ReadText.firstCapacity)
        guard let larger = machine.makeLongString(byteCount: wanted) else { return false }
        let old = bytes
        words = larger
        capacity = wanted
        machine.temporaries[ReadText.place + 1] = Value(object: larger).bits
        defer {
            machine.temporaries[ReadText.place] = Value(object: larger).bits
            machine.temporaries[ReadText.place + 1] = 0
        }
        count = 0
        return append(old)
    }

    /// Adds bytes for which there is room. False: failed.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(Machine.bytesBetweenPolls))
            room.copyMemory(from: piece)
            count += piece.count
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
            guard machine.worked(piece.count) else { return false }
        }
        return true
    }

    private var bytes: UnsafeRawBufferPointer {
        guard let words else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: UnsafeRawPointer(words) + StringObject.longTextOffset, count: count)
    }

    /// The string; `nil`: failed. A text that is no UTF-8 is the error `message`.
    func finish(orFail message: @autoclosure () -> String) -> Value? {
        guard let isText = machine.isUTF8(bytes) else { return nil }
        guard isText else { return machine.failed(message()) }
        // In place, unless much of the room would be lost.
        guard let words, count > StringObject.shortLimit, capacity - count <= 64 + count / 8 else { return machine.makeString(bytes) }
        guard let isASCII = machine.isASCII(bytes) else { return nil }
        StringObject.initializeLong(words, byteCount: count, isASCII: isASCII)
        return Value(object: words)
    }

    /// To be called at the end, whatever it is.
    func close() { machine.temporaries[ReadText.place] = 0 }
}

/// What was read from standard input and not given to the program yet.
struct PendingInput {
    private var bytes: [UInt8] = []
    private var position = 0

    static let capacity = 1 << 14

    var rest: ArraySlice<UInt8> { bytes[position...] }

    mutating func remove(_ count: Int) { position += count }

    mutating func refill(_ bytes: UnsafeRawBufferPointer) {
        self.bytes.removeAll(keepingCapacity: true)
        self.bytes.append(contentsOf: bytes)
        position = 0
    }
}
