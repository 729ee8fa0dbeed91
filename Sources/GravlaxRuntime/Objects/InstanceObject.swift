import CGravlaxShims
import GravlaxHeap

/// Instances and classes.
///
///     instance   word 0 header (upper half: shape id)
///                word 1 class, or, when there are fields outside, the buffer of them, whose word 1 is the class
///                words 2 … 2 + inline capacity: fields
///     outside    word 0 header (upper half: field capacity)   word 1 class   words 2…: fields
///                In dictionary mode word 2 is a map from symbol numbers to values, and all fields are in it.
///     class      word 0 header (upper half: id of the root shape)   word 1 ClassRecord address
///                words 2…: name, superclass or nil, initialiser or nil, buffer of methods or nil, buffer of static
///                members or nil
enum InstanceObject {
    static let firstField = 2

    static func layout(inlineCapacity: Int) -> ObjectLayout {
        ObjectLayout(headerWords: 1, slotCount: 1 + inlineCapacity)
    }

    /// As many fields as fit the size class that holds `wanted`.
    static func roundedCapacity(_ wanted: Int) -> Int {
        ObjectLayout.roundedSlotCount(headerWords: 1, slotCount: 1 + wanted) - 1
    }

    @inline(__always) static func shapeID(_ words: ObjectWords) -> UInt32 { UInt32(truncatingIfNeeded: words[0] >> 32) }

    @inline(__always) static func classWords(_ words: ObjectWords) -> ObjectWords {
        let reference = Value(bits: words[1])
        return reference.isObject ? reference.words : Value(bits: reference.words[1]).words
    }

    @inline(__always) static func hasOutside(_ words: ObjectWords) -> Bool { !Value(bits: words[1]).isObject }
}

enum ClassObject {
    static var layout: ObjectLayout { ObjectLayout(headerWords: 2, slotCount: 5) }
    static let name = 2
    static let superclass = 3
    static let initializer = 4
    static let methods = 5
    static let statics = 6

    @inline(__always) static func record(_ words: ObjectWords) -> UnsafeMutablePointer<ClassRecord> {
        UnsafeMutablePointer(bitPattern: UInt(words[1])).unsafelyUnwrapped
    }

    /// The method `symbol`, own or inherited.
    static func method(_ symbol: Int32, of words: ObjectWords) -> Value? {
        let number = record(words).pointee.methods.find(symbol)
        return number < 0 ? nil : method(number: number, of: words)
    }

    @inline(__always) static func method(number: Int, of words: ObjectWords) -> Value {
        Value(bits: Value(bits: words[methods]).words[BufferObject.first + number])
    }

    static func nameText(_ words: ObjectWords) -> String { StringObject.text(Value(bits: words[name]).words) }
}

/// A buffer of values: word 0 header (upper half: capacity in slots), then the slots. The buffer carries its own
/// capacity, so that no length is trusted without the buffer it belongs to.
enum BufferObject {
    static let first = 1

    static func layout(capacity: Int) -> ObjectLayout { ObjectLayout(headerWords: 1, slotCount: capacity) }

    /// As many slots as fit the size class that holds `wanted`.
    static func roundedCapacity(_ wanted: Int) -> Int {
        ObjectLayout.roundedSlotCount(headerWords: 1, slotCount: wanted)
    }

    @inline(__always) static func capacity(_ words: ObjectWords) -> Int { upperHalf(words[0]) }
}

/// A list: word 0 header (upper half: count), word 1 its buffer, or 0 while it has none.
enum ListObject {
    static var layout: ObjectLayout { ObjectLayout(headerWords: 1, slotCount: 1) }
    static let maximumCount = Int(UInt32.max) >> 1

    @inline(__always) static func count(_ words: ObjectWords) -> Int { upperHalf(words[0]) }

    @inline(__always) static func setCount(_ count: Int, _ words: ObjectWords) {
        words[0] = words[0] & 0xFFFF_FFFF | UInt64(truncatingIfNeeded: count) << 32
    }

    @inline(__always) static func elements(_ words: ObjectWords) -> UnsafeMutablePointer<UInt64> {
        Value(bits: words[1]).words + BufferObject.first
    }

    @inline(__always) static func capacity(_ words: ObjectWords) -> Int {
        words[1] == 0 ? 0 : BufferObject.capacity(Value(bits: words[1]).words)
    }

    /// Where the element `key` of `words` is, when that is a list and `key` a number that is one of its indexes from
    /// the front.
    ///
    /// - Parameter barrierBit: `Mutator.barrierBit`, where the element is to be written to: none is found while the
    ///   barrier is on.
    @inline(__always) static func element(
        _ words: ObjectWords, _ key: UInt64, barrierBit: UInt64 = 0
    ) -> UnsafeMutablePointer<UInt64>? {
        guard UInt8(truncatingIfNeeded: words[0] | barrierBit) == ObjectKind.list.rawValue else { return nil }
        // Anything but an integer comes back from there with other bits, -0 and what is no number included.
        let index = Int(gravlax_truncate(Double(bitPattern: key)))
        guard Double(index).bitPattern == key, UInt(bitPattern: index) < UInt(bitPattern: count(words)) else { return nil }
        return elements(words) + index
    }
}
