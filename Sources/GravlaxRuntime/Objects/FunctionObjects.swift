import GravlaxCompiler
import GravlaxHeap

/// Functions and what they close over.
///
///     closure       word 0 header (upper half: capture count)  word 1 PrototypeRecord address  words 2… captures
///     cell          word 0 header                              word 1 content
///     bound method  word 0 header                              word 1 receiver   word 2 method
///     accessor      word 0 header                              word 1 getter   word 2 setter, or nil
///     native        word 0 header (upper half: `Builtin` number, or from `HostFunction.firstNumber` on that of a host function)
///     module        word 0 header (upper half: number in `BuiltinModules.paths`, and beyond them of a file)
package enum ClosureObject {
    package static let firstCapture = 2

    static func layout(captureCount: Int) -> ObjectLayout { ObjectLayout(headerWords: 2, slotCount: captureCount) }

    /// What the closure runs: native memory that lives as long as the interpreter.
    @inline(__always) static func prototype(_ words: ObjectWords) -> UnsafeMutablePointer<PrototypeRecord> {
        UnsafeMutablePointer(bitPattern: UInt(words[1])).unsafelyUnwrapped
    }

    @inline(__always) static func initialize(_ words: ObjectWords, _ prototype: UnsafeMutablePointer<PrototypeRecord>) {
        words[0] = ObjectKind.closure.header(upper: UInt32(truncatingIfNeeded: prototype.pointee.captureCount))
        words[1] = UInt64(UInt(bitPattern: prototype))
    }
}

enum CellObject {
    static var layout: ObjectLayout { ObjectLayout(headerWords: 1, slotCount: 1) }
}

/// What stands among a class's methods for a property that the host computes: native functions. The getter takes the
/// instance, the setter the instance and the value. No script sees the object itself.
enum AccessorObject {
    static var layout: ObjectLayout { ObjectLayout(headerWords: 1, slotCount: 2) }
    static let getter = 1
    static let setter = 2
}

enum BoundMethodObject {
    static var layout: ObjectLayout { ObjectLayout(headerWords: 1, slotCount: 2) }
    static let receiver = 1
    static let method = 2
}
