import GravlaxCompiler

/// The one table of built-ins.
struct BuiltinTable: Sendable {
    struct Row: Sendable {
        let owner: BuiltinOwner
        let name: String
        let builtin: Builtin
        let signature: BuiltinSignature
        /// Whether it is read, not called.
        let isProperty: Bool

        init(
            _ owner: BuiltinOwner, _ name: String, _ builtin: Builtin, _ signature: StaticString = "",
            isProperty: Bool = false
        ) {
            (self.owner, self.name, self.builtin, self.isProperty) = (owner, name, builtin, isProperty)
            self.signature = BuiltinSignature(signature)
        }

        /// As errors call it: `string.find`, `math.sqrt`, `num`.
        var qualifiedName: String { owner == .global ? name : "\(owner).\(name)" }
    }

    /// What a call looks at: of a row, that which is no text, so that nothing is counted.
    struct Record: Sendable {
        let kinds: UInt64
        let requiredCount: UInt8
        let count: UInt8
        let owner: BuiltinOwner
        let isProperty: Bool

        init(_ row: Row) {
            kinds = row.signature.kinds
            requiredCount = UInt8(row.signature.requiredCount)
            count = UInt8(row.signature.count)
            owner = row.owner
            isProperty = row.isProperty
        }
    }

    /// Names that begin so are for the prelude alone: no script can write them, and none sees them.
    static let hiddenPrefix = "\0"
    /// What stands for the prefix in the prelude's text.
    static let preludePrefix = "native_"

    static let rows: [Row] = [
        // The first slots of every program's global table, in this order.
        Row(.global, "clock", .clock),
        Row(.global, "str", .str, "x: value"),
        Row(.global, "type", .type, "x: value"),
        Row(.global, "num", .num, "text: value"),
        Row(.global, "assert", .assert, "condition: value, message?: value"),

        Row(.string, "slice", .sliceString, "start: integer, end?: integer"),
        Row(.string, "find", .find, "text: string, start?: integer"),
        Row(.string, "contains", .containsText, "text: string"),
        Row(.string, "startsWith", .startsWith, "text: string"),
        Row(.string, "endsWith", .endsWith, "text: string"),
        Row(.string, "split", .split, "separator: string"),
        Row(.string, "trim", .trim),
        Row(.string, "upper", .upper),
        Row(.string, "lower", .lower),
        Row(.string, "replace", .replace, "old: string, new: string"),
        Row(.string, "repeat", .repeat, "count: integer"),
        Row(.string, "codePoints", .codePoints),
        Row(.string, "bytes", .bytes),

        Row(.list, "push", .push, "value: value"),
        Row(.list, "pop", .pop),
        Row(.list, "insert", .insert, "index: value, value: value"),
        Row(.list, "removeAt", .removeAt, "index: value"),
        Row(.list, "clear", .clearList),
        Row(.list, "map", .map, "f: function"),
        Row(.list, "filter", .filter, "f: function"),
        Row(.list, "reduce", .reduce, "f: function, initial?: value"),
        Row(.list, "each", .each, "f: function"),
        Row(.list, "sort", .sort, "comparator?: function"),
        Row(.list, "reverse", .reverse),
        Row(.list, "join", .join, "separator?: string"),
        Row(.list, "contains", .containsElement, "value: value"),
        Row(.list, "indexOf", .indexOf, "value: value, start?: integer"),
        Row(.list, "slice", .sliceList, "start: integer, end?: integer"),
        Row(.list, "copy", .copyList),
        Row(.list, hiddenPrefix + "sortsBefore", .sortsBefore, "answer: value"),
        Row(.list, hiddenPrefix + "endSort", .endSort, "sorted: list"),
        Row(.list, hiddenPrefix + "textMethod", .textMethod, "instance: value"),
        Row(.list, hiddenPrefix + "checkText", .checkText, "instance: value, text: value"),
        Row(.list, hiddenPrefix + "write", .write, "value: value, texts: map"),

        Row(.map, "has", .has, "key: value"),
        Row(.map, "get", .get, "key: value, default?: value"),
        Row(.map, "remove", .remove, "key: value"),
        Row(.map, "keys", .keys),
        Row(.map, "values", .values),
        Row(.map, "clear", .clearMap),
        Row(.map, "copy", .copyMap),

        Row(.gc, "collect", .collect),
        Row(.gc, "stats", .stats, "detailed?: value"),
        Row(.gc, "percent", .percent, "percent?: value"),
        Row(.gc, "memoryLimit", .memoryLimit, "bytes?: value"),
        Row(.gc, "releaseMemory", .releaseMemory),
        Row(.gc, "step", .step, "units: value"),
        Row(.gc, "keepAlive", .keepAlive, "object: value"),
        Row(.gc, "trace", .trace, "f: value"),
        Row(.gc, "onFinalize", .onFinalize, "object: value, f: value"),
        Row(.gc, "onCleanup", .onCleanup, "object: value, f: value, argument: value"),
        Row(.gc, "runFinalizers", .runFinalizers),
        Row(.gc, "WeakRef", .weakReference, "object: value"),
        Row(.gc, "WeakMap", .weakMap),

        Row(.math, "pi", .pi, isProperty: true),
        Row(.math, "e", .e, isProperty: true),
        Row(.math, "inf", .infinity, isProperty: true),
        Row(.math, "nan", .notANumber, isProperty: true),
        Row(.math, "maxInteger", .maxInteger, isProperty: true),
        Row(.math, "min", .minimum, "a: number, b: number, c?: number, d?: number, e?: number, f?: number, g?: number, h?: number"),
        Row(.math, "max", .maximum, "a: number, b: number, c?: number, d?: number, e?: number, f?: number, g?: number, h?: number"),
        Row(.math, "abs", .abs, "x: number"),
        Row(.math, "floor", .floor, "x: number"),
        Row(.math, "ceil", .ceil, "x: number"),
        Row(.math, "round", .round, "x: number"),
        Row(.math, "truncate", .truncate, "x: number"),
        Row(.math, "sign", .sign, "x: number"),
        Row(.math, "sqrt", .sqrt, "x: number"),
        Row(.math, "cbrt", .cbrt, "x: number"),
        Row(.math, "exp", .exp, "x: number"),
        Row(.math, "log2", .log2, "x: number"),
        Row(.math, "log10", .log10, "x: number"),
        Row(.math, "sin", .sin, "x: number"),
        Row(.math, "cos", .cos, "x: number"),
        Row(.math, "tan", .tan, "x: number"),
        Row(.math, "asin", .asin, "x: number"),
        Row(.math, "acos", .acos, "x: number"),
        Row(.math, "atan", .atan, "x: number"),
        Row(.math, "sinh", .sinh, "x: number"),
        Row(.math, "cosh", .cosh, "x: number"),
        Row(.math, "tanh", .tanh, "x: number"),
        Row(.math, "pow", .pow, "x: number, y: number"),
        Row(.math, "log", .log, "x: number, base?: number"),
        Row(.math, "atan2", .atan2, "y: number, x: number"),
        Row(.math, "hypot", .hypot, "x: number, y: number"),
        Row(.math, "clamp", .clamp, "x: number, low: number, high: number"),

        Row(.random, "seed", .seed, "seed: number"),
        Row(.random, "number", .randomNumber),
        Row(.random, "integer", .randomInteger, "low: integer, high: integer"),
        Row(.random, "choice", .choice, "list: list"),
        Row(.random, "shuffle", .shuffle, "list: list"),

        Row(.time, "monotonic", .monotonic),
        Row(.time, "now", .now),

        Row(.json, "parse", .parse, "text: string"),
        Row(.json, "stringify", .stringify, "value: value, indent?: integer"),

        Row(.bits, "band", .bitAnd, "a: integer, b: integer"),
        Row(.bits, "bor", .bitOr, "a: integer, b: integer"),
        Row(.bits, "bxor", .bitXor, "a: integer, b: integer"),
        Row(.bits, "bnot", .bitNot, "a: integer, width?: integer"),
        Row(.bits, "shiftLeft", .shiftLeft, "a: integer, count: integer, width?: integer"),
        Row(.bits, "shiftRight", .shiftRight, "a: integer, count: integer"),
        Row(.bits, "test", .bitTest, "a: integer, index: integer"),
        Row(.bits, "count", .bitCount, "a: integer"),
        Row(.bits, "length", .bitLength, "a: integer"),

        Row(.io, "readFile", .readFile, "path: string"),
        Row(.io, "writeFile", .writeFile, "path: string, text: string"),
        Row(.io, "appendFile", .appendFile, "path: string, text: string"),
        Row(.io, "exists", .exists, "path: string"),
        Row(.io, "remove", .removeFile, "path: string"),
        Row(.io, "list", .listFolder, "path: string"),
        Row(.io, "readLine", .readLine),
        Row(.io, "stdin", .readInput),
        Row(.io, "stderr", .writeError, "text: string"),

        Row(.os, "args", .arguments, isProperty: true),
        Row(.os, "env", .environment, "name: string"),
        Row(.os, "exit", .exit, "code?: integer"),

        Row(.weakReference, "get", .getWeak),
        Row(.weakMap, "get", .weakGet, "key: value, default?: value"),
        Row(.weakMap, "set", .weakSet, "key: value, value: value"),
        Row(.weakMap, "has", .weakHas, "key: value"),
        Row(.weakMap, "remove", .weakRemove, "key: value"),
    ]

    /// The symbol of `count`.
    static var countSymbol: Int32 { 0 }

    static let shared = BuiltinTable()

    /// Names of members, each once: an interpreter's first symbols.
    let symbols: SymbolTable
    /// Numbers of rows, by built-in.
    private let rowNumbers: [UInt8]
    /// Built-ins by owner and symbol; 255 is none.
    private let members: [UInt8]
    private static let none: UInt8 = 255

    private init() {
        var symbols = SymbolTable()
        _ = symbols.intern("count")
        var rowNumbers = [UInt8](repeating: 0, count: Builtin.allCases.count)
        for (number, row) in BuiltinTable.rows.enumerated() {
            rowNumbers[Int(row.builtin.rawValue)] = UInt8(number)
            if row.owner != .global { _ = symbols.intern(row.name) }
        }
        let count = symbols.names.count
        var members = [UInt8](repeating: BuiltinTable.none, count: count * BuiltinOwner.allCases.count)
        for row in BuiltinTable.rows where row.owner != .global {
            members[Int(row.owner.rawValue) * count + Int(symbols.intern(row.name))] = row.builtin.rawValue
        }
        self.symbols = symbols
        self.rowNumbers = rowNumbers
        self.members = members
    }

    static var globals: ArraySlice<Row> { rows.prefix { $0.owner == .global } }

    /// The records by built-in, for a machine to keep: it owns the memory.
    func makeRecords() -> UnsafeMutablePointer<Record> {
        let records = UnsafeMutablePointer<Record>.allocate(capacity: Builtin.allCases.count)
        for builtin in Builtin.allCases { (records + Int(builtin.rawValue)).initialize(to: Record(row(builtin))) }
        return records
    }

    func row(_ builtin: Builtin) -> Row { BuiltinTable.rows[Int(rowNumbers[Int(builtin.rawValue)])] }

    /// The member called so.
    func member(_ symbol: Int32, of owner: BuiltinOwner) -> Builtin? {
        let count = symbols.names.count
        guard Int(symbol) < count else { return nil }
        let found = members[Int(owner.rawValue) * count + Int(symbol)]
        return found == BuiltinTable.none ? nil : Builtin(rawValue: found).unsafelyUnwrapped
    }

    /// Names of the members that scripts see.
    static func names(of owner: BuiltinOwner?) -> [String] {
        rows.filter { $0.owner == owner && !$0.name.hasPrefix(hiddenPrefix) }.map(\.name)
    }
}
