/// Names of fields and methods, interned to small numbers for one interpreter. Programs have tables of their own, which
/// are translated when they are instantiated. The members of built-in kinds come first (`BuiltinTable`).
struct SymbolTable: Sendable {
    private(set) var names: [String] = []
    private var numbers: [String: Int32] = [:]

    mutating func intern(_ name: String) -> Int32 {
        if let known = numbers[name] { return known }
        let number = Int32(names.count)
        names.append(name)
        numbers[name] = number
        return number
    }

    func name(_ symbol: Int32) -> String { names[Int(symbol)] }
}
