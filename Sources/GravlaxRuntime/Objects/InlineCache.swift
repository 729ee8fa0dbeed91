/// What a site found last: one word, so that it is read and written at once, and never an address.
///
///     63        32 31     23 22    12 11   8 7      0
///     │ shape id  │  delta  │  slot  │ form │  kind  │
///
/// `kind` is that of instances, so that an empty cache (0) and objects of other kinds never match, whatever their
/// upper half holds. An instance's header has zeros where `form` stands: one XOR and one AND compare all three.
struct InlineCache {
    var word: UInt64

    /// A field inside the instance; `slot` is its word.
    @inline(__always) static var inlineField: UInt64 { 0 }
    /// A field in the buffer outside; `slot` is its word there.
    @inline(__always) static var outsideField: UInt64 { 1 }
    /// A method; `slot` is its number in the class's buffer, and the instance refers to its class directly.
    @inline(__always) static var method: UInt64 { 2 }
    /// A method of an instance with outside fields.
    @inline(__always) static var outsideMethod: UInt64 { 3 }
    /// A store adds the field in word `slot` of the instance; the new shape's id is `delta` more.
    @inline(__always) static var inlineAddition: UInt64 { 4 }

    /// What the class has there and takes more than a closure's call: a getter, or a function of the host; `slot` is its
    /// number in the class's buffer. No fast path takes it.
    @inline(__always) static var special: UInt64 { 5 }

    @inline(__always) static var matchMask: UInt64 { 0xFFFF_FFFF_0000_0FFF }
    static let slotLimit = 1 << 11
    static let deltaLimit: UInt32 = 1 << 9

    @inline(__always) init(word: UInt64) { self.word = word }

    /// An empty cache when the numbers do not fit.
    init(shapeID: UInt32, form: UInt64, slot: Int, delta: UInt32 = 0, kind: ObjectKind = .instance) {
        guard slot < InlineCache.slotLimit, delta < InlineCache.deltaLimit else {
            word = 0
            return
        }
        word = UInt64(shapeID) << 32 | UInt64(delta) << 23 | UInt64(slot) << 12 | form << 8
            | UInt64(kind.rawValue)
    }

    /// A member of a file: its global slot stands where `slot` and `delta` do. Kind and form are those of no other cache.
    @inline(__always) static var moduleMember: UInt64 { 0xE }

    init(module number: UInt32, wideSlot: Int) {
        word = wideSlot < 1 << 20
            ? UInt64(number) << 32 | UInt64(wideSlot) << 12 | InlineCache.moduleMember << 8 | UInt64(ObjectKind.module.rawValue)
            : 0
    }

    @inline(__always) var wideSlot: Int { Int(word >> 12 & 0xF_FFFF) }

    /// Stands for lists' own `push`. Kind and form are those of no other cache.
    @inline(__always) static var push: UInt64 { 0xF00 | UInt64(ObjectKind.list.rawValue) }

    /// The form for an instance with this header; anything above 15 when it does not match.
    @inline(__always) func difference(_ header: UInt64) -> UInt64 { (word ^ header) & InlineCache.matchMask }

    @inline(__always) var slot: Int { Int(word >> 12 & 0x7FF) }
    @inline(__always) var delta: UInt64 { word >> 23 & 0x1FF }
    @inline(__always) var form: UInt64 { word >> 8 & 0xF }
}
