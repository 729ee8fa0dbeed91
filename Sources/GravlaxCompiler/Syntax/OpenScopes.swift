// What the parser knows of the functions, classes and blocks around it: as much as the
// errors need that are not the grammar's. Which declaration a name means is the
// resolver's business, after the parser; these errors stand among those of the grammar
// in the order in which clox's single pass finds them, so they are found here.

struct OpenScopes {
    enum FunctionKind { case script, function, method, initializer }

    private var functions: [FunctionKind] = [.script]
    /// For each class around, whether it has a superclass.
    private var classes: [Bool] = []
    /// Empty at the top level of the script.
    private var blocks: [Names] = []
    /// The local variable whose initialiser is being parsed.
    private(set) var initialising: String?

    var function: FunctionKind { functions[functions.count - 1] }
    var isGlobal: Bool { blocks.isEmpty }
    var isInClass: Bool { !classes.isEmpty }
    var classHasSuperclass: Bool { classes.last ?? false }

    mutating func openBlock() { blocks.append(Names()) }
    mutating func closeBlock() { blocks.removeLast() }

    mutating func openFunction(_ kind: FunctionKind) {
        functions.append(kind)
        openBlock()
    }

    mutating func closeFunction() {
        closeBlock()
        functions.removeLast()
    }

    mutating func openClass() { classes.append(false) }
    mutating func setSuperclass() { classes[classes.count - 1] = true }
    mutating func closeClass() { classes.removeLast() }

    /// Declares a name in the innermost block. False when that has one already; at the top level anything goes.
    mutating func declare(_ name: String) -> Bool {
        isGlobal || blocks[blocks.count - 1].insert(name)
    }

    mutating func beginInitialiser(of name: String) { initialising = isGlobal ? nil : name }
    mutating func endInitialiser() { initialising = nil }

    /// The names of a block: few as a rule, and then searching beats hashing.
    private struct Names {
        private static let searched = 8
        private var first: [String] = []
        private var others: Set<String> = []

        mutating func insert(_ name: String) -> Bool {
            if first.contains(name) { return false }
            if first.count == Self.searched { return others.insert(name).inserted }
            first.append(name)
            return true
        }
    }
}
