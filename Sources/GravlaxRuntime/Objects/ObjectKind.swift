/// What an object is: bits 0–7 of its header word.
///
///     word 0   63            32 31        16 15      8 7       0
///             │ count or id    │  per kind  │  flags  │  kind   │
///
/// The upper half holds what the kind says: a list's or map's count, an instance's shape, a native function's or module's
/// number, a long string's byte count. A short string keeps its text in the header itself (`StringObject`).
package enum ObjectKind: UInt8, Sendable {
    case longString = 1
    case shortString
    case closure
    case cell
    case classObject
    case instance
    case boundMethod
    case native
    case list
    case map
    case buffer
    case module
    case weakReference
    case weakMap
    case range
    case accessor
}

/// The words of an object or buffer. Nothing moves, so an address is good until the next safepoint, and after it when a
/// register still holds a reference.
package typealias ObjectWords = UnsafeMutablePointer<UInt64>

extension ObjectKind {
    /// A header with `upper` in its upper half.
    @inline(__always) package func header(upper: UInt32 = 0) -> UInt64 {
        UInt64(rawValue) | UInt64(upper) << 32
    }
}

/// The upper half of a header word.
@inline(__always) package func upperHalf(_ header: UInt64) -> Int { Int(header >> 32) }
