/// The functions of the library; their number is what a native function object holds. A case here, a row in
/// `BuiltinTable.rows`, and its code: in Swift with those of its owner, or in Gravlax in the prelude (`Prelude`).
enum Builtin: UInt8, CaseIterable {
    // Functions
    case clock, str, type, num, assert
    // Methods of strings
    case sliceString, find, containsText, startsWith, endsWith, split, trim, upper, lower, replace, `repeat`, codePoints, bytes
    // Methods of lists
    case push, pop, insert, removeAt, clearList
    case map, filter, reduce, each, sort, reverse, join, containsElement, indexOf, sliceList, copyList
    // Methods of lists for the prelude
    case sortsBefore, endSort, textMethod, checkText, write
    // Methods of maps
    case has, get, remove, keys, values, clearMap, copyMap
    // Members of std/gc
    case collect, stats, percent, memoryLimit, releaseMemory, step, keepAlive, trace, onFinalize, onCleanup, runFinalizers, weakReference, weakMap
    // Members of std/math
    case pi, e, infinity, notANumber, maxInteger, minimum, maximum, abs, floor, ceil, round, truncate, sign, sqrt, cbrt, pow, exp, log, log2, log10
    case sin, cos, tan, asin, acos, atan, atan2, sinh, cosh, tanh, hypot, clamp
    // Members of std/random
    case seed, randomNumber, randomInteger, choice, shuffle
    // Members of std/time
    case monotonic, now
    // Members of std/json
    case parse, stringify
    // Members of std/bits
    case bitAnd, bitOr, bitXor, bitNot, shiftLeft, shiftRight, bitTest, bitCount, bitLength
    // Members of std/io
    case readFile, writeFile, appendFile, exists, removeFile, listFolder, readLine, readInput, writeError
    // Members of std/os
    case arguments, environment, exit
    // Methods of weak references and weak maps
    case getWeak, weakGet, weakSet, weakHas, weakRemove
}

/// Whose member a built-in is.
enum BuiltinOwner: UInt8, CaseIterable {
    case global, string, list, map, weakReference, weakMap
    /// The modules, in the order of `BuiltinModules.paths`.
    case gc, math, random, time, json, bits, io, os

    /// The owner of the members of the module with a number in `BuiltinModules.paths`.
    static func module(_ number: Int) -> BuiltinOwner? { BuiltinOwner(rawValue: gc.rawValue + UInt8(number)) }

    /// The owner of the methods of values of a kind, modules apart.
    static func of(_ kind: ObjectKind?) -> BuiltinOwner? {
        switch kind {
        case .longString, .shortString: .string
        case .list: .list
        case .map: .map
        case .weakReference: .weakReference
        case .weakMap: .weakMap
        default: nil
        }
    }
}

/// What a built-in takes: names, kinds and counts of its arguments, read from a text such as `start: integer, end?: integer`.
/// Names that end in `?` may be left out, or given as nil.
struct BuiltinSignature {
    enum Kind: UInt64 {
        case value = 1, number, integer, string, function, list, map, boolean

        /// What it is called in errors.
        var text: String {
            switch self {
            case .value: "a value"
            case .number: "a number"
            case .integer: "a whole number"
            case .string: "a string"
            case .function: "a function"
            case .list: "a list"
            case .map: "a map"
            case .boolean: "a boolean"
            }
        }
    }

    /// The kinds, four bits each, the first lowest.
    private(set) var kinds: UInt64 = 0
    private(set) var requiredCount = 0
    private(set) var count = 0
    private let text: StaticString

    init(_ text: StaticString) {
        self.text = text
        let bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        for index in bytes.indices where bytes[index] == UInt8(ascii: ":") {
            let kind: Kind =
                switch bytes[index + 2] {
                case UInt8(ascii: "n"): .number
                case UInt8(ascii: "i"): .integer
                case UInt8(ascii: "s"): .string
                case UInt8(ascii: "f"): .function
                case UInt8(ascii: "l"): .list
                case UInt8(ascii: "m"): .map
                case UInt8(ascii: "b"): .boolean
                default: .value
                }
            kinds |= kind.rawValue << UInt64(4 * count)
            count += 1
            if bytes[index - 1] != UInt8(ascii: "?") { requiredCount = count }
        }
    }

    /// The kind of an argument, by position from 0.
    func kind(_ position: Int) -> Kind { Kind(rawValue: kinds >> UInt64(4 * position) & 15).unsafelyUnwrapped }

    /// The name of an argument, by position from 0.
    func name(_ position: Int) -> String {
        let parts = text.description.split(separator: ",")
        return String(parts[position].prefix { $0 != ":" && $0 != "?" }.drop { $0 == " " })
    }
}
